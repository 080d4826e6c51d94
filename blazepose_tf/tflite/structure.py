"""First half of `verify`: every table, list and string of a LiteRT file lies inside of it.

The layout of the tables comes from the schema's own generated code: its functions that write a field say which slot the
field has and how wide it is. What they do not say is here: which fields hold tables, unions and strings.
"""

from __future__ import annotations

import functools
import struct

from ai_edge_litert import schema_py_generated as schema

_MAX_TABLES = 1_000_000
_TABLES = {
    "Model": {
        "OperatorCodes": "OperatorCode",
        "Subgraphs": "SubGraph",
        "Buffers": "Buffer",
        "Metadata": "Metadata",
        "SignatureDefs": "SignatureDef",
    },
    "SubGraph": {"Tensors": "Tensor", "Operators": "Operator"},
    "Tensor": {
        "Quantization": "QuantizationParameters",
        "Sparsity": "SparsityParameters",
        "VariantTensors": "VariantSubType",
    },
    "SparsityParameters": {"DimMetadata": "DimensionMetadata"},
    "SignatureDef": {"Inputs": "TensorMap", "Outputs": "TensorMap"},
}
# Field of a table -> the enumeration that its type comes from.
_UNIONS = {
    "Operator": {"BuiltinOptions": "BuiltinOptions", "BuiltinOptions2": "BuiltinOptions2"},
    "QuantizationParameters": {"Details": "QuantizationDetails"},
    "DimensionMetadata": {"ArraySegments": "SparseIndexVector", "ArrayIndices": "SparseIndexVector"},
}
_STRINGS = {"Name", "Description", "CustomCode", "SignatureKey", "Container", "SharedName"}
_WIDTHS = {"Bool": 1, "Int8": 1, "Uint8": 1, "Int16": 2, "Uint16": 2, "Int32": 4, "Uint32": 4, "Float32": 4}


class _Recorder:
    """Stands in for a builder and notes what the generated code would have it write."""

    def __getattr__(self, method: str):
        def note(*arguments):
            self.method, self.arguments = method, arguments

        return note


@functools.cache
def _layout(table: str) -> tuple[tuple[int, str, int, str], ...]:
    """(slot, kind, width, child) of each field: "scalar", "vector", "tables", "table", "union", "string", "opaque"."""
    fields, start = [], table + "Add"
    tables, unions = _TABLES.get(table, {}), _UNIONS.get(table, {})
    for function, write in vars(schema).items():
        if not function.startswith(start) or function == start:
            continue
        name = function[len(start) :]
        recorder = _Recorder()
        write(recorder, 0)
        slot, kind = recorder.arguments[0], recorder.method.removeprefix("Prepend").removesuffix("Slot")
        begin = getattr(schema, f"{table}Start{name}Vector", None)
        if kind != "UOffsetTRelative":
            fields.append((slot, "scalar", _WIDTHS.get(kind, 8), ""))
        elif begin is not None:
            begin(recorder, 0)
            fields.append((slot, "tables" if name in tables else "vector", recorder.arguments[0], tables.get(name, "")))
        elif name in unions:
            fields.append((slot, "union", 4, unions[name]))
        elif name in tables:
            fields.append((slot, "table", 4, tables[name]))
        else:
            fields.append((slot, "string" if name in _STRINGS else "opaque", 4, ""))
    return tuple(sorted(fields))


@functools.cache
def _members(union: str) -> dict[int, str]:
    """Type of a union -> the table that it stands for; 0 is none."""
    return {value: name for name, value in vars(getattr(schema, union)).items() if isinstance(value, int) and value}


def walk(content: bytes) -> None:
    """Follows every offset from the root.

    Raises:
        ValueError: one leads outside of the content, or there are more than a million tables.
    """
    walker = _Walker(content)
    try:
        seen, pending = set(), [(walker.follow(0), "Model")]
        while pending:
            table = pending.pop()
            if table not in seen:
                seen.add(table)
                pending += walker.table(*table)
            if len(seen) > _MAX_TABLES:
                raise ValueError(f"more than {_MAX_TABLES} tables")
    except struct.error as error:
        raise ValueError("an offset reaches outside of the file") from error


class _Walker:
    def __init__(self, content: bytes):
        self._content = content

    def _read(self, form: str, at: int) -> int:
        return struct.unpack_from(form, self._content, at)[0]

    def _require(self, at: int, size: int, what: str) -> None:
        if at < 0 or at + size > len(self._content):
            raise ValueError(f"{what} at byte {at} reaches outside of the file of {len(self._content)} bytes")

    def follow(self, at: int) -> int:
        """What the offset at a position points to, with its first four bytes inside of the file."""
        target = at + self._read("<I", at)
        self._require(target, 4, "what an offset points to")
        return target

    def table(self, at: int, name: str) -> list[tuple[int, str]]:
        """Checks one table; returns the position and the name of those in it."""
        index = at - self._read("<i", at)
        self._require(index, 4, f"the index of a {name}")
        slots, size = self._read("<H", index), self._read("<H", index + 2)
        self._require(index, slots, f"the index of a {name}")
        self._require(at, size, f"a {name}")

        def position(slot: int) -> int:
            entry = 4 + 2 * slot
            offset = self._read("<H", index + entry) if entry + 2 <= slots else 0
            return at + offset if offset else 0

        found: list[tuple[int, str]] = []
        for slot, kind, width, child in _layout(name):
            field = position(slot)
            if not field:
                continue
            if field + (width if kind == "scalar" else 4) > at + size:
                raise ValueError(f"a field of the {name} at byte {at} lies outside of it")
            if kind == "scalar":
                continue
            target = self.follow(field)
            if kind == "table":
                found.append((target, child))
            elif kind == "union":
                chosen = position(slot - 1)  # a union's type stands before it
                options = _members(child).get(self._read("<B", chosen)) if chosen else None
                found += [(target, options)] if options else []
            elif kind != "opaque":
                count = self._read("<I", target)
                self._require(target + 4, count * (1 if kind == "string" else width), f"a list of the {name}")
                if kind == "tables":
                    found += [(self.follow(target + 4 + 4 * i), child) for i in range(count)]
        return found
