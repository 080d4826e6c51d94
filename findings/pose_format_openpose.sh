#!/usr/bin/env bash
# pose-format files OpenPose's numbers by how many there are, not by whose they are: hands become parts of a face.
#
# The guess: `load_openpose_directory` reads what OpenPose writes: the points of body, face and hands each under their own
# name, and whatever was not looked for, an empty list in OpenPose's files, is missing.
# Seen: with pose-format 0.15.0
#   - of a file with hands and an empty list for the face (OpenPose with `--hand`) the left hand's 21 points are the face's
#     first ones, the right hand's the next ones, and both hands are missing; no error, no warning;
#   - a body of 33 points in place of 25 runs on into the face in the same way, and its points have the 25 names that
#     their positions have.
# What the product does: `convert-poses --to=openpose` has empty lists for face and hands, which is read as it should be, and
# `--skeleton=BODY_25`, which this reader needs (docs/formats.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet pose-format==0.15.0 numpy==2.4.1
cat > see.py <<'SCRIPT'
import json
import warnings
from importlib.metadata import version
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its source's own escapes
    from pose_format.utils.openpose import load_openpose_directory

PARTS = ("pose", "face", "hand_left", "hand_right")


def points(count, first):
    return [value for i in range(count) for value in (first + i, 100 + i, 0.9)]


def read(name, **lists):
    """Part -> x of its known points, of one frame with these lists."""
    person = {f"{part}_keypoints_{d}": [] for part in PARTS for d in ("2d", "3d")} | {"person_id": [-1]}
    person |= {f"{part}_keypoints_2d": values for part, values in lists.items()}
    folder = Path(name)
    folder.mkdir()
    (folder / "clip_000000000000_keypoints.json").write_text(json.dumps({"version": 1.3, "people": [person]}))
    pose = load_openpose_directory(str(folder), fps=30, width=640, height=480)
    start, out = 0, {}
    for component in pose.header.components:
        x = pose.body.data[0, 0, start : start + len(component.points), 0]
        out[component.name.removesuffix("_keypoints_2d")] = [int(v) for v in x.compressed()]
        start += len(component.points)
    return out


body, left, right = points(25, 0), points(21, 1000), points(21, 2000)
alone = read("alone", pose=body)
whole = read("whole", pose=body, face=points(70, 500), hand_left=left, hand_right=right)
hands = read("hands", pose=body, hand_left=left, hand_right=right)
longer = read("longer", pose=points(33, 0))
print(f"pose-format {version('pose-format')}, points of body, face, left hand, right hand")
for name, parts in (("body", alone), ("all", whole), ("body and hands", hands), ("33 points", longer)):
    print(f"  {name}: " + "; ".join(f"{len(parts[p])} from x = {parts[p][0]}" if parts[p] else "none" for p in PARTS))
as_seen = (
    [len(alone[p]) for p in PARTS] == [25, 0, 0, 0]
    and [len(whole[p]) for p in PARTS] == [25, 70, 21, 21]
    and hands["face"] == [*range(1000, 1021), *range(2000, 2021)]
    and not hands["hand_left"]
    and not hands["hand_right"]
    and longer["pose"] == list(range(25))
    and longer["face"] == list(range(25, 33))
)
raise SystemExit(0 if as_seen else "not as it was seen")
SCRIPT
environment/bin/python -W ignore see.py
