"""Will it fly: which operations of a LiteRT file the delegates of phones take, by their published lists.

A list is data (`support/*.json`): name and version of the delegate, the source that it was taken from, the kinds of
operations and the types of features that it takes. A file that no list refuses may still fail on a device whose driver
is older; one that a list refuses will leave those operations to the processor, at the cost of a copy each way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import graph

GPU, NPU, XNNPACK, COREML = "gpu", "npu", "xnnpack", "coreml"
DEVICES = (GPU, NPU, XNNPACK, COREML)
FOLDER = Path(__file__).with_name("support")
_TYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


@dataclass(frozen=True)
class SupportList:
    """One delegate's list.

    Attributes:
        device: GPU, NPU or COREML.
        name: of the delegate or its hardware.
        version: of the package that the list was taken from.
        source: where exactly.
        operations: kinds that it takes.
        types: of the features that it takes; empty where the source says nothing.
        versions: kind -> largest version of its operator code that it knows, where that is less than the file's may be.
        refused_masks: STRIDED_SLICE with a mask that adds or drops axes is refused.
    """

    device: str
    name: str
    version: str
    source: str
    operations: frozenset[str]
    types: frozenset[str]
    versions: dict[str, int]
    refused_masks: bool


@dataclass(frozen=True)
class Verdict:
    """What one list says about one file.

    Attributes:
        name: of the list, with its version.
        source: of the list.
        count: operations that run, and stored ones that are refused.
        refused: reason (with the kind) -> how many operations; of those on constants their versions alone can be one.
    """

    name: str
    source: str
    count: int
    refused: dict[str, int]

    @property
    def whole(self) -> bool:
        return not self.refused


def _frozen(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


def support_lists(device: str) -> tuple[SupportList, ...]:
    """The lists of a kind of device, by file name; ValueError for XNNPACK, which runs here and needs none."""
    if device not in (GPU, NPU, COREML):
        raise ValueError(f"device must be {GPU}, {NPU} or {COREML}. Received: device={device!r}")
    read: Iterator[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
    )
    return tuple(
        SupportList(**{k: _frozen(v) for k, v in document.items()}) for document in read if document["device"] == device
    )


def judge(model: schema.ModelT, support: SupportList) -> Verdict:
    """Compares the operations that run, those on constants left out, with a list.

    Args:
        model: the file's object tree (`graph.load_model`).
        support: the list.
    """
    subgraph, constants = model.subgraphs[0], graph.constant_tensors(model)
    refused: Counter[str] = Counter()
    count = 0
    for operator in subgraph.operators:
        stored = all(int(i) in constants for i in operator.outputs)
        # Versions are looked at before constants are folded.
        reason = _version(model, operator, support)
        if not reason and not stored:
            reason = _reason(model, operator, support, constants)
        count += bool(reason) or not stored
        if reason:
            refused[reason] += 1
    return Verdict(f"{support.name} ({support.version})", support.source, count, dict(sorted(refused.items())))


def _version(model, operator, support: SupportList) -> str:
    kind, known = graph.kind_of(model, operator), support.versions
    version = model.operatorCodes[operator.opcodeIndex].version
    return f"{kind}: version {version}, known up to {known[kind]}" if version > known.get(kind, version) else ""


def _reason(model, operator, support: SupportList, constants: set[int]) -> str:
    kind = graph.kind_of(model, operator)
    if kind not in support.operations:
        return f"{kind}: not on the list"
    options = operator.builtinOptions
    if (
        support.refused_masks
        and kind == "STRIDED_SLICE"
        and (options.shrinkAxisMask or options.newAxisMask or options.ellipsisMask)
    ):
        return f"{kind}: a mask that adds or drops axes"
    tensors = model.subgraphs[0].tensors
    features = [int(i) for i in (*operator.inputs, *operator.outputs) if i >= 0 and int(i) not in constants]
    other = sorted({_TYPES[tensors[i].type] for i in features} - support.types) if support.types else []
    return f"{kind}: {', '.join(other)}" if other else ""
