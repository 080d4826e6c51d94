"""Where keypoints are before a tracker has seen anything: an upright standing person in its region of interest.

The regression heads add their (initially zero) output to this pose. Crop units: 0..1, mid-hip at (0.5, 0.5), the body
circle of radius 0.4 touching head and feet; the person faces the camera, so left is at larger x.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Radius of the body circle over the side of the region of interest: 1 / (2 x 1.25), the card's 25 % margin.
CENTER = (0.5, 0.5)
SCALE_POINT = (0.5, 0.1)

_MIDDLE = {
    "nose": 0.20, "face_center": 0.20, "head_top": 0.13, "neck": 0.26, "thorax": 0.28, "belly": 0.40, "mid_hip": 0.50,
}  # fmt: skip
# Distance from the middle line, and y.
_SIDED = {
    "eye_inner": (0.010, 0.185), "eye": (0.018, 0.185), "eye_outer": (0.026, 0.185), "ear": (0.036, 0.195),
    "mouth": (0.014, 0.220), "shoulder": (0.085, 0.285), "elbow": (0.115, 0.390), "wrist": (0.120, 0.480),
    "pinky": (0.125, 0.510), "index": (0.118, 0.515), "thumb": (0.110, 0.500), "hip": (0.050, 0.500),
    "knee": (0.055, 0.670), "ankle": (0.058, 0.825), "heel": (0.055, 0.840), "foot_index": (0.070, 0.865),
    "small_toe": (0.080, 0.860),
}  # fmt: skip


def mean_pose(names: Sequence[str]) -> np.ndarray:
    """(K, 2) float32 x, y of `names` in crop units; the centre of the crop for names without a place of their own."""
    points = np.full((len(names), 2), 0.5, np.float32)
    for i, name in enumerate(names):
        if name in _MIDDLE:
            points[i, 1] = _MIDDLE[name]
            continue
        for side, sign in (("left", 1.0), ("right", -1.0)):
            part = name.removeprefix(f"{side}_") if name.startswith(f"{side}_") else name.removesuffix(f"_{side}")
            if part != name and part in _SIDED:
                dx, y = _SIDED[part]
                points[i] = 0.5 + sign * dx, y
    return points
