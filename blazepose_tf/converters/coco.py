"""COCO keypoint json: COCO 17, 33-named, COCO-WholeBody, Halpe 26 and 136, CVAT's export, any own keypoint set.

This is the one reader of such files: conversion, validation, training and evaluation all take what it yields, so that
one file has one meaning (the table in docs/data.md).

The set is taken from `keypoints` of the categories where their number fits the annotations, else recognised from the
fields (WholeBody) or the number of keypoints. COCO's coordinates are integer pixel indices, so half a pixel is added;
this package's own files (they say so in `info.coordinates`), files of 33 named points and CVAT's and Label Studio's
exports are continuous already.

Reference: cocodataset.org, format-data; COCO-WholeBody data_format.md (Jin et al. 2020); Halpe-FullBody (Fang et al.
2022); CVAT manual, format COCO Keypoints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from blazepose_tf import documents, topology
from blazepose_tf.converters import coco_person
from blazepose_tf.converters.annotations import MALFORMED, Damage, Person, Picture, Source, body_circles, image_folder
from blazepose_tf.converters.coco_categories import Categories

PIXEL_INDEX_OFFSET = 0.5
LABEL_STUDIO = (
    "Label Studio's COCO export names keypoints in the order of its labels, numbers them by model_index, and makes one "
    "person of all points of a picture: export JSON instead, or name the order of the numbers with --keypoints=a,b,c"
)


def load(path: str | os.PathLike) -> dict:
    """Reads a COCO file as it is; only its outline is checked.

    Raises:
        OSError: the file cannot be read.
        ValueError: not JSON (see `documents.read`), or not a COCO file.
    """
    # Every number of a label is looked at when its person is read; one that is none costs that person only.
    return outline(documents.read(path, finite=False), path)


def outline(content: object, path: str | os.PathLike) -> dict:
    """Returns a parsed document when it has the outline of a COCO file; ValueError as `load`."""
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise ValueError(f"{path}: not a COCO file: it needs the lists images and annotations")
    return content


def read(
    path: Path,
    *,
    images: str | os.PathLike | None = None,
    keypoints: Sequence[str] = (),
    offset: float | None = None,
    continuous: bool = False,
) -> Source:
    """Opens a COCO keypoint file.

    Args:
        path: the json.
        images: folder of the pictures; by default `images` beside the json, else its folder.
        keypoints: names in the order of the file, for files that do not name them.
        offset: added to coordinates; None: 0.5 for pixel indices and 0 for continuous coordinates, see the module.
        continuous: the tool that wrote the file uses continuous coordinates (CVAT, Label Studio).

    Raises:
        OSError: the file cannot be read.
        ValueError: not a COCO keypoint file, or its keypoints have no names and no known number.
    """
    return of_document(load(path), path, images=images, keypoints=keypoints, offset=offset, continuous=continuous)


def of_document(
    content: dict,
    path: Path,
    *,
    images: str | os.PathLike | None = None,
    keypoints: Sequence[str] = (),
    offset: float | None = None,
    continuous: bool = False,
) -> Source:
    """As `read`, of a document that `load` has read from `path`."""
    annotations = content["annotations"]
    categories = Categories.of(path, annotations, content.get("categories"), tuple(keypoints))
    names = categories.names
    info = content["info"] if isinstance(content.get("info"), dict) else {}
    if offset is None:
        declared = str(info.get("coordinates", "")).startswith("continuous")
        offset = 0.0 if continuous or declared or set(names) == set(topology.KEYPOINTS) else PIXEL_INDEX_OFFSET
    remarks = list(categories.remarks)
    if info.get("contributor") == "Label Studio" and not keypoints:
        remarks.append(f"{path}: {LABEL_STUDIO}")
    groups, strays = _by_picture(path, content["images"], annotations)

    def pictures() -> Iterator[Picture | Damage]:
        yield from strays
        seen = set()
        for i, entry in enumerate(content["images"]):
            where = f"{path}: images[{i}]"
            name = entry.get("file_name") if isinstance(entry, dict) else None
            if not isinstance(name, str) or not name:
                yield Damage(where, "has no file_name")
                continue
            identity = entry_id(entry)
            if identity is not None and identity in seen:
                yield Damage(where, f"the id {documents.show(identity)} is there twice")
                continue
            seen.add(identity)
            try:
                width, height = (_size(entry.get(side)) for side in ("width", "height"))
            except MALFORMED as error:
                yield Damage.of(f"{where}: width and height", error)
                continue
            try:
                imagined = body_circles(entry.get("imagined"))
            except MALFORMED as error:
                yield Damage.of(f"{where}: imagined", error)
                continue
            mine = groups.get(identity, ())
            people, problems = _people(path, mine, categories, offset)
            sources = {str(a["dataset"]) for _, a in mine if a.get("dataset")}
            yield Picture(
                file_name=name.replace("\\", "/"),
                where=where,
                people=tuple(people),
                width=width,
                height=height,
                dataset=next(iter(sources)) if len(sources) == 1 else "",
                split=str(entry.get("split") or ""),
                problems=tuple(problems),
                imagined=imagined,
                id=identity,
                fields=coco_person.plain_fields(entry, ("id", "file_name", "width", "height", "split", "imagined")),
            )

    folder = image_folder(images, Path(path).parent)
    return Source(names, pictures(), len(content["images"]) + len(strays), folder, tuple(remarks), info)


def entry_id(entry: object, key: str = "id") -> int | str | None:
    """An entry's id in the one form in which ids are compared (`documents.identity`), or None."""
    return documents.identity(entry.get(key)) if isinstance(entry, dict) else None


