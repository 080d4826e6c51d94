"""The training loop: stages, steps, validation, checkpoints. Read it from `train` downwards.

Invariant: what a run computes is a function of its configuration and data alone. The state between two steps is the
checkpoint's content (weights, average, optimizer, counters); batches are a function of (seed, epoch, position). A run
that was killed and resumed therefore ends with the weights of an undisturbed one (`replay` has a file beside it).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from blazepose_tf import documents, topology
from blazepose_tf.files import write_text
from blazepose_tf.models import weights as weights_lib
from blazepose_tf.models.mean_pose import mean_pose as built_in_pose
from blazepose_tf.models.saving import Description, save_model
from blazepose_tf.specs import IMAGE
from blazepose_tf.training import checkpoint, config, plan, settings
from blazepose_tf.training.build import build_model, compile_for
from blazepose_tf.training.checkpoint import BEST, LAST, State
from blazepose_tf.training.config import Experiment, Stage
from blazepose_tf.training.distributed import Group, local_build
from blazepose_tf.training.inputs import Inputs
from blazepose_tf.training.journal import Journal
from blazepose_tf.training.meter import Meter
from blazepose_tf.training.optimizers import WeightAverage
from blazepose_tf.training.pictures import draw
from blazepose_tf.training.replay import Replay
from blazepose_tf.training.stopping import NonFiniteLoss, StopRequest
from blazepose_tf.training.validation import Validation, validate_detector, validate_tracker, wrong_spread

__all__ = ["Result", "train"]

log = logging.getLogger(__name__)
MODEL, RUN = "model.keras", "run.json"
_POSE = documents.Optional(documents.ListOf(documents.ListOf(documents.NUMBER, 2)))
_RUN = documents.Part({"mean_pose": _POSE, "examples": documents.COUNT})
FINISHED, STOPPED = "finished", "stopped"


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        status: FINISHED or STOPPED (a signal asked for it; `--resume` goes on).
        signal_number: what stopped it, 0 if nothing did.
        state: the last checkpoint's.
        scores: of the last validation; empty without validation data.
    """

    status: str
    signal_number: int
    state: State
    scores: dict[str, float]


@dataclass
class _Run:
    """What the steps of a run share."""

    experiment: Experiment
    workdir: Path
    source: Inputs
    validation: Inputs | None
    journal: Journal
    stop: StopRequest
    state: State
    quiet: bool
    group: Group
    compiled_kernels: bool = False
    # Weights that the stage under way has no place for: a heatmap stage builds no regression.
    carried: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    scores: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass
class _Training:
    """One stage under way: the model, its training form, average, and length; `local` is a copy of the model outside of
    the group of processes, for what one of them does alone, `replay` teaches a head from features.
    """

    stage: Stage
    model: keras.Model
    compiled: keras.Model
    losses: list[str]
    average: WeightAverage
    steps: int
    local: keras.Model | None
    replay: Replay | None = None

    def learn(self, number: int, inputs: dict, targets: dict, weights: dict) -> dict[str, float]:
        """The stage's `number`-th step, from 0, and its losses by name."""
        if self.replay:
            (name,) = self.losses
            return self.replay.step(number, inputs[IMAGE], targets[name], weights[name])
        return self.compiled.train_on_batch(
            inputs[IMAGE],
            {name: targets[name] for name in self.losses},
            sample_weight={name: weights[name] for name in self.losses},
            return_dict=True,
        )

    @contextlib.contextmanager
    def averaged(self):
        """The model with its averaged weights: itself, or among several processes its copy outside of them."""
        if self.local is None:
            with self.average.applied():
                yield self.model
            return
        values = dict(zip((v.path for v in self.average.variables), self.average.values, strict=True))
        for variable in self.local.weights:
            variable.assign(values[variable.path])
        yield self.local


