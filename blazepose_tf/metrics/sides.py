"""Left and right: pairs that are read as one, pairs and whole people that are read exchanged (numpy, streaming).

PCK hides both: a network that draws both legs on one has one of them right. Only pairs that the label holds well apart
are judged, for of a person in profile nobody could tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf import topology

APART = 0.25  # torsos between the labels of a pair that is judged
AS_ONE = 0.12  # torsos; predictions nearer to each other than this are one place
LEGS = ("knee", "ankle")
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LEAST_PAIRS = 3  # of LIMBS, for a person to be called mirrored or not
ALL = "all"


@dataclass(frozen=True)
class Sides:
    """Counts of left/right pairs and of people; `a + b` is the count over both sets.

    Attributes:
        names: of the P pairs, without their side.
        pairs: (P,) int64 pairs judged: both points labelled, at least APART torsos apart, and predicted.
        as_one: (P,) of them, predicted within AS_ONE torsos of each other.
        exchanged: (P,) of them, neither as one nor straight: the two predictions fit better the other way round.
        people: people with at least LEAST_PAIRS judged pairs of LIMBS.
        mirrored: of them, people more than half of whose judged pairs of LIMBS are exchanged.
    """

    names: tuple[str, ...]
    pairs: np.ndarray
    as_one: np.ndarray
    exchanged: np.ndarray
    people: int
    mirrored: int

    def shares(self, names: Sequence[str] | None = None) -> dict:
        """Shares over the pairs called `names` (all without it): {"as_one", "exchanged", "pairs"}; nan without any."""
        chosen = [i for i, name in enumerate(self.names) if names is None or name in names]
        total = int(self.pairs[chosen].sum())
        return {
            "as_one": float(self.as_one[chosen].sum() / total) if total else float("nan"),
            "exchanged": float(self.exchanged[chosen].sum() / total) if total else float("nan"),
            "pairs": total,
        }

    @property
    def mirrored_share(self) -> float:
        """Share of people who are read mirrored; nan without anybody to judge."""
        return self.mirrored / self.people if self.people else float("nan")

    def __add__(self, other: Sides) -> Sides:
        if self.names != other.names:
            raise ValueError(f"only counts of the same pairs can be added. Received: {self.names}, {other.names}")
        return Sides(
            self.names,
            self.pairs + other.pairs,
            self.as_one + other.as_one,
            self.exchanged + other.exchanged,
            self.people + other.people,
            self.mirrored + other.mirrored,
        )


def sides(predicted, truth, labelled, torso, names: Sequence[str] = topology.KEYPOINTS) -> Sides:
    """Judges every left/right pair.

    A pair is exchanged when |l' - r| + |r' - l| < |l' - l| + |r' - r| (primes: predictions) and it is not read as one:
    of two predictions in one place that sum says nothing.

    Args:
        predicted: (N, K, 2) pixels; pairs with a point that is not finite are not judged (they are misses of PCK).
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        torso: (N,) pixels; people with nan or a value that is not positive are left out.
        names: names of the K keypoints.

    Raises:
        ValueError: shapes that do not fit.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    labelled, torso = np.asarray(labelled) > 0, np.asarray(torso, np.float64)
    if predicted.shape != truth.shape or truth.shape != (*labelled.shape, 2) or labelled.shape[1:] != (len(names),):
        raise ValueError(
            f"expected predicted and truth (N, {len(names)}, 2) and labelled (N, {len(names)}). "
            f"Received: {predicted.shape}, {truth.shape}, {labelled.shape}"
        )
    if torso.shape != truth.shape[:1]:
        raise ValueError(f"expected torso {truth.shape[:1]}. Received: {torso.shape}")
    index = np.array(topology.pairs(names), int).reshape(-1, 2)
    called = tuple(names[left].removeprefix("left_").removesuffix("_left") for left, _ in index)
    t, p = truth[:, index], predicted[:, index]  # (N, P, 2 sides, 2)
    unit = np.where(torso > 0, torso, np.nan)[:, None]
    with np.errstate(invalid="ignore"):
        judged = labelled[:, index].all(axis=-1) & np.isfinite(p).all(axis=(-2, -1))
        judged &= np.linalg.norm(t[:, :, 0] - t[:, :, 1], axis=-1) >= APART * unit
        as_one = judged & (np.linalg.norm(p[:, :, 0] - p[:, :, 1], axis=-1) < AS_ONE * unit)
        straight = np.linalg.norm(p - t, axis=-1).sum(axis=-1)
        crossed = np.linalg.norm(p[:, :, ::-1] - t, axis=-1).sum(axis=-1)
        exchanged = judged & ~as_one & (crossed < straight)
    limbs = np.array([name in LIMBS for name in called], bool)
    judged_limbs = judged[:, limbs].sum(axis=1)
    known = judged_limbs >= LEAST_PAIRS
    mirrored = known & (2 * exchanged[:, limbs].sum(axis=1) > judged_limbs)
    counts = (judged.sum(axis=0), as_one.sum(axis=0), exchanged.sum(axis=0))
    return Sides(called, *counts, int(known.sum()), int(mirrored.sum()))
