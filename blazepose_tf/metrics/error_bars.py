"""Whether error bars hold what they promise: of each group of points, and of the angles made of them (numpy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import angles
from blazepose_tf.metrics.angles import SHORTEST_LIMB, TRUNK

ALL = "all"


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def coverage(
    points, truth, state, bars, torso, names: Sequence[str], angle_factors: Mapping[str, float] = {}
) -> dict[str, dict[str, Any]]:
    """Shares of points within their bars.

    Args:
        points: (N, K, 2) predicted pixels.
        truth: (N, K, 2) pixels.
        state: (N, K) 0 not to be judged, 1 occluded, 2 visible.
        bars: (N, K) pixels; nan for a point without support.
        torso: (N,) pixels.
        names: names of the K keypoints.
        angle_factors: of the model file (`codecs.error_bars.fit_angles`).

    Returns:
        group of points, and "all" -> "points" judged; "covered" of those that have a bar, also of the "visible" and
        "occluded" ones and of the narrower and the wider half of the bars ("narrow", "wide"); "median" bar in torsos;
        share of all that is "unsupported". Of each joint ("knee angle"): "points", "covered", "median" in degrees.
    """
    points, truth, bars = (np.asarray(values, np.float64) for values in (points, truth, bars))
    errors, state = np.linalg.norm(points - truth, axis=-1), np.where(np.isfinite(points).all(axis=-1), state, 0)
    members = {group: [name in set(own) for name in names] for group, own in topology.GROUPS.items()}
    out = {}
    for group, chosen in {ALL: np.ones(len(names), bool), **members}.items():
        chosen = np.asarray(chosen) & (state > 0)
        if not chosen.any():
            continue
        held = chosen & np.isfinite(bars)
        with np.errstate(invalid="ignore"):
            within = errors <= bars
        relative = bars / np.asarray(torso, np.float64)[:, None]
        middle = np.median(bars[held]) if held.any() else np.nan
        with np.errstate(invalid="ignore"):
            narrow = bars <= middle
        out[group] = {
            "points": int(chosen.sum()),
            "covered": _share(within[held]),
            "visible": _share(within[held & (state == 2)]),
            "occluded": _share(within[held & (state == 1)]),
            "narrow": _share(within[held & narrow]),
            "wide": _share(within[held & ~narrow]),
            "median": float(np.nanmedian(relative[held])) if np.isfinite(relative[held]).any() else float("nan"),
            "unsupported": 1.0 - held.sum() / chosen.sum(),
        }
    for joint, values in angle_errors(points, truth, state, bars, torso, names).items():
        if len(values):
            radii = np.minimum(values[:, 1] * angles.factor(angle_factors, joint), 180.0)
            within = _share(values[:, 0] <= radii)
            out[f"{joint} angle"] = {"points": len(values), "covered": within, "median": float(np.median(radii))}
    return out


def angle_errors(points, truth, state, bars, torso, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Distances between predicted and labelled angles, with their bars as if points were off independently.

    Args: as of `coverage`.

    Returns:
        "elbow", "knee", "hip", "shoulder", "trunk" -> (n, 2) degrees: distance, bar; of angles that have both.
    """
    points, truth, bars = (np.asarray(values, np.float64) for values in (points, truth, bars))
    state, torso = np.asarray(state), np.asarray(torso, np.float64)
    found: dict[str, list[np.ndarray]] = {}
    for name, (a, b, c) in topology.angle_indices(names).items():
        known = (state[:, [a, b, c]] > 0).all(axis=1)
        for end in (a, c):
            with np.errstate(invalid="ignore"):
                known &= np.linalg.norm(truth[:, end] - truth[:, b], axis=-1) >= SHORTEST_LIMB * torso
        off = [angles.between(p[:, a], p[:, b], p[:, c]) for p in (points, truth)]
        bar = angles.between_error(points[:, a], points[:, b], points[:, c], bars[:, [a, b, c]])
        joint = name.removeprefix("left_").removeprefix("right_")
        found.setdefault(joint, []).append(np.stack([np.abs(off[0] - off[1]), bar], axis=-1)[known])
    places = topology.alignment_indices(names)
    if places is not None:
        hips, shoulders = list(places["hips"]), list(places["shoulders"])
        known = (state[:, hips + shoulders] > 0).all(axis=1)
        ends = [(p[:, hips].mean(axis=1), p[:, shoulders].mean(axis=1)) for p in (points, truth)]
        lean = np.abs(angles.wrapped(angles.lean(*ends[0]) - angles.lean(*ends[1])))
        bar = angles.lean_error(*ends[0], angles.middle_errors(bars, hips, shoulders))
        found[TRUNK] = [np.stack([lean, bar], axis=-1)[known]]
    joined = {joint: np.concatenate(parts) for joint, parts in found.items()}
    return {joint: values[np.isfinite(values).all(axis=1)] for joint, values in joined.items()}