def train(
    experiment: Experiment,
    *,
    workdir: str | os.PathLike,
    source: Inputs,
    validation: Inputs | None = None,
    resume: bool = False,
    init_from: str | os.PathLike | keras.Model | None = None,
    quiet: bool = False,
    group: Group | None = None,
    compiled_kernels: bool = False,
) -> Result:
    """Trains an experiment from its first stage to `model.keras`.

    Writes to the working folder: `config.json` (the resolved experiment), `run.json` (mean pose), `train.csv`,
    `validation.csv`, `tensorboard/`, `last.npz`, `best.npz` and at the end `model.keras` (averaged weights).

    Args:
        experiment: what to do.
        workdir: folder, made if absent.
        source: training data.
        validation: validation data, or None.
        resume: go on from `last.npz` if there is one.
        init_from: weights to start from (`.keras` or `.npz` file, or a model): what fits by name and shape is taken.
        quiet: no progress line.
        group: this process among several (`distributed.join`). They share the working folder; a signal ends them
            without a checkpoint of its own, as they cannot agree on a step in time.
        compiled_kernels: compute the blocks with `blazepose_tf.kernels` (TensorFlow on a CPU): faster in
            `mixed_bfloat16`, the same up to rounding.

    Raises:
        ValueError: the folder holds another run or configuration, or several processes shall replay.
        NonFiniteLoss: training diverged; the last checkpoint is from before that.
        OSError: a file could not be written; the last checkpoint is intact.
        RuntimeError: compiled kernels cannot be had (another backend, no C++ compiler).
    """
    workdir, group = Path(workdir), group or Group()
    if group.count > 1 and any(stage.replays for stage in experiment.stages):
        raise ValueError("replays are for one process: set stages.presence.replays=0")
    initial: dict[str, np.ndarray] = {}
    if init_from is not None and not (workdir / LAST).exists():
        names = experiment.keypoint_names if experiment.model == "tracker" else None
        initial = weights_lib.values_of(init_from, keypoints=names)
    state, pose = _prepare(experiment, workdir, source, initial, resume=resume, write=group.is_primary)
    with StopRequest(active=group.count == 1) as stop, contextlib.ExitStack() as rest:
        # Processes beside the first keep no record; theirs would be the same.
        folder = workdir if group.is_primary else Path(rest.enter_context(tempfile.TemporaryDirectory()))
        journal = Journal(folder, step=state.total_step)
        validation = validation if group.is_primary else None
        quiet = quiet or not group.is_primary
        run = _Run(experiment, workdir, source, validation, journal, stop, state, quiet, group, compiled_kernels)
        try:
            return _train(run, pose, initial)
        finally:
            journal.close()


def _prepare(
    experiment: Experiment, workdir: Path, source: Inputs, initial: dict, *, resume: bool, write: bool
) -> tuple[State, np.ndarray | None]:
    """Checks or fills the working folder; returns where to start and the mean pose."""
    workdir.mkdir(parents=True, exist_ok=True)
    started = (workdir / LAST).exists()
    if started and not resume:
        raise ValueError(f"{workdir} holds a run already: give --resume to go on with it, or another --workdir")
    if started:
        stored = settings.read(workdir / config.FILE_NAME)
        if stored != experiment:
            raise ValueError(f"{workdir} was started with another configuration: {_difference(stored, experiment)}")
        content = documents.check(documents.read(workdir / RUN), _RUN, str(workdir / RUN))
        pose, examples = content["mean_pose"], content["examples"]
        if examples != source.num_examples:
            log.warning(
                "the data holds %d examples, %d when the run began: it goes on, but not as an undisturbed run would",
                source.num_examples, examples,
            )  # fmt: skip
        return checkpoint.read_state(workdir / LAST), None if pose is None else np.array(pose, np.float32)
    pose = source.mean_pose()
    if weights_lib.MEAN_POSE in initial:
        # What a model has learned of a keypoint is relative to where it began: it goes on from there, to the bit.
        learned = initial[weights_lib.MEAN_POSE]
        new = built_in_pose(experiment.keypoint_names) if pose is None else pose
        pose = initial[weights_lib.MEAN_POSE] = np.where(np.isnan(learned), new, learned)
    pose = None if pose is None else np.asarray(pose, np.float32)
    if write:
        write_text(workdir / config.FILE_NAME, settings.to_json(experiment))
        # All digits: a pose that a model brought along would move its points otherwise.
        content = {"mean_pose": None if pose is None else pose.tolist(), "examples": source.num_examples}
        write_text(workdir / RUN, json.dumps(content, indent=1) + "\n")
    return State(), pose


def _difference(stored: Experiment, wanted: Experiment) -> str:
    a, b = dataclasses.asdict(stored), dataclasses.asdict(wanted)
    changed = [f"{key}: {a[key]!r} -> {b[key]!r}" for key in a if a[key] != b[key]]
    return "; ".join(changed)[:400]


