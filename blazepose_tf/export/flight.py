"""Will it fly: what `blazepose inspect --device` says about a file before a phone does."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from blazepose_tf.console import silent_libraries
from blazepose_tf.export import crops
from blazepose_tf.runtime.metadata import read_metadata, spec_of
from blazepose_tf.tflite import devices, graph, half_arithmetic
from blazepose_tf.tflite.delegates import delegate_partitions

DEVICES = devices.DEVICES
# Rendered pictures on which half precision is tried.
PICTURES = 8


@dataclass(frozen=True)
class Flight:
    """Findings for one kind of device.

    Attributes:
        device: one of DEVICES.
        verdicts: of its lists.
        half: output -> (mean, largest) difference that half precision makes, in the output's unit; for a GPU, and
            files of this project that take floats.
    """

    device: str
    verdicts: tuple[devices.Verdict, ...]
    half: dict[str, tuple[float, float]] = field(default_factory=dict)


def judge(path: str | os.PathLike, device: str) -> Flight:
    """Compares a file with all lists of a kind of device.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no LiteRT file, or an unknown device.
    """
    model = graph.load_model(path)
    if device == devices.XNNPACK:
        found = delegate_partitions(path)
        left = {f"{kind}: left to the reference kernels": n for kind, n in found.left_over.items()}
        count = len(graph.read_graph(path).operations)
        where = f"tried on this machine: {found.count} partition{'s' * (found.count != 1)}"
        return Flight(device, (devices.Verdict("XNNPACK (LiteRT here)", where, count, left),))
    verdicts = tuple(devices.judge(model, support) for support in devices.support_lists(device))
    return Flight(device, verdicts, _half(path) if device == devices.GPU else {})


def text(flight: Flight) -> str:
    """Lines about one device."""
    lines = []
    for verdict in flight.verdicts:
        left = sum(verdict.refused.values())
        taken = f"all {verdict.count}" if verdict.whole else f"{verdict.count - left} of {verdict.count}"
        lines.append(f"  {flight.device}: {verdict.name} takes {taken} operations; {verdict.source}")
        lines += [f"    {count} x {reason}" for reason, count in verdict.refused.items()]
    lines += [
        f"    half precision: {name} moves by {mean:.2g} on average, {largest:.2g} at most ({PICTURES} rendered crops)"
        for name, (mean, largest) in flight.half.items()
    ]
    return "\n".join(lines)


def _half(path: str | os.PathLike) -> dict[str, tuple[float, float]]:
    metadata = read_metadata(path)
    if metadata is None:
        return {}
    spec = spec_of(metadata)
    pictures = [crops.to_inputs(p, spec) for p in crops.crops(spec, count=PICTURES)]
    with silent_libraries():  # LiteRT speaks when its objects come, and when they go
        try:
            full, half = (list(half_arithmetic.outputs(path, pictures, half=half)) for half in (False, True))
        except (ValueError, RuntimeError):  # integer pictures, or a processor without half precision
            return {}
    differences = {
        name: np.abs(np.stack([a[name] - b[name] for a, b in zip(full, half, strict=True)])) for name in full[0]
    }
    return {name: (float(d.mean()), float(d.max())) for name, d in sorted(differences.items())}
