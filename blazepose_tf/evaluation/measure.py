"""All keypoint metrics of one run as a plain document (JSON-ready), normalisers in the names.

Rates are shares in [0, 1]; tables show them in percent. Points that count are the human ones of people that have any
(`sources="h"`), or all labelled ones. People without a prediction count as misses and are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation import coco_ap, fairness
from blazepose_tf.evaluation.predictions import Paired
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.metrics import alignment as alignment_metrics
from blazepose_tf.metrics import angles, bootstrap, classification, error_bars, keypoints, oks, sides

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
FEWER, ALL = "17", "33"
VISIBLE = 0.5
# A pose whose mid-hip is further than this from the person's (in torsos) is somebody or something else.
ELSEWHERE = 1.0
# Resamples where an interval is wanted for every level of a sweep.
INTERVAL_SAMPLES = 200


def point_sets(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Indices of the points that figures called 17 and 33 are of: COCO's and all; of an own set all in both."""
    everything = np.arange(len(names))
    common = topology.indices(topology.COCO_17, names) if set(topology.COCO_17) <= set(names) else everything
    return {FEWER: common, ALL: everything}


class Arrays:
    """People and predictions as arrays: N people, K points; nan where there is no prediction.

    `torso` is the normaliser of errors, which a set without hips and shoulders takes from the body circle. `lacks` (K,)
    says which points the system never gives (a 17-point one: 16 of 33), `sets` by which `point_sets` it can be judged:
    what it does not claim to know is not missed by it, and shown as a dash.
    """

    def __init__(self, paired: Paired, sources: str):
        people, predictions = paired.people, paired.predictions
        self.names = people[0].names if people else topology.KEYPOINTS
        self.indices = point_sets(self.names)
        count = len(self.names)
        self.people = people
        self.truth = np.stack([p.points for p in people]) if people else np.zeros((0, count, 2))
        self.state = np.stack([p.state for p in people]) if people else np.zeros((0, count), int)
        self.scored = np.stack([p.scored(sources) for p in people]) if people else np.zeros((0, count), bool)
        self.alignment = np.array([p.alignment for p in people]).reshape(-1, 2, 2)
        self.normalizer, self.torso = keypoints.normalizer(self.truth, self.state, self.alignment, self.names)
        self.area = np.array([p.area for p in people])
        self.box = np.array([p.box for p in people]).reshape(-1, 4)
        self.points = np.full((len(people), count, 2), np.nan)
        self.visibility = np.full((len(people), count), np.nan)
        self.error = np.full((len(people), count), np.nan)
        self.has_error = any(p is not None and p.error is not None for p in predictions)
        self.predicted_alignment = np.full((len(people), 2, 2), np.nan)
        self.found = np.zeros(len(people), bool)
        self.score = np.zeros(len(people))
        self.milliseconds = np.full((len(people), 2), np.nan)
        for i, p in enumerate(predictions):
            if p is None:
                continue
            self.score[i] = p.score
            if p.milliseconds is not None:
                self.milliseconds[i] = p.milliseconds
            if p.points is not None:
                self.found[i] = True
                self.points[i] = p.points
                self.visibility[i] = np.nan if p.visibility is None else p.visibility
                self.error[i] = np.nan if p.error is None else p.error
            if p.alignment is not None:
                self.predicted_alignment[i] = p.alignment
        given = np.isfinite(self.points).all(axis=-1).any(axis=0)
        self.lacks = ~given if self.found.any() else np.zeros(count, bool)
        self.sets = {name for name, own in self.indices.items() if name == FEWER or not self.lacks[own].any()}

    def by_set(self, value: Callable[[np.ndarray], float]) -> dict[str, float]:
        """`value` of the indices of each set of points; nan for sets that the system does not have."""
        return {name: value(chosen) if name in self.sets else float("nan") for name, chosen in self.indices.items()}