def _train(run: _Run, pose: np.ndarray | None, initial: dict[str, np.ndarray]) -> Result:
    if run.validation is not None:
        # Broken validation data should stop a run now, not after its first hour.
        next(run.validation.validation_batches(run.experiment.stages[run.state.stage], limit=1))
    resumed = run.state.total_step > 0
    before: _Training | None = None
    for index in range(run.state.stage, len(run.experiment.stages)):
        stage = run.experiment.stages[index]
        training = _start_stage(run, stage, pose)
        if resumed:
            optimizer = training.compiled.optimizer
            run.state = checkpoint.restore(run.workdir / LAST, average=training.average, optimizer=optimizer)
            run.carried = checkpoint.read_carried(run.workdir / LAST)
            resumed = False
            log.info("resumed at step %d of stage %r", run.state.step, stage.name)
        else:
            _start_weights(run, training, before, initial)
            run.state = dataclasses.replace(run.state, stage=index, step=0)
            if run.experiment.keep_best:
                _validate(run, training)
        if not _run_stage(run, training):
            return Result(STOPPED, run.stop.signal_number, run.state, run.scores)
        if training.replay:
            training.replay.close()
        before = training
    if run.group.count > 1:
        log.info("process %d of %d ends with weights %s", run.group.index, run.group.count, before.average.digest())
    if run.group.is_primary:
        if run.experiment.keep_best and run.validation is not None:
            best = checkpoint.read_weights(run.workdir / BEST)
            before.average.values = [best[variable.path] for variable in before.average.variables]
            log.info("kept: the weights of step %d", checkpoint.read_state(run.workdir / BEST).total_step)
        with before.averaged() as model:
            spec = run.experiment.spec(before.stage.input_size)
            # Without the compiled state: whoever loads it wants neither optimizer nor losses.
            plain = keras.Model(model.input, model.output, name=model.name)
            save_model(plain, run.workdir / MODEL, Description(run.experiment.variant, spec))
        log.info("wrote %s", run.workdir / MODEL)
    return Result(FINISHED, 0, run.state, run.scores)


def _start_stage(run: _Run, stage: Stage, pose: np.ndarray | None) -> _Training:
    """Builds and compiles the network of a stage, with a fresh optimizer."""
    model = build_model(run.experiment, stage, mean_pose=pose)
    steps = plan.length(stage, run.source)
    compiled, losses = compile_for(model, run.experiment, stage, steps=steps, compiled_kernels=run.compiled_kernels)
    going_on = run.state.step > 0 and run.experiment.stages[run.state.stage] is stage
    more = {"steps": steps, "folder": run.workdir, "resumed": going_on}
    replay = Replay(compiled, run.experiment, stage, **more) if stage.replays else None
    compiled.optimizer.build((replay.head if replay else compiled).trainable_variables)
    settings = run.experiment.optimizer
    average = WeightAverage(compiled, decay=settings.ema_decay, every=settings.ema_every)
    log.info("%s, losses %s", plan.lines(run.experiment, run.source)[run.experiment.stages.index(stage)], losses)
    local = None
    if run.group.count > 1 and run.group.is_primary:
        local = local_build(lambda: build_model(run.experiment, stage, mean_pose=pose))
    return _Training(stage, model, compiled, losses, average, steps, local, replay)


def _start_weights(run: _Run, training: _Training, before: _Training | None, initial: dict) -> None:
    """A stage begins with the latest weights of the stages before, averaged, and with the initial ones, if given."""
    if before is not None:
        with before.average.applied():
            run.carried |= weights_lib.values_of(before.compiled)
    else:
        run.carried = dict(initial)
    if run.carried:
        report = weights_lib.transfer(run.carried, training.compiled)
        log.info("weights: %d carried over, %d kept for later stages", len(report.loaded), len(report.unused))
        for title, names in (("new", report.missing), ("of another shape", report.mismatched)):
            if names:
                log.info("weights: %d %s: %s", len(names), title, ", ".join(names))
    training.average.reset()


