#!/usr/bin/env bash
# Guess: pymotion's BVH reader takes what animation programs write, and its README's two lines (get_data, then fk with the
# root's positions and the offsets) give the joints of any file.
# Seen with upc-pymotion 0.3.4: a blank last line is an IndexError, a bone with one channel an exception, rotations before
# positions a KeyError; of a file with fewer frames than it declares the missing ones are silently poses of zeros; and
# bones whose position channels move them stay at their offsets, 5 units off here, without a word.
# What the product does: blazepose_tf/synthetic/mocap.py takes out blank lines, counts the frames, gives fk the positions
# of every frame, and tells the rest in one line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check "upc-pymotion==0.3.4" "numpy==2.2.6"
cd "$folder"
cat > check.py <<'PY'
import numpy as np
from pymotion.io.bvh import BVH
from pymotion.ops.skeleton import fk

MOVES, TURNS = "Xposition Yposition Zposition", "Zrotation Xrotation Yrotation"


def text(knee=f"3 {TURNS}", root=f"6 {MOVES} {TURNS}", rows=("0 90 0 0 0 0 0 0 0", "1 90 0 0 0 0 0 0 0"), end="\n"):
    return (
        f"HIERARCHY\nROOT Hips\n{{\nOFFSET 0 0 0\nCHANNELS {root}\nJOINT Knee\n{{\nOFFSET 0 -40 0\nCHANNELS {knee}\n"
        "End Site\n{\nOFFSET 0 -40 0\n}\n}\n}\nMOTION\nFrames: 2\nFrame Time: 0.04\n" + "\n".join(rows) + end
    )


def knees(content):
    open("a.bvh", "w").write(content)
    file = BVH()
    file.load("a.bvh")
    rotations, positions, parents, offsets, *_ = file.get_data()
    return fk(rotations, positions[:, 0, :], offsets, parents)[0][:, 1].tolist()


def error(content):
    try:
        return knees(content)
    except Exception as found:
        return type(found).__name__


seen = {
    "plain": knees(text()),
    "blank last line": error(text(end="\n\n")),
    "one channel": error(text(knee="1 Xrotation", rows=("0 90 0 0 0 0 0", "1 90 0 0 0 0 90"))),
    "rotations first": error(text(root=f"6 {TURNS} {MOVES}", rows=("0 0 0 0 90 0 0 0 0", "0 0 0 1 90 0 0 0 0"))),
    "a frame is missing": knees(text(rows=("0 90 0 0 0 0 0 0 0",))),
    "the knee moves to x = 5": knees(
        text(knee=f"6 {MOVES} {TURNS}", rows=("0 90 0 0 0 0 0 -40 0 0 0 0", "0 90 0 0 0 0 5 -40 0 0 0 0"))
    ),
}
for name, value in seen.items():
    print(f"{name}: {value}")
assert seen == {
    "plain": [[0.0, 50.0, 0.0], [1.0, 50.0, 0.0]],
    "blank last line": "IndexError",
    "one channel": "Exception",
    "rotations first": "KeyError",
    "a frame is missing": [[0.0, 50.0, 0.0], [0.0, -40.0, 0.0]],
    "the knee moves to x = 5": [[0.0, 50.0, 0.0], [0.0, 50.0, 0.0]],
}, seen
PY
"$folder/env/bin/python" check.py
