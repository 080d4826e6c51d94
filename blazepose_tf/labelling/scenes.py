"""Pastes cut-out things and people into pictures: what a person detector has to tell apart, in other places.

Three kinds of pictures are made: parts of photographs that show nobody; the pictures of a COCO file, whose people keep
their labels, so that being pasted does not tell things from people; and the people of `cutouts`, one each, where
nobody is. Things (.png or .webp with transparency) may hide a body in part, never a face. Parts of photographs are
0.75 to 1.33 times as wide as high and at most `side` pixels. The same files and seed give the same pictures and labels,
which lie in `OUTPUT_pictures` (COCO files name them relative to their own folder).
"""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.converters.annotations import image_folder
from blazepose_tf.converters.coco_document import coco_document, read_document
from blazepose_tf.labelling import cutouts

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
_TRIES = 8
_MAX_HIDDEN = 0.3  # of a person's box


def read(path: Path) -> np.ndarray:
    """(H, W, 3 or 4) uint8 of a file; ValueError when it is no picture."""
    content = np.frombuffer(path.read_bytes(), np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if picture is None or picture.dtype != np.uint8:
        raise ValueError(f"{path} is not a picture of 8 bits")
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture


def pictures_below(folder: Path) -> list[Path]:
    """Pictures in a folder and its folders, in the order of their names; ValueError without any."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ValueError(f"no pictures ({', '.join(SUFFIXES)}) in {folder}")
    return found


def read_objects(folder: Path, side: int) -> list[np.ndarray]:
    """Things of a folder as (H, W, 4), cut to what is not transparent, no larger than needed for `side`."""
    objects = []
    for path in pictures_below(folder):
        picture = read(path)
        if picture.shape[2] != 4 or picture[..., 3].min() > 0 or not (picture[..., 3] > 128).any():
            continue
        rows, columns = np.nonzero(picture[..., 3] > 128)
        objects.append(_fit(picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], 2 * side))
    if not objects:
        raise ValueError(f"no picture in {folder} has a transparent background")
    return objects


def _fit(picture: np.ndarray, side: int) -> np.ndarray:
    """Reduced so that its longer side is at most `side`."""
    scale = min(1.0, side / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def part(picture: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    """(H, W, 3) random part of a photograph, a third of it to all."""
    height, width = picture.shape[:2]
    aspect = math.exp(rng.uniform(math.log(0.75), math.log(4 / 3)))
    largest = min(height, width / aspect)
    high = max(2, int(largest * rng.uniform(0.35, 1.0)))
    wide = min(width, max(2, int(high * aspect)))
    top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
    piece = picture[top : top + high, left : left + wide, :3]
    return _fit(piece[:, ::-1] if rng.random() < 0.5 else piece, side)


def turned(thing: np.ndarray, center: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Matrix (2, 3) that puts a thing, mirrored and turned, at a place of a scene.

    Args:
        thing: (h, w, 4) uint8.
        center: (2,) pixels of the scene.
        size: of the thing's longer side there, in pixels.
        rng: source of the changes.
    """
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    angle = rng.normal(0.0, 15.0) if rng.random() < 0.85 else rng.uniform(-180.0, 180.0)
    scale = size / max(thing.shape[:2])
    cos, sin = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    matrix = np.array([[mirror * cos, -sin, 0.0], [mirror * sin, cos, 0.0]])
    matrix[:, 2] = center - matrix[:, :2] @ (np.array(thing.shape[1::-1]) / 2.0)
    return matrix


def paste(scene: np.ndarray, thing: np.ndarray, matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paints a thing over a scene, in place, lighter or darker.

    Args:
        scene: (H, W, 3) uint8.
        thing: (h, w, 4) uint8.
        matrix: (2, 3) from the thing's continuous pixels to the scene's: a similarity, mirrored or not.
        rng: source of the brightness.

    Returns:
        (H, W) bool: what it covers.
    """
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    small = _fit(thing, max(2, round(scale * max(thing.shape[:2]))))  # without aliasing: what is left only enlarges
    matrix = np.array(matrix)
    matrix[:, :2] *= np.divide(thing.shape[1::-1], small.shape[1::-1])
    # Premultiplied: what is transparent may have any colour.
    alpha = small[..., 3:].astype(np.float32) / 255.0
    layer = np.concatenate([small[..., :3] * alpha, alpha], axis=2)
    layer = cv2.warpAffine(layer, cutouts.between_indices(matrix), scene.shape[1::-1], flags=cv2.INTER_LINEAR)
    colour, alpha = layer[..., :3] * rng.uniform(0.75, 1.2), layer[..., 3:]
    scene[:] = np.clip(scene * (1.0 - alpha) + colour, 0.0, 255.0).astype(np.uint8)
    return alpha[..., 0] > 0.5


def allowed(center: np.ndarray, extent: float, people: list[dict]) -> bool:
    """Whether a thing, `extent` pixels across at any angle, leaves every face free and most of every body."""
    low, high = center - extent / 2.0, center + extent / 2.0
    for person in people:
        body = np.array(person["bbox"], np.float64)
        # Where the face is not known, nothing may touch the person at all.
        face = np.array(person["face_box"], np.float64) if "face_box" in person else body
        if (np.minimum(high, face[:2] + face[2:]) > np.maximum(low, face[:2])).all():
            return False
        shared = np.maximum(np.minimum(high, body[:2] + body[2:]) - np.maximum(low, body[:2]), 0.0)
        if shared.prod() > _MAX_HIDDEN * max(1.0, body[2:].prod()):
            return False
    return True


def hide(person: dict, covered: np.ndarray) -> None:
    """Marks the keypoints below a thing as occluded, in place."""
    points = person["keypoints"]
    for i in range(0, len(points), 3):
        x, y = int(points[i]), int(points[i + 1])
        inside = 0 <= y < covered.shape[0] and 0 <= x < covered.shape[1]
        if points[i + 2] == 2 and inside and covered[y, x]:
            points[i + 2] = 1


def fill(scene: np.ndarray, things: list[np.ndarray], people: list[dict], rng: np.random.Generator) -> int:
    """Pastes one to four things, smaller ones where people are; returns how many found a place."""
    side, pasted = max(scene.shape[:2]), 0
    for _ in range(rng.integers(1, 5)):
        thing = things[rng.integers(len(things))]
        for _ in range(_TRIES):
            size = side * math.exp(rng.uniform(math.log(0.12), math.log(0.45 if people else 1.0)))
            center = rng.uniform(0.0, 1.0, 2) * scene.shape[1::-1]
            if allowed(center, size * math.hypot(*thing.shape[:2]) / max(thing.shape[:2]), people):
                covered = paste(scene, thing, turned(thing, center, size, rng), rng)
                for person in people:
                    hide(person, covered)
                pasted += 1
                break
    return pasted


# The number of scenes, and what makes one of an index and a source of randomness: a picture (H, W, 3) and its people,
# both of which may be written to.
Scenes = tuple[int, Callable[[int, np.random.Generator], tuple[np.ndarray, list[dict]]]]


def parts_of(folder: Path, side: int) -> Scenes:
    """A random part of each photograph in a folder, and nobody."""
    photographs = [_fit(read(path), 4 * side) for path in pictures_below(folder)]
    return len(photographs), lambda index, rng: (part(photographs[index], rng, side), [])


def people_in_parts_of(folder: Path, people: Path, side: int) -> Scenes:
    """Each person of a file of `cutouts`, in a random part of any photograph in a folder."""
    photographs, photograph = parts_of(folder, side)
    content = read_document(people, needs=("keypoints", "center", "scale_point", "bbox"), names=topology.KEYPOINTS)
    pictures = {image["id"]: image_folder(None, people.parent) / image["file_name"] for image in content["images"]}
    persons = content["annotations"]
    for person in persons:
        if "cut_off" not in person:
            raise ValueError(f"{people}: annotation {person.get('id')} is no cut-out (blazepose cut)")

    def scene(index: int, rng: np.random.Generator) -> tuple[np.ndarray, list[dict]]:
        for _ in range(_TRIES):
            picture, _ = photograph(int(rng.integers(photographs)), rng)
            if max(picture.shape[:2]) >= side / 2:  # else too coarse for a person
                break
        picture, person = np.ascontiguousarray(picture), persons[index]
        size = picture.shape[1::-1]
        matrix = cutouts.place(person, size, rng)
        if matrix is None:
            return picture, []
        cutout = read(pictures[person["image_id"]])
        if cutout.shape[2] != 4:
            raise ValueError(f"{pictures[person['image_id']]}: expected a cut-out with a transparent background")
        paste(picture, cutout, matrix, rng)
        return picture, [cutouts.moved(person, matrix, size)]

    return len(persons), scene


def labelled_pictures(data: Path) -> Scenes:
    """The pictures of a COCO file and their people."""
    content = read_document(data, needs=("keypoints", "bbox"))
    people: dict[int, list[dict]] = {}
    for annotation in content["annotations"]:
        people.setdefault(annotation["image_id"], []).append(annotation)
    folder, images = image_folder(None, data.parent), content["images"]

    def scene(index: int, rng: np.random.Generator) -> tuple[np.ndarray, list[dict]]:
        picture = np.ascontiguousarray(read(folder / images[index]["file_name"])[..., :3])
        return picture, copy.deepcopy(people.get(images[index]["id"], []))

    return len(images), scene


@dataclass(frozen=True)
class Options:
    """What to compose.

    Attributes:
        objects: folder of things with a transparent background.
        output: COCO file to write.
        photographs: folder of photographs that show nobody; or
        data: COCO file, whose pictures get things.
        people: COCO file of cut-out people, for the photographs.
        copies: pictures of each photograph, person or picture.
        side: of a picture, at most, in pixels.
        seed: of everything random.
        sources: whence the pictures and the things are, and under which licence, for model cards.
    """

    objects: Path
    output: Path
    photographs: Path | None = None
    data: Path | None = None
    people: Path | None = None
    copies: int = 1
    side: int = 272
    seed: int = 0
    sources: str | None = None


def write(options: Options) -> str:
    """Makes the pictures and their document; returns what was done."""
    if (options.photographs is None) == (options.data is None):
        raise ValueError("give either --photographs or --data")
    if options.people and options.data:
        raise ValueError("--people goes with --photographs")
    if options.copies < 1 or options.side < 32:
        raise ValueError(
            f"--copies must be positive and --side at least 32. Received: {options.copies}, {options.side}"
        )
    things = read_objects(options.objects, options.side)
    if options.people:
        count, scene = people_in_parts_of(options.photographs, options.people, options.side)
    elif options.photographs:
        count, scene = parts_of(options.photographs, options.side)
    else:
        count, scene = labelled_pictures(options.data)
    folder = options.output.parent / f"{options.output.stem}_pictures"
    folder.mkdir(exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    pasted = 0
    turns = list(itertools.product(range(options.copies), range(count)))
    for number, (turn, index) in enumerate(tqdm(turns, desc="pictures", unit="picture"), 1):
        rng = np.random.default_rng([options.seed, turn, index])
        picture, people = scene(index, rng)
        # Every fifth picture without people stays as it is: things are not what makes a picture empty.
        if people or rng.random() < 0.8:
            pasted += fill(picture, things, people, rng)
        name = f"{folder.name}/{number:06d}.jpg"
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
        files.write_bytes(options.output.parent / name, coded.tobytes())
        images.append({"id": number, "file_name": name, "width": picture.shape[1], "height": picture.shape[0]})
        for person in people:
            annotations.append(person | {"id": len(annotations) + 1, "image_id": number})
    description = f"{len(things)} things pasted into pictures"
    document = coco_document(images, annotations, topology.KEYPOINTS, description=description)
    if options.sources:
        document["info"]["sources"] = options.sources
    files.write_text(options.output, json.dumps(document))
    return f"{options.output}: {len(images)} pictures, {len(annotations)} people, {pasted} things"
