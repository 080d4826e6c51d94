"""Cuts labelled people out of their pictures, and says where in another one `scenes` puts them.

The model is a tracker that returns a segmentation mask (MediaPipe's of 2021 do). Left out are people without a
labelled body circle, people whose mask holds less than nine in ten of their visible points, and people whom two
opposite borders of the picture cut off. The cut-outs lie in `OUTPUT_pictures`, PNG files with transparency. The output
is a COCO file whose annotations have one field more: `cut_off`, the sides of the cut-out at which the source ended.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from blazepose_tf import files, specs, topology
from blazepose_tf.converters.annotations import image_folder
from blazepose_tf.converters.coco_document import read_document
from blazepose_tf.geometry import affine, roi
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.labelling.document import rounded
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime.tracker import Tracker

SIDES = ("left", "top", "right", "bottom")
_INSIDE = 0.9  # of the visible points
_REACH = 3  # pixels that a point may lie beside the mask
_STEEPNESS = 3.0  # of the edge: a mask of 256 px is wider there than a body's border
_CUT = 0.04  # of the body circle's radius: less at the border is a finger
_TRIES = 30
_RADIUS = (0.12, 0.9)  # of the picture's longer side
_LARGEST = 2.5  # enlargement of a cut-out
_FACE = topology.indices(topology.GROUPS["face"])


def between_indices(matrix: np.ndarray) -> np.ndarray:
    """A (2, 3) matrix between continuous pixels as one between OpenCV's, which counts from the first pixel's centre."""
    return np.column_stack([matrix[:, :2], matrix @ (0.5, 0.5, 1.0) - 0.5])


def mask(picture: np.ndarray, alignment: np.ndarray, tracker: Tracker) -> np.ndarray:
    """(H, W) float32 in [0, 1]: how much of a pixel is the person with this body circle.

    Args:
        picture: (H, W, 3) uint8 RGB.
        alignment: (2, 2) centre of the body circle and the point on it, pixels.
        tracker: with a segmentation output.
    """
    crop, matrix = tracker.crop(picture, roi.from_alignment(alignment.astype(np.float32), tracker.spec.roi_scale))
    logits = tracker.model(crop, tracker.spec.value_range, (specs.SEGMENTATION,))[specs.SEGMENTATION][0, ..., 0]
    probability = 1.0 / (1.0 + np.exp(-np.clip(logits, -8.0, 8.0)))
    # The matrix takes pixels of a crop of the input's size; the masks of 2020 have half of it.
    matrix = np.array(matrix, np.float64)
    matrix[:, :2] *= tracker.spec.input_size / len(probability)
    spread = cv2.warpAffine(probability.astype(np.float32), between_indices(matrix), picture.shape[1::-1])
    return np.clip((spread - 0.5) * _STEEPNESS + 0.5, 0.0, 1.0)


def _at(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) values of an (H, W) array at points (N, 2); those outside count as on the rim."""
    rim = np.array(values.shape[::-1]) - 1
    columns, rows = np.clip(points.astype(int), 0, rim).T
    return values[rows, columns]


