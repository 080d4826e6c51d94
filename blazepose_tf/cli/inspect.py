"""Show what a LiteRT file contains and how XNNPACK runs it.

    blazepose inspect lite.tflite
    blazepose inspect --json a.tflite b.tflite

Any .tflite, ours or not: operations against the list of those that stay in one partition, partitions on this machine,
signature, shapes, quantisation, size, multiply-adds, metadata. The exit code is 1 when a file is no model.
"""

from __future__ import annotations

import dataclasses
import json

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_bool("json", False, "print a JSON list instead of text")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    if not argv:
        raise UserError("give at least one .tflite FILE, or the name of a shipped model")
    from blazepose_tf.export.inspection import inspect
    from blazepose_tf.runtime.weights import model_file

    found = {name: inspect(model_file(name)) for name in argv}
    if flags.FLAGS.json:
        print(json.dumps([{"file": name} | dataclasses.asdict(item) for name, item in found.items()], indent=1))
        return 0
    print("\n\n".join(describe(name, item) for name, item in found.items()))
    return 0


def describe(name: str, item) -> str:
    """Text about one file."""
    left = ", ".join(f"{n} x {kind}" for kind, n in item.partitions.left_over.items()) or "nothing"
    lines = [
        f"{name}: {item.size / 1e6:.2f} MB, {item.precision}, {item.weights:,} weights, {item.macs / 1e6:.1f} M MACs",
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
    spec = {k: v for k, v in item.metadata.get("spec", {}).items() if k != "keypoint_names"}
    names = item.metadata.get("spec", {}).get("keypoint_names", ())
    rest = {k: v for k, v in item.metadata.items() if k != "spec"}
    lines += [f"  metadata: {json.dumps(rest)}", f"  spec: {json.dumps(spec)}"]
    return "\n".join([*lines, f"  keypoints: {', '.join(names)}"] if names else lines)
