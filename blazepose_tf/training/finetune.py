"""Experiment `finetune`: a trained model, shipped or own, learns pictures, films or keypoints of one's own.

It is short, and its rate lies where the source's training ended: the first steps of an optimizer without history move
every weight by the rate, and at a higher one they undo more than a few hundred steps learn again. Every normalisation
keeps its statistics: those of a few clips are not those of the world, and a model that adopts them forgets what it
knew. That is also why its batches can be small: more steps for the same pictures. It ends with the weights that
validation found best, the source's own included. Variant, input size, keypoints and the threshold of a detector's
scores are the source's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from blazepose_tf.models.saving import Description
from blazepose_tf.specs import TrackerSpec
from blazepose_tf.training.config import Experiment, Losses, Optimizer, Stage

NAME = "finetune"

FINETUNE = Experiment(
    name=NAME,
    variant="lite",
    stages=(
        Stage(
            "joint", steps=2000, input_size=256, batch_size=8, learning_rate=3e-4, warmup_steps=100, augmentation=0.5,
            running_statistics=True,
        ),
    ),
    losses=Losses(offsets=0.0),
    optimizer=Optimizer(ema_decay=0.99),
    validate_every=500,
    keep_best=True,
)  # fmt: skip

_DETECTOR_STAGES = (
    Stage("joint", steps=900, input_size=224, learning_rate=2e-4, warmup_steps=60, running_statistics=True),
)


def finetune(description: Description, parts: Collection[str] = ()) -> Experiment:
    """The experiment for one model; a tracker keeps what it has: z, metric points, mask.

    Args:
        description: of the weights that it starts from.
        parts: what they are of (`weights.describe`).

    Raises:
        ValueError: a detector whose anchors are others than those that its variant is trained with.
    """
    spec = description.spec
    if isinstance(spec, TrackerSpec):
        return FINETUNE.for_tracker(description.variant, spec, parts)
    return dataclasses.replace(FINETUNE, stages=_DETECTOR_STAGES).for_detector(description.variant, spec)
