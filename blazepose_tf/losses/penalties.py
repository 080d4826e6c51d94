"""Penalties of a residual in input sizes: L1, Huber and wing.

All of them grow with slope 1 for large residuals, so that one weight fits all and only the shape near zero differs.
"""

from __future__ import annotations

import math

from keras import ops

KINDS = ("l1", "huber", "wing")
# Knee of the Huber penalty: 2.56 px of 256. Annotators disagree by about as much, below it the gradient fades.
KNEE = 0.01
# Wing (Feng et al. 2018), in input sizes: w = 10 px and epsilon = 2 px on their 256 px faces.
WING_WIDTH = 10.0 / 256.0
WING_CURVATURE = 2.0 / 256.0


def penalty(residual, *, kind: str = "huber", knee: float = KNEE):
    """Elementwise penalty.

    Args:
        residual: any shape, in input sizes.
        kind: `l1`: |r|. `huber`: r^2 / (2 knee) up to the knee, then |r| - knee / 2. `wing`: steeper than L1 below
            WING_WIDTH, so that small errors keep their pull; L1 plus a constant beyond.
        knee: of the Huber penalty, in input sizes.

    Returns:
        Same shape, >= 0.

    Raises:
        ValueError: an unknown kind.
    """
    size = ops.abs(residual)
    if kind == "l1":
        return size
    if kind == "huber":
        return ops.where(size < knee, size * size / (2.0 * knee), size - 0.5 * knee)
    if kind == "wing":
        offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_CURVATURE)
        return ops.where(size < WING_WIDTH, WING_WIDTH * ops.log1p(size / WING_CURVATURE), size - offset)
    raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
