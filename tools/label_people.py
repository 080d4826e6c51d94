"""Finds people whom nobody labelled, and labels those of whom a tracker says the same three times.

    python tools/label_people.py --images=pictures/ --tracker=pose_landmark_full_2021.tflite --output=labelled.json
    python tools/label_people.py --data=train.json --tracker=pose_landmark_full_2021.tflite --output=others.json

The first form labels everybody in a folder of pictures: frames of an exercise of one's own, say. The second looks for
further people in the pictures of a COCO file, who stand beside those that it labels. A detector (`--detector`) proposes
people. The tracker then looks at the region of interest of the detection, at the one that follows from its own body
circle, and at the mirror image of that; a person is kept if the tracker is sure of a person every time, if the last two
looks agree, and if hips and shoulders lie in the picture. A label is the mean of these two; points on which they do not
agree stay unlabelled. Pictures with several people become one record each by `convert-dataset --every_person`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import annotation_tool
import numpy as np
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.data.coco_document import coco_document
from blazepose_tf.data.converters.annotations import image_folder
from blazepose_tf.data.converters.coco import load
from blazepose_tf.data.converters.conversion import labelled_box
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.geometry import roi
from blazepose_tf.media.headers import PICTURE_SUFFIXES
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.metrics.keypoints import torso_size
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.warp import warp
from blazepose_tf.runtime.weights import model_file

SURE = 0.9  # presence at the last two looks
_LIKELY = 0.6  # at the first one, whose region is a detector's
_AGREEMENT = 0.05  # body circle's radii between two looks, on average
_NEAR = 0.1  # torsos between two looks at a point
_MOVED = 0.5  # radii from the detection's mid-hip: farther away is somebody else
_APART = 0.5  # radii between two people's mid-hips
_SAME_POSE = 0.15  # radii between the points of one person in two crops of a photograph, on average
_VISIBLE = 0.5
_TORSO = topology.indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
_LIMBS = topology.indices(topology.COCO_17[5:])
_MIRROR = topology.mirror_permutation()


@dataclass(frozen=True, eq=False)
class Label:
    """One person.

    Attributes:
        points: (33, 3) x, y in pixels and state 0, 1 or 2.
        alignment: (2, 2) centre of the body circle and the point on it, pixels.
    """

    points: np.ndarray
    alignment: np.ndarray

    @property
    def radius(self) -> float:
        return float(alignment_lib.radius(self.alignment))

    @classmethod
    def of(cls, annotation: dict) -> Label | None:
        """Somebody whom a COCO file labels; None where it has no body circle."""
        if not {"center", "scale_point", "keypoints"} <= annotation.keys():
            return None
        points = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
        return cls(points, np.array([annotation["center"], annotation["scale_point"]], np.float64))

    def annotation(self, size: tuple[int, int]) -> dict:
        """As COCO entry of a picture of this width and height, without ids."""
        labelled = self.points[:, 2] > 0
        left, top, right, bottom = labelled_box(self.points, self.alignment, size)
        center, scale_point = self.alignment
        return {
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": annotation_tool.rounded(self.points.ravel()),
            "num_keypoints": int(labelled.sum()),
            "keypoint_source": "".join("t" if point else "-" for point in labelled),
            "center": annotation_tool.rounded(center),
            "scale_point": annotation_tool.rounded(scale_point),
            "bbox": annotation_tool.rounded((left, top, right - left, bottom - top)),
        }


def look(tracker: Tracker, picture: np.ndarray, alignment: np.ndarray, *, mirror: bool) -> Track:
    """What the tracker says of the region around a body circle, or of its mirror image.

    A mirrored look comes back in the picture's pixels, the left points at the left side's places.
    """
    spec = tracker.spec
    region = roi.from_alignment(alignment.astype(np.float32), spec.roi_scale)
    matrix = roi.crop_matrix(region, spec.input_size, float(mirror))
    crop = warp(picture, matrix, spec.input_size, half_pixel=tracker.half_pixel)
    track = tracker.decode(tracker.infer(crop), matrix)
    if not mirror:
        return track
    points, visibility = track.points[_MIRROR], track.visibility[_MIRROR]
    return dataclasses.replace(track, points=points, visibility=visibility, z=None, presence=None, world=None)


def agreed(plain: Track, mirrored: Track, size: tuple[int, int]) -> Label | None:
    """The person of two looks, or None where they are not the same or torso or agreement are missing.

    Args:
        plain: one look.
        mirrored: another one, mirrored back.
        size: width and height of the picture.
    """
    if min(plain.pose_presence, mirrored.pose_presence) < SURE:
        return None
    alignment = (plain.alignment + mirrored.alignment) / 2.0
    distance = np.linalg.norm(plain.points - mirrored.points, axis=1)
    radius = float(alignment_lib.radius(alignment))
    if not np.isfinite(distance).all() or distance[_LIMBS].mean() > _AGREEMENT * radius:
        return None
    points = (plain.points + mirrored.points) / 2.0
    everywhere = np.ones(len(points))
    limit = _NEAR * torso_size(points[None], everywhere[None])[0]
    inside = ((points >= 0.0) & (points < size)).all(axis=1)
    labelled = inside & (distance <= limit)
    if not labelled[_TORSO].all():
        return None
    visible = (plain.visibility + mirrored.visibility) / 2.0 >= _VISIBLE
    state = np.where(labelled, 1 + visible, 0)
    return Label(np.column_stack([np.where(labelled[:, None], points, 0.0), state]), alignment)


def same_pose(a: Label, b: Label) -> bool:
    """Whether two labels are one person in two crops of a photograph, moved and scaled but not turned."""
    shared = (a.points[:, 2] > 0) & (b.points[:, 2] > 0)
    if not shared.any():
        return False
    first, second = ((p.points[shared, :2] - p.alignment[0]) / p.radius for p in (a, b))
    return bool(np.linalg.norm(first - second, axis=1).mean() < _SAME_POSE)


def people(
    picture: np.ndarray, known: Sequence[Label], detector: Detector, tracker: Tracker, min_radius: float
) -> list[Label]:
    """People in a picture of whom the tracker is sure, without those that are known, the surest detection first.

    Args:
        picture: (H, W, 3) uint8 RGB.
        known: people labelled already.
        detector: proposes people.
        tracker: labels them; with an output for the body circle and 33 points.
        min_radius: of the body circle, in pixels.
    """

    def somebody_else(alignment: np.ndarray) -> bool:
        radius = float(alignment_lib.radius(alignment))
        others = (*known, *found)
        return radius >= min_radius and all(
            np.linalg.norm(alignment[0] - other.alignment[0]) > _APART * min(radius, other.radius) for other in others
        )

    found: list[Label] = []
    for detection in detector(picture):
        if not somebody_else(detection.alignment):
            continue
        first = look(tracker, picture, detection.alignment, mirror=False)
        if first.pose_presence < _LIKELY or not somebody_else(first.alignment):
            continue
        second = look(tracker, picture, first.alignment, mirror=False)
        if second.pose_presence < SURE or not somebody_else(second.alignment):
            continue
        third = look(tracker, picture, second.alignment, mirror=True)
        label = agreed(second, third, picture.shape[1::-1])
        moved = np.linalg.norm(second.alignment[0] - detection.alignment[0])
        if label is not None and somebody_else(label.alignment) and moved <= _MOVED * label.radius:
            found.append(label)
    return found


@dataclass(frozen=True)
class Source:
    """A picture to look at.

    Attributes:
        path: of the file.
        origin: whence it is; a photograph may have several crops.
        dataset: of the people in it, where some are labelled.
        known: people labelled in it.
    """

    path: Path
    origin: str
    dataset: str | None
    known: list[Label]


def pictures_in(folder: Path) -> list[Source]:
    """Every picture below a folder; nobody is labelled there."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise ValueError(f"no pictures in {folder}")
    return [Source(path, str(path), None, []) for path in found]


