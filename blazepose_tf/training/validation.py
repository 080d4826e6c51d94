"""How good the averaged weights are while they train, and whether the predictions depend on the picture at all."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from blazepose_tf import topology
from blazepose_tf.codecs import anchors as anchors_lib
from blazepose_tf.codecs import detection as detection_codec
from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.codecs import refinement
from blazepose_tf.geometry.boxes import iou, weighted_nms
from blazepose_tf.metrics import detection as detection_metrics
from blazepose_tf.metrics import sides as sides_lib
from blazepose_tf.metrics.keypoints import normalizer, pck
from blazepose_tf.specs import (
    ALIGNMENT,
    HEATMAPS,
    IMAGE,
    LANDMARKS,
    LOGITS,
    OFFSETS,
    REGRESSORS,
    DetectorSpec,
    TrackerSpec,
)

# Predictions whose spread over the pictures is below this share of the truth's have collapsed: a network that always
# says the mean pose has 0, a good one 0.9 and more.
COLLAPSED = 0.2
# Above this share some examples are read far outside of their crop, each of which the statistics of its own batch hide
# from the loss.
EXPLODED = 1.5
# Best anchors of a picture that take part in the suppression.
CANDIDATES = 60


@dataclass(frozen=True)
class Validation:
    """Result of one validation.

    Attributes:
        scores: metric name -> value.
        score: the one that decides which checkpoint is best.
        images: (N, S, S, 3) float32 in [0, 1], the first pictures.
        truth: (N, K, 2) true points in pixels, nan where unlabelled.
        predicted: (N, K, 2) predicted points in pixels.
    """

    scores: dict[str, float]
    score: float
    images: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray


def variation(predicted, truth, labelled) -> float:
    """Spread of predictions over pictures against that of the truth: near 0 when the input does not matter.

    Args:
        predicted: (N, K, 2) points.
        truth: (N, K, 2) points.
        labelled: (N, K) non-zero where labelled; the others count in neither spread.

    Returns:
        Ratio of the standard deviations over all labelled points, each around its keypoint's mean; nan without spread.
    """
    weight = (np.asarray(labelled) > 0).astype(np.float64)[..., None]
    count = np.maximum(weight.sum(axis=0), 1.0)

    def spread(points) -> float:
        points = np.where(weight > 0, np.asarray(points, np.float64), 0.0)
        mean = points.sum(axis=0) / count
        return float(np.sqrt((weight * (points - mean) ** 2).sum()))

    true = spread(truth)
    return spread(predicted) / true if true > 0 else float("nan")


def wrong_spread(scores: dict[str, float]) -> str | None:
    """What is wrong where the `variation` of some scores cannot be that of a sound model; None where nothing is."""
    share = scores.get("variation", 1.0)
    if share < COLLAPSED:
        return f"predictions hardly vary with the picture: their spread is {100.0 * share:.0f} % of the truth's"
    if share > EXPLODED:
        return (
            f"some predictions explode: their spread is {100.0 * share:.0f} % of the truth's; a stage with "
            "running_statistics (steady) shows the loss what inference computes"
        )
    return None


def confused_sides(predicted, truth, labelled, torso, names) -> dict[str, float]:
    """Shares of `metrics.sides`, as far as the keypoint set has the pairs.

    Returns:
        `legs_as_one`, `legs_exchanged` of knees and ankles together, the same of `knee` and `ankle`, and `mirrored`
        people; nan where nobody can be judged.
    """
    found = sides_lib.sides(predicted, truth, labelled, torso, names)
    scores = {}
    for title, pairs in (("legs", sides_lib.LEGS), *((name, (name,)) for name in sides_lib.LEGS)):
        if set(pairs) & set(found.names):
            shares = found.shares(pairs)
            scores |= {f"{title}_{kind}": shares[kind] for kind in ("as_one", "exchanged")}
    return scores | ({"mirrored": found.mirrored_share} if set(sides_lib.LIMBS) & set(found.names) else {})


def validate_tracker(model: keras.Model, batches, *, spec: TrackerSpec, pictures: int = 0) -> Validation:
    """PCK@0.2 on aligned crops over the COCO points (over all points for sets without them).

    Args:
        model: carries the weights to judge.
        batches: (inputs, targets, weights) without augmentation; remainders allowed.
        spec: contract of the model.
        pictures: how many crops to return with their points.

    Returns:
        Scores `pck_torso` of the regression where the model has one, `pck_torso_heatmaps` of the heatmaps' maxima,
        `pck_torso_refined` of both together (what ships), of which the last one decides; `variation` of whichever
        comes first, and of each of the three what `confused_sides` says.
    """
    images, truth, labelled, circles = [], [], [], []
    found: dict[str, list] = {}
    for inputs, targets, weights in batches:
        image = np.asarray(inputs[IMAGE])
        output = model.predict_on_batch(image)
        points = np.asarray(targets[LANDMARKS])[..., :2]
        if LANDMARKS in output:
            found.setdefault("", []).append(np.asarray(output[LANDMARKS])[..., :2])
        if HEATMAPS in output:
            maps = np.asarray(output[HEATMAPS])
            decoded, _ = heatmap_codec.decode(maps, output.get(OFFSETS), stride=spec.heatmap_stride)
            found.setdefault("_heatmaps", []).append(decoded)
        if LANDMARKS in output and HEATMAPS in output:
            pairs = zip(found[""][-1], maps, strict=True)
            prior = {"sigmas": refinement.prior_sigmas(spec.keypoint_names)}
            prior["pairs"] = refinement.leg_pairs(spec.keypoint_names)
            refined = [refinement.refine(p, m, stride=spec.heatmap_stride, **prior).points for p, m in pairs]
            found.setdefault("_refined", []).append(np.stack(refined))
        truth.append(points)
        labelled.append(np.asarray(weights[LANDMARKS]) > 0)
        circles.append(np.asarray(targets[ALIGNMENT]))
        if sum(map(len, images)) < pictures:
            images.append(image)
    if not truth:
        raise ValueError("the validation data holds no pictures")
    truth, labelled = np.concatenate(truth), np.concatenate(labelled)
    name, unit = normalizer(truth, labelled, np.concatenate(circles), spec.keypoint_names)
    common = [i for i, n in enumerate(spec.keypoint_names) if n in topology.COCO_17]
    common = np.array(common if len(common) == len(topology.COCO_17) else range(spec.num_keypoints))
    found = {suffix: np.concatenate(parts) for suffix, parts in found.items()}
    shown = next(iter(found.values()))
    scores = {
        f"pck_{name}{suffix}": pck(predicted, truth, labelled, unit).subset(common).overall
        for suffix, predicted in found.items()
    }
    score = list(scores.values())[-1]
    scores["variation"] = variation(shown, truth, labelled)
    for suffix, predicted in found.items():
        confused = confused_sides(predicted, truth, labelled, unit, spec.keypoint_names)
        scores |= {f"{key}{suffix}": value for key, value in confused.items()}
    low, high = spec.value_range
    images = (np.concatenate(images)[:pictures] - low) / (high - low) if images else np.zeros((0, 1, 1, 3), np.float32)
    shown_truth = np.where(labelled[:pictures, :, None], truth[:pictures], np.nan)
    return Validation(scores, score, images, shown_truth, shown[:pictures])


def validate_detector(model: keras.Model, batches, *, spec: DetectorSpec, pictures: int = 0) -> Validation:
    """Average precision, recall and precision (at score 0.5) of face boxes at IoU 0.5 after weighted suppression.

    The people are those that `codecs.detection.encode` gave to anchors. Points in the result are the alignment points
    of a picture's first person and of its best detection.
    """
    grid = anchors_lib.grid_anchors(spec)
    matches, images, truth, shown, centers = [], [], [], [], []
    for inputs, targets, weights in batches:
        image = np.asarray(inputs[IMAGE])
        output = model.predict_on_batch(image)
        boxes, points, scores = detection_codec.decode(
            np.asarray(output[REGRESSORS]), np.asarray(output[LOGITS]), anchors=grid, num_keypoints=spec.num_keypoints
        )
        true_boxes, true_points, _ = detection_codec.decode(
            np.asarray(targets[REGRESSORS]), np.asarray(targets[LOGITS]), anchors=grid, num_keypoints=spec.num_keypoints
        )
        positive = (np.asarray(targets[LOGITS])[..., 0] > 0.5) & (np.asarray(weights[REGRESSORS]) > 0)
        counted = np.asarray(weights[LOGITS]) > 0
        for i in range(len(image)):
            people, people_points = _people(true_boxes[i][positive[i]], true_points[i][positive[i]])
            order = np.argsort(-scores[i], kind="stable")[:CANDIDATES]
            merged_boxes, _, merged_scores = weighted_nms(boxes[i][order], points[i][order], scores[i][order])
            overlap = iou(merged_boxes, people)
            # A detection in the middle of an unlabelled person is neither right nor wrong.
            middle = 0.5 * (merged_boxes[:, None, :2] + merged_boxes[:, None, 2:])
            ignored = ~counted[i][np.abs(middle - grid).max(axis=-1).argmin(axis=-1)]
            matches.append(
                detection_metrics.match(np.where(overlap >= 0.5, overlap, 0.0), merged_scores, ignored=ignored)
            )
            best = order[0]
            if len(people):
                centers.append((points[i][best], people_points[0]))
            if len(images) < pictures:
                images.append(image[i])
                truth.append(people_points[0] if len(people) else np.full_like(points[i][0], np.nan))
                shown.append(points[i][best])
    if not matches:
        raise ValueError("the validation data holds no pictures")
    merged = detection_metrics.merge(matches)
    scores = {
        "ap50": detection_metrics.average_precision(merged),
        "recall50": detection_metrics.recall_at(merged, 0.5),
        "precision50": detection_metrics.precision_at(merged, 0.5),
    }
    if len(centers) > 1:
        predicted, true = (np.stack(part) for part in zip(*centers, strict=True))
        scores["variation"] = variation(predicted, true, np.ones(true.shape[:2]))
    low, high = spec.value_range
    images = (np.stack(images) - low) / (high - low) if images else np.zeros((0, 1, 1, 3), np.float32)
    empty = np.zeros((0, spec.num_keypoints, 2), np.float32)
    truth, shown = (np.stack(points) if points else empty for points in (truth, shown))
    return Validation(scores, scores["ap50"], images, truth, shown)


def _people(boxes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct people behind the positive anchors of one picture: (P, 4) boxes and (P, points, 2)."""
    _, first = np.unique(np.round(boxes, 1), axis=0, return_index=True)
    return boxes[first], points[first]
