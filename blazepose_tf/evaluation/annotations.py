"""Annotated people of a COCO-style JSON file, as the evaluation sees them.

Points come in continuous pixels of the stored picture. Optional fields beyond COCO: `center` and `scale_point` (the
alignment; derived from the keypoints when absent), `keypoint_source` (one letter per keypoint: h human, t teacher, -
none), `face_box`, `ignore`, and any field to group by.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.metrics import keypoints as keypoint_metrics

SOURCES = ("h", "ht")


@dataclass(frozen=True, eq=False)
class Person:
    """One annotated person.

    Attributes:
        id: annotation id.
        image_id: id of the picture.
        points: (33, 2) pixels.
        state: (33,) 0 unlabelled, 1 labelled but occluded, 2 visible.
        source: (33,) characters h, t or -.
        alignment: (2, 2) alignment points in pixels; nan where neither given nor derivable.
        area: square pixels.
        box: (4,) x0, y0, x1, y1 of the person.
        face_box: (4,) x0, y0, x1, y1; nan where not given.
        ignore: a person or crowd without usable labels: neither to be found nor wrong to be found.
        fields: the remaining plain fields (dataset, ...), for groups.
    """

    id: int
    image_id: int
    points: np.ndarray
    state: np.ndarray
    source: np.ndarray
    alignment: np.ndarray
    area: float
    box: np.ndarray
    face_box: np.ndarray
    ignore: bool
    fields: dict

    def scored(self, sources: str) -> np.ndarray:
        """(33,) bool: points that count. `h` takes the human points of people that have any, else all points."""
        labelled = self.state > 0
        human = labelled & (self.source == "h")
        return human if sources == "h" and human.any() else labelled

    @property
    def torso(self) -> float:
        """|mid-shoulder - mid-hip| in pixels, over points of any source; nan when one of the four is unlabelled."""
        return float(keypoint_metrics.torso_size(self.points[None], self.state[None])[0])


@dataclass(frozen=True, eq=False)
class Annotations:
    """A data set: pictures by id, people in file order."""

    path: Path
    folder: Path
    pictures: dict[int, str]
    people: list[Person]
    sha256: str
    info: dict = field(default_factory=dict)

    def picture(self, image_id: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB.

        Raises:
            OSError: missing file or not a picture.
        """
        path = self.folder / self.pictures[image_id]
        image = cv2.imread(os.fspath(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise OSError(f"{path}: " + ("not a readable picture" if path.exists() else "no such picture"))
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def people_with_alignment(self) -> list[Person]:
        """Those whose region is known: with finite alignment points, and not to be ignored."""
        return [p for p in self.people if not p.ignore and np.isfinite(p.alignment).all()]

    def people_by_picture(self) -> dict[int, list[Person]]:
        """image id -> its people; pictures without people are there with an empty list."""
        out: dict[int, list[Person]] = {image_id: [] for image_id in self.pictures}
        for person in self.people:
            out[person.image_id].append(person)
        return out


def _names(categories: list, where: str, count: int) -> tuple[str, ...]:
    names = tuple(next((c["keypoints"] for c in categories if c.get("keypoints")), ()))
    if not names:
        by_count = {33: topology.KEYPOINTS, 17: topology.COCO_17}
        if count not in by_count:
            raise ValueError(f"{where}: categories name no keypoints and the points are {count}, expected 33 or 17")
        return by_count[count]
    unknown = [n for n in names if n not in topology.KEYPOINTS]
    if len(unknown) == len(names):
        raise ValueError(f"{where}: none of the keypoints is known. Received: {names}")
    return names


def _person(entry: dict, names: tuple[str, ...], where: str) -> Person:
    for key in ("id", "image_id", "keypoints"):
        if key not in entry:
            raise ValueError(f"{where}: annotation {entry.get('id', '?')} has no {key!r}")
    where = f"{where}: annotation {entry['id']}"
    values = np.asarray(entry["keypoints"], np.float64)
    if values.size != 3 * len(names):
        raise ValueError(f"{where}: expected {len(names)} x (x, y, v). Received: {values.size} numbers")
    values = topology.remap(values.reshape(-1, 3), names)
    if not np.isfinite(values).all():
        raise ValueError(f"{where}: keypoints must be finite numbers")
    state = values[:, 2].astype(int)
    letters = entry.get("keypoint_source") or "h" * len(names)
    if len(letters) != len(names):
        raise ValueError(f"{where}: keypoint_source has {len(letters)} letters, expected {len(names)}")
    source = topology.remap(np.frombuffer(letters.encode(), np.uint8)[:, None], names)[:, 0]
    source = np.array([chr(c) if c else "-" for c in source])
    nowhere = np.full(4, np.nan)
    box, face = (
        np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]], np.float64) if b is not None else nowhere
        for b in (entry.get("bbox"), entry.get("face_box"))
    )
    if np.isnan(box).any() and (state > 0).any():
        labelled = values[state > 0, :2]
        box = np.concatenate([labelled.min(axis=0), labelled.max(axis=0)])
    if entry.get("center") is not None and entry.get("scale_point") is not None:
        alignment = np.array([entry["center"], entry["scale_point"]], np.float64)
    else:
        alignment = _derived_alignment(values[:, :2], state)
    area = entry.get("area")
    if area is None:
        area = 0.53 * float(np.prod(box[2:] - box[:2]))  # COCO's mean share of a person in its box
    known = {
        "id", "image_id", "keypoints", "keypoint_source", "center", "scale_point", "bbox", "face_box", "segmentation",
    }  # fmt: skip
    fields = {k: v for k, v in entry.items() if k not in known and isinstance(v, (str, int, float, bool))}
    ignore = bool(entry.get("ignore", 0) or entry.get("iscrowd", 0) or not (state > 0).any())
    return Person(
        entry["id"], entry["image_id"], values[:, :2], state, source, alignment, float(area), box, face, ignore, fields
    )