def measure(
    paired: Paired,
    *,
    sources: str = "h",
    group: str = "dataset",
    samples: int = 1000,
    angle_factors: Mapping[str, float] = {},
) -> dict:
    """All metrics of one run.

    Args:
        paired: people and what was predicted for them.
        sources: "h" or "ht", see `Person.scored`.
        group: field of the annotations by which people are grouped for fairness and per-data-set figures.
        samples: bootstrap resamples.
        angle_factors: of the tracker's file, for the bars of angles.

    Returns:
        Nested dict of numbers, strings and lists.
    """
    a = Arrays(paired, sources)
    groups = np.array([str(p.fields.get(group, "none")) for p in a.people])
    errors = keypoints.normalized_errors(a.points, a.truth, a.scored, a.torso)
    diagonal = np.linalg.norm(a.box[:, 2:] - a.box[:, :2], axis=-1)
    document = {
        "people": len(a.people),
        "normalizer": a.normalizer,
        "points": {name: int(a.scored[:, chosen].any(axis=0).sum()) for name, chosen in a.indices.items()},
        "people_without_torso": int(np.isnan(a.torso).sum()),
        "missing_predictions": paired.missing,
        "lost": _lost(a),
        f"pck_{a.normalizer}": _pck_curve(a),
        f"pck_{a.normalizer}@0.2": _at_02(a, errors, groups, samples),
        f"pdj_{a.normalizer}@0.2": _pdj(a),
        "pckh@0.5": _pckh(a),
        f"nme_{a.normalizer}": a.by_set(lambda chosen: _nme(a, chosen, a.torso)),
        "nme_box": a.by_set(lambda chosen: _nme(a, chosen, diagonal)),
        "oks": _oks(a),
        "visibility": _visibility(a),
        "presence": {"share_at_0.5": float((a.score >= VISIBLE).mean()) if len(a.people) else float("nan")},
        "alignment": _alignment(a),
        "left_right": _left_right(a),
        "angles": _angles(a),
        "error_bars": _error_bars(a, angle_factors),
        "fairness": fairness.by_group(_person_rates(a), groups, field=group),
        "milliseconds": _milliseconds(a),
    }
    precision = coco_ap.average_precision(paired, sources=sources)
    document["oks"] |= {key: value for key, value in precision.items() if key.rpartition("_")[2] in a.sets}
    return document


def rates(paired: Paired, *, sources: str = "h") -> dict:
    """PCK@0.2 (torso) alone, for sweeps: {"17": share, "33": share, "interval_17": (low, high)}."""
    a = Arrays(paired, sources)
    errors = keypoints.normalized_errors(a.points, a.truth, a.scored, a.torso)
    common = errors[:, a.indices[FEWER]]
    interval = bootstrap.ratio_interval(
        (common < 0.2).sum(axis=1), (~np.isnan(common)).sum(axis=1), samples=INTERVAL_SAMPLES
    )
    return a.by_set(lambda chosen: _rate(errors[:, chosen], 0.2)) | {"interval_17": interval}


def difference(first: Paired, second: Paired, *, sources: str = "h") -> tuple[float, tuple[float, float]]:
    """PCK@0.2 (torso, 17 points) of the first minus the second on the same people, and its paired 95 % interval."""
    hits = []
    for paired in (first, second):
        a = Arrays(paired, sources)
        errors = keypoints.normalized_errors(a.points, a.truth, a.scored, a.torso)[:, a.indices[FEWER]]
        hits.append((errors < 0.2).sum(axis=1))
    known = (~np.isnan(errors)).sum(axis=1)
    total = known.sum()
    value = float((hits[0] - hits[1]).sum() / total) if total else float("nan")
    return value, bootstrap.difference_interval(hits[0], hits[1], known)


