"""A dressed person as solids hung on a skeleton.

Every keypoint lies inside a solid, no deeper than `depth_slack` under the surface that faces the camera, which is what
makes the depth test for occlusion exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blazepose_tf.synthetic.appearance import (
    BOTTOM,
    DARK,
    HAIR,
    LIPS,
    SHOES,
    SKIN,
    SOCKS,
    SOLE,
    TOP,
    WHITE,
    Look,
)  # fmt: skip
from blazepose_tf.synthetic.body import NOSE, Skeleton, head_radii
from blazepose_tf.synthetic.solids import Solid
from blazepose_tf.topology import KEYPOINTS

Adder = Callable[..., None]


def build_solids(
    skeleton: Skeleton, look: Look, *, palette_start: int = 0, face: bool = True, fingers: bool = True
) -> list[Solid]:
    """The solids of a dressed person.

    Args:
        skeleton: the body in its pose.
        look: skin, hair and clothes.
        palette_start: index of the person's first material in the palette of the picture.
        face: with eyes, brows and mouth; they are invisible on small persons and cost time.
        fingers: with single fingers instead of a mitten.

    Returns:
        The solids in the world frame.
    """
    out: list[Solid] = []

    def add(slot, start, end, radius, end_radius, frame, stretch=None) -> None:
        out.append(Solid(start, end, radius, end_radius, palette_start + slot, frame, stretch))

    _add_trunk(add, skeleton, look)
    _add_head(add, skeleton, look, face=face)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _add_arm(add, skeleton, look, side, sign, fingers=fingers)
        _add_leg(add, skeleton, look, side)
    return out


def _lerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return a + (b - a) * share


def _add_trunk(add: Adder, skeleton: Skeleton, look: Look) -> None:
    body, j = skeleton.body, skeleton.joints
    h, g = body.height, body.girth
    chest, pelvis = skeleton.frames["chest"], skeleton.frames["pelvis"]
    top = SKIN if look.top == "none" else TOP
    wide = body.shoulders * (0.55 + 0.45 * g)
    flat = (1.0, 1.0, 0.68)
    ribs = j["chest"] + chest @ (0, 0.02 * h, 0)
    upper = j["chest"] + chest @ (0, 0.085 * h, -0.004 * h)
    add(top, ribs, upper, 0.078 * h * wide, 0.084 * h * wide, chest, flat)
    waist = 0.072 * h * (0.35 + 0.65 * g) * (1 + 0.15 * body.belly)
    middle = _lerp(chest, pelvis, 0.5)
    u, _, vt = np.linalg.svd(middle)
    add(top, j["waist"] + pelvis @ (0, -0.03 * h, 0), ribs, waist, 0.076 * h * wide, u @ vt, (1.0, 1.0, 0.75))
    if body.belly > 0.2:
        add(top, j["waist"] + pelvis @ (0, -0.03 * h, 0.012 * h), j["waist"] + pelvis @ (0, 0.04 * h, 0.012 * h),
            waist * (0.85 + 0.2 * body.belly), waist * 0.85, pelvis)  # fmt: skip
    for sign in (1.0, -1.0):
        side = "left" if sign > 0 else "right"
        shoulder = j[f"{side}_shoulder"]
        neck = j["neck"] + chest @ (sign * 0.012 * h, 0.004 * h, 0)
        add(top, neck, shoulder, 0.026 * h, 0.033 * h * (0.6 + 0.4 * g), chest)
        if body.bust > 0:
            breast = j["chest"] + chest @ (sign * 0.038 * h * wide, 0.045 * h, 0.034 * h * wide)
            size = 0.038 * h * (0.7 + 0.45 * body.bust)
            add(TOP, breast, breast, size, size, chest, (1.15, 1.05, 0.8))
    hips = (0.058 + 0.012 * (body.hips - 1)) * h * (0.4 + 0.6 * g)
    bottom = BOTTOM if look.bottom != "dress" else TOP
    add(bottom, _lerp(j["mid_hip"], j["left_hip"], 0.7), _lerp(j["mid_hip"], j["right_hip"], 0.7), hips * 1.05,
        hips * 1.05, pelvis, (1.0, 1.0, 0.95))  # fmt: skip
    add(bottom, j["mid_hip"], j["waist"] + pelvis @ (0, -0.02 * h, 0), hips * 1.3, waist, pelvis, (1.0, 1.0, 0.74))
    if look.top == "jacket":
        add(
            top, j["mid_hip"] + pelvis @ (0, -0.01 * h, 0), ribs, hips * 1.5, 0.083 * h * wide, pelvis, (1.0, 1.0, 0.78)
        )
    if look.bottom in ("skirt", "dress"):
        # Two wide tubes and the cloth between them follow any position of the legs.
        reach = 0.4 + 0.55 * look.leg
        ends = [_lerp(j[f"{side}_hip"], j[f"{side}_knee"], reach) for side in ("left", "right")]
        for side, end in zip(("left", "right"), ends, strict=True):
            add(bottom, j[f"{side}_hip"], end, hips * 1.02, hips * 0.95, skeleton.frames[f"{side}_thigh"])
        if np.linalg.norm(ends[0] - ends[1]) < 0.2 * h:
            add(bottom, j["mid_hip"], (ends[0] + ends[1]) / 2, hips * 1.1, hips, pelvis)
    add(SKIN, j["neck"], _lerp(j["neck"], j["head"], 0.8), 0.031 * h * (0.6 + 0.4 * g), 0.029 * h, chest)


def _add_head(add: Adder, skeleton: Skeleton, look: Look, *, face: bool) -> None:
    head, j = skeleton.frames["head"], skeleton.joints
    rx, ry, rz = radii = head_radii(skeleton.body)

    def at(x: float, y: float, z: float) -> np.ndarray:
        return j["head"] + head @ (radii * (x, y, z))

    def ellipsoid(slot: int, center: np.ndarray, size: tuple[float, float, float]) -> None:
        add(slot, center, center, 1.0, 1.0, head, size)

    ellipsoid(SKIN, at(0, 0.12, -0.04), (rx, 0.88 * ry, rz))
    ellipsoid(SKIN, at(0, -0.38, 0.17), (0.76 * rx, 0.62 * ry, 0.74 * rz))
    add(SKIN, at(0, 0.02, 0.93), at(*NOSE), 0.10 * rx, 0.17 * rx, head)
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        ellipsoid(SKIN, j[f"{side}_ear"], (0.09 * rx, 0.24 * ry, 0.17 * rz))
        if face:
            ellipsoid(WHITE, at(sign * 0.39, 0.05, 0.82), (0.19 * rx, 0.085 * ry, 0.13 * rz))
            ellipsoid(DARK, at(sign * 0.39, 0.05, 0.88), (0.085 * rx, 0.08 * ry, 0.10 * rz))
            add(HAIR if look.hair not in ("cap", "hood", "bald") else DARK, at(sign * 0.20, 0.21, 0.95),
                at(sign * 0.60, 0.22, 0.78), 0.05 * rx, 0.04 * rx, head)  # fmt: skip
    if face:
        add(LIPS, at(0.27, -0.50, 0.83), at(0, -0.52, 0.90), 0.07 * rx, 0.10 * rx, head)
        add(LIPS, at(-0.27, -0.50, 0.83), at(0, -0.52, 0.90), 0.07 * rx, 0.10 * rx, head)
    if look.beard:
        beard = HAIR if look.hair not in ("cap", "hood", "bald") else DARK
        ellipsoid(beard, at(0, -0.62, 0.22), (0.74 * rx, 0.42 * ry, 0.70 * rz))
    if look.hair == "bald":
        return
    # The hairline is the seam where this larger cap, moved up and back, leaves the skull.
    ellipsoid(HAIR, at(0, 0.30, -0.16), (1.07 * rx, 0.80 * ry, 1.04 * rz))
    if look.hair == "cap":
        add(HAIR, at(0.35, 0.52, 0.95), at(-0.35, 0.52, 0.95), 0.5 * rx, 0.5 * rx, head, (1.0, 0.16, 1.2))
    if look.hair in ("bob", "long", "hood"):
        ellipsoid(HAIR, at(0, -0.10, -0.36), (1.14 * rx, 1.02 * ry, 0.84 * rz))
    if look.hair in ("long", "hood"):
        end = j["neck"] + skeleton.frames["chest"] @ (0, -0.02 * skeleton.body.height, -0.055 * skeleton.body.height)
        add(HAIR, at(0, -0.2, -0.6), end, 0.78 * rx, 0.6 * rx, head, (1.0, 1.0, 0.6))
    if look.hair == "bun":
        ellipsoid(HAIR, at(0, 0.55, -1.05), (0.45 * rx, 0.35 * ry, 0.4 * rz))


def _add_arm(add: Adder, skeleton: Skeleton, look: Look, side: str, sign: float, *, fingers: bool) -> None:
    j, h, g = skeleton.joints, skeleton.body.height, skeleton.body.girth
    upper, fore, hand = (skeleton.frames[f"{side}_{name}"] for name in ("upper_arm", "forearm", "hand"))
    shoulder, elbow, wrist = (j[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    thick = h * (0.45 + 0.55 * g)
    full = look.top in ("long", "jacket")
    if not full:
        add(SKIN, shoulder, elbow, 0.031 * thick, 0.024 * thick, upper)
    belly = _lerp(elbow, wrist, 0.3)
    add(SKIN, elbow, belly, 0.024 * thick, 0.0245 * thick, fore)
    add(SKIN, belly, wrist, 0.0245 * thick, 0.0165 * thick, fore, (0.85, 1.0, 1.0))
    loose = look.loose
    if full or look.top == "short":
        share = 1.0 if full else look.sleeve
        end_radius = (0.031 + (0.024 - 0.031) * share) * thick * loose
        add(TOP, shoulder, _lerp(shoulder, elbow, share), 0.033 * thick * min(loose, 1.15), end_radius, upper)
    if full:
        cuff = _lerp(elbow, wrist, 0.4 + 0.6 * look.sleeve)
        add(TOP, elbow, cuff, 0.024 * thick * loose, (0.0245 - 0.006 * look.sleeve) * thick * loose, fore)
    index, pinky, thumb = (j[f"{side}_{name}"] for name in ("index", "pinky", "thumb"))
    tips = j[f"{side}_fingertips"]
    palm = 0.0145 * h
    add(SKIN, wrist, _lerp(index, pinky, 0.3), palm, palm, hand, (0.75, 1.0, 1.15))
    add(SKIN, wrist, _lerp(index, pinky, 0.7), palm, palm, hand, (0.75, 1.0, 1.15))
    across = index - pinky
    middle = j[f"{side}_knuckles"]
    bend = _lerp(middle, tips, 0.55) + hand @ (-sign * 0.002 * h, 0, 0)
    for share in (0.5, 0.17, -0.17, -0.5) if fingers else (0.3, -0.3):
        start = middle + across * share
        reach = 1.0 - 0.25 * abs(share + 0.1)
        end = start + (bend - middle) * 1.7 * reach
        root, end_radius = (0.0085, 0.006) if fingers else (0.013, 0.009)
        add(SKIN, start, end, root * h, end_radius * h, hand)
    tip = thumb + (thumb - wrist) * 0.35
    add(SKIN, _lerp(wrist, thumb, 0.3), thumb, 0.011 * h, 0.0085 * h, hand)
    add(SKIN, thumb, tip, 0.0085 * h, 0.006 * h, hand)


def _add_leg(add: Adder, skeleton: Skeleton, look: Look, side: str) -> None:
    j, h, g = skeleton.joints, skeleton.body.height, skeleton.body.girth
    thigh, shin, foot = (skeleton.frames[f"{side}_{name}"] for name in ("thigh", "shin", "foot"))
    hip, knee, ankle = (j[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    thick = h * (0.4 + 0.6 * g)
    calf = _lerp(knee, ankle, 0.3) + shin @ (0, 0, -0.008 * h)
    loose = look.loose
    if look.bottom == "trousers":
        end = _lerp(calf, ankle, 0.25 + 0.7 * look.leg)
        add(BOTTOM, hip, knee, 0.051 * thick * min(loose, 1.12), 0.034 * thick * loose, thigh)
        add(BOTTOM, knee, calf, 0.034 * thick * loose, 0.0355 * thick * loose, shin)
        add(BOTTOM, calf, end, 0.0355 * thick * loose, (0.034 - 0.009 * look.leg) * thick * loose, shin)
    else:
        bare = BOTTOM if look.bottom == "tights" else SKIN
        add(bare, hip, knee, 0.050 * thick, 0.032 * thick, thigh)
        add(bare, knee, calf, 0.032 * thick, 0.034 * thick, shin)
    add(BOTTOM if look.bottom == "tights" else SKIN, calf, ankle, 0.034 * thick, 0.020 * thick, shin)
    if look.bottom == "shorts":
        cover = 0.35 + 0.65 * look.leg
        end_radius = (0.050 - 0.018 * cover) * thick * loose
        add(BOTTOM, hip, _lerp(hip, knee, cover), 0.051 * thick * min(loose, 1.12), end_radius, thigh)
    outward = 1.0 if side == "left" else -1.0
    heel, toe = j[f"{side}_heel"], j[f"{side}_foot_index"]
    shoe = SKIN if look.barefoot else SHOES
    sole = 0.018 if look.barefoot else 0.021
    add(shoe, ankle, heel, 0.021 * h, sole * h, foot)
    add(shoe, heel, toe, sole * h, 0.015 * h, foot)
    add(shoe, heel, toe + foot @ (outward * 0.019 * h, -0.001 * h, -0.014 * h), sole * h, 0.013 * h, foot)
    add(shoe, ankle, _lerp(heel, toe, 0.8) + foot @ (outward * 0.007 * h, 0.001 * h, 0), 0.021 * h, 0.014 * h, foot)
    if not look.barefoot:
        add(SOLE, heel + foot @ (outward * 0.003 * h, -0.010 * h, 0), toe + foot @ (outward * 0.008 * h, -0.008 * h, 0),
            0.020 * h, 0.019 * h, foot, (1.1, 0.6, 1.0))  # fmt: skip
        add(SOCKS, ankle, _lerp(ankle, knee, 0.16), 0.0215 * thick, 0.0235 * thick, shin)


# How far below the visible surface a visible keypoint may be, as a share of the height: the radius of the thickest
# solid around it (clothes included) with a margin of 15 %, or a few millimetres for points on the face.
_SLACK = {"nose": 0.020, "eye": 0.016, "ear": 0.018, "mouth": 0.016, "shoulder": 0.056, "elbow": 0.042, "wrist": 0.034,
          "pinky": 0.026, "index": 0.026, "thumb": 0.022, "hip": 0.092, "knee": 0.056, "ankle": 0.040, "heel": 0.034,
          "foot_index": 0.034}  # fmt: skip


def depth_slack(skeleton: Skeleton) -> np.ndarray:
    """(33,) metres that the surface in front of a visible keypoint may be nearer than the keypoint itself."""
    thick = skeleton.body.height * (0.4 + 0.6 * max(skeleton.body.girth, 0.9))
    slack = []
    for name in KEYPOINTS:
        bare = name.replace("left_", "").replace("right_", "").replace("_left", "").replace("_right", "")
        bare = bare if bare in _SLACK else bare.split("_")[0]
        slack.append(_SLACK[bare] * thick)
    return np.array(slack)
