"""From what `--data` names to batches for every stage: record shards, COCO files (converted once), rendered people."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from blazepose_tf import documents, synthetic, topology
from blazepose_tf.data import align, coco_reader, detector_pipeline, order, pipeline, service
from blazepose_tf.data import records as records_lib
from blazepose_tf.data.config import weakened
from blazepose_tf.data.damage import DamageReport
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.models.mean_pose import mean_pose as built_in_pose
from blazepose_tf.specs import LOGITS
from blazepose_tf.training.config import Experiment, Stage
from blazepose_tf.training.distributed import Group

log = logging.getLogger(__name__)
SYNTHETIC = "synthetic"
# Building a pipeline takes about a second: small data is gone through several times by each, so that a round has
# about this many examples. One that holds more is one pass.
ROUND = 4096
# Rendered validation pictures come from another series than any training seed below it.
VALIDATION_SEED = 1_000_000


def open_data(
    text: str,
    *,
    experiment: Experiment,
    folder: str | os.PathLike,
    partial: str = "",
    validation: bool = False,
    group: Group | None = None,
    data_service: str = "",
) -> Inputs:
    """Opens what a `--data` flag names.

    Args:
        text: comma-separated list of record manifests or folders, COCO keypoint files (.json), or `synthetic`.
        experiment: says which model the data is for.
        folder: where converted and rendered data goes; it is used again by the next run.
        partial: more data of the same kinds, in whose pictures not everyone is labelled (`order.Source.complete`).
        validation: rendered pictures come from another series, a quarter as many.
        group: this process among several.
        data_service: host:port of a tf.data service's dispatcher, whose workers prepare the training batches.

    Raises:
        OSError: a file is missing.
        ValueError: a file is neither.
    """
    sources = []
    for names, complete in ((text, True), (partial, False)):
        parts = [part for part in (p.strip() for p in names.split(",")) if part]
        opened = [_open(part, experiment, Path(folder), validation) for part in parts]
        sources += [order.Source(records, complete=complete) for records in opened]
    if not sources:
        raise ValueError(f"no data named. Received: data={text!r}, partial_data={partial!r}")
    if experiment.model == "tracker" and not validation and experiment.data.tracker.view.mirror_probability > 0:
        for remark in topology.mirror_remarks(experiment.keypoint_names):
            log.warning("%s", remark)
    return Inputs(sources, experiment, group=group, data_service=data_service)


def _open(text: str, experiment: Experiment, folder: Path, validation: bool) -> records_lib.Records:
    if text == SYNTHETIC:
        text = str(_render(experiment, folder, validation))
    path = Path(text)
    if path.suffix != ".json" or "shards" in documents.read_object(path, finite=False):
        return records_lib.open_records(path)
    folder.mkdir(parents=True, exist_ok=True)
    kind = "persons" if experiment.model == "tracker" else "pictures"
    report = coco_reader.write_records(
        path, folder, name=f"{path.parent.name}_{path.stem}_{kind}", every_person=experiment.model == "tracker"
    )
    log.info("%s: %d records in %s, %d left out", path, report.written, folder, len(report.skipped))
    return records_lib.open_records(folder / f"{report.name}.json")


def _render(experiment: Experiment, folder: Path, validation: bool) -> Path:
    """Renders people once per (count, seed), as a COCO file with pictures."""
    data = experiment.data
    count = max(32, data.synthetic_examples // 4) if validation else data.synthetic_examples
    seed = data.synthetic_seed + (VALIDATION_SEED if validation else 0)
    empty = 0.0 if experiment.model == "tracker" else 0.2
    target = folder / f"synthetic_{seed}_{count}_{int(100 * empty)}"
    done = target / "train.json"
    if not done.exists():
        log.info("rendering %d pictures to %s", count, target)
        synthetic.write_dataset(target, count, seed, persons=1 if experiment.model == "tracker" else None, empty=empty)
    return done


class Inputs:
    """Batches of (inputs, targets, weights) for the stages of an experiment.

    Attributes:
        num_examples: of one pass over the data.

    Args:
        sources: opened record shards, all of which are used.
        experiment: model, pipeline options, seed.
        group: this process among several; each prepares and feeds its rows of the global batch.
        data_service: host:port of a tf.data service's dispatcher.

    Raises:
        ValueError: no examples.
    """

    def __init__(
        self,
        sources: Sequence[order.Source],
        experiment: Experiment,
        *,
        group: Group | None = None,
        data_service: str = "",
    ):
        self.experiment = experiment
        self.data_service = data_service
        self.group = group or Group()
        self.num_examples = sum(len(source.records) for source in sources)
        if not self.num_examples:
            raise ValueError("the data holds no examples")
        passes = max(1, ROUND // self.num_examples)
        self.sources = tuple(dataclasses.replace(source, sampling=float(passes)) for source in sources)
        self.report = DamageReport()

    def steps_per_epoch(self, stage: Stage) -> int:
        """Whole batches of one pass over the data.

        Raises:
            ValueError: less than one.
        """
        steps = self.num_examples // stage.batch_size
        if not steps:
            raise ValueError(
                f"{self.num_examples} examples do not fill a batch of {stage.batch_size}: add data or set "
                f"stages.{stage.name}.batch_size"
            )
        return steps

    def batches(self, stage: Stage, *, epoch: int, skip_batches: int = 0) -> Iterator:
        """Training batches of the rest of a round: one pass, or several over small data (see ROUND).

        A batch is a function of the experiment's seed, the round `epoch` and its position.

        Raises:
            ValueError: no whole batch, or less data than the run had when it came to this position.
        """
        self.steps_per_epoch(stage)
        skipped = skip_batches * stage.batch_size
        examples = sum(int(source.sampling * len(source.records)) for source in self.sources)
        if skipped > examples:
            raise ValueError(
                f"the run stands at example {skipped} of its round over the data, which now has {examples}: "
                "resume it with the data that it was started with"
            )
        if self.group.count > 1 or self.data_service:
            return self._one_by_one(stage, epoch=epoch, first=skip_batches)
        dataset = self._dataset(
            stage,
            training=True,
            batch_size=stage.batch_size,
            epoch=epoch,
            skip_examples=skipped,
        )
        return self._iterate(dataset)

    def _one_by_one(self, stage: Stage, *, epoch: int, first: int) -> Iterator:
        """This process' rows of the same batches, prepared here or by the service."""
        size, part = stage.batch_size, self.group.rows(stage.batch_size)
        rows = order.numbered(order.epoch_order(self.sources, seed=self.experiment.seed, epoch=epoch))
        count = len(rows) // size
        rows = rows[: count * size].reshape(count, size, 3)[:, part]

        def make(some) -> tf.data.Dataset:
            return self._dataset(
                stage, training=True, batch_size=part.stop - part.start, epoch=epoch, skip_examples=0, rows=some
            )

        def prepare(index: int) -> tuple:
            return next(self._iterate(make(tf.constant(rows[index]))))

        elements = self._iterate(service.dataset(make, rows, first=first, service=self.data_service))
        return service.in_order(elements, prepare, first=first, count=count)

    def validation_batches(self, stage: Stage, *, limit: int = 0) -> Iterator:
        """All examples (or the first `limit`) in fixed order, unchanged, with a remainder batch."""
        dataset = self._dataset(stage, training=False, batch_size=min(stage.batch_size, 32), epoch=0, skip_examples=0)
        if limit:
            dataset = dataset.unbatch().take(limit).batch(min(stage.batch_size, 32))
        return self._iterate(dataset)

    def _dataset(self, stage: Stage, *, training: bool, batch_size: int, epoch: int, skip_examples: int, rows=None):
        options = {
            "spec": self.experiment.spec(stage.input_size),
            "batch_size": batch_size,
            "seed": self.experiment.seed,
            "epoch": epoch,
            "skip_examples": skip_examples,
            "training": training,
            "report": self.report,
            "rows": rows,
        }
        if self.experiment.model == "detector":
            config = weakened(self.experiment.data.detector, stage.augmentation)
            dataset = detector_pipeline.detector_dataset(self.sources, config=config, **options)
            return dataset.map(_mark_ignored)
        config = weakened(self.experiment.data.tracker, stage.augmentation)
        if training:
            config = dataclasses.replace(
                config,
                heatmap_targets=self.experiment.heatmaps and stage.trains in ("heatmaps", "joint"),
                offset_targets=self.experiment.losses.offsets > 0,
                coordinate_targets=stage.trains != "heatmaps",
                world_targets=self.experiment.world and stage.trains not in ("heatmaps", "presence"),
                mask_targets=self.experiment.mask and stage.trains in ("attributes", "joint"),
            )
        else:
            config = dataclasses.replace(config, heatmap_targets=False, coordinate_targets=True)
        return pipeline.tracker_dataset(self.sources, config=config, **options)

    def _iterate(self, dataset) -> Iterator:
        # tf.data's tuner looks at a long run once a minute, and closing an iterator waits for its next look. Without
        # it, AUTOTUNE stands for as many calls at a time as there are threads.
        options = tf.data.Options()
        options.autotune.enabled = False
        dataset = dataset.with_options(options)
        # TensorFlow takes its own tensors without a copy; the other backends want numpy.
        return iter(dataset) if keras.config.backend() == "tensorflow" else dataset.as_numpy_iterator()

    def mean_pose(self) -> np.ndarray | None:
        """(K, 2) mean keypoints in crop units over examples spread evenly over the data.

        A keypoint with fewer than 10 labels keeps its built-in place. None for detectors, or when it is switched off.
        """
        wanted = self.experiment.data.mean_pose_examples
        if self.experiment.model == "detector" or not wanted:
            return None
        names = self.experiment.keypoint_names
        scale = self.experiment.spec(self.experiment.stages[-1].input_size).roi_scale
        total, count = np.zeros((len(names), 2)), np.zeros(len(names))
        for source in self.sources:
            records = source.records
            step = max(1, sum(len(s.records) for s in self.sources) // wanted)
            indices = align.BodyIndices.of(records.names)
            for position in range(0, len(records), step):
                try:
                    example = records.example(position)
                except ValueError:
                    continue  # counted and reported when it is trained on
                if not example.num_persons:
                    continue
                found, known = align.alignment(example.keypoints[:1], example.alignment[:1], indices=indices)
                if not bool(known[0]):
                    continue
                roi = roi_lib.from_alignment(np.asarray(found[0]), scale)
                to_crop = affine.invert(roi_lib.crop_matrix(roi, 1.0))
                points = topology.remap(example.keypoints[0], records.names, names)
                labelled = points[:, 2] > 0
                crop = affine.apply(to_crop, points[:, :2])
                total[labelled] += np.clip(crop[labelled], -0.5, 1.5)
                count[labelled] += 1
        mean = total / np.maximum(count, 1)[:, None]
        return np.where(count[:, None] >= 10, mean, built_in_pose(names)).astype(np.float32)


def _mark_ignored(inputs, targets, weights):
    """Anchors without a weight get the target -1: hard negatives must not be chosen among them."""
    marked = tf.where((weights[LOGITS] > 0)[..., None], targets[LOGITS], -1.0)
    return inputs, {**targets, LOGITS: marked}, weights
