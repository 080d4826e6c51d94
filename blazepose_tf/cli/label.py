"""Label people in pictures that nobody labelled, by models that agree with themselves and one another.

blazepose label --images=pictures/ --output=labelled.json
blazepose label --images=pictures/ --tracker=heavy.tflite --second=movenet_multipose.tflite --output=labelled.json
blazepose label --data=train.json --tracker=heavy.tflite --output=others.json      # people beside the labelled ones
blazepose label --images=pictures/ --everybody --second=movenet_multipose.tflite --output=whole.json   # for a detector
blazepose label --images=nobody/ --imagined --output=nobody.json                # regions of pictures without people
blazepose label --data=train.json --tracker=heavy.tflite --attributes --output=deep.json     # depth and masks

A detector proposes people. A tracker looks at each three times, once mirrored; --second is a MoveNet file that has to
see the same. --doubtful takes drafts of those on whom the looks do not agree: blazepose correct sets them out. The same
command goes on where it was stopped; --cluster has it done by the machines of a Ray cluster.
With --everybody whole pictures are labelled for a detector: people of whom it is certain where they are, and regions to
ignore where somebody may be; the rest is nobody, and pictures without people are kept.
With --imagined the pictures show nobody: kept are the regions in which the detector sees somebody all the same, for a
tracker's presence to learn from.
With --attributes nobody is looked for: those who are labelled get the depth, the points in metres and the mask that a
tracker with such outputs gives them, plain and mirrored alike.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf import cluster
from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("images", None, "folder of pictures; or")
    flags.DEFINE_string("data", None, "COCO file, whose people stay out")
    flags.DEFINE_string("tracker", "full", "shipped name or file of a tracker with 33 points, MediaPipe's included")
    flags.DEFINE_string("detector", "blazeface", "shipped name or file of a detector")
    flags.DEFINE_string("second", None, "MoveNet file (.tflite) that has to agree; MultiPose proposes people, too")
    flags.DEFINE_float("threshold", None, "of the detector's scores; its own without it")
    flags.DEFINE_float("min_radius", 40.0, "of the body circle, in pixels", lower_bound=0.0)
    flags.DEFINE_float("weight", 1.0, "of a person in training", lower_bound=0.0)
    flags.DEFINE_string("dataset", None, "name in the labels; that of the labelled people beside without it")
    flags.DEFINE_string("doubtful", None, "COCO file for drafts of people on whom the looks do not agree")
    flags.DEFINE_bool("everybody", False, "label whole pictures of --images for a detector; --second is a MultiPose")
    flags.DEFINE_bool("imagined", False, "--images show nobody: keep where the detector imagines somebody")
    flags.DEFINE_bool("attributes", False, "add depth, points in metres and masks to the people of --data")
    flags.DEFINE_integer(
        "limit", 0, "with --attributes: pictures, spread evenly over the file; all when 0", lower_bound=0
    )
    flags.DEFINE_string("output", None, "COCO file to write")
    flags.DEFINE_string("cluster", "", cluster.HELP)
    flags.mark_flags_as_required(["output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    if FLAGS.attributes:
        from blazepose_tf.labelling import attributes

        if not FLAGS.data:
            raise UserError("--attributes needs --data, a COCO file with labelled people")
        chosen = attributes.Options(Path(FLAGS.data), Path(FLAGS.output), FLAGS.tracker, FLAGS.limit)
        print(attributes.write(chosen))
        return 0
    if FLAGS.imagined:
        from blazepose_tf.labelling import imagined

        if not FLAGS.images:
            raise UserError("--imagined needs --images, a folder of pictures in which nobody is")
        regions = imagined.Options(
            Path(FLAGS.images), Path(FLAGS.output), FLAGS.detector, FLAGS.threshold, FLAGS.min_radius
        )
        print(imagined.write(regions))
        return 0
    from blazepose_tf.labelling.parts import Options, write

    options = Options(
        output=Path(FLAGS.output),
        images=Path(FLAGS.images) if FLAGS.images else None,
        data=Path(FLAGS.data) if FLAGS.data else None,
        tracker=FLAGS.tracker,
        detector=FLAGS.detector,
        second=FLAGS.second,
        threshold=FLAGS.threshold,
        min_radius=FLAGS.min_radius,
        weight=FLAGS.weight,
        dataset=FLAGS.dataset,
        doubtful=Path(FLAGS.doubtful) if FLAGS.doubtful else None,
        everybody=FLAGS.everybody,
        cluster=FLAGS.cluster,
    )
    print(write(options))
    return 0
