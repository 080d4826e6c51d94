"""Output of a conversion: one COCO keypoint json with named points.

The json adds to COCO per annotation `center` and `scale_point` (the alignment), `weight`, `dataset`, `ignore`, and
`face_box` where the source had one; `info.coordinates` says that coordinates are continuous pixels. Invariant: a file
is written under a temporary name and renamed, so there is never half of one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.converters import attributes
from blazepose_tf.converters.annotations import Person, Picture, image_folder
from blazepose_tf.converters.coco_document import coco_document


def _rounded(values: Iterable[float]) -> list[float]:
    """Two decimals, whole numbers without any: files half the size, far below any label noise."""
    out = [round(float(v), 2) for v in values]
    return [int(v) if v == int(v) else v for v in out]


def _xywh(box: Sequence[float]) -> list[float]:
    return _rounded((box[0], box[1], box[2] - box[0], box[3] - box[1]))


def _annotation(person: Person, number: int, image_id: int, dataset: str) -> dict:
    entry = {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": int(person.ignore),
        "ignore": int(person.ignore),
        "num_keypoints": int((person.keypoints[:, 2] > 0).sum()),
        "keypoints": _rounded(person.keypoints.reshape(-1)),
        "weight": round(person.weight, 4),
        "dataset": dataset,
    }
    if person.box is not None:
        entry["bbox"] = _xywh(person.box)
        entry["area"] = round(float(person.area or 0.0), 1)
    if person.alignment is not None and not person.ignore:
        entry["center"], entry["scale_point"] = (_rounded(point) for point in person.alignment)
    if person.face_box is not None:
        entry["face_box"] = _xywh(person.face_box)
    return {**person.extra, **entry, **attributes.fields(person.attributes)}


def write_json(
    path: Path, pictures: Iterable[Picture], names: Sequence[str], *, images: Path, description: str = ""
) -> int:
    """Writes pictures as one COCO keypoint file.

    Args:
        path: the file; its folder is made.
        pictures: converted pictures.
        names: their K keypoint names.
        images: folder that the file names refer to; names are rewritten so that they hold from `images/` beside the
            file (or its folder), where readers look by default.
        description: for `info.description`.

    Returns:
        Number of pictures written; nothing is written when it is 0.
    """
    base = image_folder(None, path.parent)
    same = base.resolve() == images.resolve()
    entries, annotations = [], []
    for number, picture in enumerate(pictures, 1):
        name = picture.file_name if same else Path(os.path.relpath(images / picture.file_name, base)).as_posix()
        entry = {"id": number, "file_name": name, "width": picture.width, "height": picture.height}
        if picture.split:
            entry["split"] = picture.split
        if picture.imagined:
            entry["imagined"] = [_rounded(circle) for circle in picture.imagined]
        entries.append(entry)
        for person in picture.people:
            if not person.ignore or person.box is not None:
                annotations.append(_annotation(person, len(annotations) + 1, number, picture.dataset))
    if not entries:
        return 0
    content = coco_document(entries, annotations, names, description=description)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    return len(entries)
