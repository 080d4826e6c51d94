"""Cut labelled people out of their pictures, for blazepose compose.

blazepose cut --data=train.json --model=pose_landmark_full_2021.tflite --output=people.json
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("data", None, "COCO file with people and their body circles")
    flags.DEFINE_string("model", None, "tracker with a segmentation mask (MediaPipe's of 2021)")
    flags.DEFINE_string("output", None, "COCO file to write; the cut-outs lie beside it")
    flags.mark_flags_as_required(["data", "model", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.labelling.cutouts import Options, write

    options = Options(
        data=Path(FLAGS.data),
        model=FLAGS.model,
        output=Path(FLAGS.output),
    )
    print(write(options))
    return 0
