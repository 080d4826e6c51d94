"""OpenSim's text files: markers over time (.trc) and joint angles over time (.mot).

What is unknown is written as nan: a blank last marker stops OpenSim's reader, and 0 would be a place.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blazepose_tf.formats.motion import METRES, Motion

# Angles that OpenSim's full-body models call otherwise, with the same zero and sign.
COORDINATES = {"knee_flexion": "knee_angle", "elbow_flexion": "elbow_flex"}


def write_trc(motion: Motion, path: Path) -> None:
    """Markers named like the keypoints; in metres x right, y up, z towards the camera; in pixels y down."""
    names, rate = motion.names, f"{motion.rate:.6g}"
    unit = "m" if motion.unit == METRES else "px"
    digits = 6 if motion.unit == METRES else 3
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join([rate, rate, str(len(motion.times)), str(len(names)), unit, rate, "1", str(len(motion.times))]),
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1)),
        "",
    ]
    for number, (time, points) in enumerate(zip(motion.times, motion.points, strict=True), 1):
        lines.append("\t".join([str(number), f"{time:.6f}", *(f"{v:.{digits}f}" for v in points.ravel())]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def coordinate(angle: str) -> str:
    """OpenSim's name of an angle: left_knee_flexion -> knee_angle_l; others keep their own."""
    side, _, motion = angle.partition("_")
    return f"{COORDINATES[motion]}_{side[0]}" if motion in COORDINATES else angle


def write_mot(angles: dict[str, np.ndarray], times: np.ndarray, path: Path) -> None:
    """Joint angles in degrees.

    Args:
        angles: name -> (T,) degrees (`analysis.angles`).
        times: (T,) seconds.
        path: file.
    """
    lines = [
        path.stem, "version=1", f"nRows={len(times)}", f"nColumns={len(angles) + 1}", "inDegrees=yes", "endheader",
        "\t".join(["time", *map(coordinate, angles)]),
    ]  # fmt: skip
    table = np.column_stack([times, *angles.values()])
    lines += ["\t".join([f"{row[0]:.6f}", *(f"{v:.4f}" for v in row[1:])]) for row in table]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