def pictures_of(data: Path) -> list[Source]:
    """The pictures of a COCO file with those whom it labels."""
    content = load(data)
    by_image: dict[int, list[dict]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    folder, sources = image_folder(None, data.parent), []
    for image in content["images"]:
        annotations = by_image.get(image["id"], [])
        labels = [label for label in map(Label.of, annotations) if label is not None]
        first = annotations[0] if annotations else {}
        origin = first.get("source_image", image["file_name"])
        sources.append(Source(folder / image["file_name"], origin, first.get("dataset"), labels))
    if not any(source.known for source in sources):
        raise ValueError(f"nobody in {data} has a body circle (center and scale_point)")
    return sources


def labelled(
    sources: Sequence[Source], detector: Detector, tracker: Tracker, min_radius: float
) -> Iterator[tuple[Source, tuple[int, int], list[Label]]]:
    """Each picture that shows further people, its width and height, and these people."""
    known_of: dict[str, list[Label]] = {}
    for source in sources:
        known_of.setdefault(source.origin, []).extend(source.known)
    for source in tqdm(sources, desc="pictures", unit="picture", disable=None):
        picture = read_picture(source.path)
        known = known_of[source.origin]
        found = people(picture, source.known, detector, tracker, min_radius)
        found = [label for label in found if not any(same_pose(label, other) for other in known)]
        known.extend(found)
        if found:
            yield source, picture.shape[1::-1], found


def write(options: argparse.Namespace) -> str:
    """Looks for people and writes the document; returns what was done."""
    if (options.images is None) == (options.data is None):
        raise ValueError("give either --images or --data")
    sources = pictures_in(options.images) if options.images else pictures_of(options.data)
    detector = Detector(model_file(options.detector), threshold=options.threshold)
    tracker = Tracker(model_file(options.tracker))
    if len(tracker.spec.keypoint_names) != len(topology.KEYPOINTS):
        raise ValueError(f"{options.tracker} has {tracker.spec.num_keypoints} keypoints, not {len(topology.KEYPOINTS)}")
    images: list[dict] = []
    annotations: list[dict] = []
    for source, size, found in labelled(sources, detector, tracker, options.min_radius):
        number = len(images) + 1
        name = os.path.relpath(source.path, options.output.parent)
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        dataset = options.dataset or source.dataset or "labelled_by_tracker"
        for label in found:
            entry = {"id": len(annotations) + 1, "image_id": number, "dataset": dataset}
            annotations.append(entry | {"weight": options.weight} | label.annotation(size))
    if not annotations:
        raise ValueError(f"nobody in {len(sources)} pictures was seen the same way three times")
    description = f"people found by a detector, labelled by {options.tracker.name}"
    document = coco_document(images, annotations, topology.KEYPOINTS, description=description)
    files.write_text(options.output, json.dumps(document))
    return f"{options.output}: {len(annotations)} people in {len(images)} of {len(sources)} pictures"


def main(arguments: Sequence[str] | None = None) -> int:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--images", type=Path, help="folder of pictures")
    flags.add_argument("--data", type=Path, help="COCO file, whose people stay out")
    flags.add_argument("--tracker", type=Path, required=True)
    flags.add_argument("--detector", default="blazeface")
    flags.add_argument("--threshold", type=float, help="of the detector's scores; its own without it")
    flags.add_argument("--min_radius", type=float, default=40.0, help="of the body circle, in pixels")
    flags.add_argument("--weight", type=float, default=1.0, help="of a person in training")
    flags.add_argument("--dataset", help="name in the labels; that of the labelled people beside without it")
    flags.add_argument("--output", type=Path, required=True)
    return annotation_tool.run(flags, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
