"""What an exported file loses against float32, in points on annotated pictures."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf.evaluation import (
    annotations,
    detector_protocol,
    evaluate,
    measure,
    predictions,
    runner,
    systems,
    tables,
)
from blazepose_tf.specs import DetectorSpec, TrackerSpec

PCK = "PCK@0.2"
PCK_33 = "PCK@0.2, 33 points"
VISIBILITY = "visibility F1"
RECALL = "recall at 5 % false alarms"
RECALL_HALF = "recall at score 0.5"


@dataclass(frozen=True)
class Row:
    """One figure, percent: of the float32 file, of the file that is to ship, and what is lost (points)."""

    metric: str
    reference: float
    value: float

    @property
    def drop(self) -> float:
        return self.reference - self.value


def figures(
    path: str | os.PathLike, spec: TrackerSpec | DetectorSpec, data: str | os.PathLike, *, limit: int | None = None
) -> dict[str, float]:
    """Figures of one file, percent: a tracker's in the aligned protocol, a detector's on whole pictures.

    Args:
        path: .tflite or .onnx.
        spec: says which of the two it is.
        data: COCO-style annotations; a detector's need pictures without people too.
        limit: at most this many people or pictures, evenly spread.

    Raises:
        OSError: a file cannot be read.
        ValueError: data that does not fit.
    """
    loaded = annotations.load(data)
    if isinstance(spec, DetectorSpec):
        chosen = evaluate.spread_out(list(loaded.pictures), limit)
        found = detector_protocol.evaluate(path, loaded, image_ids=chosen)
        return {RECALL: 100 * found["at_5_percent"]["recall"], RECALL_HALF: 100 * found["at_0.5"]["recall"]}
    people = [p for p in loaded.people if not p.ignore and p.alignment[0, 0] == p.alignment[0, 0]]
    people = evaluate.spread_out(people, limit)
    if not people:
        raise ValueError(f"{os.fspath(data)}: no person whose alignment is known")
    with tempfile.TemporaryDirectory(prefix="blazepose_accuracy_") as folder:
        run = runner.Run(systems.System(os.fspath(path)), systems.ALIGNED)
        paired = predictions.pair(runner.execute(run, loaded, people, folder=folder), people)
    found = measure.measure(paired, samples=1)
    rates = tables.of(found, "pck@0.2")
    return {PCK: 100 * rates["17"], PCK_33: 100 * rates["33"], VISIBILITY: 100 * found["visibility"]["f1"]}


def compare(
    exported: bytes | Path,
    reference: bytes,
    spec: TrackerSpec | DetectorSpec,
    data: str | os.PathLike,
    *,
    suffix: str = ".tflite",
    limit: int | None = None,
) -> list[Row]:
    """Accuracy table of a file against its float32 twin (.tflite) on the same pictures.

    Args:
        exported: the file that is to ship, as its content (with the suffix `suffix`) or where it lies.
        reference: the float32 LiteRT file.
        spec: contract of both.
        data: as for `figures`.
        limit: as for `figures`.
    """
    with tempfile.TemporaryDirectory(prefix="blazepose_accuracy_") as folder:
        paths = [Path(folder) / f"exported{suffix}", Path(folder) / "reference.tflite"]
        for i, given in enumerate((exported, reference)):
            if isinstance(given, bytes):
                paths[i].write_bytes(given)
            else:
                paths[i] = given
        found = [figures(path, spec, data, limit=limit) for path in paths]
    return [Row(name, found[1][name], found[0][name]) for name in found[1]]


def require_drop(rows: list[Row], max_drop: float) -> None:
    """ValueError when a figure lost more than `max_drop` points."""
    lost = [f"{r.metric} {r.reference:.2f} -> {r.value:.2f} (-{r.drop:.2f})" for r in rows if r.drop > max_drop]
    if lost:
        raise ValueError(f"accuracy dropped by more than {max_drop:g} points: {'; '.join(lost)}; nothing was written")
