"""Output of a conversion: one COCO keypoint json with named points, or TFRecord shards.

The json adds to COCO per annotation `center` and `scale_point` (the alignment), `weight`, `dataset`, `ignore`, and
`face_box` where the source had one; `info.coordinates` says that coordinates are continuous pixels. Invariant: a file
is written under a temporary name and renamed, so there is never half of one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from blazepose_tf import files
from blazepose_tf.data.coco_document import coco_document
from blazepose_tf.data.converters.annotations import Person, Picture, image_folder
from blazepose_tf.media import pictures as pictures_lib


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
    return {**person.extra, **entry}


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
        entries.append({**entry, "split": picture.split} if picture.split else entry)
        for person in picture.people:
            if not person.ignore or person.box is not None:
                annotations.append(_annotation(person, len(annotations) + 1, number, picture.dataset))
    if not entries:
        return 0
    content = coco_document(entries, annotations, names, description=description)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    return len(entries)


def write_shards(
    folder: Path,
    pictures: Sequence[Picture],
    names: Sequence[str],
    *,
    images: Path,
    name: str,
    every_person: bool = False,
    num_shards: int | None = None,
    workers: int = 4,
):
    """Writes pictures as record shards; a second call with the same labels reuses finished shards.

    Args:
        folder: where the shards go.
        pictures: converted pictures.
        names: their K keypoint names.
        images: folder of the pictures.
        name: name of the dataset.
        every_person: one record per person, that person first, as a tracker wants it; else one per picture.
        num_shards: number of files; one per 1,000 records by default.
        workers: shards written at a time.

    Returns:
        The report of `data.records.write_shards`.
    """
    from blazepose_tf.data import example, records  # TensorFlow: not needed for json

    def build(item: tuple[Picture, int]):
        picture, person = item
        made = _example(picture, names, images, example.Example)
        return made.with_main_person(person) if person else made

    def describe(item: tuple[Picture, int]) -> str:
        picture, person = item
        labels = b"".join(
            np.asarray(part, np.float32).tobytes()
            for p in picture.people
            for part in (p.keypoints, p.alignment if p.alignment is not None else (), p.box or (), (p.weight,))
        )
        return f"{picture.file_name}#{person}/{zlib.crc32(labels):08x}"

    usable = [sum(not p.ignore for p in picture.people) for picture in pictures]
    counts = [n if every_person else 1 for n in usable]
    items = [(picture, i) for picture, count in zip(pictures, counts, strict=True) for i in range(count)]
    return records.write_shards(
        items, build, folder=folder, name=name, num_shards=num_shards, workers=workers, describe=describe
    )


def _example(picture: Picture, names: Sequence[str], images: Path, make):
    people = [person for person in picture.people if not person.ignore]
    count = len(people)
    content = pictures_lib.read_content(images / picture.file_name)
    image, width, height = pictures_lib.for_records(content)
    return make(
        image=image,
        width=width,
        height=height,
        names=tuple(names),
        keypoints=np.array([p.keypoints for p in people]).reshape(count, len(names), 3),
        alignment=np.array([p.alignment for p in people]).reshape(count, 2, 2),
        boxes=np.array([p.box or (0, 0, 0, 0) for p in people]).reshape(count, 4),
        face_box=np.array([p.face_box or (0, 0, 0, 0) for p in people]).reshape(count, 4),
        person_weight=np.array([p.weight for p in people]),
        ignore_boxes=np.array([p.box for p in picture.people if p.ignore and p.box is not None]).reshape(-1, 4),
        dataset=picture.dataset,
        image_id=picture.file_name,
        split=picture.split,
    )
