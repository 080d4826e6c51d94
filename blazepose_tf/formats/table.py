"""CSV: one row per point (tidy), one row per frame (wide), and DeepLabCut's table, which many trackers of animals read.

Coordinates are continuous pixels (the centre of the first pixel is 0.5, 0.5); what is unknown is an empty cell.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from blazepose_tf.runtime.recording import Recording

SCORER = "blazepose_tf"


def _cell(value: float, digits: int) -> str:
    return "" if not math.isfinite(value) else f"{value:.{digits}f}"


def _write(path: Path, rows: Iterable[list]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)


class _Person:
    """Arrays of one person: values (T, K, n), the columns' names and digits."""

    def __init__(self, recording: Recording, person: int):
        parts = [
            (recording.landmarks(person), ("x", "y"), 2),
            (recording.visibility(person)[..., None], ("visibility",), 4),
        ]
        if any(pose.error is not None for pose in _everybody(recording)):
            parts.append((recording.error(person)[..., None], ("error",), 2))
        z, world = recording.z(person), recording.world(person)
        if any(pose.z is not None for pose in _everybody(recording)):
            parts.append((z[..., None], ("z",), 2))
        if any(pose.world is not None for pose in _everybody(recording)):
            parts.append((world, ("world_x", "world_y", "world_z"), 4))
        self.values = np.concatenate([part.astype(np.float64) for part, _, _ in parts], axis=-1)
        self.columns = [name for _, names, _ in parts for name in names]
        self.digits = [digits for _, names, digits in parts for _ in names]
        self.found = recording.found(person)

    def cells(self, frame: int, point: int) -> list[str]:
        return [_cell(v, d) for v, d in zip(self.values[frame, point], self.digits, strict=True)]


def _everybody(recording: Recording):
    return (pose for frame in recording for pose in frame.people)


def write_tidy(recording: Recording, path: Path) -> None:
    """One row per frame, person and keypoint, for people who were seen: frame, time_s, person, keypoint, x, y, ..."""

    def rows():
        people = {person: _Person(recording, person) for person in recording.ids}
        columns = next(iter(people.values())).columns if people else ["x", "y", "visibility"]
        yield ["frame", "time_s", "person", "keypoint", *columns]
        for frame, time in enumerate(recording.times_ms / 1000.0):
            for person, arrays in people.items():
                if arrays.found[frame]:
                    for k, name in enumerate(recording.names):
                        yield [frame, _cell(time, 6), person, name, *arrays.cells(frame, k)]

    _write(path, rows())


def write_wide(recording: Recording, path: Path) -> None:
    """One row per frame and person; a frame without anybody has a row without a person and numbers."""

    def rows():
        people = {person: _Person(recording, person) for person in recording.ids}
        columns = next(iter(people.values())).columns if people else ["x", "y", "visibility"]
        yield ["frame", "time_s", "person", *(f"{name}_{column}" for name in recording.names for column in columns)]
        for frame, time in enumerate(recording.times_ms / 1000.0):
            seen = [person for person, arrays in people.items() if arrays.found[frame]]
            for person in seen:
                cells = [cell for k in range(len(recording.names)) for cell in people[person].cells(frame, k)]
                yield [frame, _cell(time, 6), person, *cells]
            if not seen:
                yield [frame, _cell(time, 6), "", *[""] * (len(recording.names) * len(columns))]

    _write(path, rows())


def write_deeplabcut(recording: Recording, path: Path) -> None:
    """Rows scorer, (individuals,) bodyparts, coords; then x, y, likelihood of every point in every frame."""
    people = recording.ids
    several = len(people) > 1
    names = [name for _ in people for name in recording.names]
    header = [["scorer", *[SCORER] * (3 * len(names))]]
    if several:
        header.append(
            ["individuals", *(f"person{person}" for person in people for _ in range(3 * len(recording.names)))]
        )
    header.append(["bodyparts", *(name for name in names for _ in range(3))])
    header.append(["coords", *["x", "y", "likelihood"] * len(names)])
    arrays = [
        np.concatenate([recording.landmarks(person), recording.visibility(person)[..., None]], axis=-1)
        for person in people
    ]

    def rows():
        yield from header
        for frame in range(len(recording)):
            values = np.concatenate([a[frame].ravel() for a in arrays]) if arrays else np.zeros(0)
            yield [frame, *(_cell(float(v), 4) for v in values)]

    _write(path, rows())
