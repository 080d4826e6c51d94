"""Who is confirmed: of what a detector proposes on people and where nobody is, the share that a tracker keeps.

    python benchmarks/presence.py --people=detector/val.json --nobody=pictures/ --tracker=lite --tracker=full

Two looks are told apart: the first in the region that the detector draws, at 0.5, and the second in the person's own
region (that of the first reading's alignment), at what is asked for there of somebody whom the detector is so sure of:
the one that `PosePipeline` goes by.
People are the detections nearest to the labelled ones, within half a body circle's radius; nobody are the pictures of
`--people` without any label, and those of the folders `--nobody`. "Seen" is the share of pictures in which the whole
pipeline finds somebody, as `predict` would.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from blazepose_tf.evaluation import annotations, tables
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.runtime.detector import Detection
from blazepose_tf.runtime.look import Looks
from blazepose_tf.runtime.weights import model_file

NEAR = 0.5  # radii
PEOPLE = "people"


def confirmed(pipeline: PosePipeline, picture: np.ndarray, detection: Detection) -> tuple[bool, bool]:
    """Whether the first and the second look see somebody."""
    look = pipeline.look(picture)
    region = look.region(detection.alignment)
    first = region is not None and look.track(region) is not None
    return first, bool(look.find([detection], 1, 1, Looks.MERGED, known=[]))


def nearest(detections, person) -> list:
    """The detection of a labelled person, if there is one."""
    radius = float(alignment_lib.radius(person.alignment))
    apart = [float(np.hypot(*(d.alignment[0] - person.alignment[0]))) for d in detections]
    return [detections[int(np.argmin(apart))]] if apart and min(apart) <= NEAR * radius else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="blazeface", help="name or file")
    parser.add_argument("--tracker", action="append", required=True, help="name or file; may be repeated")
    parser.add_argument("--people", required=True, help="COCO file of whole pictures")
    parser.add_argument("--nobody", action="append", default=[], type=Path, help="folder of pictures without people")
    args = parser.parse_args()
    trackers = args.tracker
    pipelines = [PosePipeline(model_file(args.detector), model_file(name)) for name in trackers]
    data = annotations.load(args.people)
    by_picture = data.people_by_picture()
    pictures, fired, looks, seen = {}, {}, {}, {}

    def proposed(picture: np.ndarray) -> list:
        return pipelines[0].look(picture).detect()

    def note(kind: str, picture: np.ndarray, proposals: list) -> None:
        pictures[kind] = pictures.get(kind, 0) + 1
        fired[kind] = fired.get(kind, 0) + bool(proposals)
        if kind != PEOPLE:
            seen.setdefault(kind, []).append([pipeline(picture).found for pipeline in pipelines])
        looks.setdefault(kind, []).extend(
            [confirmed(pipeline, picture, d) for pipeline in pipelines] for d in proposals
        )

    for image_id in data.pictures:
        picture = data.picture(image_id)
        detections = proposed(picture)
        if not by_picture[image_id]:
            note("nobody", picture, detections)
        for person in by_picture[image_id]:
            if not person.ignore and np.isfinite(person.alignment).all():
                note(PEOPLE, picture, nearest(detections, person))
    for folder in args.nobody:
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            picture = read_picture(path)
            note(str(folder), picture, proposed(picture))
    rows = []
    for kind, found in looks.items():
        shares = 100.0 * np.array(found, float).reshape(len(found), len(trackers), 2).mean(axis=0) if found else None
        cells = [f"{first:.1f} / {again:.1f}" for first, again in shares] if found else ["-"] * len(trackers)
        cells += (
            [f"{100.0 * np.mean(one):.1f}" for one in zip(*seen[kind], strict=True)]
            if kind in seen
            else ["-"] * len(trackers)
        )
        rows.append([kind, str(pictures[kind]), f"{100.0 * fired[kind] / pictures[kind]:.1f}", str(len(found)), *cells])
    header = ["shown", "pictures or people", "with a proposal, %", "proposals", *(f"{n}, kept %" for n in trackers)]
    header += [f"{name}, seen %" for name in trackers]
    print(tables.grid(header, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
