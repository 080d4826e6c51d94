"""Paste cut-out things and people into photographs, or things into labelled pictures.

blazepose compose --objects=cutouts/ --photographs=photos/ --copies=12 --output=empty.json
blazepose compose --objects=cutouts/ --data=train.json --output=pasted.json
blazepose compose --objects=cutouts/ --photographs=photos/ --people=people.json --output=composed.json
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("objects", None, "folder of things with a transparent background")
    flags.DEFINE_string("photographs", None, "folder of photographs that show nobody; or")
    flags.DEFINE_string("data", None, "COCO file, whose pictures get things")
    flags.DEFINE_string("people", None, "COCO file of blazepose cut, for the photographs")
    flags.DEFINE_integer("copies", 1, "pictures of each photograph, person or picture")
    flags.DEFINE_integer("side", 272, "of a picture, at most, in pixels")
    flags.DEFINE_integer("seed", 0, "of everything random")
    flags.DEFINE_string("sources", None, "whence pictures and things are, and under which licence, for model cards")
    flags.DEFINE_string("output", None, "COCO file to write; the pictures lie beside it")
    flags.mark_flags_as_required(["objects", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.labelling.scenes import Options, write

    options = Options(
        objects=Path(FLAGS.objects),
        output=Path(FLAGS.output),
        photographs=Path(FLAGS.photographs) if FLAGS.photographs else None,
        data=Path(FLAGS.data) if FLAGS.data else None,
        people=Path(FLAGS.people) if FLAGS.people else None,
        copies=FLAGS.copies,
        side=FLAGS.side,
        seed=FLAGS.seed,
        sources=FLAGS.sources,
    )
    print(write(options))
    return 0
