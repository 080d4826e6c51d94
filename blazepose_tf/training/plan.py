"""What a run is going to do and how long it will take: steps of every stage, from measured speed, to fit a budget."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from blazepose_tf.specs import IMAGE
from blazepose_tf.training.build import build_model, compile_for
from blazepose_tf.training.config import Experiment, Stage
from blazepose_tf.training.inputs import Inputs

log = logging.getLogger(__name__)
_UNTIMED, _TIMED = 2, 4  # steps; the first ones trace the graph
# Of a budget; the rest is for building, validation and checkpoints.
_STEPPING = 0.85
_MIN_STEPS = 10
_VALIDATIONS = 3  # of the longest stage, at least: the best of them may be kept


@dataclass(frozen=True)
class Speed:
    """Seconds per step of one stage, its pictures' preparation included."""

    stage: str
    seconds: float


def length(stage: Stage, source: Inputs) -> int:
    """Steps of a stage over this data; at least one."""
    return stage.steps or max(1, round(stage.epochs * source.steps_per_epoch(stage)))


def measure(experiment: Experiment, source: Inputs, *, compiled_kernels: bool = False) -> list[Speed]:
    """Takes a few steps of every kind of stage, with weights that are thrown away."""
    known: dict[tuple, float] = {}
    speeds = []
    for stage in experiment.stages:
        kind = (stage.trains, stage.input_size, stage.batch_size, stage.running_statistics)
        if kind not in known:
            known[kind] = _seconds_per_step(experiment, stage, source, compiled_kernels)
        speeds.append(Speed(stage.name, known[kind]))
    return speeds


def _seconds_per_step(experiment: Experiment, stage: Stage, source: Inputs, compiled_kernels: bool) -> float:
    compiled, losses = compile_for(
        build_model(experiment, stage), experiment, stage, steps=_UNTIMED + _TIMED, compiled_kernels=compiled_kernels
    )
    rounds = (source.batches(stage, epoch=epoch) for epoch in itertools.count())
    batches = itertools.islice(itertools.chain.from_iterable(rounds), _UNTIMED + _TIMED)
    start = 0.0
    for step, (inputs, targets, weights) in enumerate(batches):
        if step == _UNTIMED:
            start = time.perf_counter()
        compiled.train_on_batch(
            inputs[IMAGE],
            {name: targets[name] for name in losses},
            sample_weight={name: weights[name] for name in losses},
        )
    return (time.perf_counter() - start) / _TIMED


def within(experiment: Experiment, source: Inputs, speeds: Sequence[Speed], minutes: float) -> Experiment:
    """The same experiment with as many steps, in the same proportions, as fit into so many minutes.

    Raises:
        ValueError: not even 10 steps of each stage would.
    """
    lengths = [length(stage, source) for stage in experiment.stages]
    full = sum(steps * speed.seconds for steps, speed in zip(lengths, speeds, strict=True))
    share = _STEPPING * 60.0 * minutes / full
    stages = []
    for stage, steps in zip(experiment.stages, lengths, strict=True):
        wanted = int(share * steps)
        if wanted < _MIN_STEPS:
            needed = full * _MIN_STEPS / (_STEPPING * 60.0 * min(lengths))
            raise ValueError(
                f"{minutes:g} minutes are too few for stage {stage.name!r} on this machine: at least {needed:.1f}"
            )
        stages.append(dataclasses.replace(stage, steps=wanted, epochs=0.0))
    every = max(1, min(experiment.validate_every, max(stage.steps for stage in stages) // _VALIDATIONS))
    return dataclasses.replace(experiment, stages=tuple(stages), validate_every=every)


def lines(experiment: Experiment, source: Inputs, speeds: Sequence[Speed] = ()) -> list[str]:
    """The plan in words, a line per stage and one of the whole, with times where the speeds are known."""
    out, total = [], 0.0
    for i, stage in enumerate(experiment.stages):
        steps = length(stage, source)
        text = f"stage {i + 1} of {len(experiment.stages)} {stage.name!r}: {steps:,} steps of {stage.batch_size}"
        text += f" at {stage.input_size} px"
        if speeds:
            total += steps * speeds[i].seconds
            text += f", about {duration(steps * speeds[i].seconds)}"
        out.append(text)
    if speeds:
        out.append(f"in all about {duration(total)} and what validation takes; {source.num_examples:,} examples")
    return out


def duration(seconds: float) -> str:
    """In words: 40 s, 18 min, 5 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
