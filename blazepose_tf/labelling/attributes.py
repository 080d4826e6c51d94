"""Gives people who are labelled already the depth, metric points and mask that a teacher says twice the same of them.

The teacher looks at the region of a person's body circle and at its mirror image. It has to mean the person: its points
are compared with the labelled ones. What the two looks say differently stays unknown, point by point; masks as a whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blazepose_tf import topology
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.converters.annotations import image_folder
from blazepose_tf.converters.coco import load
from blazepose_tf.labelling.agreement import NEAR, SURE, Label, torso_length
from blazepose_tf.labelling.document import write_beside
from blazepose_tf.labelling.people import look
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.weights import model_file
from blazepose_tf.specs import SEGMENTATION

_NEAR_METRES = (
    0.15  # between two looks at a point; MediaPipe's heavy differs by 0.07 between a person and the mirror image
)
_NEAR_DEPTH = 0.3  # torsos between two looks at a depth
_SAME_MASK = 0.85  # share of either mask in both, of what is in one
_SAME_PERSON = 2.0 * NEAR  # torsos between the teacher's points and the labelled ones, on average
_HIPS = topology.indices(("left_hip", "right_hip"))


@dataclass(frozen=True)
class Options:
    """What to add to.

    Attributes:
        data: COCO file whose people have body circles and 33 points.
        output: COCO file to write, the same with more of each person.
        tracker: the teacher: shipped name or file that gives z, world points or masks.
        limit: at most this many pictures, spread evenly over the file, which alone are written; all when 0.
    """

    data: Path
    output: Path
    tracker: str
    limit: int = 0


def agreed(plain: Track, mirrored: Track, size: tuple[int, int]) -> attributes_lib.Attributes:
    """What two looks at a person say alike; the mean of both.

    Args:
        plain: one look.
        mirrored: another one, mirrored back.
        size: width and height of the picture.
    """
    torso = torso_length(plain.points, plain.alignment)
    z = world = mask = None
    if plain.z is not None:
        known = np.abs(plain.z - mirrored.z) <= _NEAR_DEPTH * torso
        mean = (plain.z + mirrored.z) / 2.0
        z = np.column_stack([np.where(known, mean - mean[_HIPS].mean(), 0.0), known])
    if plain.world is not None:
        known = np.linalg.norm(plain.world - mirrored.world, axis=1) <= _NEAR_METRES
        mean = (plain.world + mirrored.world) / 2.0
        world = np.column_stack([np.where(known[:, None], mean - mean[_HIPS].mean(axis=0), 0.0), known])
    if plain.mask is not None:
        masks = [track.mask.over(size) for track in (plain, mirrored)]
        one, other = (m >= 0.5 for m in masks)
        if (one & other).sum() >= _SAME_MASK * max((one | other).sum(), 1):
            mask = attributes_lib.encode(sum(masks) >= 1.0)
    return attributes_lib.Attributes(z, world, mask)


def taught(tracker: Tracker, picture: np.ndarray, label: Label) -> attributes_lib.Attributes:
    """What the teacher says of a labelled person; nothing where it is unsure, or means somebody else."""
    looks = [look(tracker, picture, label.alignment, mirror=mirror) for mirror in (False, True)]
    labelled = label.points[:, 2] > 0
    torso = torso_length(label.points, label.alignment)
    if min(seen.pose_presence for seen in looks) < SURE:
        return attributes_lib.Attributes()
    for seen in looks:
        distance = np.linalg.norm(seen.points - label.points[:, :2], axis=1)[labelled] / torso
        if not distance.mean() <= _SAME_PERSON:
            return attributes_lib.Attributes()
    return agreed(*looks, picture.shape[1::-1])


def write(options: Options) -> str:
    """Adds to a COCO file what the teacher says; returns what was done.

    Raises:
        OSError, ValueError: what cannot be read, a teacher that gives none of it, or nothing to add.
    """
    tracker = Tracker(model_file(options.tracker))
    if SEGMENTATION in tracker.model.output_shapes:
        tracker = Tracker(tracker.model, mask=True)
    elif not tracker.spec.depth:
        raise ValueError(f"{options.tracker} gives neither depth nor a mask")
    if tracker.spec.keypoint_names != topology.KEYPOINTS:
        raise ValueError(f"{options.tracker} has {tracker.spec.num_keypoints} keypoints, not {len(topology.KEYPOINTS)}")
    content = load(options.data)
    pictures = content["images"]
    if 0 < options.limit < len(pictures):
        content["images"] = pictures = [pictures[i * len(pictures) // options.limit] for i in range(options.limit)]
        kept = {picture["id"] for picture in pictures}
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
    people: dict[object, list[dict]] = {}
    for annotation in content["annotations"]:
        people.setdefault(annotation["image_id"], []).append(annotation)
    folder = image_folder(None, options.data.parent)
    added = {"z": 0, "world": 0, "segmentation": 0}
    for entry in tqdm(pictures, desc="pictures", unit="picture", disable=None):
        picture = read_picture(folder / entry["file_name"])
        for annotation in people.get(entry["id"], ()):
            label = Label.of(annotation)
            if label is None or len(label.points) != len(topology.KEYPOINTS):
                continue
            fields = attributes_lib.fields(taught(tracker, picture, label))
            annotation.update(fields)
            for name in fields:
                added[name] += 1
    if not any(added.values()):
        raise ValueError(f"{options.tracker} said nothing twice of anybody in {options.data}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_beside(content, Path(os.path.abspath(options.data)), Path(os.path.abspath(options.output)))
    counts = ", ".join(f"{name} of {count}" for name, count in added.items())
    return f"{options.output}: {len(content['annotations'])} people, {counts}"
