"""Experiments that teach heads of a trained model alone; its points stay the same to the bit.

`attributes`: z, metric points and the mask. What the data does not know is not asked for: rendered people know
everything, and `blazepose label --attributes` writes what a teacher knows of real ones.

`presence`: whether somebody is there at all. It is one number among hundreds, and hardly learns beside them; alone it
learns from people and from pictures in which a detector imagines some (`blazepose label --imagined`). A detector's is a
number that all of its anchors share: whether anybody is in the picture at all.

Either is a pass forward and a few small layers back, a quarter of an hour of one core. The presence learns from what it
has read many times over (`replay`).
"""

from __future__ import annotations

from collections.abc import Collection

from blazepose_tf.data.config import TrackerDataConfig, ViewConfig
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.models.saving import Description
from blazepose_tf.specs import DetectorSpec, TrackerSpec
from blazepose_tf.training.config import Data, Experiment, Losses, Optimizer, Stage

# The heads are new and follow a layer of their own: no reason to go slower than it.
_OPTIMIZER = Optimizer(head_rate=1.0, ema_decay=0.99)

ATTRIBUTES = Experiment(
    name="attributes",
    variant="lite",
    depth=True,
    world=True,
    mask=True,
    stages=(Stage("attributes", trains="attributes", steps=1500, input_size=256, learning_rate=3e-3, warmup_steps=50),),
    losses=Losses(offsets=0.0),
    optimizer=_OPTIMIZER,
    validate_every=500,
)

PRESENCE = Experiment(
    name="presence",
    variant="lite",
    stages=(
        Stage(
            "presence",
            trains="presence",
            steps=1500,
            input_size=256,
            learning_rate=3e-3,
            warmup_steps=200,
            augmentation=0.6,
            replays=8,
        ),
    ),
    losses=Losses(offsets=0.0, pose_presence=1.0),
    optimizer=_OPTIMIZER,
    # People as they are followed on film; nobody where a detector has imagined somebody, else anywhere.
    data=Data(tracker=TrackerDataConfig(view=ViewConfig(followed_probability=0.2))),
    validate_every=500,
)


def attributes(description: Description, parts: Collection[str] = ()) -> Experiment:
    """`ATTRIBUTES` for one tracker; arguments and errors as of `presence`."""
    return _made_for(description, parts, ATTRIBUTES)


def presence(description: Description, parts: Collection[str] = ()) -> Experiment:
    """`PRESENCE` for one model; what else it has goes along.

    Args:
        description: of the weights that it starts from.
        parts: what they are of (`weights.describe`).

    Raises:
        ValueError: one of MediaPipe's, which have no such head; or as of `Experiment.for_detector`.
    """
    spec = description.spec
    if isinstance(spec, DetectorSpec) and DETECTORS[description.variant].seen:
        return PRESENCE.for_detector(description.variant, spec)
    return _made_for(description, parts, PRESENCE)


def _made_for(description: Description, parts: Collection[str], experiment: Experiment) -> Experiment:
    spec = description.spec
    if not isinstance(spec, TrackerSpec) or spec.mediapipe_head:
        raise ValueError(f"{experiment.name!r} teaches heads that {description.variant!r} does not have")
    return experiment.for_tracker(description.variant, spec, parts)
