"""Experiment `attributes`: a trained tracker learns z, metric points and the mask; its points stay the same to the bit.

Only the heads of those are taught, on features that do not change: a pass forward and a few small layers back, a
quarter of an hour of one core. What the data does not know is not asked for: rendered people know everything, and
`blazepose label --attributes` writes what a teacher knows of real ones.
"""

from __future__ import annotations

import dataclasses

from blazepose_tf.models.saving import Description
from blazepose_tf.specs import DETECTOR
from blazepose_tf.training.config import Experiment, Losses, Optimizer, Stage

NAME = "attributes"

ATTRIBUTES = Experiment(
    name=NAME,
    variant="lite",
    depth=True,
    world=True,
    mask=True,
    stages=(Stage("attributes", trains="attributes", steps=1500, input_size=256, learning_rate=3e-3, warmup_steps=50),),
    losses=Losses(offsets=0.0),
    # The heads are new and follow a layer of their own: no reason to go slower than it.
    optimizer=Optimizer(head_rate=1.0, ema_decay=0.99),
    validate_every=500,
)


def attributes(description: Description) -> Experiment:
    """The experiment for one model.

    Args:
        description: of the weights that it starts from.

    Raises:
        ValueError: a detector, or a tracker with MediaPipe's head, which has these outputs.
    """
    spec = description.spec
    if description.kind == DETECTOR or spec.mediapipe_head:
        raise ValueError(f"{NAME} are for trackers of this project. Received: {description.variant!r}")
    stages = tuple(dataclasses.replace(stage, input_size=spec.input_size) for stage in ATTRIBUTES.stages)
    experiment = dataclasses.replace(ATTRIBUTES, variant=description.variant, stages=stages)
    if spec.keypoint_names != ATTRIBUTES.keypoint_names:
        experiment = dataclasses.replace(experiment, keypoints=",".join(spec.keypoint_names))
    return experiment
