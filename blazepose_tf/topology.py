"""Keypoint sets by name: the 33 body points, their edges, pairs and groups, and remaps from other sets.

Everything refers to keypoints by name; an index is only ever derived from a name here, so that two sets can differ
in order and size without any other module knowing.

Reference: BlazePose paper, section 2.3 and appendix (names and order); COCO keypoint task; COCO-WholeBody (Jin et al.
2020); Halpe full body (Fang et al. 2020); MPII human pose; Leeds Sports Pose; JHMDB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

__all__ = ["COCO_17", "KEYPOINTS", "KEYPOINT_SETS", "edges", "indices", "mirror_permutation", "pairs", "remap"]

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


def _face_mirror() -> dict[str, str]:
    """Right to left among iBUG's 68 points of the face, whose names tell no side: jaw, brows, nostrils, eyes, lips."""
    runs = ((0, 16), (17, 26), (31, 35), (48, 54), (55, 59), (60, 64), (65, 67))
    couples = [(first + i, last - i) for first, last in runs for i in range((last - first + 1) // 2)]
    couples += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    return {f"face_{a}": f"face_{b}" for a, b in couples}


_FACE_RIGHT_TO_LEFT = _face_mirror()
_FACE_MIRROR = _FACE_RIGHT_TO_LEFT | {b: a for a, b in _FACE_RIGHT_TO_LEFT.items()}
# Words for the sides, as people and tools name points; a single letter counts where it is a word of its own.
_SIDE_WORDS: tuple[tuple[str, str], ...] = (
    ("left", "right"), ("l", "r"), ("lft", "rgt"), ("lt", "rt"), ("links", "rechts"), ("gauche", "droite"),
    ("izquierda", "derecha"), ("izquierdo", "derecho"), ("esquerda", "direita"),
    ("esquerdo", "direito"), ("sinistra", "destra"), ("sinistro", "destro"), ("sx", "dx"),
)  # fmt: skip
_OTHER_SIDE = {word: other for pair in _SIDE_WORDS for word, other in (pair, pair[::-1])}
_IS_LEFT = {word: side == 0 for pair in _SIDE_WORDS for side, word in enumerate(pair)}
# Between words: anything that is no letter or digit, and before the capitals of camelCase and LGlove.
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(name: str) -> list[str]:
    """The words of a keypoint's name in lower case: `LGlove`, `glove_l`, `Left Glove`, `gloveLeft` have two each."""
    return [word.lower() for part in _WORD.findall(name) for word in _CAMEL.split(part)]


def side_and_part(name: str) -> tuple[str, str]:
    """`left`, `right` or nothing, and the rest of the name's words joined by `_`; the first word for a side decides."""
    parts = words(name)
    first = next((i for i, word in enumerate(parts) if word in _OTHER_SIDE), None)
    if first is None:
        return "", "_".join(parts)
    return "left" if _IS_LEFT[parts[first]] else "right", "_".join(parts[:first] + parts[first + 1 :])


def _spellings(name: str) -> list[str]:
    """What the counterpart of a name may be called, without regard to capitals and to what stands between words."""
    parts = words(name)
    sided = [i for i, word in enumerate(parts) if word in _OTHER_SIDE]
    found = []
    for which in (sided, sided[:1]):  # the mirror exchanges left_eye_right_corner and right_eye_left_corner
        changed = [_OTHER_SIDE[word] if i in which else word for i, word in enumerate(parts)]
        found += [_plain(changed)] if which else []
    if not sided:  # leftglove, gloveright, Lglove
        whole = "".join(parts)
        for word, other in _OTHER_SIDE.items():
            if len(word) > 2 and whole.startswith(word):
                found.append(other + whole.removeprefix(word))
            elif len(word) > 2 and whole.endswith(word):
                found.append(whole.removesuffix(word) + other)
        found += [{"l": "r", "r": "l"}[whole[0]] + whole[1:]] if whole[:1] in ("l", "r") and len(whole) > 3 else []
    return found


def _plain(parts: Sequence[str]) -> str:
    """Words as one, those for sides by one spelling and in front, so that `glove_l` is `Left Glove`."""
    sides = [("left" if _IS_LEFT[word] else "right") for word in parts if word in _OTHER_SIDE]
    return "".join([*sides, *(word for word in parts if word not in _OTHER_SIDE)])


def counterparts(wanted: Sequence[str], among: Sequence[str]) -> tuple[str | None, ...]:
    """Which keypoints a mirror puts in the places of others.

    Args:
        wanted: names of the places.
        among: names of the keypoints that there are, in any usual spelling of left and right (see `words`).

    Returns:
        Per wanted name the one of `among` that is there in the mirrored picture: the name itself where it has no side,
        None where it says left or right and nothing in `among` is its other side.
    """
    index: dict[str, str] = {}
    for name in among:
        index.setdefault(_plain(words(name)), name)
    exact = set(among)
    out = []
    for name in wanted:
        other = next((index[s] for s in _spellings(name) if s in index), None)
        plain = mirrored_name(name)
        if plain in exact and plain != name and (other is None or sum(w in _OTHER_SIDE for w in words(name)) == 1):
            other = plain  # of two that are spelt alike, the one spelt the same
        sided = any(len(word) > 3 and word in _OTHER_SIDE for word in words(name))
        out.append(other if other is not None else None if sided else name)
    return tuple(out)


def mirrored_name(name: str) -> str:
    """Name of the keypoint that `name`, spelt as here, becomes in a mirrored image (itself when it has no side)."""
    if name in _FACE_MIRROR:
        return _FACE_MIRROR[name]
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
    found = counterparts(names, names)
    permutation = []
    for name, other in zip(names, found, strict=True):
        if other is None:
            raise ValueError(f"keypoint {name!r} has no counterpart in the set. Received: names={tuple(names)}")
        permutation.append(index[other])
    return np.array(permutation, np.int32)


def sides(names: Sequence[str] = KEYPOINTS) -> np.ndarray | None:
    """(K,) int32 `mirror_permutation`, None where a point lacks its other side."""
    return None if None in counterparts(names, names) else mirror_permutation(names)


def mirror_remarks(names: Sequence[str]) -> list[str]:
    """What a user should know before names of own keypoints are learnt from mirrored pictures too, in lines."""
    found = dict(zip(names, counterparts(names, names), strict=True))
    lone = [name for name in names if found[name] is None]
    known = {name for known in KEYPOINT_SETS.values() for name in known}
    middle = [name for name in names if found[name] == name and name not in known]
    out = []
    if lone:
        out.append(f"mirrored pictures leave out {', '.join(lone[:12])}: the other side is not among the keypoints")
    if middle:
        out.append(f"mirrored pictures keep in its place what says neither left nor right: {', '.join(middle[:12])}")
    return out


def pairs(names: Sequence[str] = KEYPOINTS) -> tuple[tuple[int, int], ...]:
    """(left, right) index pairs of `names`, left first, in order of the left index."""
    index = {name: i for i, name in enumerate(names)}
    found = counterparts(names, names)
    return tuple(
        (i, index[other])
        for i, (name, other) in enumerate(zip(names, found, strict=True))
        if other is not None and other != name and _is_left(name)
    )


def _is_left(name: str) -> bool:
    if name in _FACE_MIRROR:
        return name not in _FACE_RIGHT_TO_LEFT
    side, part = side_and_part(name)
    if side:
        return side == "left"
    left = [pair[0] for pair in _SIDE_WORDS if len(pair[0]) > 2]
    return part[0] == "l" or any(part.startswith(word) or part.endswith(word) for word in left)


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
        angle: (index[points[0]], index[points[1]], index[points[2]])
        for angle, points in wanted.items()
        if all(name in index for name in points)
    }


def edges(names: Sequence[str] = KEYPOINTS) -> tuple[tuple[int, int], ...]:
    """Skeleton edges as index pairs; edges with a point that `names` lacks are left out."""
    index = {name: i for i, name in enumerate(names)}
    return tuple((index[a], index[b]) for a, b in EDGES if a in index and b in index)


# Limb segments without their side: what is as long left as right, and as long in one frame as in the next.
LIMBS: tuple[tuple[str, str], ...] = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


def limb_indices(names: Sequence[str] = KEYPOINTS) -> tuple[tuple[int, int, int, int], ...]:
    """For each limb segment whose four ends a keypoint set has: indices of its ends on the left, then on the right."""
    index = {name: i for i, name in enumerate(names)}
    limbs = ((f"left_{a}", f"left_{b}", f"right_{a}", f"right_{b}") for a, b in LIMBS)
    return tuple((index[a], index[b], index[c], index[d]) for a, b, c, d in limbs if {a, b, c, d} <= set(names))


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
