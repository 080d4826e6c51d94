"""Converted pictures as record shards."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.converters.annotations import Picture
from blazepose_tf.data import records
from blazepose_tf.data.example import Example
from blazepose_tf.media import pictures as pictures_lib


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
    where: str = "",
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
        where: machines that write them, as `cluster.mapped`.

    Returns:
        The report of `data.records.write_shards`.
    """

    images = images.resolve()  # other machines start elsewhere

    def build(item: tuple[Picture, int]):
        picture, person = item
        made = _example(picture, names, images)
        return made.with_main_person(person) if person else made

    def describe(item: tuple[Picture, int]) -> str:
        picture, person = item
        labels = b"".join(
            np.asarray(part, np.float32).tobytes()
            for p in picture.people
            for part in (p.keypoints, p.alignment if p.alignment is not None else (), p.box or (), (p.weight,))
        )
        labels += b"".join(
            repr(fields).encode() for fields in (attributes_lib.fields(p.attributes) for p in picture.people) if fields
        )
        labels += np.asarray(picture.imagined, np.float32).tobytes()
        return f"{picture.file_name}#{person}/{zlib.crc32(labels):08x}"

    usable = [sum(not p.ignore for p in picture.people) for picture in pictures]
    counts = [n if every_person else 1 for n in usable]
    items = [(picture, i) for picture, count in zip(pictures, counts, strict=True) for i in range(count)]
    return records.write_shards(
        items, build, folder=folder, name=name, num_shards=num_shards, workers=workers, describe=describe, where=where
    )


def _example(picture: Picture, names: Sequence[str], images: Path) -> Example:
    people = [person for person in picture.people if not person.ignore]
    count = len(people)
    content = pictures_lib.read_content(images / picture.file_name)
    image, width, height = pictures_lib.for_records(content)
    return Example(
        image=image,
        width=width,
        height=height,
        names=tuple(names),
        keypoints=np.array([p.keypoints for p in people]).reshape(count, len(names), 3),
        alignment=np.array([p.alignment for p in people]).reshape(count, 2, 2),
        boxes=np.array([p.box or (0, 0, 0, 0) for p in people]).reshape(count, 4),
        face_box=np.array([p.face_box or (0, 0, 0, 0) for p in people]).reshape(count, 4),
        person_weight=np.array([p.weight for p in people]),
        z=_points([p.attributes.z for p in people], (len(names), 2)),
        world=_points([p.attributes.world for p in people], (len(names), 4)),
        masks=tuple(_mask(p.attributes.mask, (height, width)) for p in people),
        ignore_boxes=np.array([p.box for p in picture.people if p.ignore and p.box is not None]).reshape(-1, 4),
        imagined=np.array(picture.imagined).reshape(-1, 2, 2),
        dataset=picture.dataset,
        image_id=picture.file_name,
        split=picture.split,
    )


def _points(people: list[np.ndarray | None], shape: tuple[int, int]) -> np.ndarray:
    """(N, K, D) of what is known of each person; zeros else."""
    return np.array([np.zeros(shape) if points is None else points for points in people]).reshape(-1, *shape)


def _mask(mask, size: tuple[int, int]) -> bytes:
    """PNG of a person's mask, b"" without one.

    Raises:
        ValueError: it is of another size than the picture.
    """
    if mask is None:
        return b""
    pixels = attributes_lib.decode(mask)
    if pixels.shape != size:
        raise ValueError(f"segmentation: of size {pixels.shape}, its picture has {size} (height, width)")
    return cv2.imencode(".png", pixels.astype(np.uint8) * 255)[1].tobytes()
