"""Alignment of a body: mid-hip, the circle around the whole body, and the incline.

An alignment is a (..., 2, 2) array of two points in pixels: `center` (mid-hip) and `scale_point`, the point of the
body circle in the direction from mid-hip to mid-shoulder. Radius and incline follow from the two.

Reference: BlazePose paper, sections 2.2 and 2.6 and figure 2.
"""

from __future__ import annotations

import numpy as np

from blazepose_tf.array_api import array_namespace, components

# Body circle radius / distance of the farthest labelled point, and a lower bound in torso lengths for when the legs
# are not labelled: medians over people whose whole body was labelled (COCO, LSP, fashion, JHMDB: 1.10 to 1.22, 1.7
# to 2.0). The circle holds the head's top and the feet, which lie beyond the outermost keypoints.
RADIUS_FACTOR = 1.15
MIN_RADIUS_IN_TORSOS = 1.8
# `distance` below which two alignments found in one picture are the same person's. A face and a torso anchor agree less
# than two faces do: of 440 pictures of one person 65 have somebody twice at 0.25, 31 at 0.3, 19 at 0.35 and 10 at 0.45;
# of 1,186 people in pictures of several 824, 813, 797 and 775 are found.
SAME_PERSON = 0.3


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
    xp, ((x, y), (scale_x, scale_y)) = components(alignment, 2)
    dx, dy = scale_x - x, scale_y - y
    return xp.sqrt(dx * dx + dy * dy)


def incline(alignment):
    """(...) angle of the body's up direction in radians in (-pi, pi]; 0 = upright, clockwise positive."""
    xp, ((x, y), (scale_x, scale_y)) = components(alignment, 2)
    return xp.arctan2(scale_x - x, y - scale_y)


def distance(a, b):
    """How far the bodies of two alignments are apart, in radii of the larger body circle.

    The mean distance of the two alignment points, so that place, size and incline all count: a shift of the circle by
    a tenth of its radius gives 0.1, so does a turn by 0.2 radians or a radius a fifth smaller.

    Args:
        a: (..., 2, 2) alignment points in pixels.
        b: (..., 2, 2), of a shape that broadcasts with it.

    Returns:
        (...) distances, 0 or more.
    """
    xp = array_namespace(a, b)
    delta = a - b
    apart = xp.sqrt(xp.sum(delta * delta, axis=-1))
    return 0.5 * (apart[..., 0] + apart[..., 1]) / xp.maximum(xp.maximum(radius(a), radius(b)), 1e-6)


def same_people(alignments):
    """(N, N) whether each two of (N, 2, 2) alignments are one person's (`SAME_PERSON`)."""
    return distance(alignments[:, None], alignments[None]) < SAME_PERSON


def from_keypoints(keypoints, labelled, *, hips, shoulders, ankles=None, feet=None):
    """Alignment of annotated bodies. `topology.alignment_indices` gives the indices of a keypoint set.

    Args:
        keypoints: (..., K, 2) points in pixels.
        labelled: (..., K) 1 where the point is labelled, 0 elsewhere. Hips and shoulders must be labelled.
        hips: indices of the left and right hip.
        shoulders: indices of the left and right shoulder.
        ankles: indices of the ankles; when given and one is unlabelled, the radius is at least
            MIN_RADIUS_IN_TORSOS torso lengths.
        feet: index of a heel or toe -> index of its ankle. Where the ankle is labelled such a point does not count for
            the circle: RADIUS_FACTOR leaves room for it, and the circle shall not depend on whether a data set
            labels feet (measured: it is 1.01 x the farthest point with them, 1.11 x without).

    Returns:
        (..., 2, 2) alignment points.
    """
    xp = array_namespace(keypoints)
    mid_hip = 0.5 * (keypoints[..., hips[0], :] + keypoints[..., hips[1], :])
    mid_shoulder = 0.5 * (keypoints[..., shoulders[0], :] + keypoints[..., shoulders[1], :])
    up = mid_shoulder - mid_hip
    torso = xp.sqrt(xp.sum(up * up, axis=-1))
    delta = keypoints - mid_hip[..., None, :]
    sizing = labelled
    if feet:
        count = keypoints.shape[-2]
        ankle_of = np.zeros((count, count), np.float32)
        ankle_of[list(feet.values()), list(feet)] = 1
        sizing = labelled * (1.0 - xp.matmul(labelled[..., None, :], xp.asarray(ankle_of, labelled))[..., 0, :])
    farthest = xp.max(xp.sqrt(xp.sum(delta * delta, axis=-1)) * sizing, axis=-1)
    size = RADIUS_FACTOR * farthest
    if ankles is not None:
        both = labelled[..., ankles[0]] * labelled[..., ankles[1]]
        size = xp.where(both > 0, size, xp.maximum(size, MIN_RADIUS_IN_TORSOS * torso))
    return from_parts(mid_hip, size, xp.arctan2(up[..., 0], -up[..., 1]))
