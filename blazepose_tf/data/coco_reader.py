"""COCO keypoint json with pictures beside it, as examples; the way from an annotation file to record shards.

Understood beyond COCO's own fields (all optional): `center` and `scale_point` (the stored alignment), `face_box`
[x, y, w, h], `weight`, `dataset`, `ignore`. Coordinates are taken as continuous pixels; COCO's own annotations are
pixel indices, for which `coordinate_offset` is 0.5.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blazepose_tf.data import example as example_lib
from blazepose_tf.data import records as records_lib


def load(path: str | os.PathLike) -> dict:
    """Reads and checks the outline of an annotation file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: not json, or not a COCO keypoint file.
    """
    try:
        content = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not json: {error}") from error
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        raise ValueError(f"{path} is not a COCO file: it needs images, annotations and categories")
    if not any(category.get("keypoints") for category in content["categories"]):
        raise ValueError(f"{path} has no category with keypoint names")
    return content


def keypoint_names(content: dict) -> tuple[str, ...]:
    """Keypoint names of the first category that has some."""
    return next(tuple(c["keypoints"]) for c in content["categories"] if c.get("keypoints"))


def image_folder(path: str | os.PathLike) -> Path:
    """Where the pictures of an annotation file lie by default: `images` beside it, else its own folder."""
    beside = Path(path).parent / "images"
    return beside if beside.is_dir() else Path(path).parent


def to_example(
    image: dict,
    annotations: Sequence[dict],
    *,
    names: Sequence[str],
    folder: str | os.PathLike,
    coordinate_offset: float = 0.0,
    dataset: str = "",
    split: str = "",
) -> example_lib.Example:
    """One picture and its annotations.

    Args:
        image: entry of `images`.
        annotations: entries of `annotations` with this picture's id. Those with `iscrowd` or `ignore` set, or without
            a labelled keypoint, become ignore boxes; so do the people with a weight of 0.
        names: keypoint names.
        folder: where the pictures lie.
        coordinate_offset: added to all coordinates of keypoints.
        dataset: source name for annotations that do not carry one.
        split: name of the split.

    Raises:
        OSError: the picture cannot be read.
        ValueError: the picture is no JPEG or PNG, or an annotation has the wrong number of values.
    """
    encoded = (Path(folder) / image["file_name"]).read_bytes()
    if not encoded.startswith((b"\xff\xd8", b"\x89PNG\r\n\x1a\n")):
        raise ValueError("not a JPEG or PNG file")
    people, ignored = [], []
    for a in annotations:
        points = np.asarray(a.get("keypoints") or np.zeros(3 * len(names)), np.float32)
        if points.size != 3 * len(names):
            raise ValueError(f"annotation {a.get('id')} has {points.size} keypoint numbers, expected {3 * len(names)}")
        usable = not (a.get("iscrowd") or a.get("ignore")) and a.get("weight", 1.0) > 0 and (points[2::3] > 0).any()
        if usable:
            people.append(a)
        elif a.get("bbox"):
            ignored.append(_corners(a["bbox"]))
    keypoints = np.array([a["keypoints"] for a in people], np.float32).reshape(-1, len(names), 3)
    keypoints[..., :2] += coordinate_offset
    keypoints[keypoints[..., 2] == 0] = 0.0
    return example_lib.Example(
        image=encoded,
        width=int(image["width"]),
        height=int(image["height"]),
        names=tuple(names),
        keypoints=keypoints,
        alignment=_alignments(people),
        boxes=np.array([_corners(a.get("bbox", (0, 0, 0, 0))) for a in people], np.float32).reshape(-1, 4),
        face_box=np.array([_corners(a.get("face_box", (0, 0, 0, 0))) for a in people], np.float32).reshape(-1, 4),
        person_weight=np.array([a.get("weight", 1.0) for a in people], np.float32),
        ignore_boxes=np.array(ignored, np.float32).reshape(-1, 4),
        dataset=next((a["dataset"] for a in annotations if a.get("dataset")), dataset),
        image_id=str(image["file_name"]),
        split=split,
    )


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(v) for v in box)
    return x, y, x + width, y + height


def _alignments(people: Sequence[dict]) -> np.ndarray:
    """(N, 2, 2); zeros for people without a stored alignment."""
    points = [(a["center"], a["scale_point"]) if "scale_point" in a else np.zeros((2, 2)) for a in people]
    return np.array(points, np.float32).reshape(-1, 2, 2)


def write_records(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    images: str | os.PathLike | None = None,
    name: str | None = None,
    split: str | None = None,
    every_person: bool = False,
    coordinate_offset: float = 0.0,
    num_shards: int | None = None,
    workers: int = 4,
    limit: int | None = None,
) -> records_lib.WriteReport:
    """Turns a COCO keypoint file into record shards; a second call with the same file reuses what is there.

    Args:
        path: the json.
        folder: where the shards go.
        images: folder of the pictures; `images` beside the json (or its own folder) by default.
        name: name of the dataset; by default the json's own name, after its folder's.
        split: name of the split; by default the json's name.
        every_person: one record per person, that person first, instead of one per picture: what a tracker wants of
            pictures with several people. Pictures without people are left out then.
        coordinate_offset: added to keypoint coordinates (0.5 for COCO's own pixel indices).
        num_shards: number of files.
        workers: shards written at a time.
        limit: only the first pictures.

    Returns:
        What was written, and what was left out why.
    """
    path = Path(path)
    content = load(path)
    names = keypoint_names(content)
    images = Path(images) if images else image_folder(path)
    by_image: dict = {}
    for a in content["annotations"]:
        by_image.setdefault(a["image_id"], []).append(a)
    entries = content["images"][:limit]
    # Edited labels must not meet shards of the old ones.
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    if every_person:
        items = []
        for entry in entries:
            found = by_image.get(entry["id"], [])
            usable = [a for a in found if any(v > 0 for v in a.get("keypoints", ())[2::3])]
            usable = [a for a in usable if not (a.get("iscrowd") or a.get("ignore")) and a.get("weight", 1.0) > 0]
            items += [(entry, index) for index in range(len(usable))]
    else:
        items = [(entry, 0) for entry in entries]
    default = path.stem if path.parent.name in ("", "annotations") else f"{path.parent.name}_{path.stem}"

    def build(item: tuple[dict, int]) -> example_lib.Example:
        entry, person = item
        example = to_example(
            entry,
            by_image.get(entry["id"], ()),
            names=names,
            folder=images,
            coordinate_offset=coordinate_offset,
            dataset=name or default,
            split=path.stem if split is None else split,
        )
        return example.with_main_person(person) if person else example

    return records_lib.write_shards(
        items,
        build,
        folder=folder,
        name=name or default,
        num_shards=num_shards,
        workers=workers,
        describe=lambda item: f"{version}/{item[0]['file_name']}#{item[1]}",
    )
