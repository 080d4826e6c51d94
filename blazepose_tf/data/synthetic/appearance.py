"""What a person looks like: skin, hair, face and clothes, as solids hung on a skeleton.

Every keypoint lies inside a solid, no deeper than `depth_slack` under the surface that faces the camera, which is what
makes the depth test for occlusion exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blazepose_tf.data.synthetic.body import NOSE, Body, Skeleton, head_radii
from blazepose_tf.data.synthetic.solids import Solid
from blazepose_tf.topology import KEYPOINTS

PATTERNS: tuple[str, ...] = ("plain", "rows", "columns", "checks", "dots", "patches")


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        color: RGB, 0..1.
        second: the other colour of the pattern.
        pattern: one of `PATTERNS`.
        period: of the pattern in metres.
        gloss: strength of the highlight, 0..1.
    """

    color: tuple[float, float, float]
    second: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pattern: str = "plain"
    period: float = 0.1
    gloss: float = 0.05


# Ten tones from the lightest to the darkest: the Monk skin tone scale (Monk 2022), sRGB.
_SKIN = np.array([
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
]) / 255.0  # fmt: skip
_HAIR = np.array([
    (20, 16, 14), (35, 24, 18), (60, 40, 26), (92, 62, 36), (140, 100, 58), (196, 160, 98), (226, 202, 150),
    (150, 62, 30), (120, 118, 116), (214, 212, 208), (46, 44, 46), (25, 20, 20),
]) / 255.0  # fmt: skip
HAIR_STYLES: tuple[str, ...] = ("bald", "short", "short", "bob", "long", "bun", "cap", "hood")
TOPS: tuple[str, ...] = ("none", "sleeveless", "short", "short", "long", "long", "jacket")
BOTTOMS: tuple[str, ...] = ("shorts", "trousers", "trousers", "tights", "skirt", "dress")
# Slots of a person's palette.
SKIN, HAIR, TOP, BOTTOM, SHOES, WHITE, DARK, LIPS, SOCKS, SOLE = range(10)


@dataclass(frozen=True)
class Look:
    """Skin, hair and clothes.

    Attributes:
        materials: one for each slot of the palette, SKIN .. SOLE.
        hair: one of `HAIR_STYLES`.
        top: one of `TOPS`.
        bottom: one of `BOTTOMS`.
        sleeve: covered share of the upper arm for short sleeves, of the forearm for long ones.
        leg: covered share of the thigh for shorts, of the shin for trousers, of the way to the ankle for skirts.
        loose: thickness of the clothes as a factor of the limb's radius.
        barefoot: no shoes.
        beard: a beard.
    """

    materials: tuple[Material, ...]
    hair: str
    top: str
    bottom: str
    sleeve: float
    leg: float
    loose: float
    barefoot: bool
    beard: bool


def _cloth(rng: np.random.Generator) -> Material:
    """A random cloth: greys and saturated colours, plain in more than half of the cases."""
    value, saturation = rng.uniform(0.1, 1.0), rng.choice([0.05, 0.3, 0.6, 0.9])
    base = np.clip(value * (1 - saturation * rng.random(3)), 0.02, 1)
    other = np.clip(base * rng.uniform(0.4, 0.8) if rng.random() < 0.5 else rng.random(3), 0.02, 1)
    pattern = "plain" if rng.random() < 0.55 else PATTERNS[int(rng.integers(1, len(PATTERNS)))]
    return Material(tuple(base), tuple(other), pattern, float(rng.uniform(0.03, 0.16)), float(rng.uniform(0, 0.12)))


def sample_look(rng: np.random.Generator, body: Body) -> Look:
    """Random skin, hair and clothes for a body."""
    tone = rng.uniform(0, len(_SKIN) - 1)
    low = int(tone)
    skin = _SKIN[low] + (tone - low) * (_SKIN[min(low + 1, len(_SKIN) - 1)] - _SKIN[low])
    # The scale is of skin in flat light: warmer, and darkness stretched by the shading, as photographs do.
    skin = np.clip(skin**0.82 * (1.0, 0.92, 0.86) * rng.uniform(0.93, 1.05, 3), 0, 1)
    hair = _HAIR[int(rng.integers(len(_HAIR)))] if rng.random() < 0.94 else rng.random(3)
    style = HAIR_STYLES[int(rng.integers(len(HAIR_STYLES)))]
    if style == "bald" and body.age < 1:
        style = "short"
    lips = np.clip(skin * (0.86, 0.55, 0.52), 0, 1)
    brown, grey = (0.16, 0.10, 0.07), float(rng.uniform(0.15, 0.95))
    top, bottom = _cloth(rng), _cloth(rng)
    if rng.random() < 0.12:
        bottom = top
    hair_color = tuple(hair) if style not in ("cap", "hood") else _cloth(rng).color
    materials = (
        Material(tuple(skin), gloss=0.16), Material(hair_color, gloss=0.2), top, bottom, _cloth(rng),
        Material((0.93, 0.93, 0.92), gloss=0.3), Material(brown, gloss=0.3), Material(tuple(lips)),
        Material((grey, grey, grey)), Material((0.9, 0.9, 0.88) if rng.random() < 0.5 else (0.1, 0.1, 0.1)),
    )  # fmt: skip
    return Look(
        materials=materials,
        hair=style,
        top=TOPS[int(rng.integers(len(TOPS)))] if body.bust == 0 else TOPS[int(rng.integers(1, len(TOPS)))],
        bottom=BOTTOMS[int(rng.integers(len(BOTTOMS) if body.bust > 0 else 4))],
        sleeve=float(rng.uniform(0.35, 1.0)),
        leg=float(rng.uniform(0.3, 1.0)),
        loose=float(rng.uniform(1.06, 1.4)),
        barefoot=bool(rng.random() < 0.2),
        beard=bool(body.bust == 0 and body.age == 1 and rng.random() < 0.3),
    )


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
        patterned = look.materials[slot].pattern != "plain"
        out.append(Solid(start, end, radius, end_radius, palette_start + slot, frame, stretch, patterned))

    _add_trunk(add, skeleton, look)
    _add_head(add, skeleton, look, face=face)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _add_arm(add, skeleton, look, side, sign, fingers=fingers)
        _add_leg(add, skeleton, look, side)
    return out


Adder = Callable[..., None]


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
    hips = (0.062 + 0.012 * (body.hips - 1)) * h * (0.4 + 0.6 * g)
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
        thick = (0.0085, 0.006) if fingers else (0.013, 0.009)
        add(SKIN, start, end, thick[0] * h, thick[1] * h, hand)
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
