"""Annotated people of a COCO keypoint json, as the evaluation sees them: in the 33 keypoints, or the file's own set.

The file is read by `converters.coco`, as everywhere. Points come in continuous pixels of the stored picture.
Optional fields beyond COCO: `center` and `scale_point` (the alignment; derived from the keypoints when absent),
`keypoint_source` (one letter per keypoint: h human, t teacher, - none), `face_box`, `ignore`, any field to group by.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import annotations as labels
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.converters import coco
from blazepose_tf.converters import names as names_lib
from blazepose_tf.converters.conversion import AREA_OF_BOX
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.metrics import keypoints as keypoint_metrics

log = logging.getLogger(__name__)
SOURCES = ("h", "ht")
_SHOWN = 20  # damaged entries told one by one; all are counted


@dataclass(frozen=True, eq=False)
class Person:
    """One annotated person.

    Attributes:
        id: annotation id.
        image_id: id of the picture.
        points: (K, 2) pixels.
        state: (K,) 0 unlabelled, 1 labelled but occluded, 2 visible.
        source: (K,) characters h, t or -.
        alignment: (2, 2) alignment points in pixels; nan where neither given nor derivable.
        area: square pixels.
        box: (4,) x0, y0, x1, y1 of the person.
        face_box: (4,) x0, y0, x1, y1; nan where not given.
        ignore: a person or crowd without usable labels: neither to be found nor wrong to be found.
        fields: the remaining plain fields (dataset, ...), for groups.
        names: of the K keypoints: the 33 of the topology where the file has no others, else the file's.
        attributes: depth, metric points and mask, where the file has them.
    """

    id: int | str
    image_id: int | str
    points: np.ndarray
    state: np.ndarray
    source: np.ndarray
    alignment: np.ndarray
    area: float
    box: np.ndarray
    face_box: np.ndarray
    ignore: bool
    fields: dict
    names: tuple[str, ...] = topology.KEYPOINTS
    attributes: attributes_lib.Attributes = field(default_factory=attributes_lib.Attributes)

    def scored(self, sources: str) -> np.ndarray:
        """(K,) bool: points that count. `h` takes the human points of people that have any, else all points."""
        labelled = self.state > 0
        human = labelled & (self.source == "h")
        return human if sources == "h" and human.any() else labelled

    @property
    def torso(self) -> float:
        """|mid-shoulder - mid-hip| in pixels, over points of any source; nan when one of the four is unlabelled."""
        if not keypoint_metrics.has_torso(self.names):
            return float("nan")
        return float(keypoint_metrics.torso_size(self.points[None], self.state[None], self.names)[0])


@dataclass(frozen=True, eq=False)
class Annotations:
    """A data set: pictures by id, people in file order; `left_out` entries of the file were damaged."""

    path: Path
    folder: Path
    pictures: dict[int | str, str]
    people: list[Person]
    sha256: str
    info: dict = field(default_factory=dict)
    left_out: int = 0

    def picture(self, image_id: int | str) -> np.ndarray:
        """(H, W, 3) uint8 RGB, upright; errors as `read_picture`."""
        return read_picture(self.folder / self.pictures[image_id])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the people's keypoints."""
        return self.people[0].names if self.people else topology.KEYPOINTS

    def people_with_alignment(self) -> list[Person]:
        """Those whose region is known: with finite alignment points, and not to be ignored."""
        return [p for p in self.people if not p.ignore and np.isfinite(p.alignment).all()]

    def people_by_picture(self) -> dict[int | str, list[Person]]:
        """image id -> its people; pictures without people are there with an empty list."""
        out: dict[int | str, list[Person]] = {image_id: [] for image_id in self.pictures}
        for person in self.people:
            out[person.image_id].append(person)
        return out


def measured_names(names: Sequence[str]) -> tuple[str, ...]:
    """The keypoints that people of a file have here: the 33 where it names no others, else its own."""
    return topology.KEYPOINTS if set(names) <= set(topology.KEYPOINTS) else tuple(names)


def _person(person: labels.Person, image_id: int | str, names: tuple[str, ...]) -> Person:
    own = measured_names(names)
    values = topology.remap(person.keypoints, names, own)
    state = values[:, 2].astype(int)
    letters = person.extra.get("keypoint_source") or "h" * len(names)
    places = dict(zip(names, letters, strict=True))
    source = np.array([places.get(name, "-") for name in own])
    nowhere = np.full(4, np.nan)
    box, face = (nowhere if b is None else np.array(b, np.float64) for b in (person.box, person.face_box))
    if np.isnan(box).any() and (state > 0).any():
        labelled = values[state > 0, :2]
        box = np.concatenate([labelled.min(axis=0), labelled.max(axis=0)])
    alignment = person.alignment
    if alignment is None:
        alignment = _derived_alignment(values[:, :2], state, own)
    area = person.area
    if area is None:
        area = AREA_OF_BOX * float(np.prod(box[2:] - box[:2]))
    ignore = person.ignore or not (state > 0).any()
    return Person(
        person.id,
        image_id,
        values[:, :2],
        state,
        source,
        alignment,
        float(area),
        box,
        face,
        ignore,
        dict(person.fields),
        own,
        attributes_lib.remapped(person.attributes, names, own),
    )


def _derived_alignment(points: np.ndarray, state: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    indices = topology.alignment_indices(names)
    if indices is None or not (state[[*indices["hips"], *indices["shoulders"]]] > 0).all():
        return np.full((2, 2), np.nan)
    return alignment_lib.from_keypoints(points, (state > 0) * 1.0, **indices)


def load(path: str | os.PathLike, *, images: str | os.PathLike | None = None) -> Annotations:
    """Reads an annotation file; pictures stay on disk until asked for.

    What cannot be read is left out and told to the log, in one line each; `Annotations.left_out` counts it.

    Args:
        path: COCO keypoint json, read as `convert-dataset` and training do (docs/data.md).
        images: folder of the pictures; `images/` beside the file, or the file's own folder, without it.

    Raises:
        OSError: no such file or folder.
        ValueError: no COCO keypoint file, or people without ids of their own.
    """
    path = Path(path)
    source = coco.read(path, images=images)
    names = names_lib.renamed(source.names, {})
    pictures: dict[int | str, str] = {}
    people: list[Person] = []
    damaged: list[labels.Damage] = []
    for picture in source.pictures:
        if isinstance(picture, labels.Damage):
            damaged.append(picture)
            continue
        damaged += picture.problems
        if picture.id is None:
            damaged.append(labels.Damage(picture.where, "has no id"))
            continue
        pictures[picture.id] = picture.file_name
        for person in picture.people:
            if person.id is None:
                raise ValueError(f"{picture.where}: a person without an id; predictions are told apart by it")
            people.append(_person(person, picture.id, names))
    doubled = [identity for identity, count in Counter(p.id for p in people).items() if count > 1]
    if doubled:
        raise ValueError(f"{path}: annotation ids must be unique. Received: {doubled[0]!r:.60} twice")
    for remark in source.remarks:
        log.warning("%s", remark)
    for damage in damaged[:_SHOWN]:
        log.warning("left out: %s", damage)
    if len(damaged) > _SHOWN:
        log.warning("... and %d more damaged entries left out", len(damaged) - _SHOWN)
    if damaged and all(p.ignore for p in people):
        raise ValueError(f"{path}: nobody can be read ({len(damaged)} damaged entries)")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Annotations(path, source.images, pictures, people, digest, dict(source.info), len(damaged))
