"""Configuration of a training run as frozen dataclasses; `settings` reads and changes them.

An experiment says everything that decides a run's result; what only decides where it runs (folders, data, resume) are
flags of the command line.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace

from blazepose_tf import topology
from blazepose_tf.data.config import DetectorDataConfig, TrackerDataConfig
from blazepose_tf.losses import detection, heatmaps, landmarks
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.specs import DetectorSpec, TrackerSpec

FILE_NAME = "config.json"
TRAINS = ("heatmaps", "regression", "attributes", "presence", "joint")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Stage:
    """One part of the schedule, with an optimizer and a learning rate curve of its own.

    Attributes:
        name: unique in the experiment.
        trains: `heatmaps` (backbone, decoder and training heads only), `regression` (the regression encoder
            and its heads; the rest is frozen), `attributes` (the heads of depth, metric points and mask; the rest is
            frozen, so that the points stay the same to the bit), `presence` (its head; the rest is frozen) or
            `joint`. A detector has the last two only.
        steps: length in batches; 0 to use `epochs`.
        epochs: length in passes over the data, may be a fraction.
        input_size: side of the crop in pixels.
        batch_size: examples per step, of all processes together.
        learning_rate: peak of the curve.
        warmup_steps: linear rise from 0 (at most half of the stage).
        final_rate: end of the cosine as a share of the peak.
        augmentation: factor on every strength and probability of the augmentation (`data`): what helps a training
            hurts its end.
        running_statistics: normalise by the running statistics, which stay as they are: the loss then sees what the
            statistics of a batch hide, an example that grows from block to block.
        replays: for `presence`: updates per step, each from the features of 128 of all crops that the stage has read
            so far (`replay`); `warmup_steps` counts updates then. 0 = one, from the step's own crops.
    """

    name: str
    trains: str = "joint"
    steps: int = 0
    epochs: float = 0.0
    input_size: int = 256
    batch_size: int = 32
    learning_rate: float = 5e-3
    warmup_steps: int = 100
    final_rate: float = 0.02
    augmentation: float = 1.0
    running_statistics: bool = False
    replays: int = 0

    def __post_init__(self):
        if self.trains not in TRAINS:
            raise ValueError(f"stage {self.name!r}: trains must be one of {TRAINS}. Received: trains={self.trains!r}")
        if (self.steps > 0) == (self.epochs > 0) or self.steps < 0 or self.epochs < 0:
            raise ValueError(
                f"stage {self.name!r}: give either steps or epochs, positive. "
                f"Received: steps={self.steps}, epochs={self.epochs}"
            )
        if self.replays < 0 or (self.replays and self.trains != "presence"):
            raise ValueError(
                f"stage {self.name!r}: replays are for a stage that trains 'presence'. "
                f"Received: replays={self.replays}, trains={self.trains!r}"
            )
        if not 0 <= self.augmentation <= 1:
            raise ValueError(f"stage {self.name!r}: augmentation must be in [0, 1]. Received: {self.augmentation}")
        if self.batch_size < 1 or self.learning_rate <= 0 or self.warmup_steps < 0 or not 0 <= self.final_rate <= 1:
            raise ValueError(
                f"stage {self.name!r}: batch_size >= 1, learning_rate > 0, warmup_steps >= 0 and final_rate in [0, 1] "
                f"are needed. Received: {self}"
            )


@dataclass(frozen=True)
class Losses:
    """Kinds and weights of the losses; a weight of 0 switches a loss off.

    Attributes:
        heatmap: `bce` or `mse`.
        heatmap_positive_weight: cells count 1 + this x target.
        heatmap_place: nats of a map's place (its cells compete) in the heatmap loss.
        heatmap_side: nats of which one of a left/right pair is where, in the heatmap loss.
        heatmaps: weight of the heatmap loss.
        offsets: weight of the offset loss; at 0 the model has no offsets at all.
        coordinates: `l1`, `huber`, `wing` or `rle`.
        knee: of the Huber penalty, in input sizes.
        coordinate_weight: weight of x and y.
        visibility_weight: weight of the visibility's cross-entropy.
        depth_weight: weight of z.
        world: weight of the metric points.
        bones: weight of the lengths of limbs in it.
        mask: weight of the mask.
        alignment: weight of the alignment points.
        pose_presence: weight of the presence's cross-entropy.
        classification: `focal` or `hard_negative` (detector).
        logits: weight of the classification (detector).
        boxes: weight of the face box (detector).
        points: weight of the alignment points (detector).
    """

    heatmap: str = "bce"
    heatmap_positive_weight: float = 9.0
    heatmap_place: float = 0.02
    heatmap_side: float = 0.02
    heatmaps: float = 10.0
    offsets: float = 0.2
    coordinates: str = "huber"
    knee: float = 0.01
    coordinate_weight: float = 20.0
    visibility_weight: float = 0.1
    depth_weight: float = 5.0
    world: float = 10.0
    bones: float = 0.2
    mask: float = 1.0
    alignment: float = 10.0
    pose_presence: float = 0.1
    classification: str = "focal"
    logits: float = 1.0
    boxes: float = 1.0
    points: float = 2.0

    def __post_init__(self):
        for name, allowed in (
            ("heatmap", heatmaps.KINDS),
            ("coordinates", landmarks.COORDINATE_KINDS),
            ("classification", detection.KINDS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"losses.{name} must be one of {allowed}. Received: {getattr(self, name)!r}")


@dataclass(frozen=True)
class Optimizer:
    """AdamW with gradients clipped separately in the heatmap network and the regression network.

    Attributes:
        weight_decay: decoupled, on kernels only.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of squares.
        clip_heatmaps: largest gradient norm of backbone, decoder and training heads (of the whole detector); 0 = off.
        clip_regression: largest gradient norm of the regression encoder and its heads; 0 = off.
        head_rate: factor on the learning rate of the regression heads.
        ema_decay: of the averaged weights; it starts at min(ema_decay, (1 + t) / (10 + t)). 0 = no average.
        ema_every: steps between updates of the average (the decay is raised to that power).
    """

    weight_decay: float = 0.02
    beta_1: float = 0.9
    beta_2: float = 0.999
    clip_heatmaps: float = 1.0
    clip_regression: float = 1.0
    head_rate: float = 0.1
    ema_decay: float = 0.998
    ema_every: int = 4

    def __post_init__(self):
        if not 0 <= self.ema_decay < 1 or self.ema_every < 1:
            raise ValueError(f"ema_decay in [0, 1) and ema_every >= 1 are needed. Received: {self}")


@dataclass(frozen=True)
class Data:
    """The input pipeline.

    Attributes:
        tracker: options of the tracker's pipeline; the paper's ablation "without occlusion" is
            `data.tracker.occlusion.probability=0`.
        detector: options of the detector's pipeline.
        synthetic_examples: pictures that `--data=synthetic` renders.
        synthetic_seed: series of the rendered pictures.
        mean_pose_examples: examples looked at for the mean pose; 0 keeps the built-in one.
    """

    tracker: TrackerDataConfig = field(default_factory=TrackerDataConfig)
    detector: DetectorDataConfig = field(default_factory=DetectorDataConfig)
    synthetic_examples: int = 1024
    synthetic_seed: int = 0
    mean_pose_examples: int = 2000


@dataclass(frozen=True)
class Experiment:
    """A named run.

    Attributes:
        name: of the experiment.
        model: `tracker` or `detector`.
        variant: of the model, e.g. `lite`, `full`, `tiny`, `blazeface`.
        keypoints: name of a keypoint set of `topology`, or names joined by commas.
        score_threshold: where the detections of a trained detector begin, in (0, 1).
        depth: landmarks with z.
        world: metric landmarks.
        mask: of the person.
        attribute_barrier: z, metric landmarks and mask do not teach the features that points are read from.
        heatmaps: train with the heatmap branch (ablation of the paper; without it stages must be `joint`).
        stop_gradient: gradients of the regression stop before the heatmap features (ablation of the paper).
        stages: the schedule.
        losses: kinds and weights.
        optimizer: its settings.
        data: input pipeline.
        seed: of weights and data order.
        precision: `float32`, or `mixed_bfloat16` / `mixed_float16` for GPUs and TPUs (bfloat16: CPUs with AMX, too).
        log_every: steps between lines of the log.
        validate_every: steps between validations.
        validate_examples: at most this many validation examples; 0 = all.
        checkpoint_every: steps between checkpoints.
        keep_best: end with the weights that validation found best in the last stage, those that it began with
            included; without validation data with the last ones.
        pictures: validation crops drawn with their predictions.
    """

    name: str
    model: str = "tracker"
    variant: str = "lite"
    keypoints: str = "blazepose_33"
    score_threshold: float = 0.5
    depth: bool = False
    world: bool = False
    mask: bool = False
    attribute_barrier: bool = True
    heatmaps: bool = True
    stop_gradient: bool = True
    stages: tuple[Stage, ...] = ()
    losses: Losses = Losses()
    optimizer: Optimizer = Optimizer()
    data: Data = field(default_factory=Data)
    seed: int = 0
    precision: str = "float32"
    log_every: int = 20
    validate_every: int = 500
    validate_examples: int = 0
    checkpoint_every: int = 250
    keep_best: bool = False
    pictures: int = 8

    def __post_init__(self):
        if self.model not in ("tracker", "detector"):
            raise ValueError(f"model must be 'tracker' or 'detector'. Received: model={self.model!r}")
        if self.model == "detector" and self.variant not in DETECTORS:
            raise ValueError(f"variant must be one of {sorted(DETECTORS)}. Received: variant={self.variant!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={self.precision!r}")
        if not self.stages:
            raise ValueError(f"experiment {self.name!r} has no stages")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names must be unique. Received: {names}")
        whole = ("joint", "presence") if self.model == "detector" else ("joint",)
        partial = [stage.name for stage in self.stages if stage.trains not in whole]
        if partial and (self.model == "detector" or not self.heatmaps):
            raise ValueError(
                f"stages {partial} train a part of the network, which needs a tracker with heatmaps=True. "
                f"Received: model={self.model!r}, heatmaps={self.heatmaps}"
            )
        for name in ("log_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {getattr(self, name)}")
        if not 0.0 < self.score_threshold < 1.0:
            raise ValueError(f"score_threshold must lie in (0, 1). Received: {self.score_threshold}")
        self.keypoint_names  # noqa: B018  raises for unknown sets

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        if "," in self.keypoints:
            return tuple(name.strip() for name in self.keypoints.split(","))
        if self.keypoints not in topology.KEYPOINT_SETS:
            raise ValueError(
                f"keypoints must be one of {sorted(topology.KEYPOINT_SETS)} or names joined by commas. "
                f"Received: keypoints={self.keypoints!r}"
            )
        return topology.KEYPOINT_SETS[self.keypoints]

    def with_stages(self, names: Sequence[str]) -> Experiment:
        """The experiment with these of its stages alone, in its own order; with all of them for no names.

        Raises:
            ValueError: a stage that it does not have.
        """
        own = [stage.name for stage in self.stages]
        unknown = sorted(set(names) - set(own))
        if unknown:
            raise ValueError(f"{self.name!r} has no stage {', '.join(unknown)} (it has {', '.join(own)})")
        return replace(self, stages=tuple(s for s in self.stages if s.name in names)) if names else self

    def for_tracker(self, variant: str, spec: TrackerSpec, parts: Collection[str] = ()) -> Experiment:
        """The experiment with a tracker's variant, points and heads, every stage at its input size.

        Args:
            variant: the tracker's.
            spec: its contract.
            parts: what its weights are of (`weights.describe`); z comes with the spec.
        """
        stages = tuple(replace(stage, input_size=spec.input_size) for stage in self.stages)
        ours = not spec.mediapipe_head  # whose z, metric points and mask are others
        made = replace(
            self,
            variant=variant,
            stages=stages,
            depth=self.depth or (ours and spec.depth),
            world=self.world or (ours and "world" in parts),
            mask=self.mask or (ours and "segmentation" in parts),
        )
        if spec.keypoint_names == self.keypoint_names:
            return made
        return replace(made, keypoints=",".join(spec.keypoint_names))

    def for_detector(self, variant: str, spec: DetectorSpec) -> Experiment:
        """The experiment with a detector's variant and threshold, every stage at its input size.

        Raises:
            ValueError: a detector whose anchors are others than those that its variant is trained with.
        """
        stages = tuple(replace(stage, input_size=spec.input_size) for stage in self.stages)
        made = replace(self, model="detector", variant=variant, stages=stages, score_threshold=spec.score_threshold)
        if (wanted := made.spec(spec.input_size)) != spec:
            theirs, ours = asdict(spec), asdict(wanted)
            other = ", ".join(
                f"{name}={theirs[name]!r} (not {ours[name]!r})" for name in ours if theirs[name] != ours[name]
            )
            raise ValueError(f"{variant!r} is not trained with what this file has: {other}")
        return made

    def spec(self, input_size: int) -> TrackerSpec | DetectorSpec:
        """Contract of the model at an input size."""
        if self.model == "detector":
            spec = DETECTORS[self.variant].spec
            return replace(spec, input_size=input_size, score_threshold=self.score_threshold)
        return TrackerSpec(input_size=input_size, keypoint_names=self.keypoint_names, depth=self.depth)
