"""Keypoint names of other sources, and which set a conversion ends in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blazepose_tf import topology

_ANCHORS = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
_KNOWN = frozenset(name for names in topology.KEYPOINT_SETS.values() for name in names)

# Other words for the same point, after the side is taken off.
_SYNONYMS = {
    "big_toe": "foot_index",
    "toe": "foot_index",
    "toes": "foot_index",
    "small_toe": "small_toe",
    "inner_eye": "eye_inner",
    "outer_eye": "eye_outer",
    "pelvis": "mid_hip",
    "upper_neck": "neck",
    "index_finger": "index",
    "little_finger": "pinky",
}
# Sets that a bare number of keypoints tells.
BY_COUNT = {17: "coco_17", 26: "halpe_26", 33: "blazepose_33", 133: "coco_wholebody_133", 136: "halpe_136"}


def canonical(name: str) -> str:
    """`LShoulder`, `left-shoulder`, `Right Big Toe` as this package writes them; unknown names stay as they are."""
    side, rest = topology.side_and_part(name)
    rest = _SYNONYMS.get(rest, rest)
    candidate = f"{side}_{rest}" if side else rest
    candidate = f"mouth_{side}" if rest == "mouth" and side else candidate
    return candidate if candidate in _KNOWN else name


def renamed(names: Sequence[str], rename: Mapping[str, str]) -> tuple[str, ...]:
    """Names after the user's renaming and `canonical`.

    Raises:
        ValueError: a renamed keypoint that the source lacks, or two keypoints that end in one name.
    """
    missing = sorted(set(rename) - set(names))
    if missing:
        raise ValueError(f"--rename names keypoints {missing} that the source lacks. Received: names={tuple(names)}")
    out = tuple(rename[name] if name in rename else canonical(name) for name in names)
    doubled = sorted({name for name in out if out.count(name) > 1})
    if doubled:
        raise ValueError(f"several keypoints would be named {doubled}. Received: names={tuple(names)}")
    return out


def target_names(names: Sequence[str], target: str) -> tuple[str, ...]:
    """Keypoint set of the output.

    Args:
        names: the source's names, renamed already.
        target: `blazepose_33`, `source` (the source's own set), or `auto`: the 33 when the source has both hips and
            both shoulders, which align a body, and no name that is nobody's but its own; else its own set.
    """
    if target == "auto":
        usual = {name for known in topology.KEYPOINT_SETS.values() for name in known}
        return topology.KEYPOINTS if has_torso(names) and set(names) <= usual else tuple(names)
    if target == "source":
        return tuple(names)
    if target in topology.KEYPOINT_SETS:
        return topology.KEYPOINT_SETS[target]
    raise ValueError(f"--target must be auto, source or one of {sorted(topology.KEYPOINT_SETS)}. Received: {target!r}")


def has_torso(names: Sequence[str]) -> bool:
    """Whether the set holds both hips and both shoulders."""
    return set(_ANCHORS) <= set(names)
