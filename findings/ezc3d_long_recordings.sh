#!/usr/bin/env bash
# ezc3d writes a long recording whole and reads its first 65,535 frames back.
#
# The guess: a C3D file of 40 minutes at 30 frames a second (72,000 frames) that ezc3d writes without an error is the
# recording. The header counts frames with 16 bits, for which C3D has had POINT:LONG_FRAMES and TRIAL:ACTUAL_END_FIELD
# for long, and ezc3d takes both as parameters.
# Seen: with ezc3d 1.7.2 all numbers of the 72,000 frames are in the file, and every count in it says 65,535, with either
# parameter and without. ezc3d, and whoever goes by the counts, reads 65,535 frames; no error, no warning. 36.4 minutes
# remain of 40.
# What the product does: `--format=c3d` refuses more than 32,000 frames, which readers that take the count for a signed
# number read as well, and says so (`formats/c3d.py`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet ezc3d==1.7.2
cat > see.py <<'SCRIPT'
from importlib.metadata import version
from pathlib import Path

import ezc3d
import numpy as np

FRAMES = 72_000
LONG = {
    "no parameter": [],
    "POINT:LONG_FRAMES": [("POINT", "LONG_FRAMES", [float(FRAMES)])],
    "TRIAL:ACTUAL_END_FIELD": [
        ("TRIAL", "ACTUAL_START_FIELD", [1, 0]),
        ("TRIAL", "ACTUAL_END_FIELD", [FRAMES % 65536, FRAMES // 65536]),
    ],
}
as_seen = True
for name, parameters in LONG.items():
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [30.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["hip"]
    for parameter in parameters:
        file.add_parameter(*parameter)
    points = np.ones((4, 1, FRAMES))
    points[0, 0] = np.arange(FRAMES)
    file["data"]["points"] = points
    file.write("long.c3d")
    content = Path("long.c3d").read_bytes()
    start = 512 * (int.from_bytes(content[16:18], "little") - 1)
    stored = np.frombuffer(content, "<f4", 4 * FRAMES, start).reshape(-1, 4)[:, 0]
    back = ezc3d.c3d("long.c3d")
    read = back["data"]["points"].shape[2]
    counted = int(back["parameters"]["POINT"]["FRAMES"]["value"][0])
    whole = bool((stored == np.arange(FRAMES)).all())
    print(f"ezc3d {version('ezc3d')}, {name}: {FRAMES} written, all in the file: {whole}, counted {counted}, read {read}")
    as_seen &= whole and counted == read == 65_535
raise SystemExit(0 if as_seen else "not as it was seen")
SCRIPT
environment/bin/python see.py
