"""What an exported file says about itself: one JSON document in a metadata buffer of the LiteRT flatbuffer.

Reader and writer stand side by side so that the exporter and the runtime cannot disagree. The document:

    {"kind": "tracker" | "detector", "spec": {fields of the spec}, "presence_is_logit": true,
     "version": "0.1.0", "model": "lite"}

The buffer is named `blazepose_tf`; any other tool ignores it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from blazepose_tf import __version__
from blazepose_tf.specs import DetectorSpec, TrackerSpec

METADATA_NAME = "blazepose_tf"
TRACKER = "tracker"
DETECTOR = "detector"
_SPECS = {TRACKER: TrackerSpec, DETECTOR: DetectorSpec}
_IDENTIFIER = b"TFL3"


def metadata_of(spec: TrackerSpec | DetectorSpec, *, model: str, **extra: Any) -> dict[str, Any]:
    """The document of a model with this spec.

    Args:
        spec: contract of the model.
        model: preset name, such as "lite".
        **extra: further JSON values, such as the precision or scores.
    """
    kind = TRACKER if isinstance(spec, TrackerSpec) else DETECTOR
    return {
        "kind": kind,
        "spec": dataclasses.asdict(spec),
        "presence_is_logit": True,
        "version": __version__,
        "model": model,
        **extra,
    }


def spec_of(metadata: dict[str, Any]) -> TrackerSpec | DetectorSpec:
    """The spec in a metadata document.

    Raises:
        ValueError: an unknown kind, or a spec that this version cannot read.
    """
    kind = metadata.get("kind")
    if kind not in _SPECS:
        raise ValueError(f"metadata kind must be one of {sorted(_SPECS)}. Received: kind={kind!r}")
    spec = metadata.get("spec")
    if not isinstance(spec, dict):
        raise ValueError(f"metadata holds no spec object. Received: spec={spec!r}")
    known = {field.name for field in dataclasses.fields(_SPECS[kind])}
    unknown = sorted(set(spec) - known)
    if unknown:
        raise ValueError(
            f"the {kind} spec has fields {unknown} that blazepose_tf {__version__} does not know "
            f"(file written by {metadata.get('version')!r})"
        )
    return _SPECS[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in spec.items()})


def is_litert(content: bytes) -> bool:
    """Whether the bytes begin as a LiteRT flatbuffer does."""
    return len(content) > 8 and bytes(content[4:8]) == _IDENTIFIER


def _content(model: str | os.PathLike | bytes) -> bytes:
    return bytes(model) if isinstance(model, (bytes, bytearray, memoryview)) else Path(model).read_bytes()


def read_metadata(model: str | os.PathLike | bytes) -> dict[str, Any] | None:
    """Reads the document of a LiteRT file.

    Args:
        model: path or content of a .tflite file.

    Returns:
        The document, or None when the file carries none (MediaPipe's files, for instance).

    Raises:
        OSError: the path cannot be read.
        ValueError: not a LiteRT file, or the document is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = _content(model)
    if not is_litert(content):
        raise ValueError("not a LiteRT model (the file does not carry the TFL3 mark)")
    flat = schema.Model.GetRootAs(content, 0)
    for i in range(flat.MetadataLength()):
        entry = flat.Metadata(i)
        if (entry.Name() or b"").decode("utf-8", "replace") != METADATA_NAME:
            continue
        data = flat.Buffers(entry.Buffer()).DataAsNumpy()
        try:
            document = json.loads(bytes(data).rstrip(b"\0").decode("utf-8"))
        except (TypeError, ValueError) as error:
            raise ValueError(f"the {METADATA_NAME} metadata of the model is damaged: {error}") from error
        if not isinstance(document, dict):
            raise ValueError(f"the {METADATA_NAME} metadata of the model must be a JSON object")
        return document
    return None


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

    if not is_litert(model):
        raise ValueError("not a LiteRT model (the content does not carry the TFL3 mark)")
    tree = packing.unpack(model)
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(document, ensure_ascii=False, sort_keys=True).encode("utf-8"))
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
    return packing.pack(tree)
