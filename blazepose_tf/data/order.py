"""Which record comes when: an epoch as an array of positions, the same for a run and for its resumption."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf import topology
from blazepose_tf.data import records as records_lib


@dataclass(frozen=True)
class Source:
    """A dataset to train on.

    Attributes:
        records: opened records.
        weight: multiplies the weights of all its labels.
        sampling: how often each record is seen per epoch; 0.5 shows a new random half every epoch, 2 all of them twice.
        complete: everyone in its pictures is labelled or in an ignore box. False lowers the weight of a detector's
            negatives there (crops around one person, say).
    """

    records: records_lib.Records
    weight: float = 1.0
    sampling: float = 1.0
    complete: bool = True

    def __post_init__(self):
        if self.weight < 0 or self.sampling < 0:
            raise ValueError(f"weight and sampling must not be negative. Received: {self.weight}, {self.sampling}")


def as_sources(records) -> tuple[Source, ...]:
    """Sources from a path, opened records, a Source, or a sequence of such."""
    if isinstance(records, Source):
        return (records,)
    if isinstance(records, records_lib.Records):
        return (Source(records),)
    if isinstance(records, (str, os.PathLike)):
        return (Source(records_lib.open_records(records)),)
    found = tuple(source for entry in records for source in as_sources(entry))
    if not found:
        raise ValueError("expected at least one dataset. Received: none")
    return found


def epoch_order(sources: Sequence[Source], *, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
    """Rows of an epoch.

    Args:
        sources: datasets; each gives floor(sampling) times all its records and a random share for the rest.
        seed: of the run.
        epoch: from 0.
        shuffle: False keeps the order of the files, every record once.

    Returns:
        (n, 2) int64: source, record.
    """
    rng = np.random.default_rng([seed, epoch])
    parts = []
    for i, source in enumerate(sources):
        count = len(source.records)
        wanted = np.arange(count)
        if shuffle:
            whole, share = divmod(source.sampling, 1.0)
            some = rng.permutation(count)[: round(share * count)]
            wanted = np.concatenate([np.tile(wanted, int(whole)), some])
        parts.append(np.stack([np.full(len(wanted), i), wanted], axis=1))
    rows = np.concatenate(parts).astype(np.int64)
    return rows[rng.permutation(len(rows))] if shuffle else rows


def numbered(rows: np.ndarray) -> np.ndarray:
    """(n, 3) int64: rows of an epoch with their positions."""
    return np.concatenate([rows, np.arange(len(rows))[:, None]], axis=1).astype(np.int64)


def all_names(sources: Sequence[Source], *more: Sequence[str]) -> tuple[str, ...]:
    """Union of the sources' keypoint names and others, in order of first appearance."""
    names: dict[str, None] = dict.fromkeys(topology.KEYPOINTS)
    for part in (*(source.records.names for source in sources), *more):
        names.update(dict.fromkeys(part))
    return tuple(names)
