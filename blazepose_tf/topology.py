"""Keypoint sets by name: the 33 body points, their edges, pairs and groups, and remaps from other sets.

Everything refers to keypoints by name; an index is only ever derived from a name here, so that two sets can differ
in order and size without any other module knowing.

Reference: BlazePose paper, section 2.3 and appendix (names and order); COCO keypoint task; COCO-WholeBody (Jin et al.
2020); Halpe full body (Fang et al. 2020); MPII human pose; Leeds Sports Pose; JHMDB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear",
    "mouth_left", "mouth_right",
    "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow",
    "left_wrist", "right_wrist",
    "left_pinky", "right_pinky",
    "left_index", "right_index",
    "left_thumb", "right_thumb",
    "left_hip", "right_hip",
    "left_knee", "right_knee",
    "left_ankle", "right_ankle",
    "left_heel", "right_heel",
    "left_foot_index", "right_foot_index",
)  # fmt: skip

EDGES: tuple[tuple[str, str], ...] = (
    ("nose", "left_eye_inner"), ("left_eye_inner", "left_eye"), ("left_eye", "left_eye_outer"),
    ("left_eye_outer", "left_ear"),
    ("nose", "right_eye_inner"), ("right_eye_inner", "right_eye"), ("right_eye", "right_eye_outer"),
    ("right_eye_outer", "right_ear"),
    ("mouth_left", "mouth_right"),
    ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("left_wrist", "left_pinky"), ("left_wrist", "left_index"), ("left_pinky", "left_index"),
    ("left_wrist", "left_thumb"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("right_wrist", "right_pinky"), ("right_wrist", "right_index"), ("right_pinky", "right_index"),
    ("right_wrist", "right_thumb"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("left_ankle", "left_heel"),
    ("left_heel", "left_foot_index"), ("left_ankle", "left_foot_index"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("right_ankle", "right_heel"),
    ("right_heel", "right_foot_index"), ("right_ankle", "right_foot_index"),
)  # fmt: skip

GROUPS: dict[str, tuple[str, ...]] = {
    "face": KEYPOINTS[0:11],
    "torso": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "hands": KEYPOINTS[17:23],
    "legs": ("left_knee", "right_knee", "left_ankle", "right_ankle"),
    "feet": KEYPOINTS[29:33],
}

# Joint angles: the two limbs meet at the joint of that name, on one side of the body.
JOINTS: dict[str, tuple[str, str, str]] = {
    "elbow": ("shoulder", "elbow", "wrist"),
    "knee": ("hip", "knee", "ankle"),
    "hip": ("shoulder", "hip", "knee"),
    "shoulder": ("hip", "shoulder", "elbow"),
}

COCO_17: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

# The six points of BlazeFace and the seven of BlazePalm that a body carries; the 33 are their superset with COCO's.
BLAZEFACE: tuple[str, ...] = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "left_ear", "right_ear")
BLAZEPALM: tuple[str, ...] = (
    "left_wrist", "left_pinky", "left_index", "left_thumb",
    "right_wrist", "right_pinky", "right_index", "right_thumb",
)  # fmt: skip

_COCO_FEET = (
    "left_foot_index", "left_small_toe", "left_heel", "right_foot_index", "right_small_toe", "right_heel",
)  # fmt: skip


def _wholebody() -> tuple[str, ...]:
    """133 names: 17 body, 6 feet, 68 face (iBUG order), 21 + 21 hands."""
    face = [f"face_{i}" for i in range(68)]
    # iBUG 68: 36-41 is the eye on the picture's left, which is the person's right; corners of the mouth 48 and 54.
    face[36], face[39], face[42], face[45] = (
        "right_eye_outer", "right_eye_inner", "left_eye_inner", "left_eye_outer",
    )  # fmt: skip
    face[48], face[54] = "mouth_right", "mouth_left"
    hands = []
    for side in ("left", "right"):
        hand = [f"{side}_hand_{i}" for i in range(21)]
        # OpenPose hand order: 4 per finger from the palm out. BlazePalm's knuckles: thumb #2, index #1, pinky #1.
        hand[3], hand[5], hand[17] = f"{side}_thumb", f"{side}_index", f"{side}_pinky"
        hands += hand
    return COCO_17 + _COCO_FEET + tuple(face) + tuple(hands)


_HALPE_BODY = (*COCO_17, "head_top", "neck", "mid_hip")
_HALPE_FEET = (
    "left_foot_index", "right_foot_index", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
)  # fmt: skip
_COCO_WHOLEBODY = _wholebody()

KEYPOINT_SETS: dict[str, tuple[str, ...]] = {
    "blazepose_33": KEYPOINTS,
    "coco_17": COCO_17,
    "coco_wholebody_133": _COCO_WHOLEBODY,
    "halpe_26": _HALPE_BODY + _HALPE_FEET,
    "halpe_136": _HALPE_BODY + _HALPE_FEET + _COCO_WHOLEBODY[23:],
    "mpii_16": (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "mid_hip", "thorax", "neck", "head_top",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    ),
    "lsp_14": (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
        "neck", "head_top",
    ),
    "jhmdb_15": (
        "neck", "belly", "face_center", "right_shoulder", "left_shoulder", "right_hip", "left_hip",
        "right_elbow", "left_elbow", "right_knee", "left_knee",
        "right_wrist", "left_wrist", "right_ankle", "left_ankle",
    ),
}  # fmt: skip


def mirrored_name(name: str) -> str:
    """Name of the keypoint that `name` becomes in a mirrored image (itself when it has no side)."""
    for a, b in (("left", "right"), ("right", "left")):
        if name.startswith(a + "_"):
            return b + name[len(a) :]
        if name.endswith("_" + a):
            return name[: -len(a)] + b
    return name


def mirror_permutation(names: Sequence[str] = KEYPOINTS) -> np.ndarray:
    """Indices that reorder keypoints of a mirrored image back into the order of `names`.

    Args:
        names: keypoint names, K of them.

    Returns:
        (K,) int32; `mirrored_points[permutation]` has the left point at the left index again.

    Raises:
        ValueError: a sided name whose counterpart is missing.
    """
    index = {name: i for i, name in enumerate(names)}
    permutation = []
    for name in names:
        other = mirrored_name(name)
        if other not in index:
            raise ValueError(
                f"keypoint {name!r} has no counterpart {other!r} in the set. Received: names={tuple(names)}"
            )
        permutation.append(index[other])
    return np.array(permutation, np.int32)


def pairs(names: Sequence[str] = KEYPOINTS) -> tuple[tuple[int, int], ...]:
    """(left, right) index pairs of `names`, left first, in order of the left index."""
    index = {name: i for i, name in enumerate(names)}
    return tuple(
        (i, index[mirrored_name(name)])
        for i, name in enumerate(names)
        if mirrored_name(name) in index and (name.startswith("left_") or name.endswith("_left"))
    )


def indices(wanted: Sequence[str], names: Sequence[str] = KEYPOINTS) -> np.ndarray:
    """(len(wanted),) int32 positions of the `wanted` names in `names`; ValueError names the missing ones."""
    index = {name: i for i, name in enumerate(names)}
    missing = [name for name in wanted if name not in index]
    if missing:
        raise ValueError(f"keypoints {missing} are not in the set. Received: names={tuple(names)}")
    return np.array([index[name] for name in wanted], np.int32)


def alignment_indices(names: Sequence[str] = KEYPOINTS) -> dict | None:
    """Where the points are that an alignment is made of.

    Returns:
        Keyword arguments of `geometry.alignment.from_keypoints`: `hips` and `shoulders`, (left, right); `ankles`, or
        None where the set lacks one; `feet`, index of a foot's point -> index of its ankle. None for a set without hips
        and shoulders.
    """
    index = {name: i for i, name in enumerate(names)}

    def both(part: str) -> tuple[int, int] | None:
        found = tuple(index[f"{side}_{part}"] for side in ("left", "right") if f"{side}_{part}" in index)
        return found if len(found) == 2 else None

    hips, shoulders = both("hip"), both("shoulder")
    if hips is None or shoulders is None:
        return None
    feet = {
        index[f"{side}_{part}"]: index[f"{side}_ankle"]
        for side in ("left", "right")
        for part in ("heel", "foot_index", "small_toe")
        if f"{side}_{part}" in index and f"{side}_ankle" in index
    }
    return {"hips": hips, "shoulders": shoulders, "ankles": both("ankle"), "feet": feet}


def angle_indices(names: Sequence[str] = KEYPOINTS) -> dict[str, tuple[int, int, int]]:
    """Joint angle -> indices of its three points, the joint in the middle: `left_elbow` -> (shoulder, elbow, wrist).

    Angles with a point that `names` lacks are left out.
    """
    index = {name: i for i, name in enumerate(names)}
    wanted = {
        f"{side}_{joint}": tuple(f"{side}_{part}" for part in parts)
        for joint, parts in JOINTS.items()
        for side in ("left", "right")
    }
    return {
        angle: tuple(index[name] for name in points)
        for angle, points in wanted.items()
        if all(name in index for name in points)
    }


def edges(names: Sequence[str] = KEYPOINTS) -> tuple[tuple[int, int], ...]:
    """Skeleton edges as index pairs; edges with a point that `names` lacks are left out."""
    index = {name: i for i, name in enumerate(names)}
    return tuple((index[a], index[b]) for a, b in EDGES if a in index and b in index)


def remap(keypoints: np.ndarray, source: Sequence[str], target: Sequence[str] = KEYPOINTS) -> np.ndarray:
    """Reorders keypoints from one set to another by name.

    Args:
        keypoints: (..., S, D) values of the `source` keypoints; the last column is the label state or a weight.
        source: names of the S keypoints.
        target: names of the T keypoints wanted.

    Returns:
        (..., T, D) of the same dtype; a target keypoint that the source lacks is all zeros (unlabelled).

    Raises:
        ValueError: the keypoint count differs from the number of source names.
    """
    keypoints = np.asarray(keypoints)
    if keypoints.ndim < 2 or keypoints.shape[-2] != len(source):
        raise ValueError(f"expected (..., {len(source)}, D) keypoints. Received: shape={keypoints.shape}")
    position = {name: i for i, name in enumerate(source)}
    out = np.zeros((*keypoints.shape[:-2], len(target), keypoints.shape[-1]), keypoints.dtype)
    for i, name in enumerate(target):
        if name in position:
            out[..., i, :] = keypoints[..., position[name], :]
    return out
