"""The tracker's input pipeline: records to augmented, weighted batches.

Invariant: the example at a position of an epoch depends on (seed, epoch, position) alone. Each picture is resampled
once: view, mirror and roi are one crop matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from blazepose_tf import topology
from blazepose_tf.data import align, augment, photometric, warp
from blazepose_tf.data import example as example_lib
from blazepose_tf.data import records as records_lib
from blazepose_tf.data.config import TrackerDataConfig
from blazepose_tf.data.damage import DamageReport, fill_holes
from blazepose_tf.data.order import Source, all_names, as_sources, epoch_order, numbered
from blazepose_tf.data.targets import tracker_targets
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.specs import IMAGE, TrackerSpec

NO_ALIGNMENT = "neither an alignment nor all hips and shoulders are labelled"


def loader(sources: Sequence[Source], names: Sequence[str], dataset_weights: Mapping[str, float]) -> Callable:
    """A graph function from (source, record) to a parsed example with keypoints in the order of `names`.

    The result has the keys of `example.parse`; its weight includes those of dataset and source.
    """
    files = tf.constant([file for source in sources for file in source.records.files])
    first_file = np.cumsum([0] + [len(source.records.files) for source in sources])
    file_index = [source.records.file_index + first_file[i] for i, source in enumerate(sources)]
    first_record = tf.constant(np.cumsum([0] + [len(source.records) for source in sources])[:-1], tf.int64)
    file_of = tf.constant(np.concatenate(file_index), tf.int32)
    offset_of = tf.constant(np.concatenate([source.records.offsets for source in sources]), tf.int64)
    counts = tf.constant([len(source.records.names) for source in sources])
    tables = tf.constant(np.stack([align.remap_table(source.records.names, names) for source in sources]))
    weights = tf.constant([source.weight for source in sources], tf.float32)

    def load(source, record) -> dict[str, tf.Tensor]:
        row = first_record[source] + record
        raw = records_lib.read(files[file_of[row]], offset_of[row])
        parsed = example_lib.parse(raw, num_keypoints=counts[source])

        def renamed(key: str, columns: int):
            points = tf.pad(parsed[key], [[0, 0], [0, 1], [0, 0]])
            return tf.ensure_shape(tf.gather(points, tables[source], axis=1), [None, len(names), columns])

        points = {key: renamed(key, columns) for key, columns in (("keypoints", 3), ("z", 2), ("world", 4))}
        weight = parsed["weight"] * weights[source]
        for name, factor in dataset_weights.items():
            weight *= tf.where(parsed["dataset"] == name, float(factor), 1.0)
        return {**parsed, **points, "weight": weight}

    return load


def person_boxes(keypoints, boxes):
    """(N, 4) boxes around all that is known of N people: stored boxes and labelled points."""
    labelled = (keypoints[..., 2] > 0)[..., None]
    low = tf.reduce_min(tf.where(labelled, keypoints[..., :2], 1e9), axis=1)
    high = tf.reduce_max(tf.where(labelled, keypoints[..., :2], -1e9), axis=1)
    stored = tf.reduce_any(boxes != 0.0, axis=1)[:, None]
    low = tf.where(stored, tf.minimum(low, boxes[:, :2]), low)
    high = tf.where(stored, tf.maximum(high, boxes[:, 2:]), high)
    return tf.concat([low, high], axis=1)


def _tracker_sample(
    example: dict, seed, *, spec: TrackerSpec, config: TrackerDataConfig, names, training: bool
) -> dict:
    """One crop with its labels in crop pixels."""
    size = spec.input_size
    found, known = align.alignment(example["keypoints"], example["alignment"], indices=align.BodyIndices.of(names))
    has_person = tf.shape(known)[0] > 0
    # Without a person any square of a plausible size will do as the measure for negatives.
    width, height = tf.cast(example["width"], tf.float32), tf.cast(example["height"], tf.float32)
    plausible = 0.25 * tf.minimum(width, height)
    stand_in = tf.stack([tf.stack([width, height]) / 2, tf.stack([width, height]) / 2 - [0.0, plausible]])
    alignment = tf.concat([found, stand_in[None]], axis=0)[0]
    usable = tf.concat([known, [True]], axis=0)[0]
    # The paper trains on people whose hips and shoulders are labelled; others are reported like damaged pictures.
    with tf.control_dependencies([tf.debugging.Assert(usable, [NO_ALIGNMENT])]):
        alignment = tf.identity(alignment)
    keypoints = tf.concat([example["keypoints"], tf.zeros([1, len(names), 3])], axis=0)[0]
    person_weight = tf.concat([example["person_weight"], [1.0]], axis=0)[0]
    roi = roi_lib.from_alignment(alignment, spec.roi_scale)

    presence = tf.cast(has_person, tf.float32)
    heatmap_weight = tf.constant(config.negative_heatmap_weight)
    weight = example["weight"]
    if training:
        view = augment.sample_view(seed, config.view)
        negative = ~has_person | (augment.uniform(seed, augment.CHOICE, 1)[0] < config.negative_probability)

        def beside():
            people = tf.concat([person_boxes(example["keypoints"], example["boxes"]), example["ignore_boxes"]], axis=0)
            return augment.sample_negative(seed, example["width"], example["height"], people, roi, keypoints)

        imagined, is_imagined = augment.sample_imagined(seed, example["imagined"], config.imagined_probability)
        is_imagined &= ~has_person
        roi = tf.cond(is_imagined, lambda: roi_lib.from_alignment(imagined, spec.roi_scale), lambda: roi)
        # Such a region is shown as a person's would be.
        beside_people = negative & ~is_imagined
        other, background = tf.cond(beside_people, beside, lambda: (roi, tf.constant(True)))
        presence = tf.where(negative, 0.0, presence)
        # What is painted below a part of a person is not nothing: its heatmaps are left alone.
        heatmap_weight = tf.where(background, heatmap_weight, 0.0)
        matrix = tf.cond(
            beside_people,
            lambda: roi_lib.crop_matrix(other, float(size), mirror=view.mirror),
            lambda: augment.apply_view(roi, view, size),
        )
        weight *= tf.where(negative, config.negative_weight, person_weight)
        mirror = view.mirror
    else:
        matrix = roi_lib.crop_matrix(roi, float(size))
        weight *= tf.where(has_person, person_weight, 1.0)
        mirror = tf.constant(0.0)
    matrix = tf.ensure_shape(matrix, [2, 3])
    crop = warp.decode_and_warp(example["image"], matrix, size)

    to_crop = affine.invert(matrix)
    # By name among all points, so that a set with one side only gets what the mirror shows there.
    plain = align.remap_table(names, spec.keypoint_names)
    mirrored = align.remap_table(names, topology.counterparts(spec.keypoint_names, names))
    table = tf.where(mirror > 0.5, mirrored, plain)
    wanted = tf.gather(tf.pad(keypoints, [[0, 1], [0, 0]]), table)
    state = wanted[:, 2]
    points = tf.where(state[:, None] > 0, affine.apply(to_crop, wanted[:, :2]), 0.0)
    attributes = _attributes(example, table, matrix, spec=spec, config=config)
    if training:
        if config.occlusion.probability > 0:
            occlusion = augment.sample_occlusion(seed, config.occlusion)
            crop, state = augment.apply_occlusion(crop, points, state, occlusion)
            if config.mask_targets:
                attributes["mask"] = augment.hide(attributes["mask"], occlusion)
        crop = photometric.degrade(crop, seed, config.photometric)
        colour = photometric.sample_colour(seed)
    else:
        colour = tf.zeros([9])
    return {
        "image": crop,
        "colour": colour,
        "points": points,
        "state": state,
        "alignment": affine.apply(to_crop, alignment),
        "presence": presence,
        "weight": weight,
        "heatmap_weight": heatmap_weight,
        "crop_matrix": matrix,
        "image_id": example["image_id"],
        "dataset": example["dataset"],
        **attributes,
    }


def _attributes(example: dict, table, matrix, *, spec: TrackerSpec, config: TrackerDataConfig) -> dict:
    """What the first person has beyond points, turned, mirrored and scaled as the crop is.

    Args:
        example: of `loader`.
        table: (K,) rows of the example's points for those of the model.
        matrix: (2, 3) map from crop pixels to the picture's.
        spec: tracker contract.
        config: what is wanted.
    """

    def first(key: str, columns: int):
        rows = tf.concat([example[key], tf.zeros([1, *example[key].shape[1:]])], axis=0)[0]
        return tf.ensure_shape(tf.gather(tf.pad(rows, [[0, 1], [0, 0]]), table), [spec.num_keypoints, columns])

    out = {}
    scale = affine.scale_of(matrix)
    if spec.depth:
        z = first("z", 2)
        out["z"] = tf.stack([z[:, 0] / scale, z[:, 1]], axis=1)
    if config.world_targets:
        world = first("world", 4)
        # A turn or a mirror image keeps lengths: its inverse is its transpose.
        turned = tf.matmul(world[:, :2], matrix[:, :2] / scale)
        out["world"] = tf.concat([turned, world[:, 2:]], axis=1)
    if config.mask_targets:
        cells = spec.mask_size
        to_picture = tf.concat([matrix[:, :2] * (spec.input_size / cells), matrix[:, 2:]], axis=1)
        encoded = tf.concat([example["masks"], [""]], axis=0)[0]
        out["mask"], out["mask_known"] = warp.warp_mask(encoded, to_picture, cells)
    return out


def tracker_samples(
    records,
    *,
    spec: TrackerSpec,
    config: TrackerDataConfig | None = None,
    seed: int = 0,
    epoch: int = 0,
    skip_examples: int = 0,
    training: bool = True,
    report: DamageReport | None = None,
    rows: tf.Tensor | None = None,
) -> tf.data.Dataset:
    """Single prepared crops, in order.

    Args:
        records: path, opened records, `order.Source`, or a sequence of such.
        spec: tracker contract.
        config: of the pipeline.
        seed: of the run.
        epoch: from 0.
        skip_examples: positions of the epoch to leave out at its start.
        training: False: no augmentation, order of the files, no negatives but pictures without people.
        report: where damaged examples are counted.
        rows: (B, 3) source, record and consecutive positions of one batch, instead of a whole epoch.

    Returns:
        Dataset of dicts: image (S, S, 3) 0..255 before colour, colour (9,), points (K, 2) crop px, state (K,),
        alignment (2, 2) crop px, presence (), weight (), heatmap_weight (), crop_matrix (2, 3), image_id, dataset,
        position (int64); with what spec and config ask for: z (K, 2) crop px and known, world (K, 4) metres along the
        crop's axes and known, mask (M, M, 1) and mask_known ().
    """
    config = config or TrackerDataConfig()
    sources = as_sources(records)
    names = all_names(sources, spec.keypoint_names)
    load = loader(sources, names, config.dataset_weights)
    if rows is None:
        rows = epoch_order(sources, seed=seed, epoch=epoch, shuffle=training)

    def prepare(row) -> dict:
        example = load(row[0], row[1])
        key = augment.example_seed(seed, epoch, row[2])
        sample = _tracker_sample(example, key, spec=spec, config=config, names=names, training=training)
        return {**sample, "position": row[2]}

    size, count = spec.input_size, spec.num_keypoints
    blank = {
        "image": tf.zeros([size, size, 3]),
        "colour": tf.zeros([9]),
        "points": tf.zeros([count, 2]),
        "state": tf.zeros([count]),
        "alignment": tf.zeros([2, 2]),
        "presence": tf.zeros([]),
        "weight": tf.zeros([]),
        "heatmap_weight": tf.zeros([]),
        "crop_matrix": tf.constant([[1.0, 0, 0], [0, 1, 0]]),
        "image_id": tf.constant(""),
        "dataset": tf.constant(""),
    }
    if spec.depth:
        blank["z"] = tf.zeros([count, 2])
    if config.world_targets:
        blank["world"] = tf.zeros([count, 4])
    if config.mask_targets:
        blank["mask"], blank["mask_known"] = tf.zeros([spec.mask_size, spec.mask_size, 1]), tf.zeros([])
    return run(rows, prepare, blank, sources, skip=skip_examples, report=report, parallel_calls=config.parallel_calls)


def run(rows, prepare, blank, sources, *, skip: int, report: DamageReport | None, parallel_calls: int):
    """Maps `prepare` over rows (source, record, position) of an epoch from `skip` on; holes become `blank`."""
    prepare = tf.autograph.experimental.do_not_convert(prepare)  # nothing to convert, and tracing is three times faster
    calls = parallel_calls or tf.data.AUTOTUNE
    if tf.is_tensor(rows):  # of one batch
        dataset = tf.data.Dataset.from_tensor_slices(rows).map(prepare, num_parallel_calls=calls, deterministic=True)
        return fill_holes(dataset, blank, start=rows[0, 2], end=rows[-1, 2] + 1, report=None, describe=str)
    rows = numbered(rows)
    if not 0 <= skip <= len(rows):
        raise ValueError(f"skip_examples must be in [0, {len(rows)}]. Received: skip_examples={skip}")
    dataset = tf.data.Dataset.from_tensor_slices(rows[skip:])
    dataset = dataset.map(prepare, num_parallel_calls=calls, deterministic=True)

    def describe(position: int) -> str:
        source, record = rows[position, :2]
        return _diagnosis(sources[source].records, int(record))

    return fill_holes(dataset, blank, start=skip, end=len(rows), report=report or DamageReport(), describe=describe)


def batched(samples: tf.data.Dataset, targets_of: Callable, *, spec, config, batch_size: int, training: bool):
    """Batches of samples as (inputs, targets, weights): colour is changed for whole batches, which is cheaper.

    Args:
        samples: dicts with image and colour.
        targets_of: batch -> (targets, weights).
        spec: gives the value range.
        config: gives the photometric settings.
        batch_size: B. In training the last, incomplete batch is left out.
        training: False leaves the colours alone.
    """

    @tf.autograph.experimental.do_not_convert
    def finish(batch: dict):
        if training:
            colour = photometric.colour_parameters(batch["colour"], config.photometric)
            image = photometric.apply_colour(batch["image"], colour, value_range=spec.value_range)
        else:
            image = photometric.to_range(batch["image"], value_range=spec.value_range)
        return {IMAGE: image}, *targets_of(batch)

    dataset = samples.batch(batch_size, drop_remainder=training)
    return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def _diagnosis(records: records_lib.Records, record: int) -> str:
    """Why an example cannot be used."""
    try:
        example = records.example(record)
    except ValueError as error:
        return str(error)
    try:
        tf.io.decode_image(example.image, channels=3, expand_animations=False)
    except tf.errors.OpError as error:
        return f"{records.name}: {example.image_id}: picture does not decode: {error.message}"
    return f"{records.name}: {example.image_id}: {NO_ALIGNMENT}"


def tracker_dataset(
    records,
    *,
    spec: TrackerSpec,
    config: TrackerDataConfig | None = None,
    batch_size: int = 32,
    seed: int = 0,
    epoch: int = 0,
    skip_examples: int = 0,
    training: bool = True,
    report: DamageReport | None = None,
    rows: tf.Tensor | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch: (inputs, targets, weights) as `targets.tracker_targets` describes them.

    Args:
        records: path, opened records, `order.Source`, or a sequence of such.
        spec: tracker contract.
        config: of the pipeline.
        batch_size: B. In training the last, incomplete batch is left out.
        seed: of the run.
        epoch: from 0; another order and other augmentation each.
        skip_examples: examples of this epoch that an interrupted run has seen already.
        training: False for evaluation: fixed order, no augmentation, all examples.
        report: where damaged examples are counted.
        rows: (B, 3) source, record and consecutive positions of one batch, instead of a whole epoch.

    Returns:
        Dataset of ({"image": (B, S, S, 3) in spec.value_range}, targets, weights).
    """
    config = config or TrackerDataConfig()
    dataset = tracker_samples(
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
        return tracker_targets(batch, spec=spec, config=config)

    return batched(dataset, targets_of, spec=spec, config=config, batch_size=batch_size, training=training)
