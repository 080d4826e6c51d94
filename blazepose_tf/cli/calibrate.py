"""Move a tracker's presence to where a person begins for it.

blazepose calibrate --model=run/model.keras --data=train.json --output=calibrated
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("model", None, ".keras, .npz, or a shipped name")
    flags.DEFINE_string("data", None, "COCO keypoint file with labelled people")
    flags.DEFINE_integer("people", 800, "how many of them")
    flags.DEFINE_float("recall", 0.98, "share of them that shall lie above 0.5")
    flags.DEFINE_string("output", None, "folder for model.keras")
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
        recall=FLAGS.recall,
    )
    print(write(options))
    return 0
