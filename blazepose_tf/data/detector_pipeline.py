"""The detector's input pipeline: whole pictures, letterboxed and disturbed, with faces and alignments on anchors.

Invariant: as in `pipeline`: one resampling, and an example depends on (seed, epoch, position) alone. Faces and torsos
that cannot be taught (unknown, tiny, at the rim) become regions that are neither positive nor negative.
"""

from __future__ import annotations

import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.codecs import detection
from blazepose_tf.data import align, augment, photometric, warp
from blazepose_tf.data.config import DetectorDataConfig
from blazepose_tf.data.damage import DamageReport
from blazepose_tf.data.order import all_names, as_sources, epoch_order
from blazepose_tf.data.pipeline import batched, loader, person_boxes, run
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.geometry import roi as roi_lib


def map_squares(matrix, boxes):
    """Upright squares around the mapped centres of (N, 4) square boxes, their sides scaled: a face stays a face."""
    center = affine.apply(matrix, 0.5 * (boxes[:, :2] + boxes[:, 2:]))
    half = 0.5 * affine.scale_of(matrix) * tf.reduce_max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True)
    return tf.concat([center - half, center + half], axis=1)


def map_boxes(matrix, boxes):
    """Upright boxes around the mapped corners of (N, 4) boxes: nothing that was inside gets out."""
    x0, y0, x1, y1 = tf.unstack(boxes, axis=1)
    corners = tf.stack([tf.stack([x0, y0], 1), tf.stack([x1, y0], 1), tf.stack([x1, y1], 1), tf.stack([x0, y1], 1)], 1)
    mapped = affine.apply(matrix, corners)
    return tf.concat([tf.reduce_min(mapped, axis=1), tf.reduce_max(mapped, axis=1)], axis=1)


def _squares(boxes):
    """Centres (N, 2) and sides (N,) of (N, 4) squares."""
    return 0.5 * (boxes[:, :2] + boxes[:, 2:]), boxes[:, 2] - boxes[:, 0]


def _well_inside(center, side, smallest: float, size: int):
    """(N,) bool: what can be taught: the middle is in the input, and the side is not too small."""
    return tf.reduce_all((center >= 0.0) & (center < size), axis=1) & (side >= smallest * size)


def _sample(
    example: dict, seed, *, spec: specs.DetectorSpec, config: DetectorDataConfig, names, training: bool
) -> dict:
    size = spec.input_size
    indices = align.BodyIndices.of(names)
    roi = roi_lib.whole_image(example["width"], example["height"], like=tf.zeros([]))
    empty = tf.shape(example["keypoints"])[0] + tf.shape(example["ignore_boxes"])[0] == 0
    view = augment.sample_picture_view(seed, config, empty=empty) if training else augment.no_view()
    matrix = tf.ensure_shape(augment.apply_view(roi, view, size), [2, 3])
    image = warp.decode_and_warp(example["image"], matrix, size, border="zero")
    to_input = affine.invert(matrix)

    alignment, aligned = align.alignment(example["keypoints"], example["alignment"], indices=indices)
    body_radius = alignment_lib.radius(alignment)
    faces, has_face = align.face_boxes(example["keypoints"], example["face_box"], body_radius, indices=indices)
    heads, has_head = align.head_boxes(example["keypoints"], alignment, indices=indices)
    faces = tf.where(has_face[:, None], faces, heads)
    known = aligned & (has_face | (has_head & (specs.TORSO in spec.proxies))) & (example["person_weight"] > 0)
    whole = person_boxes(example["keypoints"], example["boxes"])
    faces = map_squares(to_input, faces)
    alignment = affine.apply(to_input[None], alignment)
    taught = {specs.FACE: _well_inside(*_squares(faces), config.min_face, size) & has_face}
    taught[specs.TORSO] = _well_inside(*detection.torsos(faces, alignment), config.min_torso, size)
    by_proxy = tf.stack([tf.cast(taught[proxy], tf.float32) for proxy in spec.proxies], axis=1)
    ignored = tf.concat(
        [map_boxes(to_input, example["ignore_boxes"]), tf.boolean_mask(map_boxes(to_input, whole), ~known)], axis=0
    )
    logits, logit_weights, regressors, regressor_weights = detection.encode(
        tf.boolean_mask(faces, known),
        tf.boolean_mask(alignment, known),
        ignored,
        spec=spec,
        taught=tf.boolean_mask(by_proxy, known),
    )
    taught = known & (tf.reduce_max(by_proxy, axis=1) > 0)
    persons = tf.boolean_mask(example["person_weight"], taught)
    mean_weight = tf.reduce_sum(persons) / tf.maximum(tf.cast(tf.size(persons), tf.float32), 1.0)
    weight = example["weight"] * tf.where(tf.size(persons) > 0, mean_weight, 1.0)
    negative = tf.where(example["complete"], 1.0, config.unlabelled_weight)
    logit_weights *= tf.where(logits > 0, 1.0, negative) * weight
    colour = tf.zeros([9])
    if training:
        image = photometric.degrade(image, seed, config.photometric)
        colour = photometric.sample_colour(seed)
    anchors = spec.num_anchors
    return {
        "image": image,
        "colour": colour,
        "logits": tf.ensure_shape(logits, [anchors, 1]),
        "regressors": tf.ensure_shape(regressors, [anchors, spec.num_values]),
        "logit_weights": tf.ensure_shape(logit_weights[:, 0], [anchors]),
        "regressor_weights": tf.ensure_shape(regressor_weights[:, 0] * weight, [anchors]),
        "crop_matrix": matrix,
        "image_id": example["image_id"],
        "dataset": example["dataset"],
    }


