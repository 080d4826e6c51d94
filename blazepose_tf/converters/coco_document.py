"""The interchange document: COCO keypoint json with named keypoints and continuous coordinates.

`coco.read` is for what anybody wrote. Verbs that rewrite a document of this form take it whole with `read_document`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from blazepose_tf import documents, topology
from blazepose_tf.converters.annotations import LIMIT
from blazepose_tf.documents import ID, NUMBER, POSITIVE, TEXT, ListOf, Optional, Part

COORDINATES = "continuous pixels of the stored image, pixel centre = index + 0.5"

_POINT, _BOX = ListOf(NUMBER, 2), ListOf(NUMBER, 4)
_IMAGE = Part({
    "id": ID, "file_name": TEXT, "width": Optional(POSITIVE), "height": Optional(POSITIVE),
    "imagined": Optional(ListOf(ListOf(NUMBER, 4))),
})  # fmt: skip
_FIELDS = {
    "keypoints": ListOf(NUMBER), "bbox": _BOX, "face_box": _BOX, "center": _POINT, "scale_point": _POINT,
    "keypoint_source": TEXT, "dataset": TEXT, "source_image": TEXT, "weight": NUMBER, "disagreement": NUMBER,
    "cut_off": ListOf(TEXT), "face_visible": documents.ANY,
}  # fmt: skip
_OUTLINE = Part({
    "images": ListOf(_IMAGE), "annotations": ListOf(documents.OBJECT), "info": Optional(documents.OBJECT),
    "categories": Optional(ListOf(documents.OBJECT)),
})  # fmt: skip
_PLACES = ("keypoints", "bbox", "face_box", "center", "scale_point")


def read_document(path: str | os.PathLike, *, needs: Sequence[str] = (), names: Sequence[str] = ()) -> dict:
    """Reads a document of this form and looks at every field that the package gives a meaning.

    Ids come back in the form in which they are compared (`documents.identity`); all else is as it stands in the file.

    Args:
        path: the json.
        needs: fields that every annotation must have.
        names: keypoints that every annotation must have numbers for; without them any number of keypoints.

    Raises:
        OSError: the file cannot be read.
        ValueError: not such a document; the message names the entry, what was expected and what is there.
    """
    content = documents.check(documents.read(path), _OUTLINE, str(path))
    content = {name: part for name, part in content.items() if part is not None}
    entries = {"id": ID, "image_id": ID} | {n: kind if n in needs else Optional(kind) for n, kind in _FIELDS.items()}
    images = _by_id(content["images"], f"{path}: images")
    for i, annotation in enumerate(content["annotations"]):
        where = f"{path}: annotations[{i}]"
        documents.check(annotation, Part(entries), where)
        for field in [name for name in _FIELDS if name in annotation and annotation[name] is None]:
            del annotation[field]
        annotation["image_id"] = documents.identity(annotation["image_id"])
        if annotation["image_id"] not in images:
            raise ValueError(f"{where}: refers to image {documents.show(annotation['image_id'])}, which is not there")
        for field in _PLACES:
            if any(abs(value) > LIMIT for value in annotation.get(field, ())):
                raise ValueError(f"{where}: {field} lies beyond {LIMIT:.0e} pixels")
        _check_points(annotation, names, where)
    _by_id(content["annotations"], f"{path}: annotations")
    return content


def _by_id(entries: list[dict], where: str) -> set:
    """The ids of entries, which get them in the form in which they are compared."""
    seen = set()
    for i, entry in enumerate(entries):
        entry["id"] = documents.identity(entry["id"])
        if entry["id"] in seen:
            raise ValueError(f"{where}[{i}]: the id {documents.show(entry['id'])} is there twice")
        seen.add(entry["id"])
    return seen


def _check_points(annotation: dict, names: Sequence[str], where: str) -> None:
    points, source = annotation.get("keypoints"), annotation.get("keypoint_source")
    if points is None:
        return
    count, odd = divmod(len(points), 3)
    if odd or (names and count != len(names)):
        wanted = f"{3 * len(names)} numbers (x, y and state of {len(names)})" if names else "x, y and state of each"
        raise ValueError(f"{where}: keypoints: expected {wanted}. Received: {len(points)}")
    if not set(points[2::3]) <= {0, 1, 2}:
        raise ValueError(f"{where}: keypoints: states must be 0, 1 or 2")
    if source is not None and len(source) != count:
        raise ValueError(f"{where}: keypoint_source must be {count} letters. Received: {documents.show(source)}")


def coco_document(images: list[dict], annotations: list[dict], names: Sequence[str], *, description: str) -> dict:
    """Whole document with one category.

    Args:
        images: entries with id, file_name, width, height.
        annotations: entries with image_id, keypoints and so on, in the order of `names`.
        names: keypoint names; edges follow from the topology.
        description: for the info section.
    """
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(names),
        "skeleton": [[a + 1, b + 1] for a, b in topology.edges(names)],
    }
    return {
        "info": {"description": description, "coordinates": COORDINATES},
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
