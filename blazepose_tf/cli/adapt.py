"""Adapt a model to films and pictures of one's own: label, correct, fine-tune, check, export.

blazepose adapt squats/*.mp4 --workdir=squats --minutes=45
blazepose adapt squats/*.mp4 --workdir=squats --teacher=pose_landmark_heavy.tflite --pause     # to correct frames first

The same command goes on where it was stopped. Frames whose labels are least certain lie in WORKDIR/correct: with
--pause the command stops there; `blazepose correct WORKDIR/correct` shows them on a page, Label Studio and CVAT read
their files, too. Clips are kept aside whole to judge the result, and what the model knew before is checked.
"""

from __future__ import annotations

import logging
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError, use_threads

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("workdir", None, "folder of everything that is made")
    flags.DEFINE_string("model", "lite", "shipped name, .keras or .npz of the tracker that is adapted")
    flags.DEFINE_string("detector", "blazeface", "shipped name or file of a detector")
    flags.DEFINE_string("teacher", "full", "shipped name or file of the tracker that labels, MediaPipe's included")
    flags.DEFINE_string("second", None, "MoveNet file (.tflite) that has to agree with the teacher")
    flags.DEFINE_list("aside", [], "names of clips (files without suffix) to judge by; every fifth without it")
    flags.DEFINE_float("fps", 10.0, "frames of a film per second of it")
    flags.DEFINE_float("minutes", 45.0, "of training; labels, checks and report come on top, as the plan says")
    flags.DEFINE_integer("steps", 0, "of training, instead of --minutes: the same ones on every machine")
    flags.DEFINE_integer("corrections", 30, "frames set out for correction")
    flags.DEFINE_bool("pause", False, "stop when they are set out")
    flags.DEFINE_string("more_data", "", "training data along with the clips, as of blazepose train")
    flags.DEFINE_list("check_data", [], "annotations on which no more than --max_loss points may be lost")
    flags.DEFINE_float("max_loss", 1.0, "points of PCK@0.2 of what the model knew before")
    flags.DEFINE_enum("precision", "int8", ["int8", "float16"], "of the file; float16 where int8 loses over a point")
    flags.DEFINE_bool("compiled_kernels", False, "compile kernels for this CPU, which train faster")
    flags.DEFINE_integer("threads", 0, "CPU threads of TensorFlow; 0 = all cores")
    flags.mark_flag_as_required("workdir")


def main(argv: list[str]) -> int:
    if not argv:
        raise UserError("nothing to adapt to: name films, pictures or folders")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("absl").setLevel(logging.WARNING)
    from blazepose_tf.adapt import steps

    options = steps.Options(
        inputs=tuple(argv),
        workdir=Path(FLAGS.workdir),
        model=FLAGS.model,
        detector=FLAGS.detector,
        teacher=FLAGS.teacher,
        second=FLAGS.second,
        aside=tuple(FLAGS.aside),
        fps=FLAGS.fps,
        minutes=FLAGS.minutes,
        steps=FLAGS.steps,
        corrections=FLAGS.corrections,
        more_data=FLAGS.more_data,
        check_data=tuple(FLAGS.check_data),
        max_loss=FLAGS.max_loss,
        precision=FLAGS.precision,
        compiled_kernels=FLAGS.compiled_kernels,
    )
    steps.begin(options)
    clips = steps.label(options)
    told = steps.set_out(options, clips)
    if told:
        logging.info(told)
    if FLAGS.pause and not (options.workdir / steps.TRAIN).exists():
        correct = options.workdir / "correct"
        print(f"{told or correct}\nblazepose correct {correct}    # then the same command without --pause goes on")
        return 0
    logging.info(steps.split(options, clips))
    use_threads(FLAGS.threads)
    from blazepose_tf.adapt import outcome

    told = outcome.forecast(options)
    if told:
        logging.info(told)
    steps.finetune(options)
    choice = outcome.choose_share(options)
    print(outcome.tell(options, outcome.write_file(options), choice))
    print(f"{options.workdir}: the file, {outcome.REPORT}, {outcome.CARD} and report/report.html")
    return 0
