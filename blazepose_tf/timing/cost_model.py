"""An estimate of a Pixel 2's single-core time from the graph alone, for when there is no phone. Not a measurement.

The paper gives two figures for float models on one Pixel 2 core with XNNPACK: 31 frames/s (Lite) and 10 (Full). Two
figures fix one scale and say little about what costs how much, so two structures are kept side by side:

- "macs": time follows multiply-adds;
- "weighted": time follows dense multiply-adds + 3 x depthwise multiply-adds + 1 x bytes moved. The weights are rounded
  from a non-negative least-squares fit to 1063 operations of six published files, each timed alone on an x86 core with
  the same XNNPACK (3.2 and 1.1; `profile.py`).

Each structure is scaled once on Lite and once on Full. The estimate is the geometric mean of the four predictions, the
interval their range, widened by the rounding of the published figures. Predicting one published model from the other
misses by -15 % and +17 % ("macs"), -24 % and +32 % ("weighted"): that is the error to expect, and more for networks
unlike these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.tflite import graph

TARGET = "Pixel 2, one core, XNNPACK"
METHOD = "cost model: multiply-adds and bytes, scaled on the paper's 31 and 10 frames/s"
# Kryo 280 has no int8 dot product: int8 gains something between nothing and the halved width of its multiplies. No
# published figure calibrates it.
_INT8_GAIN = (1.0, 2.0)


@dataclass(frozen=True)
class Cost:
    """What a graph does in one inference: multiply-adds of dense and of depthwise operations, bytes moved."""

    dense_macs: int
    depthwise_macs: int
    bytes: int

    def units(self, structure: str) -> float:
        """Cost in equivalents of a dense multiply-add."""
        if structure == "macs":
            return float(self.dense_macs + self.depthwise_macs)
        if structure == "weighted":
            return float(self.dense_macs + 3 * self.depthwise_macs + self.bytes)
        raise ValueError(f"structure must be 'macs' or 'weighted'. Received: structure={structure!r}")


@dataclass(frozen=True)
class Published:
    """A published speed: frames per second with its rounding, and the cost of the network it was taken on."""

    frames_per_second: float
    rounding: float
    cost: Cost


# BlazePose paper, table 1. The costs are those of the published 2020 full and 2021-03 lite files for landmarks and
# presence only, as `graph.read_graph(file, outputs=[0, 1])` counts them.
LITE = Published(31.0, 0.5, Cost(138_660_864, 16_722_432, 87_543_808))
FULL = Published(10.0, 0.5, Cost(377_123_328, 33_481_728, 170_317_760))
STRUCTURES = ("macs", "weighted")


@dataclass(frozen=True)
class Estimate:
    """Time in ms with the interval of the model's error; `extrapolated` says what the calibration does not cover."""

    ms: float
    low_ms: float
    high_ms: float
    extrapolated: str | None = None


def estimate_cost(cost: Cost, *, int8: bool = False) -> Estimate:
    """Estimates the time of a network on one Pixel 2 core.

    Args:
        cost: what the network does.
        int8: whether it computes in int8, which widens the interval.

    Raises:
        ValueError: the network has no multiply-adds, so there is nothing to scale.
    """
    if cost.dense_macs + cost.depthwise_macs <= 0:
        raise ValueError(f"a network with multiply-adds is needed. Received: {cost}")
    predictions, low, high = [], math.inf, 0.0
    for structure in STRUCTURES:
        for known in (LITE, FULL):
            relative = cost.units(structure) / known.cost.units(structure)
            predictions.append(1e3 / known.frames_per_second * relative)
            low = min(low, 1e3 / (known.frames_per_second + known.rounding) * relative)
            high = max(high, 1e3 / (known.frames_per_second - known.rounding) * relative)
    ms = math.exp(sum(map(math.log, predictions)) / len(predictions))
    if not int8:
        return Estimate(ms, low, high)
    least, most = _INT8_GAIN
    return Estimate(ms / math.sqrt(least * most), low / most, high / least, "int8: no published figure to calibrate on")


def estimate_file(path: Path | str) -> dict:
    """The `estimates` entry of a document for a .tflite file."""
    contents = graph.read_graph(path)
    cost = Cost(contents.dense_macs, contents.depthwise_macs, contents.bytes)
    estimate = estimate_cost(cost, int8=contents.precision in ("int8", "uint8"))
    return {
        "model": Path(path).stem,
        "sha256": files.sha256(path),
        "target": TARGET,
        "latency_ms": estimate.ms,
        "low_ms": estimate.low_ms,
        "high_ms": estimate.high_ms,
        "method": METHOD,
        "extrapolated": estimate.extrapolated,
    }
