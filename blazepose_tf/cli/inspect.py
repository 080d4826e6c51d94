"""Show what a model file contains and how it runs.

    blazepose inspect lite
    blazepose inspect --json a.tflite b.tflite
    blazepose inspect --device=gpu,npu lite
    blazepose inspect lite.onnx lite_openvino pose.task mine.keras

Any .tflite, ours or not, or the name of a shipped model: operations against the list of those that stay in one
partition, partitions on this machine, signature, shapes, quantisation, size, multiply-adds, and what the file says
about its making. --device compares the operations with the published lists of delegates: gpu, npu, xnnpack (which runs
here), coreml; for a GPU the file also computes in half precision on rendered people. A .task bundle is the files in it,
a .keras model the float32 .tflite file that export makes of it. Of .onnx files and the folders of OpenVINO and ncnn:
operations, shapes, size, weights and metadata, once their engine has opened them. The exit code is 1 when a file is no
model.
"""

from __future__ import annotations

import dataclasses
import json

from absl import flags

from blazepose_tf.cli import UserError

# Parts of the metadata that get lines of their own.
_MAKING = ("quantization", "training_data", "presence", "error", "accuracy")
# Of a data set, first; the table of error bars is for the runtime.
_FIRST, _UNTOLD = ("name", "people", "title", "licence"), ("table",)


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_bool("json", False, "print a JSON list instead of text")
    flags.DEFINE_list("device", [], "will it fly: gpu, npu, xnnpack, coreml, or several of them")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    if not argv:
        raise UserError("give at least one model file, or the name of a shipped model")
    from blazepose_tf.export import flight
    from blazepose_tf.export.runnable import runnable

    unknown = sorted(set(flags.FLAGS.device) - set(flight.DEVICES))
    if unknown:
        raise UserError(f"--device must be among {', '.join(flight.DEVICES)}. Received: {', '.join(unknown)}")
    with runnable(argv) as paths:
        findings = [(name, *_look_at(name, path, flags.FLAGS.device)) for name, path in paths.items()]
    if flags.FLAGS.json:
        rows = [
            {"file": name}
            | dataclasses.asdict(item)
            | {"devices": {report.device: dataclasses.asdict(report) for report in flights}}
            for name, item, flights in findings
        ]
        print(json.dumps(rows, indent=1))
        return 0
    texts = [[*_lines(name, item), *map(flight.text, flights)] for name, item, flights in findings]
    print("\n\n".join("\n".join(lines) for lines in texts))
    return 0


def _look_at(name: str, path, devices: list[str]) -> tuple:
    """What there is to say about one model, and for each device."""
    from blazepose_tf.export import engine_inspection, flight, inspection

    if not engine_inspection.is_engines(path):
        return inspection.inspect(path), [flight.judge(path, device) for device in devices]
    if devices:
        raise UserError(f"{name}: --device compares LiteRT files with the lists of LiteRT's delegates")
    return engine_inspection.inspect_engine(path), []


def _lines(name: str, item) -> list[str]:
    from blazepose_tf.export.inspection import Inspection

    if isinstance(item, Inspection):
        return [*_about_litert(name, item), *_about_making(item.metadata)]
    lines = [
        f"{name}: {item.engine}, {item.size / 1e6:.2f} MB, {item.precision}, {item.weights:,} weights",
        f"  operations: {', '.join(f'{n} {kind}' for kind, n in item.operations.items())}",
        f"  input image: float32 {[1, item.input_size, item.input_size, 3]}",
        *(f"  output {key}: float32 {list(shape)}" for key, shape in item.outputs.items()),
    ]
    return [*lines, *_about_making(item.metadata)]


def _about_litert(name: str, item) -> list[str]:
    cost = "dynamic shape, no cost" if item.macs is None else f"{item.macs / 1e6:.1f} M MACs"
    left = ", ".join(f"{n} x {kind}" for kind, n in item.partitions.left_over.items()) or "nothing"
    lines = [
        f"{name}: {item.size / 1e6:.2f} MB, {item.precision}, {item.weights:,} weights, {cost}",
        f"  XNNPACK: {item.partitions.count} partition{'s' * (item.partitions.count != 1)}, left over: {left}",
        f"  operations: {', '.join(f'{n} {kind}' for kind, n in item.operations.items())}",
        f"  outside the list: {', '.join(item.unlisted) or 'none'}",
        *(f"  operator codes: {fault}" for fault in item.faults),
        f"  signature: {', '.join(item.signatures) or 'none'}",
    ]
    for role, tensors in (("input", item.inputs), ("output", item.outputs)):
        for t in tensors:
            scale = "" if t.scale is None else f", scale {t.scale:.6g}, zero point {t.zero_point}"
            lines.append(f"  {role} {t.name}: {t.dtype} {list(t.shape)}{scale}")
    return lines


def _about_making(metadata) -> list[str]:
    """What the file says about itself."""
    if metadata is None:
        return ["  metadata: none"]
    document = dict(metadata)
    spec = dict(document.pop("spec", {}))
    names = spec.pop("keypoint_names", ())
    told = {key: document.pop(key) for key in _MAKING if key in document}
    lines = [f"  metadata: {json.dumps(document)}", f"  spec: {json.dumps(spec)}"]
    lines += [f"  {key.replace('_', ' ')}: {text}" for key, value in told.items() for text in _told(value)]
    return [*lines, f"  keypoints: {', '.join(names)}"] if names else lines


def _told(value) -> list[str]:
    """Lines about one fact: one, or one for each data set."""
    rows = value if isinstance(value, list) else [value]
    return [_plain(row) if isinstance(row, dict) else str(row) for row in rows]


def _plain(fact: dict) -> str:
    keys = [key for key in (*_FIRST, *sorted(set(fact) - set(_FIRST))) if key in fact and key not in _UNTOLD]
    values = [f"({_plain(fact[key])})" if isinstance(fact[key], dict) else fact[key] for key in keys]
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in zip(keys, values, strict=True))
