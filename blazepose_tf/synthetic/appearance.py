"""What a person looks like: skin, hair and clothes, and the materials of all things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blazepose_tf.synthetic.body import Body

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


def sample_cloth(rng: np.random.Generator) -> Material:
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
    top, bottom = sample_cloth(rng), sample_cloth(rng)
    if rng.random() < 0.12:
        bottom = top
    hair_color = tuple(hair) if style not in ("cap", "hood") else sample_cloth(rng).color
    materials = (
        Material(tuple(skin), gloss=0.16), Material(hair_color, gloss=0.2), top, bottom, sample_cloth(rng),
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
