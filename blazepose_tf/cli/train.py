"""Train a tracker or a detector.

blazepose train --experiment=tracker_lite --workdir=DIR --data=train.json --val_data=val.json
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("experiment", "smoke", "tracker_lite, tracker_full, detector, ablation or smoke")
    flags.DEFINE_string("workdir", None, "folder of the run: configuration, logs, checkpoints, model.keras")
    flags.DEFINE_string("data", "synthetic", "comma-separated COCO keypoint files, record manifests, or 'synthetic'")
    flags.DEFINE_string("partial_data", "", "more of these, in which not everyone is labelled")
    flags.DEFINE_string("val_data", None, "the same for validation; 'synthetic' when --data is")
    flags.DEFINE_string("cache", None, "folder for converted and rendered data (default: WORKDIR/data)")
    flags.DEFINE_multi_string("set", [], "override of a setting, e.g. --set=stages.joint.epochs=3 (may be repeated)")
    flags.DEFINE_bool("resume", False, "go on with the run in --workdir; starts one if there is none")
    flags.DEFINE_string(
        "init_from",
        None,
        "weights to start from: .keras, .npz, or a shipped name; what fits is taken",
    )
    flags.DEFINE_bool("compiled_kernels", False, "compile kernels for this CPU: faster with precision=mixed_bfloat16")
    flags.DEFINE_integer("threads", 0, "CPU threads of TensorFlow; 0 = all cores")
    flags.DEFINE_string("coordinator", "", "host:port of process 0 when several train together (KERAS_BACKEND=jax)")
    flags.DEFINE_integer("processes", 1, "number of processes that train together", lower_bound=1)
    flags.DEFINE_integer("process", 0, "index of this process", lower_bound=0)
    flags.DEFINE_bool("print_config", False, "print the resolved configuration and exit")
    flags.mark_flag_as_required("workdir")


def _same_run(started):
    """The configuration that a run was started with; UserError when the flags ask for something else."""
    from blazepose_tf.training import settings

    if FLAGS["experiment"].present and FLAGS.experiment != started.name:
        raise UserError(f"{FLAGS.workdir} holds a run of {started.name!r}, not of {FLAGS.experiment!r}")
    if settings.override(started, FLAGS.set) != started:
        raise UserError(f"{FLAGS.workdir} was started with other settings than --set={' --set='.join(FLAGS.set)}")
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
    from blazepose_tf.training import config, experiments, settings

    experiment = settings.override(experiments.experiment(FLAGS.experiment), FLAGS.set)
    stored = Path(FLAGS.workdir) / config.FILE_NAME
    if FLAGS.resume and stored.exists():
        # The run goes on as it was started, whatever the defaults of this version are.
        experiment = _same_run(settings.read(stored))
    if FLAGS.print_config:
        print(settings.to_json(experiment), end="")
        return 0
    import tensorflow as tf

    if FLAGS.threads:
        tf.config.threading.set_intra_op_parallelism_threads(FLAGS.threads)
        tf.config.threading.set_inter_op_parallelism_threads(FLAGS.threads)
    if FLAGS.compiled_kernels:
        _compile_kernels()
    from blazepose_tf.runtime.weights import model_file
    from blazepose_tf.training.distributed import Group, join
    from blazepose_tf.training.inputs import SYNTHETIC, open_data
    from blazepose_tf.training.loop import FINISHED, train

    group = Group()
    if FLAGS.processes > 1:
        group = join(FLAGS.coordinator, processes=FLAGS.processes, process=FLAGS.process)
    cache = Path(FLAGS.cache or os.path.join(FLAGS.workdir, "data"))
    source = open_data(FLAGS.data, experiment=experiment, folder=cache, partial=FLAGS.partial_data, group=group)
    val_data = FLAGS.val_data or (SYNTHETIC if FLAGS.data == SYNTHETIC else None)
    validation = None
    if val_data:
        validation = open_data(val_data, experiment=experiment, folder=cache, validation=True)
    result = train(
        experiment,
        workdir=FLAGS.workdir,
        source=source,
        validation=validation,
        resume=FLAGS.resume,
        init_from=model_file(FLAGS.init_from, suffix=".npz") if FLAGS.init_from else None,
        group=group,
        compiled_kernels=FLAGS.compiled_kernels,
    )
    if result.status == FINISHED:
        scores = "".join(f", {name} {value:.4f}" for name, value in result.scores.items())
        print(f"finished after {result.state.total_step} steps{scores}: {Path(FLAGS.workdir) / 'model.keras'}")
        return 0
    print(f"stopped after {result.state.total_step} steps; the same command with --resume goes on")
    return 130 if result.signal_number == signal.SIGINT else 0
