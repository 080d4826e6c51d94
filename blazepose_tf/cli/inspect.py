"""Show what a LiteRT file contains and how XNNPACK runs it.

    blazepose inspect lite
    blazepose inspect --json a.tflite b.tflite
    blazepose inspect --device=gpu,npu lite

Any .tflite, ours or not, or the name of a shipped model: operations against the list of those that stay in one
partition, partitions on this machine, signature, shapes, quantisation, size, multiply-adds, and what the file says
about its making. --device compares the operations with the published lists of delegates: gpu, npu, xnnpack (which runs
here), coreml; for a GPU the file also computes in half precision on rendered people. The exit code is 1 when a file is
no model.
"""

from __future__ import annotations

import dataclasses
import json

from absl import flags

from blazepose_tf.cli import UserError

# Parts of the metadata that get lines of their own.
_MAKING = ("quantization", "training_data", "presence", "accuracy")


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_bool("json", False, "print a JSON list instead of text")
    flags.DEFINE_list("device", [], "will it fly: gpu, npu, xnnpack, coreml, or several of them")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    if not argv:
        raise UserError("give at least one .tflite FILE, or the name of a shipped model")
    from blazepose_tf.export import flight
    from blazepose_tf.export.inspection import inspect
    from blazepose_tf.runtime.weights import model_file

    unknown = sorted(set(flags.FLAGS.device) - set(flight.DEVICES))
    if unknown:
        raise UserError(f"--device must be among {', '.join(flight.DEVICES)}. Received: {', '.join(unknown)}")
    found = {name: inspect(model_file(name)) for name in argv}
    flights = {name: {device: flight.judge(model_file(name), device) for device in flags.FLAGS.device} for name in argv}
    if flags.FLAGS.json:
        rows = [
            {"file": name}
            | dataclasses.asdict(item)
            | {"devices": {device: dataclasses.asdict(report) for device, report in flights[name].items()}}
            for name, item in found.items()
        ]
        print(json.dumps(rows, indent=1))
        return 0
    texts = [[describe(name, item), *map(flight.text, flights[name].values())] for name, item in found.items()]
    print("\n\n".join("\n".join(lines) for lines in texts))
    return 0


def describe(name: str, item) -> str:
    """Text about one file."""
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
    if item.metadata is None:
        return "\n".join([*lines, "  metadata: none"])
    document = dict(item.metadata)
    spec = dict(document.pop("spec", {}))
    names = spec.pop("keypoint_names", ())
    told = {
        key: document.pop(key) for key in ("quantization", "training_data", "presence", "accuracy") if key in document
    }
    lines += [f"  metadata: {json.dumps(document)}", f"  spec: {json.dumps(spec)}"]
    lines += [f"  {key.replace('_', ' ')}: {text}" for key, value in told.items() for text in _told(value)]
    return "\n".join([*lines, f"  keypoints: {', '.join(names)}"] if names else lines)


def _told(value) -> list[str]:
    """Lines about one fact: one, or one for each data set."""
    rows = value if isinstance(value, list) else [value]
    return [_plain(row) if isinstance(row, dict) else str(row) for row in rows]


def _plain(fact: dict) -> str:
    return ", ".join(f"{k.replace('_', ' ')} {f'({_plain(v)})' if isinstance(v, dict) else v}" for k, v in fact.items())