def _lost(a: Arrays) -> dict:
    """People for whom nothing was found, and those for whom the pose found lies elsewhere."""
    if keypoints.has_torso(a.names):
        mid_hip = a.points[:, topology.indices(("left_hip", "right_hip"), a.names)].mean(axis=1)
    else:
        mid_hip = a.predicted_alignment[:, 0]
    with np.errstate(invalid="ignore"):
        away = np.linalg.norm(mid_hip - a.alignment[:, 0], axis=-1) > ELSEWHERE * _torso_or_radius(a)
    elsewhere = a.found & away
    lost = ~a.found | elsewhere
    return {
        "none": int((~a.found).sum()),
        "elsewhere": int(elsewhere.sum()),
        "share_none": _mean(~a.found),
        "share": _mean(lost),
        "ids": [p.id for p, x in zip(a.people, lost, strict=True) if x],
    }


def _pck_curve(a: Arrays) -> dict:
    out: dict = {name: {} for name in a.indices}
    for threshold in THRESHOLDS:
        result = keypoints.pck(a.points, a.truth, a.scored, a.torso, threshold=threshold)
        for name, value in a.by_set(lambda chosen: result.subset(chosen).overall).items():  # noqa: B023
            out[name][f"{threshold:g}"] = value
    return out


def _torso_or_radius(a: Arrays) -> np.ndarray:
    return np.where(
        np.isfinite(a.torso), a.torso, alignment_lib.radius(a.alignment) / alignment_metrics.RADIUS_IN_TORSOS
    )


def _mean(values) -> float:
    values = np.asarray(values, np.float64)
    return float(values.mean()) if values.size else float("nan")


def _rate(errors: np.ndarray, threshold: float) -> float:
    known = ~np.isnan(errors)
    return float((errors[known] < threshold).mean()) if known.any() else float("nan")


def _at_02(a: Arrays, errors: np.ndarray, groups: np.ndarray, samples: int) -> dict:
    """PCK@0.2 by keypoint, body part, group of people, with intervals."""
    hit, known = errors < 0.2, ~np.isnan(errors)
    answered = np.isfinite(errors).any(axis=1)
    out: dict = a.by_set(lambda chosen: _rate(errors[:, chosen], 0.2))
    out["found_only"] = a.by_set(lambda chosen: _rate(errors[answered][:, chosen], 0.2))
    out["interval"], out["groups"] = {}, {}
    for name, chosen in a.indices.items():
        out["interval"][name], out["groups"][name] = (float("nan"), float("nan")), {}
        if name in a.sets:
            counts = hit[:, chosen].sum(axis=1), known[:, chosen].sum(axis=1)
            out["interval"][name] = bootstrap.ratio_interval(*counts, samples=samples)
            out["groups"][name] = {str(g): _rate(errors[groups == g][:, chosen], 0.2) for g in np.unique(groups)}

    def part(indices) -> float:
        return float("nan") if a.lacks[indices].any() else _rate(errors[:, indices], 0.2)

    out["keypoints"] = {name: part([i]) for i, name in enumerate(a.names)}
    members = {title: [name for name in names if name in a.names] for title, names in topology.GROUPS.items()}
    out["parts"] = {title: part(topology.indices(names, a.names)) for title, names in members.items() if names}
    return out


def _pdj(a: Arrays) -> dict:
    if np.isnan(a.visibility[a.found]).all():
        return {name: float("nan") for name in a.indices}
    result = keypoints.pdj(
        a.points, a.truth, np.where(a.scored, a.state, 0), a.torso, np.nan_to_num(a.visibility) >= VISIBLE
    )
    return a.by_set(lambda chosen: result.subset(chosen).overall)


def _person_rates(a: Arrays) -> np.ndarray:
    """(N,) PDJ of each person over the scored points that the system has; the PCK where it has no visibility."""
    errors = keypoints.normalized_errors(a.points, a.truth, a.scored & ~a.lacks, a.torso)
    hit = errors < 0.2
    if not np.isnan(a.visibility[a.found]).all():
        hit &= (np.nan_to_num(a.visibility) >= VISIBLE) == (a.state == 2)
    known = (~np.isnan(errors)).sum(axis=1)
    return np.where(known > 0, hit.sum(axis=1) / np.maximum(known, 1), np.nan)


