"""One annotated picture, in memory and as the features of a TFRecord.

Invariant: coordinates are continuous pixels of the stored picture (the centre of its first pixel is (0.5, 0.5)) and a
keypoint's third number is its label state: 0 unlabelled (x = y = 0), 1 labelled but occluded, 2 visible.

Features (all but `image/encoded` and `keypoints/names` may be absent; flat lists are row-major):

    image/encoded    bytes    JPEG or PNG file
    image/width      int64    pixels
    image/height     int64    pixels
    image/id         bytes    unique within the dataset, e.g. the file name
    dataset          bytes    where the picture comes from; per-dataset weights refer to it
    split            bytes    train, val, ... as the source says
    weight           float    weight of the picture's labels
    keypoints/names  bytes    K names, in the order of `person/keypoints`
    person/keypoints float    N * K * 3: x, y, state
    person/alignment float    N * 2 * 2: centre and scale point; zeros where it has to be derived from the keypoints
    person/box       float    N * 4: x0, y0, x1, y1 of the person; zeros where unknown
    person/face_box  float    N * 4: x0, y0, x1, y1 of the face; zeros where unknown
    person/weight    float    N: weight of each person's labels
    person/z         float    N * K * 2: depth in pixels from mid-hip, smaller is nearer, and 1 where known, else 0
    person/world     float    N * K * 4: metres from mid-hip along the axes of the picture, and 1 where known, else 0
    person/mask      bytes    N PNG files of the picture's size, 255 where the person is seen; empty where unknown
    ignore_boxes     float    M * 4: regions with people who carry no usable labels
    imagined         float    M * 2 * 2: body circles where a detector sees somebody and nobody is
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from blazepose_tf import topology


@dataclass(frozen=True)
class Example:
    """An encoded picture with N labelled persons; person 0 is the one that a tracker learns from.

    Attributes:
        image: encoded JPEG or PNG.
        width: pixels.
        height: pixels.
        names: the K keypoint names.
        keypoints: (N, K, 3) x, y, state; N may be 0 (a picture without labelled people).
        alignment: (N, 2, 2) centre and scale point; zeros where unknown. Defaults to zeros.
        boxes: (N, 4) boxes of the persons; zeros where unknown. Defaults to zeros.
        face_box: (N, 4) boxes of the faces; zeros where unknown. Defaults to zeros.
        person_weight: (N,) weights of the persons' labels. Defaults to ones.
        z: (N, K, 2) depth and whether it is known. Defaults to zeros.
        world: (N, K, 4) metres and whether they are known. Defaults to zeros.
        masks: N PNG files, b"" where there is none. Defaults to none.
        ignore_boxes: (M, 4) regions with unlabelled people.
        imagined: (M, 2, 2) body circles where a detector sees somebody and nobody is.
        weight: weight of the whole picture.
        dataset: name of the source.
        image_id: identifier within the source.
        split: "train", "val" or what the source calls it.
    """

    image: bytes
    width: int
    height: int
    names: tuple[str, ...] = topology.KEYPOINTS
    keypoints: np.ndarray | None = None
    alignment: np.ndarray | None = None
    boxes: np.ndarray | None = None
    face_box: np.ndarray | None = None
    person_weight: np.ndarray | None = None
    z: np.ndarray | None = None
    world: np.ndarray | None = None
    masks: tuple[bytes, ...] | None = None
    ignore_boxes: np.ndarray | None = None
    imagined: np.ndarray | None = None
    weight: float = 1.0
    dataset: str = ""
    image_id: str = ""
    split: str = ""

    def __post_init__(self):
        if not self.image:
            raise ValueError(
                f"image must hold an encoded picture. Received: {len(self.image)} bytes, id={self.image_id!r}"
            )
        if self.width <= 0 or self.height <= 0:
            raise ValueError(
                f"width and height must be positive. Received: {self.width}x{self.height}, id={self.image_id!r}"
            )
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"names must be unique and not empty. Received: names={self.names}, id={self.image_id!r}")
        count = 0 if self.keypoints is None else len(self.keypoints)
        for name, shape, fill in (
            ("keypoints", (count, len(self.names), 3), 0.0),
            ("alignment", (count, 2, 2), 0.0),
            ("boxes", (count, 4), 0.0),
            ("face_box", (count, 4), 0.0),
            ("person_weight", (count,), 1.0),
            ("z", (count, len(self.names), 2), 0.0),
            ("world", (count, len(self.names), 4), 0.0),
            ("ignore_boxes", (0 if self.ignore_boxes is None else len(self.ignore_boxes), 4), 0.0),
            ("imagined", (0 if self.imagined is None else len(self.imagined), 2, 2), 0.0),
        ):
            value = getattr(self, name)
            value = np.full(shape, fill, np.float32) if value is None else np.asarray(value, np.float32)
            if name in ("z", "world") and not value[..., -1:].any():  # nothing is known, of whichever keypoints
                value = np.zeros(shape, np.float32)
            if value.shape != shape:
                raise ValueError(f"{name} must have shape {shape}. Received: shape={value.shape}, id={self.image_id!r}")
            if not np.isfinite(value).all():
                raise ValueError(f"{name} must be finite. Received: a NaN or infinity, id={self.image_id!r}")
            object.__setattr__(self, name, value)
        masks = (b"",) * count if self.masks is None else tuple(self.masks)
        if len(masks) != count:
            raise ValueError(
                f"masks must be one for each of {count} persons. Received: {len(masks)}, id={self.image_id!r}"
            )
        object.__setattr__(self, "masks", masks)
        if not np.isin(self.keypoints[..., 2], (0.0, 1.0, 2.0)).all():
            raise ValueError(f"keypoint states must be 0, 1 or 2. Received: id={self.image_id!r}")

    @property
    def num_persons(self) -> int:
        return len(self.keypoints)

    def with_main_person(self, index: int) -> Example:
        """The same picture with person `index` first; the tracker learns from that one."""
        order = [index, *(i for i in range(self.num_persons) if i != index)]
        per_person = ("keypoints", "alignment", "boxes", "face_box", "person_weight", "z", "world")
        masks = tuple(self.masks[i] for i in order)
        return replace(self, masks=masks, **{name: getattr(self, name)[order] for name in per_person})

    def with_keypoint_set(self, names: Sequence[str]) -> Example:
        """The same picture with its keypoints remapped by name to another set; what it lacks is unlabelled."""
        parts = {name: topology.remap(getattr(self, name), self.names, names) for name in ("keypoints", "z", "world")}
        return replace(self, names=tuple(names), **parts)


def _bytes(*values: bytes | str) -> tf.train.Feature:
    raw = [v.encode() if isinstance(v, str) else v for v in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))


def _floats(values) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.asarray(values, np.float32).reshape(-1)))


def _ints(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def encode(example: Example) -> bytes:
    """Serialises an example to the features in the module docstring."""
    features = {
        "image/encoded": _bytes(example.image),
        "image/width": _ints(example.width),
        "image/height": _ints(example.height),
        "image/id": _bytes(example.image_id),
        "dataset": _bytes(example.dataset),
        "split": _bytes(example.split),
        "weight": _floats([example.weight]),
        "keypoints/names": _bytes(*example.names),
        "person/keypoints": _floats(example.keypoints),
        "person/alignment": _floats(example.alignment),
        "person/box": _floats(example.boxes),
        "person/face_box": _floats(example.face_box),
        "person/weight": _floats(example.person_weight),
        "ignore_boxes": _floats(example.ignore_boxes),
    }
    # Most data has none of these; a record without them is what it always was.
    if example.z[..., -1].any():
        features["person/z"] = _floats(example.z)
    if example.world[..., -1].any():
        features["person/world"] = _floats(example.world)
    if len(example.imagined):
        features["imagined"] = _floats(example.imagined)
    if any(example.masks):
        features["person/mask"] = _bytes(*example.masks)
    # Without the flag, the order of the features is another one in every process, and so is the file.
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def decode(record: bytes) -> Example:
    """Inverse of `encode`.

    Raises:
        ValueError: the bytes are not such a record.
    """
    proto = tf.train.Example()
    try:
        proto.ParseFromString(record)
    except Exception as error:  # the protobuf runtimes raise different classes, none of which is public
        raise ValueError(f"not a serialised example: {error}") from error
    feature = proto.features.feature
    if "image/encoded" not in feature or "keypoints/names" not in feature:
        raise ValueError(f"record lacks image/encoded or keypoints/names. Received: features={sorted(feature)}")
    try:
        return _of_features(feature)
    except (IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"a record's features are damaged: {error}") from error


def _of_features(feature) -> Example:
    def text(key: str) -> str:
        values = feature[key].bytes_list.value
        return values[0].decode() if values else ""

    def floats(key: str, *shape: int) -> np.ndarray | None:
        values = np.array(feature[key].float_list.value, np.float32)
        return values.reshape(shape) if values.size else None

    names = tuple(name.decode() for name in feature["keypoints/names"].bytes_list.value)
    keypoints = floats("person/keypoints", -1, len(names), 3)
    weight = floats("weight", -1)
    return Example(
        image=feature["image/encoded"].bytes_list.value[0],
        width=feature["image/width"].int64_list.value[0],
        height=feature["image/height"].int64_list.value[0],
        names=names,
        keypoints=keypoints,
        alignment=floats("person/alignment", -1, 2, 2),
        boxes=floats("person/box", -1, 4),
        face_box=floats("person/face_box", -1, 4),
        person_weight=floats("person/weight", -1),
        ignore_boxes=floats("ignore_boxes", -1, 4),
        imagined=floats("imagined", -1, 2, 2),
        z=floats("person/z", -1, len(names), 2),
        world=floats("person/world", -1, len(names), 4),
        masks=tuple(feature["person/mask"].bytes_list.value) or None,
        weight=1.0 if weight is None else float(weight[0]),
        dataset=text("dataset"),
        image_id=text("image/id"),
        split=text("split"),
    )


def parse(record, *, num_keypoints: int) -> dict[str, tf.Tensor]:
    """Reads a serialised record inside a graph.

    Args:
        record: scalar string tensor.
        num_keypoints: K of the file's keypoint set.

    Returns:
        image (scalar bytes), width, height (int32 scalars), image_id, dataset (scalar strings), weight (scalar),
        keypoints (N, K, 3), alignment (N, 2, 2), boxes (N, 4), face_box (N, 4), person_weight (N,),
        z (N, K, 2), world (N, K, 4), masks (N,) strings, ignore_boxes (M, 4), imagined (M, 2, 2).
    """

    def floats() -> tf.io.FixedLenSequenceFeature:
        return tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)

    parsed = tf.io.parse_single_example(
        record,
        {
            "image/encoded": tf.io.FixedLenFeature([], tf.string),
            "image/width": tf.io.FixedLenFeature([], tf.int64),
            "image/height": tf.io.FixedLenFeature([], tf.int64),
            "image/id": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "dataset": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "weight": tf.io.FixedLenFeature([], tf.float32, default_value=1.0),
            "person/keypoints": floats(),
            "person/alignment": floats(),
            "person/box": floats(),
            "person/face_box": floats(),
            "person/weight": floats(),
            "person/z": floats(),
            "person/world": floats(),
            "person/mask": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
            "ignore_boxes": floats(),
            "imagined": floats(),
        },
    )
    keypoints = tf.reshape(parsed["person/keypoints"], [-1, num_keypoints, 3])
    count = tf.shape(keypoints)[0]

    def per_person(key: str, *shape, fill=0.0):
        values = parsed[key]
        absent = tf.fill([count, *shape], fill)
        return tf.cond(tf.size(values) > 0, lambda: tf.reshape(values, [count, *shape]), lambda: absent)

    return {
        "image": parsed["image/encoded"],
        "width": tf.cast(parsed["image/width"], tf.int32),
        "height": tf.cast(parsed["image/height"], tf.int32),
        "image_id": parsed["image/id"],
        "dataset": parsed["dataset"],
        "weight": parsed["weight"],
        "keypoints": keypoints,
        "alignment": per_person("person/alignment", 2, 2),
        "boxes": per_person("person/box", 4),
        "face_box": per_person("person/face_box", 4),
        "person_weight": per_person("person/weight", fill=1.0),
        "z": per_person("person/z", num_keypoints, 2),
        "world": per_person("person/world", num_keypoints, 4),
        "masks": per_person("person/mask", fill=""),
        "ignore_boxes": tf.reshape(parsed["ignore_boxes"], [-1, 4]),
        "imagined": tf.reshape(parsed["imagined"], [-1, 2, 2]),
    }
