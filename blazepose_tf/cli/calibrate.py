"""Make a tracker's presence and error bars what they say, by labelled people.

blazepose calibrate --model=run/model.keras --data=train.json --output=calibrated
blazepose calibrate --model=tracker.tflite --data=train.json --output=calibrated      (error bars alone)

Moves the presence to where a person begins for the tracker, and learns from the distances to the labels how far a
landmark may be off for each spread of its heatmap.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("model", None, ".keras, .npz, or a shipped name; of a .tflite file the error bars alone")
    flags.DEFINE_string("data", None, "COCO keypoint file with labelled people")
    flags.DEFINE_integer("people", 800, "how many of them for the presence")
    flags.DEFINE_integer("error_people", 2000, "how many of them for the error bars; 0 leaves them as they are")
    flags.DEFINE_float("recall", 0.98, "share of them that shall lie above 0.5")
    flags.DEFINE_float("own_recall", 0.985, "share of them that the second look, in their own region, shall confirm")
    flags.DEFINE_string("output", None, "folder for model.keras, or the .tflite file")
    flags.mark_flags_as_required(["model", "data", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.adapt.calibration import Options, write

    options = Options(
        model=FLAGS.model,
        data=FLAGS.data,
        output=Path(FLAGS.output),
        people=FLAGS.people,
        error_people=FLAGS.error_people,
        recall=FLAGS.recall,
        own_recall=FLAGS.own_recall,
    )
    print(write(options))
    return 0
