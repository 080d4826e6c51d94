"""Choose the people that a model has yet to learn: it gets them wrong, and a teacher right.

blazepose evaluate --model=lite --data=train.json --report=own
blazepose evaluate --model=pose_landmark_full_2021.tflite --data=train.json --report=teacher
blazepose choose --data=train.json --predictions=own/predictions/KEY.jsonl --teacher=teacher/predictions/KEY.jsonl \
    --output=hard.json

Name the output after the whole set to show its people more often: blazepose train --data=train.json,hard.json,hard.json
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("data", None, "COCO file with 33 keypoints")
    flags.DEFINE_string("predictions", None, "of the model, kept by blazepose evaluate")
    flags.DEFINE_string("teacher", None, "of the teacher, likewise")
    flags.DEFINE_float("gap", 0.15, "share of points that the teacher has right beyond the model")
    flags.DEFINE_string("output", None, "COCO file to write")
    flags.mark_flags_as_required(["data", "predictions", "teacher", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.labelling.choosing import Options, write

    options = Options(
        data=Path(FLAGS.data),
        predictions=Path(FLAGS.predictions),
        teacher=Path(FLAGS.teacher),
        output=Path(FLAGS.output),
        gap=FLAGS.gap,
    )
    print(write(options))
    return 0