def _size(value: object) -> int:
    """Pixels; 0 where the file does not tell."""
    if value is None or value == "":
        return 0
    size = float(value)
    if size != int(size) or size < 0:
        raise ValueError(f"expected whole numbers of pixels. Received: {documents.show(value)}")
    return int(size)


def _by_picture(path: Path, images: list, annotations: list) -> tuple[dict, list[Damage]]:
    """image id -> its annotations with their positions; and those that belong to no picture."""
    known = {entry_id(entry) for entry in images} - {None}
    groups: dict[int | str, list[tuple[int, dict]]] = {}
    strays = []
    for i, annotation in enumerate(annotations):
        where = f"{path}: annotations[{i}]"
        identity = entry_id(annotation, "image_id")
        if identity in known:
            groups.setdefault(identity, []).append((i, annotation))
        elif not isinstance(annotation, dict):
            strays.append(Damage(where, f"expected an object. Received: {documents.show(annotation)}"))
        else:
            wanted = documents.show(annotation.get("image_id"))
            strays.append(Damage(where, f"refers to image {wanted}, which is not in the file"))
    return groups, strays


def _people(
    path: Path, annotations: Sequence[tuple[int, dict]], categories: Categories, offset: float
) -> tuple[list[Person], list[Damage]]:
    """People of one picture in the file's order, and the damaged ones; these stay as regions where they have a box."""
    people, problems, boxes = [], [], []
    for i, annotation in annotations:
        category = entry_id(annotation, "category_id")
        if category in categories.things:
            continue
        try:
            person = coco_person.person(annotation, categories.names, categories.orders.get(category), offset=offset)
        except MALFORMED as error:
            where = f"{path}: annotations[{i}] (id {documents.show(annotation.get('id'))})"
            problems.append(Damage.of(where, error))
            person = coco_person.region(annotation, len(categories.names))
            if person is None:
                continue
        (boxes if category in categories.boxes else people).append(person)
    # Boxes of people beside skeletons: those around a labelled person are that person's, others are unlabelled people.
    people += [box for box in boxes if not any(coco_person.surrounds(box, person) for person in people)]
    return people, problems