def own_parts(alpha: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The mask without what holds none of the person's points (N, 2)."""
    count, parts = cv2.connectedComponents((alpha > 0.5).astype(np.uint8))
    kept = np.zeros(count, bool)
    kept[_at(parts, points)] = True
    kept[0] = True  # the soft border around the parts lies in the background
    foreign = cv2.dilate((~kept[parts]).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(foreign & ~(kept[parts] & (parts > 0)), 0.0, alpha)


def cut(picture: np.ndarray, person: dict, tracker: Tracker) -> tuple[np.ndarray, dict] | None:
    """The person's cut-out (h, w, 4) uint8 RGBA and its annotation; None where the mask is not to be trusted."""
    points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
    visible = points[points[:, 2] == 2, :2]
    if not len(visible):
        return None
    alignment = _alignment(person)
    alpha = own_parts(mask(picture, alignment, tracker), visible)
    near = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)) > 0
    if _at(near, visible).mean() < _INSIDE:
        return None
    radius = alignment_lib.radius(alignment)
    borders = (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    cut_off = [side for side, border in zip(SIDES, borders, strict=True) if (border > 0.5).sum() > _CUT * radius]
    if {"left", "right"} <= set(cut_off) or {"top", "bottom"} <= set(cut_off):
        return None
    inside = np.nonzero(alpha > 0.02)
    top, left = inside[0].min(), inside[1].min()
    bottom, right = inside[0].max() + 1, inside[1].max() + 1
    coded = np.round(255.0 * alpha).astype(np.uint8)[..., None]
    cutout = np.concatenate([picture, coded], axis=2)[top:bottom, left:right]
    origin = np.array([left, top])
    points[points[:, 2] > 0, :2] -= origin
    return cutout, {
        "keypoints": rounded(points.reshape(-1)),
        "center": rounded(alignment[0] - origin),
        "scale_point": rounded(alignment[1] - origin),
        "bbox": [0, 0, int(right - left), int(bottom - top)],
        "cut_off": cut_off,
        **{key: person[key] for key in ("dataset", "weight", "keypoint_source") if key in person},
    }


def place(person: dict, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray | None:
    """Matrix (2, 3) from a cut-out to a picture in which its face and hips can be seen; None where no place is found.

    Where the source ended, this picture ends, too: a body cut off in the middle of one would be a mark of pasting.

    Args:
        person: annotation of `cut`.
        size: width and height of the picture.
        rng: source of scale, place and, for whole bodies, incline.
    """
    frame = np.array(size, np.float64)
    points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
    face = points[_FACE]
    face = face[face[:, 2] > 0, :2]
    alignment = _alignment(person)
    center, radius = alignment[0], alignment_lib.radius(alignment)
    if len(face) < 2:
        return None
    for _ in range(_TRIES):
        scale = frame.max() * math.exp(rng.uniform(math.log(_RADIUS[0]), math.log(_RADIUS[1]))) / radius
        angle = rng.normal(0.0, 12.0) if rng.random() < 0.8 else rng.uniform(-180.0, 180.0)
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        linear = scale * (np.eye(2) if person["cut_off"] else np.array([[cos, -sin], [sin, cos]]))
        offset = rng.uniform(0.08, 0.92, 2) * frame - linear @ center
        low, high = _reach(person, np.column_stack([linear, np.zeros(2)]))
        beyond = rng.uniform(0.0, 0.1) * scale * radius
        for axis, (near, far) in enumerate((("left", "right"), ("top", "bottom"))):
            if near in person["cut_off"]:
                offset[axis] = -beyond - low[axis]
            elif far in person["cut_off"]:
                offset[axis] = frame[axis] + beyond - high[axis]
        matrix = np.column_stack([linear, offset])
        seen = affine.apply(matrix, np.vstack([face, center]))
        if scale <= _LARGEST and (seen > 0.0).all() and (seen < frame - 1.0).all():
            return matrix
    return None


def moved(person: dict, matrix: np.ndarray, size: tuple[int, int]) -> dict:
    """The annotation of a cut-out in a picture; points outside of it are not labelled."""
    frame = np.array(size, np.float64)
    points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
    points[:, :2] = affine.apply(matrix, points[:, :2])
    inside = (points[:, :2] >= 0.0).all(axis=1) & (points[:, :2] < frame).all(axis=1)
    points[~inside | (points[:, 2] == 0)] = 0.0
    low, high = _reach(person, matrix)
    low, high = np.maximum(low, 0.0), np.minimum(high, frame)
    center, scale_point = affine.apply(matrix, _alignment(person))
    return {key: value for key, value in person.items() if key != "cut_off"} | {
        "keypoints": rounded(points.reshape(-1)),
        "center": rounded(center),
        "scale_point": rounded(scale_point),
        "bbox": rounded([*low, *(high - low)]),
    }


def _alignment(person: dict) -> np.ndarray:
    """(2, 2) centre of the body circle and the point on it."""
    return np.array([person["center"], person["scale_point"]], np.float64)


def _reach(person: dict, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest x and y of a cut-out, (2,) each, where a matrix puts it."""
    width, height = person["bbox"][2:]
    corners = affine.apply(matrix, np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]]))
    return corners.min(axis=0), corners.max(axis=0)


@dataclass(frozen=True)
class Options:
    """What to cut out: the people of a COCO file, with the mask of a model, written to another COCO file."""

    data: Path
    model: str
    output: Path


def write(options: Options) -> str:
    """Cuts, writes the pictures and then the document; returns what was done."""
    content = read_document(options.data, needs=("keypoints",), names=topology.KEYPOINTS)
    source = {image["id"]: image for image in content["images"]}
    people = [person for person in content["annotations"] if {"center", "scale_point"} <= person.keys()]
    if not people:
        raise ValueError(f"nobody in {options.data} has a body circle (center and scale_point)")
    tracker = Tracker(str(options.model))
    if specs.SEGMENTATION not in tracker.model.output_shapes:
        raise ValueError(f"{options.model} has no segmentation output: {', '.join(tracker.model.output_shapes)}")
    folder = options.output.parent / f"{options.output.stem}_pictures"
    folder.mkdir(exist_ok=True)
    pictures, images, annotations = image_folder(None, options.data.parent), [], []
    for person in tqdm(people, desc="people", unit="person"):
        picture = read_picture(pictures / source[person["image_id"]]["file_name"])
        found = cut(picture, person, tracker)
        if found is None:
            continue
        cutout, annotation = found
        number = len(images) + 1
        name = f"{folder.name}/{number:06d}.png"
        coded = cv2.imencode(".png", cv2.cvtColor(cutout, cv2.COLOR_RGBA2BGRA))[1]
        files.write_bytes(options.output.parent / name, coded.tobytes())
        images.append({"id": number, "file_name": name, "width": cutout.shape[1], "height": cutout.shape[0]})
        annotations.append(annotation | {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0})
    files.write_text(options.output, json.dumps(content | {"images": images, "annotations": annotations}))
    return f"{options.output}: {len(images)} of {len(people)} people"
