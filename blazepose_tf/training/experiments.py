"""The named experiments. Each header says what a run costs and what came out; settings not listed are defaults."""

from __future__ import annotations

import dataclasses
import difflib

from blazepose_tf.data.config import TrackerDataConfig, ViewConfig, weakened
from blazepose_tf.training.config import Data, Experiment, Losses, Stage
from blazepose_tf.training.finetune import FINETUNE
from blazepose_tf.training.heads import ATTRIBUTES, PRESENCE

__all__ = ["experiment"]

# Presence is one number among hundreds: it needs weight of its own, and people in regions as film brings them, or it
# learns that nobody stands askew.
LOSSES = Losses(offsets=0.0, pose_presence=0.5)
FOLLOWED = Data(tracker=TrackerDataConfig(view=ViewConfig(followed_probability=0.2)))

# The paper's Lite in one command: heatmaps at 128 px (five times cheaper per image), everything at 256 px, the same
# with a third of the augmentation, and the regression alone, normalised as at runtime, so that regions that are off
# are still read.
TRACKER_LITE = Experiment(
    name="tracker_lite",
    variant="lite",
    stages=(
        Stage("heatmaps", trains="heatmaps", steps=5000, input_size=128, learning_rate=6e-3, warmup_steps=100),
        Stage("joint", steps=24000, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("settle", steps=4000, input_size=256, learning_rate=1e-3, warmup_steps=60, augmentation=0.33),
        Stage(
            "steady", trains="regression", steps=450, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
    ),
    losses=LOSSES,
    data=FOLLOWED,
)  # fmt: skip

# The paper's Full, in the same way.
TRACKER_FULL = Experiment(
    name="tracker_full",
    variant="full",
    stages=(
        Stage("heatmaps", trains="heatmaps", steps=7000, input_size=128, learning_rate=5e-3, warmup_steps=200),
        Stage("joint", steps=24000, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("settle", steps=4000, input_size=256, learning_rate=1e-3, warmup_steps=60, augmentation=0.33),
        Stage(
            "steady", trains="regression", steps=600, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
    ),
    losses=LOSSES,
    data=FOLLOWED,
)  # fmt: skip

# Faces and torsos with alignment points on whole pictures: at 128 px (three times cheaper per picture), at the size of
# the file, and the same with less augmentation.
DETECTOR = Experiment(
    name="detector",
    model="detector",
    variant="blazeface",
    stages=(
        Stage("low", steps=16000, input_size=128, learning_rate=4e-3, warmup_steps=200),
        Stage("joint", steps=40000, input_size=224, learning_rate=3e-3, warmup_steps=100),
        Stage("settle", steps=6000, input_size=224, learning_rate=1e-3, warmup_steps=60, augmentation=0.5),
    ),
)

# What the paper's parts bring, at a price that allows to try: Lite at 128 px, everything at once, 22,400 crops.
# Cost: 3 to 4 minutes of one core each. Results: docs/training.md, "Ablations".
ABLATION = Experiment(
    name="ablation",
    variant="lite",
    stages=(Stage("joint", steps=700, input_size=128, learning_rate=5e-3, warmup_steps=100),),
    validate_every=700,
)

# Rendered people, a network for tests: the whole way from nothing to a model in a few minutes on two cores.
SMOKE = Experiment(
    name="smoke",
    variant="tiny",
    stages=(
        Stage("heatmaps", trains="heatmaps", steps=150, input_size=128, learning_rate=8e-3, warmup_steps=30),
        Stage("joint", steps=350, input_size=128, learning_rate=8e-3, warmup_steps=50),
    ),
    data=Data(synthetic_examples=512),
    validate_every=100,
    validate_examples=64,
)


def memorizing(experiment: Experiment) -> Experiment:
    """The same experiment without augmentation, and with an average short enough for a few hundred steps.

    Whether a network can learn a handful of pictures by heart is the first thing to ask of a training program.
    """
    tracker, detector = weakened(experiment.data.tracker, 0.0), weakened(experiment.data.detector, 0.0)
    view = dataclasses.replace(tracker.view, mirror_probability=0.0, followed_probability=0.0)
    tracker = dataclasses.replace(tracker, view=view, negative_probability=0.0)
    detector = dataclasses.replace(detector, plain_probability=1.0, mirror_probability=0.0)
    return dataclasses.replace(
        experiment,
        data=dataclasses.replace(experiment.data, tracker=tracker, detector=detector),
        optimizer=dataclasses.replace(experiment.optimizer, ema_decay=0.95, ema_every=1, weight_decay=0.0),
    )


EXPERIMENTS: dict[str, Experiment] = {
    e.name: e for e in (TRACKER_LITE, TRACKER_FULL, DETECTOR, FINETUNE, ATTRIBUTES, PRESENCE, ABLATION, SMOKE)
}


def experiment(name: str) -> Experiment:
    """An experiment by name; ValueError names the nearest one."""
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown experiment {name!r}{hint} (known: {', '.join(EXPERIMENTS)})")
    return EXPERIMENTS[name]
