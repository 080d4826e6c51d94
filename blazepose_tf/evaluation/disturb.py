"""Disturbances of a picture or its region of interest, by kind and level, the same for every model.

Directions, signs, noise and places of a disturbance are drawn from the person's id: two models see the very same
disturbed people. Levels of pictures are stated in units of the person, so that a near and a far person suffer alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blazepose_tf.geometry import roi as roi_lib

# Kind -> (unit, levels). The card promises 10 % shift and scale and 8 degrees of roll; the curves go well beyond.
KINDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "roll": ("degrees", (4, 8, 15, 30, 45, 90)),
    "shift": ("share of 1.25 x the body circle's diameter", (0.05, 0.1, 0.15, 0.2, 0.3)),
    "scale": ("roi larger or smaller by", (0.1, 0.25, 0.4, 0.6)),
    "brightness": ("stops", (-3, -2, -1, 1, 2)),
    "blur": ("sigma in 1/256 of the roi", (1, 2, 4, 8)),
    "noise": ("sigma in grey levels", (10, 20, 40, 80)),
    "jpeg": ("quality", (50, 20, 10, 5)),
    "occlusion": ("share of the body circle's square", (0.05, 0.1, 0.2, 0.3)),
    "distance": ("pixels across the body circle", (128, 64, 32, 16)),
}
_ON_ROI = ("roll", "shift", "scale")


@dataclass(frozen=True)
class Disturbance:
    """One kind at one level.

    Raises:
        ValueError: an unknown kind.
    """

    kind: str
    level: float

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"disturbance must be one of {sorted(KINDS)}. Received: kind={self.kind!r}")

    @property
    def key(self) -> str:
        return f"{self.kind}={self.level:g}"

    @property
    def on_roi(self) -> bool:
        """Whether it moves the region of interest instead of changing the picture."""
        return self.kind in _ON_ROI

    def alignment(self, alignment: np.ndarray, person_id: int) -> np.ndarray:
        """The disturbed (2, 2) alignment points; unchanged for kinds that work on the picture.

        Shifts are stated in sides of the standard roi, whatever scale a model crops with: the same for every model.
        """
        rng = self._rng(person_id)
        sign = 1.0 if rng.random() < 0.5 else -1.0
        direction = rng.uniform(0, 2 * np.pi)
        shift, log_scale, rotation = np.zeros(2), 0.0, 0.0
        if self.kind == "roll":
            rotation = sign * np.deg2rad(self.level)
        elif self.kind == "shift":
            shift = self.level * np.array([np.cos(direction), np.sin(direction)])
        elif self.kind == "scale":
            log_scale = sign * np.log1p(self.level)
        region = roi_lib.jitter(
            roi_lib.from_alignment(np.asarray(alignment, np.float64)),
            shift=shift,
            log_scale=np.float64(log_scale),
            rotation=np.float64(rotation),
        )
        return roi_lib.to_alignment(region)

    def picture(self, image: np.ndarray, alignment: np.ndarray, person_id: int) -> np.ndarray:
        """The disturbed (H, W, 3) uint8 picture; itself for kinds that work on the roi.

        Args:
            image: (H, W, 3) uint8 RGB.
            alignment: (2, 2) the person's alignment points in pixels.
            person_id: seed.
        """
        radius = float(np.linalg.norm(alignment[1] - alignment[0]))
        rng = self._rng(person_id)
        if self.kind == "brightness":
            return np.clip(image.astype(np.float32) * 2.0**self.level, 0, 255).astype(np.uint8)
        if self.kind == "blur":
            sigma = self.level * 2.5 * radius / 256.0  # 2.5 R is the side of the roi
            return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.1 else image
        if self.kind == "noise":
            noisy = image + rng.normal(0, self.level, image.shape).astype(np.float32)
            return np.clip(noisy, 0, 255).astype(np.uint8)
        if self.kind == "jpeg":
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(self.level)])
            return cv2.imdecode(data, cv2.IMREAD_COLOR)
        if self.kind == "occlusion":
            return _occluded(image, alignment[0], radius, self.level, rng)
        if self.kind == "distance":
            return _seen_from_afar(image, 2.0 * radius, self.level)
        return image

    def _rng(self, person_id: int) -> np.random.Generator:
        return np.random.default_rng([sorted(KINDS).index(self.kind), int(abs(self.level) * 1000), int(person_id)])


def _occluded(image, center, radius, share, rng) -> np.ndarray:
    """A rectangle of one random colour over `share` of the square around the body circle, placed inside it."""
    side = 2.0 * radius
    aspect = np.exp(rng.uniform(-0.7, 0.7))
    width, height = side * np.sqrt(share * aspect), side * np.sqrt(share / aspect)
    low = center - radius
    x = low[0] + rng.uniform(0, max(side - width, 0))
    y = low[1] + rng.uniform(0, max(side - height, 0))
    out = image.copy()
    x0, y0, x1, y1 = (round(max(v, 0)) for v in (x, y, x + width, y + height))
    out[y0:y1, x0:x1] = rng.integers(0, 256, 3)
    return out


def _seen_from_afar(image, diameter, pixels) -> np.ndarray:
    """The picture as a camera sees it for whom the body circle is `pixels` across, enlarged again."""
    factor = pixels / diameter
    if factor >= 1:
        return image
    height, width = image.shape[:2]
    small = (max(round(width * factor), 1), max(round(height * factor), 1))
    return cv2.resize(
        cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=cv2.INTER_LINEAR
    )