def _run_stage(run: _Run, training: _Training) -> bool:
    """Steps until the end of the stage; False when a signal asked to stop (after a checkpoint)."""
    stage, experiment = training.stage, run.experiment
    meter = Meter(stage.batch_size)
    bar = tqdm(
        total=training.steps, initial=run.state.step, desc=stage.name, unit="step", disable=run.quiet, mininterval=1.0
    )
    with bar:
        while run.state.step < training.steps:
            for inputs, targets, weights in run.source.batches(
                stage, epoch=run.state.epoch, skip_batches=run.state.batch
            ):
                logs = training.learn(run.state.step, inputs, targets, weights)
                run.state = _advanced(run.state)
                _check_finite(logs, run)
                training.average.update(run.state.step)
                meter.add(logs)
                bar.update()
                bar.set_postfix_str(f"{meter.rate:.0f} img/s, loss {logs['loss']:.4f}", refresh=False)
                done = run.state.step >= training.steps
                if done or run.state.step % experiment.log_every == 0:
                    _log(run, training, meter)
                if done or run.state.step % experiment.validate_every == 0:
                    _validate(run, training)
                    meter.restart()
                if done or run.stop.signal_number or run.state.step % experiment.checkpoint_every == 0:
                    _save(run, training, LAST)
                if run.stop.signal_number and not done:
                    return False
                if done:
                    return not run.stop.signal_number or run.state.stage == len(experiment.stages) - 1
            run.state = dataclasses.replace(run.state, epoch=run.state.epoch + 1, batch=0)
    return True


def _advanced(state: State) -> State:
    return dataclasses.replace(state, step=state.step + 1, total_step=state.total_step + 1, batch=state.batch + 1)


def _check_finite(logs: dict[str, float], run: _Run) -> None:
    wrong = sorted(name for name, value in logs.items() if not math.isfinite(value))
    if wrong:
        raise NonFiniteLoss(
            f"{', '.join(wrong)} became non-finite at step {run.state.total_step} "
            f"(stage {run.experiment.stages[run.state.stage].name!r}). The last good checkpoint is "
            f"{run.workdir / LAST}. Try a smaller learning_rate or a longer warmup_steps, and check the labels."
        )


def _log(run: _Run, training: _Training, meter: Meter) -> None:
    optimizer = training.compiled.optimizer
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    values = {"learning_rate": rate, "images_per_second": meter.rate, **meter.means()}
    run.journal.train(run.state.total_step, stage=training.stage.name, epoch=run.state.epoch, values=values)
    meter.reset()


def _validate(run: _Run, training: _Training) -> None:
    """Scores of the averaged weights; keeps the best checkpoint; warns of a spread that cannot be right."""
    if run.validation is None:
        return
    experiment, stage = run.experiment, training.stage
    batches = run.validation.validation_batches(stage, limit=experiment.validate_examples)
    judge = validate_detector if experiment.model == "detector" else validate_tracker
    spec = experiment.spec(stage.input_size)
    with training.averaged() as model:
        result: Validation = judge(model, batches, spec=spec, pictures=experiment.pictures)
    sheet = None
    if len(result.images):
        edges = topology.edges(experiment.keypoint_names) if experiment.model == "tracker" else ((0, 1),)
        sheet = draw(result.images, result.truth, result.predicted, edges)
    state, run.scores = run.state, result.scores
    run.journal.validation(state.total_step, stage=stage.name, epoch=state.epoch, scores=result.scores, sheet=sheet)
    by_joint = ("knee_", "ankle_")  # for validation.csv; too much for a line
    shown = {name: value for name, value in result.scores.items() if not name.startswith(by_joint)}
    text = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
    log.info("validation at step %d (%s): %s", state.total_step, stage.name, text)
    # During the warm-up nothing has been learned yet that could be wrong.
    if state.step > 2 * stage.warmup_steps and (wrong := wrong_spread(result.scores)):
        log.warning("%s (stage %r, step %d)", wrong, stage.name, state.total_step)
    if state.best_stage != state.stage or result.score > state.best:
        run.state = dataclasses.replace(state, best=result.score, best_stage=state.stage)
        _save(run, training, BEST)


def _save(run: _Run, training: _Training, name: str) -> None:
    if run.state.stage == len(run.experiment.stages) - 1 and run.state.step >= training.steps:
        run.state = dataclasses.replace(run.state, finished=True)
    if not run.group.is_primary:
        return
    if training.replay:
        training.replay.flush()
    checkpoint.save(
        run.workdir / name,
        state=run.state,
        average=training.average,
        optimizer=training.compiled.optimizer,
        carried=run.carried,
    )
