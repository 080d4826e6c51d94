"""Ways to damage a file, for `fuzz.py`: as transfers and disks do, and as programs do that write something else.

Every function takes the content and a generator and returns other content. None looks at whether the result is worse
than the original; chance decides.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile

_NUMBERS = (-1, 0, 1, 2, 127, 128, 255, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1)
_VALUES = (
    None, True, False, 0, -1, 1.5, 1e308, -1e308, float("nan"), float("inf"), 2**63, "", "x", "1", "\u0000", [], {},
    [None], [[]], {"a": None}, [1, 2], "nan", 10**400,
)  # fmt: skip


def cut(content: bytes, chance: random.Random) -> bytes:
    """Ends early."""
    return content[: chance.randrange(len(content) + 1)]


def flip(content: bytes, chance: random.Random) -> bytes:
    """A few bits are others."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def head(content: bytes, chance: random.Random) -> bytes:
    """Bytes among the first ones, where sizes and offsets stand, are others."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if data:
            data[min(int(chance.expovariate(1 / 200)), len(data) - 1)] = chance.randrange(256)
    return bytes(data)


def number(content: bytes, chance: random.Random) -> bytes:
    """A whole number of four bytes is an extreme one."""
    if len(content) < 8:
        return content
    data = bytearray(content)
    at = 4 * chance.randrange(len(data) // 4)
    data[at : at + 4] = struct.pack("<I", chance.choice(_NUMBERS) & 0xFFFFFFFF)
    return bytes(data)


def block(content: bytes, chance: random.Random) -> bytes:
    """A block is missing, doubled, zeroed, or noise."""
    size = chance.choice((1, 16, 512, 4096))
    at = chance.randrange(max(len(content), 1))
    part = content[at : at + size]
    new = chance.choice((b"", part + part, bytes(len(part)), chance.randbytes(len(part))))
    return content[:at] + new + content[at + size :]


BYTES = (cut, flip, head, number, block)


def value(content: bytes, chance: random.Random) -> bytes:
    """JSON: one value of the document is another one, is missing, or is there twice."""
    document = json.loads(content)
    places = []

    def walk(node) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    if isinstance(document, (dict, list)):
        walk(document)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if not places:
            break
        node, key = chance.choice(places)
        if isinstance(node, list) and not key < len(node):
            continue
        what = chance.randrange(6)
        if what == 0:
            node.pop(key, None) if isinstance(node, dict) else node.pop(key)
        elif what == 1 and isinstance(node, list):
            node.append(node[key])
        elif what == 2 and isinstance(node, dict) and key in node:
            node[chance.choice(("", "x", key + " ", key.upper()))] = node.pop(key)
        elif what == 3:
            nested: object = chance.choice(_VALUES)
            for _ in range(chance.choice((1, 3, 70, 3000))):
                nested = [nested] if chance.random() < 0.5 else {"a": nested}
            _put(node, key, nested)
        else:
            _put(node, key, chance.choice(_VALUES))
    return _dump(document)


def _put(node, key, new) -> None:
    if isinstance(node, dict) or key < len(node):
        node[key] = new


def _dump(document) -> bytes:
    try:
        return json.dumps(document).encode()
    except (RecursionError, ValueError):
        return b"[" * 5000 + b"]" * 5000


def text(content: bytes, chance: random.Random) -> bytes:
    """Another encoding, mark, or line ending."""
    decoded = content.decode("utf-8")
    return chance.choice(
        (
            lambda: b"\xef\xbb\xbf" + content,
            lambda: decoded.encode("utf-16"),
            lambda: decoded.encode("utf-32"),
            lambda: (decoded[: len(decoded) // 2] + "\xe4" + decoded[len(decoded) // 2 :]).encode("latin-1", "replace"),
            lambda: decoded.replace("\n", "\r\n").encode(),
            lambda: decoded.replace(",", ";").encode(),
        )
    )()


def line(content: bytes, chance: random.Random) -> bytes:
    """JSON lines: one is damaged as a document, is missing, or is there twice."""
    lines = content.splitlines()
    at = chance.randrange(len(lines))
    what = chance.randrange(6)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, lines[at])
    else:
        lines[at] = value(lines[at], chance)
    return b"\n".join(lines)


LINES = (line, line, line, text, *BYTES)
JSON = (value, value, value, text, *BYTES)
TABLE = (text, *BYTES)


def member(content: bytes, chance: random.Random) -> bytes:
    """ZIP: one member is damaged inside, before its checksum is taken; or another one stands in its place."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = chance.choice(list(members))
    inside = JSON if name.endswith(".json") else BYTES
    what = chance.randrange(8)
    if what == 0:
        del members[name]
    elif what == 1:
        members[name] = members[chance.choice(list(members))]
    elif what == 2:
        members["../" + name] = members.pop(name)
    else:
        members[name] = chance.choice(inside)(members[name], chance)
    stream = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(stream, "w", chance.choice(methods)) as archive:
        for key, data in members.items():
            archive.writestr(key, data)
    return stream.getvalue()


def entry(content: bytes, chance: random.Random) -> bytes:
    """ZIP: a field of a member's header is another one: method, flags, sizes, checksum."""
    marks = [i for i in range(len(content) - 46) if content[i : i + 4] in (b"PK\3\4", b"PK\1\2")] or [0]
    data = bytearray(content)
    at = chance.choice(marks) + chance.randrange(4, 30)
    data[at] = chance.choice((0, 1, 8, 12, 14, 99, 255))
    return bytes(data)


ZIP = (member, member, entry, *BYTES)


def tree(content: bytes, chance: random.Random) -> bytes:
    """LiteRT: one number or list of the model's object tree is another one; the file around it stays well formed."""
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    places: list[tuple[object, str]] = []
    pending: list[object] = [model]
    while pending:
        node = pending.pop()
        for name, held in vars(node).items():
            if isinstance(held, (int, float, list, np.ndarray)) and not (name == "data" and len(held) > 4096):
                places.append((node, name))
            if isinstance(held, list):
                pending += [item for item in held if hasattr(item, "__dict__")]
            elif hasattr(held, "__dict__") and not isinstance(held, np.ndarray):
                pending.append(held)
    for _ in range(chance.choice((1, 1, 1, 3))):
        node, name = chance.choice(places)
        held = getattr(node, name)
        if isinstance(held, bool):
            setattr(node, name, not held)
        elif isinstance(held, int):
            setattr(node, name, chance.choice((0, 1, 2, 5, -1, held + 1, held ^ 3, 100)))
        elif isinstance(held, float):
            setattr(node, name, chance.choice((0.0, -1.0, 1e30, float("nan"), float("inf"))))
        elif len(held) and not isinstance(held[0], (int, np.integer)):
            setattr(node, name, chance.choice((list(held[:-1]), [*held, held[0]], list(held[::-1]))))
        elif len(held):
            new = [int(v) for v in held]
            new[chance.randrange(len(new))] = chance.choice((0, 1, 3, 64, 255, 1000))
            setattr(node, name, chance.choice((new, new[:-1], [*new, 1])))
    builder = flatbuffers.Builder(1 << 20)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # a value that the field cannot hold
        return number(content, chance)
    return bytes(builder.Output())


LITERT = (tree, tree, *BYTES)