def _derived_alignment(points: np.ndarray, state: np.ndarray) -> np.ndarray:
    indices = topology.alignment_indices()
    if not (state[[*indices["hips"], *indices["shoulders"]]] > 0).all():
        return np.full((2, 2), np.nan)
    return alignment_lib.from_keypoints(points, (state > 0) * 1.0, **indices)


def load(path: str | os.PathLike, *, images: str | os.PathLike | None = None) -> Annotations:
    """Reads an annotation file; pictures stay on disk until asked for.

    Args:
        path: COCO-style JSON; keypoints by the names of its category, else 33 or 17 in the order of the topology.
        images: folder of the pictures; `images/` beside the file, or the file's own folder, without it.

    Raises:
        OSError: no such file or folder.
        ValueError: not JSON, fields missing, ids that appear twice or point nowhere.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(document, dict) or not {"images", "annotations"} <= document.keys():
        raise ValueError(f"{path}: expected a COCO document with 'images' and 'annotations'")
    pictures = {entry["id"]: entry["file_name"] for entry in document["images"]}
    if len(pictures) != len(document["images"]):
        raise ValueError(f"{path}: image ids are not unique")
    usable = [
        a for a in document["annotations"] if a.get("keypoints") is not None or a.get("ignore") or a.get("iscrowd")
    ]
    count = next((len(a["keypoints"]) // 3 for a in usable if a.get("keypoints")), 33)
    names = _names(document.get("categories", []), str(path), count)
    people = [
        _person({**a, "keypoints": a.get("keypoints") or [0] * (3 * len(names))}, names, str(path)) for a in usable
    ]
    if len({p.id for p in people}) != len(people):
        raise ValueError(f"{path}: annotation ids are not unique")
    lost = sorted({p.image_id for p in people} - pictures.keys())
    if lost:
        raise ValueError(f"{path}: annotations name pictures that 'images' lacks: {lost[:10]}")
    if images is None:
        images = path.parent / "images" if (path.parent / "images").is_dir() else path.parent
    if not Path(images).is_dir():
        raise FileNotFoundError(f"{images}: no such folder of pictures")
    digest = hashlib.sha256(content).hexdigest()
    return Annotations(path, Path(images), pictures, people, digest, document.get("info", {}))
