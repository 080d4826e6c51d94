"""Prepared samples to the (inputs, targets, weights) of a model. All targets are output of the codecs.

Invariant: a weight is the label's mask times the sample's weight; what is not known weighs 0.
"""

from __future__ import annotations

import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.codecs import landmarks as landmark_codec
from blazepose_tf.data.config import TrackerDataConfig


def inside(points, size: float):
    """(..., K) bool: whether (..., K, 2) points lie in a crop of that side."""
    return tf.reduce_all((points >= 0.0) & (points < size), axis=-1)


def tracker_targets(sample: dict, *, spec: specs.TrackerSpec, config: TrackerDataConfig):
    """Targets and weights of a batch.

    Args:
        sample: points (B, K, 2) crop px, state (B, K), alignment (B, 2, 2) crop px, presence (B,), weight (B,),
            heatmap_weight (B,), and where wanted z (B, K, 2), world (B, K, 4), mask (B, M, M, 1), mask_known (B,).
        spec: tracker contract.
        config: what to make and how to weigh it.

    Returns:
        targets and weights, dicts by output name:
            landmarks (B, K, 3) x, y, visibility, or (B, K, 5) with z and its weight after them - weight (B, K);
            pose_presence (B, 1) - weight (B,);
            alignment (B, 2, 2) - weight (B, 2);
            heatmaps (B, H, H, K) - weight (B, K);
            offsets (B, H, H, 4K), the codec's 2K offsets, then their 2K weights - weight (B, K);
            world_landmarks (B, K, 4) metres, known - weight (B,);
            segmentation (B, M, M, 1) - weight (B,).
    """
    points, state, presence = sample["points"], sample["state"], sample["presence"]
    within = tf.cast(inside(points, float(spec.input_size)), tf.float32)
    landmarks, labelled = landmark_codec.encode(points, state)
    visible = labelled if spec.visibility == specs.INSIDE_FRAME else landmarks[..., 2]
    landmarks = tf.concat([landmarks[..., :2], (visible * within)[..., None]], axis=-1)
    person = sample["weight"] * presence
    targets, weights = {}, {}
    if config.coordinate_targets:
        if spec.depth:  # a point may have a place and no depth
            landmarks = tf.concat([landmarks, sample["z"]], axis=-1)
        targets[specs.LANDMARKS] = landmarks
        weights[specs.LANDMARKS] = labelled * person[:, None]
        targets[specs.POSE_PRESENCE] = presence[:, None]
        weights[specs.POSE_PRESENCE] = sample["weight"]
        targets[specs.ALIGNMENT] = sample["alignment"]
        weights[specs.ALIGNMENT] = tf.tile(person[:, None], [1, 2])
    if config.world_targets:
        targets[specs.WORLD_LANDMARKS] = sample["world"]
        weights[specs.WORLD_LANDMARKS] = person
    if config.mask_targets:
        targets[specs.SEGMENTATION] = sample["mask"]
        weights[specs.SEGMENTATION] = person * sample["mask_known"]
    if config.heatmap_targets:
        size = spec.heatmap_size
        mask = labelled * presence[:, None]
        maps, offsets, offset_weights = heatmap_codec.encode(points, mask, size=size, stride=float(spec.heatmap_stride))
        targets[specs.HEATMAPS] = maps
        share = within + (1.0 - within) * config.outside_heatmap_weight
        empty = (sample["heatmap_weight"] * (1.0 - presence))[:, None]
        weights[specs.HEATMAPS] = (mask * share + empty) * sample["weight"][:, None]
        if config.offset_targets:  # else the graph leaves their computation out
            targets[specs.OFFSETS] = tf.concat([offsets, offset_weights], axis=-1)
            weights[specs.OFFSETS] = mask * sample["weight"][:, None]
    return targets, weights
