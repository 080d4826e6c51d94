"""Whole pictures for a detector: each person is labelled, or in a region that counts as neither somebody nor nobody.

A detector needs to know of everybody, but only where: face, mid-hip, body circle. What two looks and a second teacher
must share is therefore less than is asked of a tracker's labels (`agreement.placed`). A person whom anybody suspects
and nobody confirms becomes a region to ignore; the rest of the picture teaches what nobody looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.labelling.agreement import ROUGHLY_NEAR, ROUGHLY_SURE, Label, confirmed, placed
from blazepose_tf.labelling.document import rounded
from blazepose_tf.labelling.peers import MoveNet
from blazepose_tf.labelling.people import Teachers, look

THRESHOLD = 0.2  # of the detector's scores: whoever may be there is asked about
_SUSPECTED = 0.5  # share of a suspected box that must lie in a labelled person's for the two to be one


@dataclass(frozen=True, eq=False)
class Picture:
    """Who is in a picture.

    Attributes:
        labels: people who can be taught.
        ignored: (N, 4) x0, y0, x1, y1 of regions in which somebody may be.
    """

    labels: list[Label]
    ignored: np.ndarray

    def annotations(self, size: tuple[int, int]) -> list[dict]:
        """COCO entries of a picture of this width and height, without ids: people, then regions."""
        regions = np.clip(self.ignored.reshape(-1, 2, 2), 0.0, size).reshape(-1, 4)
        return [label.annotation(size) for label in self.labels] + [
            {"category_id": 1, "iscrowd": 1, "ignore": 1, "bbox": rounded((x0, y0, x1 - x0, y1 - y0))}
            for x0, y0, x1, y1 in regions
            if min(x1 - x0, y1 - y0) >= 1.0
        ]


def require(teachers: Teachers) -> MoveNet:
    """The teacher that sees whole pictures; a ValueError where there is none."""
    if teachers.second is None or not teachers.second.multi:
        raise ValueError("who labels whole pictures needs a second teacher that sees whole pictures: a MultiPose file")
    return teachers.second


def everybody(picture: np.ndarray, teachers: Teachers) -> Picture:
    """Looks for everybody in a picture.

    Args:
        picture: (H, W, 3) uint8 RGB.
        teachers: who labels; the second one sees whole pictures.
    """
    seen = require(teachers).suspects(picture)
    others = np.array([person.points for person in seen if person.sure]).reshape(-1, len(topology.COCO_17), 2)
    labels: list[Label] = []
    doubted: list[np.ndarray] = []
    for proposal in teachers.proposals(picture, seen=others):
        found = _looked_at(picture, proposal, teachers, others)
        if isinstance(found, Label):
            labels += [found] * _new(found.alignment, labels)
        elif found is not None:
            doubted.append(found)
    ignored = [person.box for person in seen if not _covered(person.box, labels)]
    ignored += [_box(circle) for circle in doubted if _new(circle, labels)]
    return Picture(labels, np.array(ignored).reshape(-1, 4))


def _looked_at(picture, proposal: np.ndarray, teachers: Teachers, others: np.ndarray) -> Label | np.ndarray | None:
    """A label, the body circle of somebody in doubt, or None where nobody is."""
    plain = look(teachers.tracker, picture, proposal, mirror=False)
    if plain.pose_presence < ROUGHLY_SURE or alignment_lib.radius(plain.alignment) < teachers.min_radius:
        return None
    first = np.asarray(plain.alignment)
    mirrored = look(teachers.tracker, picture, first, mirror=True)
    if mirrored.pose_presence < ROUGHLY_SURE:
        return None
    label = placed(plain, mirrored, picture.shape[1::-1])
    seen_by_both = None if label is None else confirmed(label, others, near=ROUGHLY_NEAR)
    return seen_by_both or (first + np.asarray(mirrored.alignment)) / 2.0


def _new(circle: np.ndarray, labels: Sequence[Label]) -> bool:
    return all(alignment_lib.distance(circle, label.alignment) >= alignment_lib.SAME_PERSON for label in labels)


def _box(circle: np.ndarray) -> np.ndarray:
    center, radius = circle[0], float(alignment_lib.radius(circle))
    return np.concatenate([center - radius, center + radius])


def _covered(box: np.ndarray, labels: Sequence[Label]) -> bool:
    """Whether a labelled person's points explain a box."""
    for label in labels:
        points = label.points[label.points[:, 2] > 0, :2]
        low, high = np.maximum(points.min(axis=0), box[:2]), np.minimum(points.max(axis=0), box[2:])
        area = float(np.prod(np.maximum(box[2:] - box[:2], 1e-6)))
        if float(np.prod(np.maximum(high - low, 0.0))) >= _SUSPECTED * area:
            return True
    return False