def _pckh(a: Arrays) -> dict:
    if not {"left_ear", "right_ear", "mouth_left", "mouth_right"} <= set(a.names):
        return {name: float("nan") for name in a.indices} | {"people": 0}
    size = keypoints.head_size(a.truth, a.state, a.names)
    result = keypoints.pck(a.points, a.truth, a.scored, size, threshold=0.5)
    return a.by_set(lambda chosen: result.subset(chosen).overall) | {"people": int(np.isfinite(size).sum())}


def _nme(a: Arrays, chosen: np.ndarray, unit: np.ndarray) -> float:
    return keypoints.nme(a.points[:, chosen], a.truth[:, chosen], a.scored[:, chosen], unit).overall


def _oks(a: Arrays) -> dict:
    def mean(chosen: np.ndarray) -> float:
        names = tuple(a.names[i] for i in chosen)
        if not oks.known(names):
            return float("nan")
        values = oks.oks(a.points[:, chosen], a.truth[:, chosen], a.scored[:, chosen], a.area, names)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    return a.by_set(mean)


def _visibility(a: Arrays) -> dict:
    """Visible against occluded, on scored points of people that were found: unlabelled points say nothing."""
    use = a.scored & a.found[:, None] & np.isfinite(a.visibility)
    scores, labels = a.visibility[use], a.state[use] == 2
    counts = classification.f1(scores, labels, threshold=VISIBLE)
    curve = classification.calibration(np.clip(scores, 0, 1), labels)
    return {
        "f1": counts.value,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1_occluded": counts.flipped.value,
        "auc": classification.roc_auc(scores, labels),
        "calibration_error": curve.error,
        "reliability": {
            "counts": curve.counts.tolist(),
            "scores": (curve.scores / np.maximum(curve.counts, 1)).tolist(),
            "visible": (curve.positives / np.maximum(curve.counts, 1)).tolist(),
        },
        "points": int(use.sum()),
        "visible_share": _mean(labels),
    }


def _alignment(a: Arrays) -> dict:
    known = np.isfinite(a.predicted_alignment).all(axis=(1, 2)) & np.isfinite(a.alignment).all(axis=(1, 2))
    if not known.any():
        return {"people": 0}
    error = alignment_metrics.errors(a.predicted_alignment[known], a.alignment[known], a.torso[known])
    return {
        "people": int(known.sum()),
        "center_torso_median": float(np.median(error.center)),
        "radius_median": float(np.median(error.radius)),
        "incline_degrees_median": float(np.rad2deg(np.median(error.incline))),
        "within": _mean(alignment_metrics.within(error)),
    }


def _left_right(a: Arrays) -> dict:
    """Pairs read as one or exchanged: each, the legs, and all; people read mirrored."""
    found = sides.sides(a.points, a.truth, a.scored, a.torso, a.names)
    out = {name: found.shares((name,)) for name in found.names}
    out |= {"legs": found.shares(sides.LEGS), "all": found.shares()}
    return out | {"people": {"mirrored": found.mirrored_share, "people": found.people}}


def _angles(a: Arrays) -> dict:
    """Agreement of each kind of joint angle with the labels, both sides together: with those of humans, where the data
    has any, for a teacher's angles are a model's own."""
    human = a.scored & np.array([p.source == "h" for p in a.people]).reshape(a.scored.shape)
    errors = angles.angle_errors(a.points, a.truth, human if human.any() else a.scored, a.torso, a.names)
    return {joint: angles.agreement(values)._asdict() for joint, values in errors.items()}


def _error_bars(a: Arrays, angle_factors: Mapping[str, float]) -> dict:
    if not a.has_error:
        return {}
    judged = np.where(a.scored, a.state, 0)
    return error_bars.coverage(a.points, a.truth, judged, a.error, a.torso, a.names, angle_factors)


def _milliseconds(a: Arrays) -> dict:
    known = np.isfinite(a.milliseconds).all(axis=1)
    if not known.any():
        return {}
    total, model = np.median(a.milliseconds[known], axis=0)
    return {"total_median": float(total), "model_median": float(model)}
