"""Writes rendered people as an annotated dataset on disk, in the COCO format that the converters read.

    folder/images/<split>_000000.jpg ...   the pictures
    folder/<split>.json                    images, annotations, categories; written last

Besides COCO's fields an annotation has `center` and `scale_point` (the body circle), `face_box`, `face_visible`,
`keypoint_source` (one letter a keypoint: `s` synthetic, `-` unlabelled), `dataset`, `source_image`, `weight`, and the
exact depth, metric points and mask of `converters.attributes`.
Persons without hips and shoulders in the picture are ignore regions (`iscrowd` = `ignore` = 1).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf import files, topology
from blazepose_tf.converters import attributes
from blazepose_tf.converters.coco_document import coco_document
from blazepose_tf.synthetic.annotations import Sample

_TORSO = topology.indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
_LOOKING = topology.indices(("nose", "left_eye", "right_eye"))


def write_samples(
    folder: str | os.PathLike,
    samples,
    *,
    count: int,
    split: str = "train",
    quality: int = 92,
    suffix: str = ".jpg",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes pictures and their annotations.

    Args:
        folder: created where missing; files of the same names are replaced.
        samples: iterable of `Sample`.
        count: how many there are, for the progress only.
        split: name of the json file, without its ending, and beginning of the picture names.
        quality: of the JPEG files, 1..100.
        suffix: ".jpg" or ".png".
        progress: called with (pictures written, count) after each picture.

    Returns:
        The path of the json file. It appears when all pictures are there; every file appears whole or not at all.

    Raises:
        OSError: the folder cannot be written.
        ValueError: a suffix of another format.
    """
    if suffix not in (".jpg", ".png"):
        raise ValueError(f"expected .jpg or .png. Received: suffix={suffix!r}")
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    for index, sample in enumerate(samples):
        name = f"{split}_{index:06d}{suffix}"
        done, data = cv2.imencode(suffix, sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise OSError(f"OpenCV could not encode {name}")
        files.write_bytes(folder / "images" / name, data.tobytes())
        height, width = sample.image.shape[:2]
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height, "source_image": name})
        for person in range(len(sample.keypoints)):
            identity = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": 1}
            annotations.append(identity | _annotation(sample, person, name))
        if progress is not None:
            progress(index + 1, count)
    content = coco_document(images, annotations, topology.KEYPOINTS, description=f"rendered people, {split}")
    path = folder / f"{split}.json"
    files.write_text(path, json.dumps(content, separators=(",", ":")))
    return path


def _annotation(sample: Sample, person: int, name: str) -> dict:
    """The fields of one person."""
    height, width = sample.image.shape[:2]
    keypoints, mask = sample.keypoints[person], sample.masks[person]
    labelled = keypoints[:, 2] > 0
    usable = bool(labelled[_TORSO].all())
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    corners = np.array([(columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)], float)
    points = keypoints[labelled, :2]
    if usable:
        corners = np.stack([np.minimum(corners[0], points.min(0)), np.maximum(corners[1], points.max(0))])
    corners = np.clip(corners, 0, (width, height))
    box = [*corners[0], *(corners[1] - corners[0])]
    out = {
        "iscrowd": int(not usable),
        "ignore": int(not usable),
        "num_keypoints": int(labelled.sum()) if usable else 0,
        "keypoints": _rounded(keypoints.ravel() if usable else np.zeros(keypoints.size)),
        "keypoint_source": "".join("s" if on and usable else "-" for on in labelled),
        "bbox": _rounded(box),
        "area": int(mask.sum()),
        "weight": float(usable),
        "face_box": _rounded(sample.face_box[person]),
        "dataset": "synthetic",
        "source_image": name,
    }
    if usable:
        center, scale_point = sample.alignment[person]
        out |= {
            "center": _rounded(center),
            "scale_point": _rounded(scale_point),
            "face_visible": int((keypoints[_LOOKING, 2] == 2).any()),
        }
        known = np.ones((len(keypoints), 1))
        depth, world = np.column_stack([sample.z[person], known]), np.column_stack([sample.world[person], known])
        out |= attributes.fields(attributes.Attributes(depth, world, attributes.encode(mask)))
    return out


def _rounded(values) -> list[float]:
    """Hundredths of a pixel; whole numbers without a point."""
    return [int(v) if v == int(v) else v for v in (round(float(v), 2) for v in values)]
