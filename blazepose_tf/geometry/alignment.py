"""Alignment of a body: mid-hip, the circle around the whole body, and the incline.

An alignment is a (..., 2, 2) array of two points in pixels: `center` (mid-hip) and `scale_point`, the point of the
body circle in the direction from mid-hip to mid-shoulder. Radius and incline follow from the two.

Reference: BlazePose paper, sections 2.2 and 2.6 and figure 2.
"""

from __future__ import annotations

from blazepose_tf.array_api import array_namespace

# Body circle radius / distance of the farthest labelled point, and a lower bound in torso lengths for when the legs
# are not labelled: medians over people whose whole body was labelled (COCO, LSP, fashion, JHMDB: 1.10 to 1.22, 1.7
# to 2.0). The circle holds the head's top and the feet, which lie beyond the outermost keypoints.
RADIUS_FACTOR = 1.15
MIN_RADIUS_IN_TORSOS = 1.8


def from_parts(center, radius, incline):
    """Alignment from its parts.

    Args:
        center: (..., 2) mid-hip in pixels.
        radius: (...) radius of the body circle in pixels.
        incline: (...) angle of the body's up direction in radians, 0 = upright, clockwise in the image positive.

    Returns:
        (..., 2, 2) alignment points.
    """
    xp = array_namespace(center, radius, incline)
    up = xp.stack([xp.sin(incline), -xp.cos(incline)], axis=-1)
    return xp.stack([center, center + radius[..., None] * up], axis=-2)


def radius(alignment):
    """(...) radius of the body circle in pixels."""
    xp = array_namespace(alignment)
    delta = alignment[..., 1, :] - alignment[..., 0, :]
    return xp.sqrt(xp.sum(delta * delta, axis=-1))


def incline(alignment):
    """(...) angle of the body's up direction in radians in (-pi, pi]; 0 = upright, clockwise positive."""
    xp = array_namespace(alignment)
    delta = alignment[..., 1, :] - alignment[..., 0, :]
    return xp.arctan2(delta[..., 0], -delta[..., 1])


def from_keypoints(keypoints, labelled, *, hips, shoulders, ankles=None):
    """Alignment of annotated bodies.

    Args:
        keypoints: (..., K, 2) points in pixels.
        labelled: (..., K) 1 where the point is labelled, 0 elsewhere. Hips and shoulders must be labelled.
        hips: indices of the left and right hip.
        shoulders: indices of the left and right shoulder.
        ankles: indices of the ankles; when given and one is unlabelled, the radius is at least
            MIN_RADIUS_IN_TORSOS torso lengths.

    Returns:
        (..., 2, 2) alignment points.
    """
    xp = array_namespace(keypoints)
    mid_hip = 0.5 * (keypoints[..., hips[0], :] + keypoints[..., hips[1], :])
    mid_shoulder = 0.5 * (keypoints[..., shoulders[0], :] + keypoints[..., shoulders[1], :])
    up = mid_shoulder - mid_hip
    torso = xp.sqrt(xp.sum(up * up, axis=-1))
    delta = keypoints - mid_hip[..., None, :]
    farthest = xp.max(xp.sqrt(xp.sum(delta * delta, axis=-1)) * labelled, axis=-1)
    size = RADIUS_FACTOR * farthest
    if ankles is not None:
        both = labelled[..., ankles[0]] * labelled[..., ankles[1]]
        size = xp.where(both > 0, size, xp.maximum(size, MIN_RADIUS_IN_TORSOS * torso))
    return from_parts(mid_hip, size, xp.arctan2(up[..., 0], -up[..., 1]))
