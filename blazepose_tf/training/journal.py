"""The record of a run: CSV files and TensorBoard events. After a resume the CSV files hold every step once."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from blazepose_tf.files import atomic_path

TRAIN_CSV, VALIDATION_CSV, EVENTS = "train.csv", "validation.csv", "tensorboard"
_SCALARS = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
)
_IMAGES = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="images"), data_class=3
)


class _Table:
    """A CSV file, begun with its first row, whose columns grow with the rows; those after a step can be dropped."""

    def __init__(self, path: Path, keep_steps: int):
        self.path = path
        self.columns: list[str] = []
        if path.exists():
            self.columns, found = _read(path)
            # A row that a kill cut short has missing columns, and one that a disk spoilt has no step.
            rows = [row for row in found if None not in row and None not in row.values() and row["step"].isdecimal()]
            self._rewrite([row for row in rows if int(row["step"]) <= keep_steps])

    def _rewrite(self, rows: list[dict]) -> None:
        with atomic_path(self.path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            if self.columns:
                writer.writeheader()
                writer.writerows(rows)

    def append(self, row: dict) -> None:
        if set(row) - set(self.columns):
            rows = _read(self.path)[1] if self.columns else []  # before the first row there may be no file
            self.columns += [name for name in row if name not in self.columns]
            self._rewrite(rows)
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)


def _read(path: Path) -> tuple[list[str], list[dict]]:
    """Columns and rows of a table; ValueError where it is none."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not the record of a run ({error}); move it away to go on") from error
    if columns and "step" not in columns:
        raise ValueError(f"{path}: not the record of a run: it has no column 'step'; move it away to go on")
    return columns, rows


class Journal:
    """Writes what happens to `train.csv`, `validation.csv` and `tensorboard/` in the working folder.

    Events need no TensorBoard installation here, only to look at them.

    Args:
        workdir: existing folder.
        step: total step that the run goes on from; rows beyond it (of a run that was killed) are dropped.
    """

    def __init__(self, workdir: str | os.PathLike, *, step: int = 0):
        folder = Path(workdir)
        self._train = _Table(folder / TRAIN_CSV, step)
        self._validation = _Table(folder / VALIDATION_CSV, step)
        self._events = tf.summary.create_file_writer(str(folder / EVENTS))

    def train(self, step: int, *, stage: str, epoch: int, values: dict[str, float]) -> None:
        """One line about the steps since the last one."""
        self._train.append({"step": step, "stage": stage, "epoch": epoch, **_rounded(values)})
        self._scalars("train", step, values)

    def validation(
        self, step: int, *, stage: str, epoch: int, scores: dict[str, float], sheet: np.ndarray | None
    ) -> None:
        """Scores of one validation, and its pictures (H, W, 3) uint8."""
        self._validation.append({"step": step, "stage": stage, "epoch": epoch, **_rounded(scores)})
        self._scalars("validation", step, scores)
        if sheet is not None:
            png = tf.io.encode_png(sheet)
            size = [str(sheet.shape[1]).encode(), str(sheet.shape[0]).encode()]
            with self._events.as_default():
                tf.summary.write("validation/predictions", tf.stack([*size, png]), step=step, metadata=_IMAGES)
        self._events.flush()

    def _scalars(self, group: str, step: int, values: dict[str, float]) -> None:
        with self._events.as_default():
            for name, value in values.items():
                tf.summary.write(f"{group}/{name}", tf.constant(value, tf.float32), step=step, metadata=_SCALARS)

    def close(self) -> None:
        self._events.close()


def _rounded(values: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.6g}" for name, value in values.items()}
