"""Train a tracker or a detector.

blazepose train --experiment=finetune --init_from=lite --workdir=DIR --data=train.json --val_data=val.json
blazepose train --experiment=tracker_lite --workdir=DIR --data=train.json --val_data=val.json

`finetune` is short and starts from a shipped or own model (--init_from), tracker or detector, with its keypoints or
other ones (--keypoints). --minutes makes any experiment as long as that, by the speed measured at its start.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError, use_threads

FLAGS = flags.FLAGS
# Steps. Measuring takes half a minute: what is over before that needs no forecast.
_WORTH_TIMING = 200


def define_flags() -> None:
    flags.DEFINE_string("experiment", "smoke", "finetune, tracker_lite, tracker_full, detector, ablation, smoke")
    flags.DEFINE_string("workdir", None, "folder of the run: configuration, logs, checkpoints, model.keras")
    flags.DEFINE_string("data", "synthetic", "comma-separated COCO keypoint files, record manifests, or 'synthetic'")
    flags.DEFINE_string("partial_data", "", "more of these, in which not everyone is labelled")
    flags.DEFINE_string("val_data", None, "the same for validation; 'synthetic' when --data is")
    flags.DEFINE_string("cache", None, "folder for converted and rendered data (default: WORKDIR/data)")
    flags.DEFINE_multi_string("set", [], "override of a setting, e.g. --set=stages.joint.epochs=3 (may be repeated)")
    flags.DEFINE_list("stages", [], "only these stages of the experiment, by name (default: all)")
    flags.DEFINE_bool("resume", False, "go on with the run in --workdir; starts one if there is none")
    flags.DEFINE_string(
        "init_from",
        None,
        "weights to start from: .keras, .npz, or a shipped name; what fits is taken",
    )
    flags.DEFINE_string("keypoints", None, "keypoint set by name, or names joined by commas; heads start by name")
    flags.DEFINE_float("minutes", None, "length of the training; the experiment's own steps without it")
    flags.DEFINE_bool("compiled_kernels", False, "compile kernels for this CPU: faster with precision=mixed_bfloat16")
    flags.DEFINE_integer("threads", 0, "CPU threads of TensorFlow; 0 = all cores")
    flags.DEFINE_string("data_service", "", "host:port of blazepose data-service, whose workers prepare the batches")
    flags.DEFINE_string("coordinator", "", "host:port of process 0 when several train together (KERAS_BACKEND=jax)")
    flags.DEFINE_integer("processes", 1, "number of processes that train together", lower_bound=1)
    flags.DEFINE_integer("process", 0, "index of this process", lower_bound=0)
    flags.DEFINE_bool("print_config", False, "print the resolved configuration and exit")
    flags.mark_flag_as_required("workdir")


def nearest_flag(name: str) -> str:
    """What a flag that does not exist may have meant among the settings; empty where nothing is near."""
    from blazepose_tf.training import experiments, settings

    known = settings.paths(experiments.EXPERIMENTS["finetune"])
    text = settings.nearest(name, known)
    return (
        text.replace("did you mean '", "did you mean --set=").replace("'?", "=...?") if "did you mean" in text else ""
    )


def _assignments() -> list[str]:
    return ([f"keypoints={FLAGS.keypoints}"] if FLAGS.keypoints else []) + FLAGS.set


def _experiment(init_from: Path | None):
    """The experiment as the flags ask for it; some are made for the model that they start from."""
    from blazepose_tf.training import experiments, finetune, heads, settings

    found = experiments.experiment(FLAGS.experiment)
    made = {
        finetune.NAME: finetune.finetune,
        heads.ATTRIBUTES.name: heads.attributes,
        heads.PRESENCE.name: heads.presence,
    }
    if found.name in made:
        from blazepose_tf.models.weights import describe

        if init_from is None:
            raise UserError(f"{found.name} starts from a trained model: give --init_from=lite, full or a file")
        found = made[found.name](*describe(init_from))
    if FLAGS.keypoints and found.model == "detector":
        raise UserError("a detector has no keypoints to choose (--keypoints)")
    return settings.override(found.with_stages(FLAGS.stages), _assignments())


def _planned(experiment, source):
    """The experiment at the length that --minutes asks for; says what is about to happen."""
    from blazepose_tf.training import plan

    worth = FLAGS.minutes or sum(plan.length(stage, source) for stage in experiment.stages) > _WORTH_TIMING
    speeds = plan.measure(experiment, source, compiled_kernels=FLAGS.compiled_kernels) if worth else ()
    if FLAGS.minutes:
        experiment = plan.within(experiment, source, speeds, FLAGS.minutes)
    for line in plan.lines(experiment, source, speeds):
        logging.info("plan: %s", line)
    return experiment


def _same_run(started):
    """The configuration that a run was started with; UserError when the flags ask for something else."""
    from blazepose_tf.training import settings

    if FLAGS["experiment"].present and FLAGS.experiment != started.name:
        raise UserError(f"{FLAGS.workdir} holds a run of {started.name!r}, not of {FLAGS.experiment!r}")
    if settings.override(started.with_stages(FLAGS.stages), _assignments()) != started:
        given = " --set=".join(_assignments())
        raise UserError(f"{FLAGS.workdir} was started with other settings than --set={given}")
    return started


def _compile_kernels() -> None:
    """Now, not after minutes of reading data."""
    from blazepose_tf.kernels.blocks import prepare

    try:
        prepare()
    except RuntimeError as error:
        raise UserError(str(error)) from error


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("absl").setLevel(logging.WARNING)
    from blazepose_tf.runtime.weights import model_file
    from blazepose_tf.training import config, settings

    if FLAGS.minutes is not None and not 0 < FLAGS.minutes < float("inf"):
        raise UserError(f"--minutes must be positive. Received: {FLAGS.minutes}")
    use_threads(FLAGS.threads)
    init_from = model_file(FLAGS.init_from, suffix=".npz") if FLAGS.init_from else None
    stored = Path(FLAGS.workdir) / config.FILE_NAME
    going_on = FLAGS.resume and stored.exists()
    # A run goes on as it was started, whatever the defaults of this version are.
    experiment = _same_run(settings.read(stored)) if going_on else _experiment(init_from)
    if FLAGS.print_config:
        print(settings.to_json(experiment), end="")
        return 0
    if FLAGS.compiled_kernels:
        _compile_kernels()
    from blazepose_tf.training.distributed import Group, join
    from blazepose_tf.training.inputs import SYNTHETIC, open_data
    from blazepose_tf.training.loop import FINISHED, LAST, train

    group = Group()
    if FLAGS.processes > 1:
        group = join(FLAGS.coordinator, processes=FLAGS.processes, process=FLAGS.process)
    cache = Path(FLAGS.cache or os.path.join(FLAGS.workdir, "data"))
    source = open_data(
        FLAGS.data, experiment=experiment, folder=cache, partial=FLAGS.partial_data, group=group,
        data_service=FLAGS.data_service,
    )  # fmt: skip
    val_data = FLAGS.val_data or (SYNTHETIC if FLAGS.data == SYNTHETIC else None)
    validation = None
    if val_data:
        validation = open_data(val_data, experiment=experiment, folder=cache, validation=True)
    if not going_on and group.count == 1 and not (Path(FLAGS.workdir) / LAST).exists():
        experiment = _planned(experiment, source)
    result = train(
        experiment,
        workdir=FLAGS.workdir,
        source=source,
        validation=validation,
        resume=FLAGS.resume,
        init_from=init_from,
        group=group,
        compiled_kernels=FLAGS.compiled_kernels,
    )
    if result.status == FINISHED:
        scores = "".join(f", {name} {value:.4f}" for name, value in result.scores.items())
        print(f"finished after {result.state.total_step} steps{scores}: {Path(FLAGS.workdir) / 'model.keras'}")
        return 0
    print(f"stopped after {result.state.total_step} steps; the same command with --resume goes on")
    return 130 if result.signal_number == signal.SIGINT else 0
