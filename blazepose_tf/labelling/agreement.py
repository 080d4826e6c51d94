"""When looks at a person make a label: the one place that says how near two of them must be.

A look is what a model says of a person: the same tracker's of a mirrored region, or another system's. Points on which
two looks do not agree stay unlabelled; people on whom they do not agree stay out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters.conversion import labelled_box
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.labelling.document import rounded
from blazepose_tf.metrics.keypoints import torso_size
from blazepose_tf.runtime.tracker import Track

SURE = 0.7  # presence of both looks
# Torsos (`torso_length`) between two looks at a point, and between half of the points of two systems: one arm that two
# systems see elsewhere says nothing against the rest of somebody.
NEAR = 0.1
# The same where only the place of somebody is wanted (`placed`).
ROUGHLY_SURE, ROUGHLY_NEAR = 0.5, 0.2
_ONE_CIRCLE = 0.2  # `geometry.alignment.distance` between the body circles of two such looks
_AGREEMENT = 0.1  # body circle's radii between two looks of one tracker, at half of the limbs' points
_FAR = 2.0  # times `NEAR`: hips and shoulders may be so far apart, of two systems every point
_SAME_POSE = 0.15  # radii between the points of one person in two crops of a photograph, on average
_VISIBLE = 0.5
# Body circle's radii: of 655 people of whom heavy's looks were compared, the torso has 0.54 in the median, and 0.42 to
# 0.59 in nine of ten.
_TORSO_LENGTH = 0.5
_TORSO = topology.indices(topology.GROUPS["torso"])
_FACE = topology.indices(topology.GROUPS["face"])
_LIMBS = topology.indices(topology.COCO_17[5:])
COMMON = topology.indices(topology.COCO_17)


@dataclass(frozen=True, eq=False)
class Label:
    """One person.

    Attributes:
        points: (33, 3) x, y in pixels and state 0, 1 or 2.
        alignment: (2, 2) centre of the body circle and the point on it, pixels.
        distance: torsos between the two looks that made it, mean of the points; nan where nothing was compared.
    """

    points: np.ndarray
    alignment: np.ndarray
    distance: float = float("nan")

    @property
    def radius(self) -> float:
        return float(alignment_lib.radius(self.alignment))

    @classmethod
    def of(cls, annotation: dict) -> Label | None:
        """Somebody whom a COCO file labels; None where it has no body circle."""
        if not {"center", "scale_point", "keypoints"} <= annotation.keys():
            return None
        points = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
        return cls(points, np.array([annotation["center"], annotation["scale_point"]], np.float64))

    def annotation(self, size: tuple[int, int]) -> dict:
        """As COCO entry of a picture of this width and height, without ids."""
        labelled = self.points[:, 2] > 0
        left, top, right, bottom = labelled_box(self.points, self.alignment, size)
        center, scale_point = self.alignment
        entry = {
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": rounded(self.points.ravel()),
            "num_keypoints": int(labelled.sum()),
            "keypoint_source": "".join("t" if point else "-" for point in labelled),
            "center": rounded(center),
            "scale_point": rounded(scale_point),
            "bbox": rounded((left, top, right - left, bottom - top)),
        }
        return entry | ({"disagreement": round(self.distance, 4)} if np.isfinite(self.distance) else {})


def torso_length(points: np.ndarray, alignment: np.ndarray) -> float:
    """Length of a torso in pixels, also of one that is bent towards the camera and looks short.

    By what is seen of such a torso no two looks would ever agree, and nobody who crouches, bows or lies with the head
    to the camera would be labelled.

    Args:
        points: (33, 2 or 3) x, y in pixels, and state; those without one are all known.
        alignment: (2, 2) centre of the body circle and the point on it, pixels.
    """
    known = points[:, 2] if points.shape[1] > 2 else np.ones(len(points))
    seen = torso_size(points[None, :, :2], known[None])[0]
    return float(np.fmax(seen, _TORSO_LENGTH * float(alignment_lib.radius(alignment))))


def agreed(plain: Track, mirrored: Track, size: tuple[int, int]) -> Label | None:
    """The person of two looks of one tracker, or None where they are not the same or torso or agreement are missing.

    Args:
        plain: one look.
        mirrored: another one, mirrored back.
        size: width and height of the picture.
    """
    if min(plain.pose_presence, mirrored.pose_presence) < SURE:
        return None
    alignment = (plain.alignment + mirrored.alignment) / 2.0
    distance = np.linalg.norm(plain.points - mirrored.points, axis=1)
    radius = float(alignment_lib.radius(alignment))
    if not np.isfinite(distance).all() or np.median(distance[_LIMBS]) > _AGREEMENT * radius:
        return None
    points, inside, visible = _both(plain, mirrored, size)
    torso = torso_length(points, alignment)
    near = np.full(len(points), NEAR)
    near[_TORSO] *= _FAR
    labelled = inside & (distance <= near * torso)
    if not labelled[_TORSO].all():
        return None
    state = np.where(labelled, 1 + visible, 0)
    apart = float(np.minimum(distance / torso, 1.0).mean())
    return Label(np.column_stack([np.where(labelled[:, None], points, 0.0), state]), alignment, apart)


def _both(plain: Track, mirrored: Track, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(33, 2) mean of the points of two looks, and (33,) bool: which are inside the picture, and which are visible."""
    points = (plain.points + mirrored.points) / 2.0
    inside = ((points >= 0.0) & (points < size)).all(axis=1)
    return points, inside, (plain.visibility + mirrored.visibility) / 2.0 >= _VISIBLE


