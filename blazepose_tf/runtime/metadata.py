"""What an exported file says about itself: one JSON document in a metadata buffer of the LiteRT flatbuffer.

Reader and writer stand side by side so that the exporter and the runtime cannot disagree. The document:

    {"kind": "tracker" | "detector", "spec": {fields of the spec}, "presence_is_logit": true,
     "version": "0.1.0", "model": "lite", "content_sha256": "..."}

The buffer is named `blazepose_tf`; any other tool ignores it. The checksum is that of the whole file with zeros in its
place: it tells a file as it was written from one that was damaged or edited since.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from blazepose_tf import __version__, documents, specs

METADATA_NAME = "blazepose_tf"
PRESENCE = "presence"  # key of what is known about a tracker's presence (`adapt.calibration`)
OWN_REGION = "own_region"
_PRESENCE = documents.Part({OWN_REGION: documents.Optional(documents.NUMBER)})
_MAX_LOGIT = 30.0
_CHECKSUM = "content_sha256"
_NO_CHECKSUM = "0" * 64
_CHECKSUM_TEXT = re.compile(rb'"content_sha256": "([0-9a-f]{64})"')


def metadata_of(spec: specs.TrackerSpec | specs.DetectorSpec, *, model: str, **extra: Any) -> dict[str, Any]:
    """The document of a model with this spec.

    Args:
        spec: contract of the model.
        model: preset name, such as "lite".
        **extra: further JSON values, such as the precision or scores.
    """
    return {
        **specs.to_document(spec),
        "presence_is_logit": True,
        "version": __version__,
        "model": model,
        **extra,
    }


def spec_of(metadata: dict[str, Any], *, name: str = "model") -> specs.TrackerSpec | specs.DetectorSpec:
    """The spec in a metadata document.

    Raises:
        ValueError: as `specs.from_document`; the message begins with the model's name.
    """
    try:
        return specs.from_document(metadata)
    except ValueError as error:
        raise ValueError(f"{name}: {METADATA_NAME} metadata: {error}") from error


def own_region(metadata: dict[str, Any] | None, *, name: str = "model") -> float:
    """Nats by which people's presence is higher in their own region than in one that is off; 0 where a file does not
    say.

    Raises:
        ValueError: the document says something else; the message begins with the model's name.
    """
    where = f"{name}: metadata: {PRESENCE}"
    found = documents.check((metadata or {}).get(PRESENCE, {}), _PRESENCE, where).get(OWN_REGION, 0.0)
    if not 0.0 <= found <= _MAX_LOGIT:
        raise ValueError(f"{where}: {OWN_REGION}: expected a number from 0 to {_MAX_LOGIT:g}. Received: {found}")
    return float(found)


def _content(model: str | os.PathLike | bytes) -> bytes:
    return bytes(model) if isinstance(model, (bytes, bytearray, memoryview)) else Path(model).read_bytes()


def read_metadata(model: str | os.PathLike | bytes, *, name: str | None = None) -> dict[str, Any] | None:
    """Reads the document of a LiteRT file.

    Args:
        model: path or content of a .tflite file.
        name: of the file, for messages; its path, or "model".

    Returns:
        The document, or None when the file carries none (MediaPipe's files, for instance).

    Raises:
        OSError: the path cannot be read.
        ValueError: not a LiteRT file, or the document is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    from blazepose_tf.tflite.verify import verify

    name = name or ("model" if isinstance(model, (bytes, bytearray, memoryview)) else str(model))
    content = _content(model)
    verify(content, name=name)
    flat = schema.Model.GetRootAs(content, 0)
    for i in range(flat.MetadataLength()):
        entry = flat.Metadata(i)
        if (entry.Name() or b"").decode("utf-8", "replace") != METADATA_NAME:
            continue
        buffer = flat.Buffers(entry.Buffer())
        document = parse_metadata(buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b"", name)
        document.pop(_CHECKSUM, None)
        return document
    return None


def parse_metadata(text: bytes | str, name: str) -> dict[str, Any]:
    """The document from its text; ValueError, which begins with the model's name, for anything but a JSON object."""
    where = f"{name}: {METADATA_NAME} metadata"
    data = text.rstrip(b"\0") if isinstance(text, bytes) else text
    return documents.check(documents.parse(data, where), documents.OBJECT, where)


def is_intact(content: bytes) -> bool | None:
    """Whether a LiteRT file is byte for byte as `write_metadata` made it; None when it carries no checksum."""
    found = _CHECKSUM_TEXT.search(content)
    if found is None:
        return None
    plain = content[: found.start(1)] + _NO_CHECKSUM.encode() + content[found.end(1) :]
    return hashlib.sha256(plain).hexdigest().encode() == found[1]


def write_metadata(model: bytes, document: dict[str, Any]) -> bytes:
    """Content of a LiteRT file with the document in it; a document that it already carries is replaced.

    Args:
        model: content of a .tflite file.
        document: JSON values (`metadata_of`).

    Raises:
        ValueError: not a LiteRT file.
    """
    from ai_edge_litert import schema_py_generated as schema

    from blazepose_tf.tflite import packing

    tree = packing.unpack(model)
    buffer = schema.BufferT()
    text = json.dumps(document | {_CHECKSUM: _NO_CHECKSUM}, ensure_ascii=False, sort_keys=True)
    buffer.data = list(text.encode("utf-8"))
    name = METADATA_NAME.encode()
    for entry in tree.metadata or []:
        if entry.name in (name, METADATA_NAME):
            tree.buffers[entry.buffer] = buffer
            break
    else:
        entry = schema.MetadataT()
        entry.name, entry.buffer = METADATA_NAME, len(tree.buffers)
        tree.buffers.append(buffer)
        tree.metadata = [*(tree.metadata or []), entry]
    content = packing.pack(tree)
    found = _CHECKSUM_TEXT.search(content)
    assert found  # it was written above
    checksum = hashlib.sha256(content).hexdigest().encode()
    return content[: found.start(1)] + checksum + content[found.end(1) :]
