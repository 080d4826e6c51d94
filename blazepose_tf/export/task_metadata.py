"""The metadata that MediaPipe Tasks reads out of a LiteRT file: how to turn a picture into the input tensor.

Written field by field after metadata_schema.fbs (file identifier M001), so that MediaPipe itself is not needed.
"""

from __future__ import annotations

import flatbuffers
import numpy as np

from blazepose_tf.specs import IMAGE
from blazepose_tf.tflite import packing

NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
# Members of the schema's unions and enumerations.
_IMAGE_PROPERTIES = 2
_NORMALIZATION_OPTIONS = 1
_RGB = 1


def with_task_metadata(
    content: bytes, *, name: str, value_range: tuple[float, float], outputs: tuple[str, ...]
) -> bytes:
    """The file with MediaPipe's metadata, and its outputs in a given order: tasks take outputs by position.

    Args:
        content: of a .tflite file with one signature.
        name: of the model.
        value_range: input values of black and white.
        outputs: names in the signature, in the order that the task wants.

    Raises:
        ValueError: other outputs than the signature's.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = packing.unpack(content)
    found = {_text(t.name): int(t.tensorIndex) for t in model.signatureDefs[0].outputs}
    if set(found) != set(outputs) or len(outputs) != len(found):
        raise ValueError(f"outputs must be {sorted(found)} in some order. Received: outputs={outputs}")
    model.subgraphs[0].outputs = np.array([found[key] for key in outputs], np.int32)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_document(name, value_range, outputs), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return packing.pack(model)


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _document(name: str, value_range: tuple[float, float], outputs: tuple[str, ...]) -> bytes:
    """ModelMetadata of a model with one normalised RGB input."""
    low, high = value_range
    # MediaPipe computes (pixel - mean) / std.
    std = 255.0 / (high - low)
    builder = flatbuffers.Builder(1024)
    normalization = _table(builder, 2, {0: _floats(builder, 0.0 - low * std), 1: _floats(builder, std)})
    unit = _table(builder, 2, {1: normalization}, {0: _NORMALIZATION_OPTIONS})
    image = _table(builder, 2, {}, {0: _RGB})
    content = _table(builder, 3, {1: image}, {0: _IMAGE_PROPERTIES})
    tensor = _table(builder, 7, {0: builder.CreateString(IMAGE), 3: content, 4: _tables(builder, [unit])})
    results = [_table(builder, 7, {0: builder.CreateString(key)}) for key in outputs]
    graph = _table(builder, 10, {2: _tables(builder, [tensor]), 3: _tables(builder, results)})
    model = _table(
        builder,
        8,
        {0: builder.CreateString(name), 3: _tables(builder, [graph]), 7: builder.CreateString("1.0.0")},
    )
    builder.Finish(model, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _table(builder, fields: int, offsets: dict[int, int], small: dict[int, int] | None = None) -> int:
    builder.StartObject(fields)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (small or {}).items():
        builder.PrependUint8Slot(slot, value, 0)
    return builder.EndObject()


def _tables(builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder, value: float) -> int:
    builder.StartVector(4, 1, 4)
    builder.PrependFloat32(value)
    return builder.EndVector()
