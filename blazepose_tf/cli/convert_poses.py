"""Convert recorded poses to CSV, OpenPose, OpenSim (TRC, MOT), C3D, NWB, DeepLabCut or COCO files.

blazepose predict --input=clip.mp4 --output=poses
blazepose convert-poses poses/clip_pose.json --to=trc --output=opensim
blazepose convert-poses poses/*.json --to=csv --output=tables
blazepose convert-poses poses/clip_pose.json --to=openpose --skeleton=HALPE_26 --output=pose2sim

Reads the native JSON of `predict`. TRC, MOT and C3D hold one person: each gets a file. docs/formats.md says what is
in which.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FORMATS = ("csv", "csv-wide", "deeplabcut", "openpose", "trc", "mot", "c3d", "nwb", "coco17", "coco33")


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_multi_string("input", [], "native JSON of predict; may be repeated, or given without a flag")
    flags.DEFINE_enum("to", "csv", FORMATS, "format to write")
    flags.DEFINE_string("output", ".", "folder for the files")
    flags.DEFINE_enum(
        "space", "auto", ["auto", "pixels", "metres"], "of TRC, MOT, C3D; auto: metres where there are any"
    )
    flags.DEFINE_float("metres_per_pixel", None, "scale for metres where the model gives pixels", lower_bound=0.0)
    flags.DEFINE_string("skeleton", "BLAZEPOSE", "points of OpenPose's files: BLAZEPOSE, BODY_25, HALPE_26 or COCO_17")
    flags.DEFINE_string("session_start", None, "for NWB: when the film was taken, as 2026-05-01T09:30:00+02:00")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    from blazepose_tf.formats import writing
    from blazepose_tf.runtime.recording import Recording

    args = flags.FLAGS
    inputs = [*args.input, *argv]
    if not inputs:
        raise UserError("nothing to convert: give the JSON files of blazepose predict")
    start = None
    if args.session_start:
        try:
            start = datetime.datetime.fromisoformat(args.session_start)
        except ValueError:
            raise UserError(
                f"--session_start: not a time such as 2026-05-01T09:30:00+02:00: {args.session_start!r}"
            ) from None
    options = writing.Options(args.space, args.metres_per_pixel, args.skeleton, start)
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    for name in inputs:
        try:
            written = writing.convert(Recording.read(name), args.to, folder, stem=Path(name).stem, options=options)
        except ValueError as error:
            raise UserError(str(error) if str(name) in str(error) else f"{name}: {error}") from error
        print("\n".join(f"written: {path}" for path in written))
    return 0
