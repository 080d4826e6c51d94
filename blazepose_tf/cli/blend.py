"""Move points that humans placed towards a model's predictions where both agree.

blazepose evaluate --model=pose_landmark_full_2021.tflite --data=train.json --report=teacher
blazepose blend --data=train.json --predictions=teacher/predictions/KEY.jsonl --output=blended.json --share=0.5
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("data", None, "COCO file that says where its keypoints are from (keypoint_source)")
    flags.DEFINE_string("predictions", None, "of blazepose evaluate")
    flags.DEFINE_multi_string("share", [], "of the way: 0.5 (the default), or DATASET=0.85; may be repeated")
    flags.DEFINE_float("agree", 0.25, "torsos within which a prediction counts")
    flags.DEFINE_bool("sides", False, "exchange left and right limbs first where the prediction says they are mixed up")
    flags.DEFINE_string("output", None, "COCO file to write")
    flags.mark_flags_as_required(["data", "predictions", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.labelling.blending import Options, write

    options = Options(
        data=Path(FLAGS.data),
        predictions=Path(FLAGS.predictions),
        output=Path(FLAGS.output),
        share=tuple(FLAGS.share),
        agree=FLAGS.agree,
        sides=FLAGS.sides,
    )
    print(write(options))
    return 0
