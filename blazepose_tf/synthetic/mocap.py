"""Motion capture: BVH and C3D files as poses of rendered bodies (extra `[formats]`).

BVH is read by pymotion, which has forward kinematics as well (not bones with one channel, nor rotations before
positions); C3D by ezc3d. Bones and markers are known by the names in common use: Mixamo, CMU, Poser, 3ds Max and
Unreal in BVH; this package's keypoints and the markers of Vicon's Plug-in Gait in C3D.

Reference: Plug-in Gait Reference Guide (Vicon); hip centres from pelvic markers: Bell, Pedersen and Brand 1990.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.synthetic.kinematics import NEEDED, pose_of
from blazepose_tf.synthetic.pose import Pose

_PIP = "reading {} needs {}: pip install 'blazepose_tf[formats]'"
_SIDES = (("left", "l"), ("right", "r"))
# Joint -> names of bones without their side, the first that a file has; letters and digits only.
_BONES: dict[str, tuple[str, ...]] = {
    "shoulder": ("arm", "uparm", "upperarm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowarm", "lowerarm", "elbow", "radius"),
    "wrist": ("hand", "wrist"),
    "hip": ("upleg", "thigh", "upperleg", "femur", "hip"),
    "knee": ("leg", "lowleg", "lowerleg", "shin", "calf", "knee", "tibia"),
    "ankle": ("foot", "ankle"),
    "foot_index": ("toebase", "toe", "toes", "ball"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "chest": ("spine1", "spine01", "chest", "spine", "abdomen"),
    "neck": ("neck", "neck1", "neck01", "lowerneck"),
    "head": ("head",),
}
# Markers of Plug-in Gait, without their side, whose mean stands for a joint.
_MARKERS = {
    "shoulder": ("SHO",),
    "elbow": ("ELB",),
    "wrist": ("WRA", "WRB"),
    "knee": ("KNE",),
    "ankle": ("ANK",),
    "heel": ("HEE",),
    "foot_index": ("TOE",),
}
_HEAD, _NECK = ("LFHD", "RFHD", "LBHD", "RBHD"), ("C7", "CLAV")


@dataclass(frozen=True)
class Capture:
    """A movement.

    Attributes:
        joints: (T, 3) by name as `kinematics.pose_of` knows them, y up, in the unit of the file; nan where unknown.
        rate: frames a second.
    """

    joints: dict[str, np.ndarray]
    rate: float

    def poses(self, rate: float | None = None) -> list[Pose]:
        """The poses, `rate` of them a second (all without it), frames without all needed joints left out.

        Raises:
            ValueError: no frame has all of them, or `rate` is not positive.
        """
        if rate is not None and not rate > 0:
            raise ValueError(f"expected a positive rate. Received: rate={rate}")
        count = len(next(iter(self.joints.values())))
        step = 1.0 if rate is None else max(self.rate / rate, 1.0)
        frames = np.unique(np.arange(0, count, step).astype(int))
        whole = np.isfinite(np.stack([self.joints[name] for name in NEEDED])).all(axis=(0, 2))
        poses = [pose_of({n: p[i] for n, p in self.joints.items()}, kind="capture") for i in frames if whole[i]]
        if not poses:
            raise ValueError(f"none of {len(frames)} frames has all of {', '.join(NEEDED)}")
        return poses


def read_capture(path: str | os.PathLike, *, up: str | None = None) -> Capture:
    """Reads a .bvh or .c3d file.

    Args:
        path: the file.
        up: "y" or "z", the axis that points up; by default the one along which shoulders are mostly above ankles.

    Raises:
        ImportError: the library that reads it is not installed.
        OSError: it cannot be read.
        ValueError: not such a file, or its bones or markers are not known by name.
    """
    path = Path(path)
    readers = {".bvh": _bvh, ".c3d": _c3d}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: expected a .bvh or .c3d file")
    if up not in (None, "y", "z"):
        raise ValueError(f'up must be "y" or "z". Received: up={up!r}')
    path.open("rb").close()
    joints, rate = readers[path.suffix.lower()](path)
    missing = [name for name in NEEDED if name not in joints]
    if missing:
        raise ValueError(f"{path}: no bone or marker for {', '.join(missing)}")
    if not rate > 0:
        raise ValueError(f"{path}: expected a positive number of frames a second. Received: {rate}")
    return Capture(_upright(joints, up), float(rate))


def _upright(joints: dict[str, np.ndarray], up: str | None) -> dict[str, np.ndarray]:
    """With y up."""
    if up is None:
        shoulders, ankles = ((joints[f"left_{part}"] + joints[f"right_{part}"]) / 2.0 for part in ("shoulder", "ankle"))
        height = np.nanmedian(shoulders - ankles, axis=0)
        up = "z" if abs(height[2]) > abs(height[1]) else "y"
    if up == "y":
        return joints
    return {name: points @ np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)], float) for name, points in joints.items()}


def _bvh(path: Path) -> tuple[dict[str, np.ndarray], float]:
    try:
        from pymotion.io.bvh import BVH
        from pymotion.ops.skeleton import fk
    except ImportError as error:
        raise ImportError(_PIP.format("BVH", "upc-pymotion")) from error
    file = BVH()
    try:
        with tempfile.TemporaryDirectory() as folder:
            # pymotion 0.3.4 takes a blank line for a frame.
            lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            plain = Path(folder, "plain.bvh")
            plain.write_text("\n".join(lines) + "\n", encoding="utf-8")
            file.load(str(plain))
        written = len(lines) - 1 - next(i for i, line in enumerate(lines) if line.strip().startswith("Frame Time"))
        if written != len(file.data["positions"]):
            raise ValueError(f"it says {len(file.data['positions'])} frames and has {written}")
        rotations, positions, parents, *_ = file.get_data()
        # Bones with position channels have their offsets in them, frame by frame.
        places, _ = fk(rotations, positions[:, 0, :], positions, parents)
        rate = 1.0 / float(file.data["frame_time"])
    except Exception as error:  # what the library raises depends on the line at which it stumbles
        raise ValueError(f"{path}: not a BVH file that can be read ({type(error).__name__}: {error})") from error
    names = ["".join(c for c in name.split(":")[-1].lower() if c.isalnum()) for name in file.data["names"]]
    place = {name: places[:, i] for i, name in reversed(list(enumerate(names)))}
    joints: dict[str, np.ndarray | None] = {}
    for side, letter in _SIDES:
        for joint, bones in _BONES.items():
            spellings = [form for bone in bones for form in (f"{side}{bone}", f"{letter}{bone}", f"{bone}{letter}")]
            joints[f"{side}_{joint}"] = next((place[name] for name in spellings if name in place), None)
    for joint, bones in _MIDDLE.items():
        joints[joint] = next((place[name] for name in bones if name in place), None)
    return {name: points for name, points in joints.items() if points is not None}, rate


def _c3d(path: Path) -> tuple[dict[str, np.ndarray], float]:
    try:
        import ezc3d
    except ImportError as error:
        raise ImportError(_PIP.format("C3D", "ezc3d")) from error
    try:
        file = ezc3d.c3d(str(path))
        labels = [str(label).split(":")[-1].strip() for label in file["parameters"]["POINT"]["LABELS"]["value"]]
        rate = float(file["parameters"]["POINT"]["RATE"]["value"][0])
        points = np.array(file["data"]["points"], float)[:3].transpose(1, 2, 0)  # (K, T, 3)
        points[np.array(file["data"]["meta_points"]["residuals"][0]) < 0] = np.nan  # invalid
    except (RuntimeError, OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path}: not a C3D file that can be read ({error})") from error
    place = dict(zip(labels, points, strict=False))
    if set(topology.KEYPOINTS) & set(place):
        return {name: place[name] for name in topology.KEYPOINTS if name in place}, rate
    joints: dict[str, np.ndarray] = {}
    for side, letter in _SIDES:
        for joint, markers in _MARKERS.items():
            there = [place[letter.upper() + marker] for marker in markers if letter.upper() + marker in place]
            if there:
                joints[f"{side}_{joint}"] = np.mean(there, axis=0)
    for joint, markers in (("head", _HEAD), ("neck", _NECK)):
        there = [place[marker] for marker in markers if marker in place]
        if there:
            joints[joint] = np.mean(there, axis=0)
    return joints | _hips(place), rate


def _hips(place: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Hip centres from the spines of the pelvis: 14 % of their distance inwards, 22 % back and 30 % down."""
    if not {"LASI", "RASI"} <= place.keys():
        return {}
    front = (place["LASI"] + place["RASI"]) / 2.0
    backs = [place[name] for name in ("LPSI", "RPSI", "SACR") if name in place]
    if not backs:
        return {}
    width = np.linalg.norm(place["LASI"] - place["RASI"], axis=1, keepdims=True)
    left = (place["LASI"] - place["RASI"]) / width
    forward = front - np.mean(backs, axis=0)
    forward -= (forward * left).sum(axis=1, keepdims=True) * left
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    up = np.cross(forward, left)
    middle = front - 0.22 * width * forward - 0.30 * width * up
    return {"left_hip": middle + 0.36 * width * left, "right_hip": middle - 0.36 * width * left}
