"""Object keypoint similarity, normalised by the person's area, as the COCO keypoint task defines it (numpy).

Reference: COCO keypoint evaluation; pycocotools' `COCOeval.computeOks`. Sigmas of the points that COCO-17 lacks:
COCO-WholeBody (Jin et al. 2020) for feet and knuckles (mean of left and right); eye corners take the eye's, mouth
corners the ear's, for labellers place them about as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology

_BY_PART = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "mouth": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "pinky": 0.020,
    "index": 0.026,
    "thumb": 0.037,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
    "heel": 0.080,
    "foot_index": 0.080,
}


def known(names: Sequence[str]) -> bool:
    """Whether every one of the keypoints has a sigma here."""
    try:
        sigmas(names)
    except ValueError:
        return False
    return True


def sigmas(names: Sequence[str] = topology.KEYPOINTS) -> np.ndarray:
    """(K,) falloff per keypoint, in square roots of the area.

    Raises:
        ValueError: a keypoint that has no sigma here.
    """
    out = []
    for name in names:
        part = name.removeprefix("left_").removeprefix("right_").removesuffix("_left").removesuffix("_right")
        part = part.removesuffix("_inner").removesuffix("_outer")
        if part not in _BY_PART:
            raise ValueError(f"no sigma is known for keypoint {name!r}. Received: names={tuple(names)}")
        out.append(_BY_PART[part])
    return np.array(out)


def oks(predicted, truth, labelled, area, names: Sequence[str] = topology.KEYPOINTS) -> np.ndarray:
    """Similarity of each prediction to its truth.

    Args:
        predicted: (N, K, 2) pixels; a point that is not finite contributes 0.
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        area: (N,) area of the person in square pixels.
        names: names of the K keypoints.

    Returns:
        (N,) in [0, 1]; nan for people without a labelled point.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    labelled, area = np.asarray(labelled) > 0, np.asarray(area, np.float64)
    if predicted.shape != truth.shape or truth.shape != (*labelled.shape, 2) or area.shape != truth.shape[:1]:
        raise ValueError(
            "expected predicted and truth (N, K, 2), labelled (N, K), area (N,). "
            f"Received: {predicted.shape}, {truth.shape}, {labelled.shape}, {area.shape}"
        )
    variance = (2.0 * sigmas(names)) ** 2
    with np.errstate(invalid="ignore", over="ignore"):
        squared = ((predicted - truth) ** 2).sum(axis=-1)
    exponent = squared / variance / (area[:, None] + np.spacing(1)) / 2.0
    similarity = np.where(np.isfinite(exponent), np.exp(-np.where(np.isfinite(exponent), exponent, 0.0)), 0.0)
    count = labelled.sum(axis=1)
    return np.where(count > 0, (similarity * labelled).sum(axis=1) / np.maximum(count, 1), np.nan)