def detector_samples(
    records,
    *,
    spec: specs.DetectorSpec,
    config: DetectorDataConfig | None = None,
    seed: int = 0,
    epoch: int = 0,
    skip_examples: int = 0,
    training: bool = True,
    report: DamageReport | None = None,
    rows: tf.Tensor | None = None,
) -> tf.data.Dataset:
    """Single prepared pictures, in order.

    Args:
        records: path, opened records, `order.Source`, or a sequence of such.
        spec: detector contract.
        config: of the pipeline.
        seed: of the run.
        epoch: from 0.
        skip_examples: positions of the epoch to leave out at its start.
        training: False: plain letterbox, order of the files.
        report: where damaged examples are counted.
        rows: (B, 3) source, record and consecutive positions of one batch, instead of a whole epoch.

    Returns:
        Dataset of dicts: image (S, S, 3) 0..255 before colour, colour (9,), logits (A, 1), regressors
        (A, num_values), logit_weights (A,), regressor_weights (A,), crop_matrix (2, 3), image_id, dataset, position.
    """
    config = config or DetectorDataConfig()
    sources = as_sources(records)
    names = all_names(sources)
    load = loader(sources, names, config.dataset_weights)
    complete = tf.constant([source.complete for source in sources])
    if rows is None:
        rows = epoch_order(sources, seed=seed, epoch=epoch, shuffle=training)

    def prepare(row) -> dict:
        example = {**load(row[0], row[1]), "complete": complete[row[0]]}
        key = augment.example_seed(seed, epoch, row[2])
        sample = _sample(example, key, spec=spec, config=config, names=names, training=training)
        return {**sample, "position": row[2]}

    anchors = spec.num_anchors
    blank = {
        "image": tf.zeros([spec.input_size, spec.input_size, 3]),
        "colour": tf.zeros([9]),
        "logits": tf.zeros([anchors, 1]),
        "regressors": tf.zeros([anchors, spec.num_values]),
        "logit_weights": tf.zeros([anchors]),
        "regressor_weights": tf.zeros([anchors]),
        "crop_matrix": tf.constant([[1.0, 0, 0], [0, 1, 0]]),
        "image_id": tf.constant(""),
        "dataset": tf.constant(""),
    }
    return run(rows, prepare, blank, sources, skip=skip_examples, report=report, parallel_calls=config.parallel_calls)


def detector_dataset(
    records,
    *,
    spec: specs.DetectorSpec,
    config: DetectorDataConfig | None = None,
    batch_size: int = 32,
    seed: int = 0,
    epoch: int = 0,
    skip_examples: int = 0,
    training: bool = True,
    report: DamageReport | None = None,
    rows: tf.Tensor | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch.

    Args:
        records: path, opened records, `order.Source`, or a sequence of such.
        spec: detector contract with two keypoints.
        config: of the pipeline.
        batch_size: B. In training the last, incomplete batch is left out.
        seed: of the run.
        epoch: from 0.
        skip_examples: examples of this epoch that an interrupted run has seen already.
        training: False for evaluation.
        report: where damaged examples are counted.
        rows: (B, 3) source, record and consecutive positions of one batch, instead of a whole epoch.

    Returns:
        Dataset of ({"image": (B, S, S, 3)}, {"logits": (B, A, 1), "regressors": (B, A, num_values)}, weights), the
        weights (B, A) under the same names.
    """
    config = config or DetectorDataConfig()
    dataset = detector_samples(
        records,
        spec=spec,
        config=config,
        seed=seed,
        epoch=epoch,
        skip_examples=skip_examples,
        training=training,
        report=report,
        rows=rows,
    )

    def targets_of(batch: dict):
        targets = {specs.LOGITS: batch["logits"], specs.REGRESSORS: batch["regressors"]}
        weights = {specs.LOGITS: batch["logit_weights"], specs.REGRESSORS: batch["regressor_weights"]}
        return targets, weights

    return batched(dataset, targets_of, spec=spec, config=config, batch_size=batch_size, training=training)