def placed(plain: Track, mirrored: Track, size: tuple[int, int]) -> Label | None:
    """Where the person of two looks is, for a detector: hips and shoulders are inside, the circles agree; else None.

    Whose face is turned away has none to be taught. Arguments as `agreed`; their presence is `ROUGHLY_SURE`.
    """
    first, second = np.asarray(plain.alignment), np.asarray(mirrored.alignment)
    points, inside, visible = _both(plain, mirrored, size)
    if not alignment_lib.distance(first, second) < _ONE_CIRCLE or not inside[_TORSO].all():
        return None
    state = np.where(inside, 1 + visible, 0)
    state[_FACE] = np.where(visible[_FACE], state[_FACE], 0)
    return Label(np.column_stack([np.where(state[:, None] > 0, points, 0.0), state]), (first + second) / 2.0)


def draft(plain: Track, mirrored: Track, size: tuple[int, int]) -> Label:
    """What the first of two looks says, for somebody to correct; arguments as `agreed`."""
    distance = np.linalg.norm(plain.points - mirrored.points, axis=1)
    torso = torso_length(plain.points, plain.alignment)
    inside = ((plain.points >= 0.0) & (plain.points < size)).all(axis=1)
    state = np.where(inside, 1 + (plain.visibility >= _VISIBLE), 0)
    points = np.column_stack([np.where(inside[:, None], plain.points, 0.0), state])
    return Label(points, plain.alignment, float(np.minimum(distance / torso, 1.0).mean()))


def confirmed(label: Label, others: np.ndarray, *, near: float = NEAR) -> Label | None:
    """A label that another system sees, too; None where the other sees nobody there, or somebody else.

    The 17 points that both know are compared: half of them must lie within `near` torsos of one another; a point
    farther apart than twice that stays unlabelled. The label's own points stay where they are: of two systems the
    one with 33 points places the others, too.

    Args:
        label: of a tracker with 33 points.
        others: (P, 17, 2) points of the people that the other system sees, in pixels and COCO's order; nan where it
            does not say.
        near: torsos.
    """
    points = label.points[COMMON]
    torso = torso_length(label.points, label.alignment)
    distance = np.linalg.norm(others - points[:, :2], axis=-1) / torso
    distance = np.where(points[:, 2] > 0, distance, np.nan)
    compared = np.isfinite(distance)
    usable = compared.sum(axis=1) >= len(COMMON) // 2
    if not usable.any():
        return None
    half = np.full(len(others), np.inf)
    half[usable] = np.nanmedian(distance[usable], axis=1)
    best = int(half.argmin())
    if not half[best] <= near:
        return None
    kept = label.points.copy()
    kept[COMMON[compared[best] & (distance[best] > _FAR * near)]] = 0.0
    if not (kept[_TORSO, 2] > 0).all():
        return None
    return Label(kept, label.alignment, float(np.nanmean(distance[best])))


def same_pose(a: Label, b: Label) -> bool:
    """Whether two labels are one person in two crops of a photograph, moved and scaled but not turned."""
    shared = (a.points[:, 2] > 0) & (b.points[:, 2] > 0)
    if not shared.any():
        return False
    first, second = ((p.points[shared, :2] - p.alignment[0]) / p.radius for p in (a, b))
    return bool(np.linalg.norm(first - second, axis=1).mean() < _SAME_POSE)
