"""Spreads of heatmaps to error bars, and errors that were seen to the table that does so.

The error of a landmark is the radius around it, in crop pixels, within which the labelled place lies in 90 % of the
cases. It grows with the spread that `refinement` measures, for each group of points in its own way: the table holds, of
each group (`topology.GROUPS`), knots from spread to error, between which it is linear. Model files carry it (key
`error` of their metadata); `blazepose calibrate` makes it of labelled people.

Bars of joint angles follow from those of their points as if these were off independently (`geometry.angles`). They are
not: who mistakes a leg moves knee and ankle alike. Factors by which bars of angles hold 90 %, too, are learnt beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.geometry.angles import OTHERS
from blazepose_tf.specs import TrackerSpec

ERROR = "error"  # key of the metadata's document: the table, the factors and how they were made
ANGLES = "angles"  # key in it: joint ("knee") -> factor
COVERED = 0.9
# Points to a knot at least, and knots to a group at most: the 90 % of 100 errors are known to 3 points.
_LEAST, _KNOTS = 100, 12
_KNOTS_OF = documents.Part(dict.fromkeys(("spread", "error"), documents.ListOf(documents.NUMBER)))
_DOCUMENT = documents.Part({"table": documents.MapOf(_KNOTS_OF)})
FACTORS = documents.MapOf(documents.NUMBER)


def groups_of(names: Sequence[str]) -> list[str]:
    """Group of each point; points that the topology does not know are one group of their own."""
    known = {name: group for group, members in topology.GROUPS.items() for name in members}
    return [known.get(name, OTHERS) for name in names]


def fit(spreads, errors, names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """The table.

    Args:
        spreads: (N, K) cells, nan where unsupported.
        errors: (N, K) crop pixels between the landmark and the labelled place, nan where there is none.
        names: the K keypoint names.

    Returns:
        group -> `spread` and `error` of its knots, both rising; groups with fewer than 100 points are left out.
    """
    spreads, errors = (np.asarray(values, np.float64) for values in (spreads, errors))
    groups = np.array(groups_of(names))
    table = {}
    for group in dict.fromkeys(groups):
        x, y = spreads[:, groups == group].ravel(), errors[:, groups == group].ravel()
        known = np.isfinite(x) & np.isfinite(y)
        order = np.argsort(x[known], kind="stable")
        x, y = x[known][order], y[known][order]
        if len(x) < _LEAST:
            continue
        parts = min(len(x) // _LEAST, _KNOTS)
        knots = np.array([np.median(part) for part in np.array_split(x, parts)])
        radii = np.maximum.accumulate([np.quantile(part, COVERED) for part in np.array_split(y, parts)])
        table[group] = {"spread": np.round(knots, 3).tolist(), "error": np.round(radii, 2).tolist()}
    return table


def fit_angles(found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Factors on the bars of angles that make them hold 90 %.

    Args:
        found: joint -> (n, 2) distance between angle and labelled angle, bar without a factor (degrees;
            `metrics.error_bars.angle_errors`).

    Returns:
        joint -> factor, "others" of all of them together; those with fewer than 100 angles are left out.
    """
    everything = {**found, OTHERS: np.concatenate([np.zeros((0, 2)), *found.values()])}
    return {
        joint: round(float(np.quantile(values[:, 0] / np.maximum(values[:, 1], 1e-6), COVERED)), 3)
        for joint, values in everything.items()
        if len(values) >= _LEAST
    }


class ErrorBars:
    """A table at work on the points of one model.

    Attributes:
        angles: of `fit_angles`; empty where the file has none.
    """

    def __init__(
        self, table: dict, names: Sequence[str], angles: Mapping[str, float] = {}, *, where: str = "error table"
    ):
        """Arranges the table.

        Raises:
            ValueError: numbers that are none of `fit`; the message begins with `where`.
        """
        groups = groups_of(names)
        knots: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for group, columns in table.items():
            x, y = np.array(columns["spread"], np.float64), np.array(columns["error"], np.float64)
            if len(x) != len(y) or not len(x) or (np.diff(x) < 0).any() or not (y > 0).all():
                raise ValueError(f"{where}: {group}: expected as many errors above 0 as rising spreads")
            knots[group] = x, y
        if not all(factor > 0 for factor in angles.values()):
            raise ValueError(f"{where}: {ANGLES}: expected factors above 0. Received: {dict(angles)}")
        self.angles = dict(angles)
        # One table for all: each group has a stretch of its own, from its lowest knot to its highest.
        order = list(dict.fromkeys(groups))
        unknown = np.zeros(1), np.full(1, np.nan)
        stretches = [knots.get(group, unknown) for group in order]
        self._lowest = np.array([stretches[order.index(group)][0][0] for group in groups])
        self._highest = np.array([stretches[order.index(group)][0][-1] for group in groups])
        starts = np.cumsum([0.0, *(x[-1] - x[0] + 1.0 for x, _ in stretches)])
        self._shift = np.array([starts[order.index(group)] for group in groups]) - self._lowest
        self._knots = np.concatenate([x - x[0] + start for (x, _), start in zip(stretches, starts, strict=False)])
        self._radii = np.concatenate([y for _, y in stretches])

    @classmethod
    def of_file(cls, document: object, spec: TrackerSpec, name: str) -> ErrorBars:
        """Those of a model file's metadata; ValueError, which begins with its name, for anything else."""
        where = f"{name}: metadata: {ERROR}"
        found = documents.check(document, _DOCUMENT, where)
        angles = documents.check(found.get(ANGLES, {}), FACTORS, f"{where}: {ANGLES}")
        return cls(found["table"], spec.keypoint_names, angles, where=where)

    def __call__(self, spread: np.ndarray) -> np.ndarray:
        """(K,) float32 crop pixels of a (K,) spread; nan where that is, and in groups without knots."""
        within = np.minimum(np.maximum(spread, self._lowest), self._highest)
        return np.interp(within + self._shift, self._knots, self._radii).astype(np.float32)
