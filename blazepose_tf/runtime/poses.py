"""What the pipeline returns: a pose is one person in one frame, a result is all that was found in the frame."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blazepose_tf import documents, specs
from blazepose_tf.codecs.error_bars import ERROR
from blazepose_tf.runtime.detector import Detection
from blazepose_tf.runtime.likeness import expected_similarity
from blazepose_tf.runtime.mask import Mask

DETECTED, TRACKED, GIVEN, NONE = "detected", "tracked", "given", "none"


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one frame.

    Attributes:
        landmarks: (K, 2) x, y in image pixels.
        visibility: (K,) in [0, 1].
        presence: (K,) in [0, 1], inside the crop; None where the model lacks it.
        pose_presence: in [0, 1]: the tracker's confidence that there is a person.
        z: (K,) depth in image pixels, hips at 0, smaller is nearer; None where the model lacks it.
        world: (K, 3) metres, hip-centred; None where the model lacks them.
        roi: (4,) region that was read: center x, center y, size, rotation; None without a person.
        source: where the region came from: "detected", "tracked", "given" (the caller's), "none" (nobody).
        detection: the detector's finding that led to this person in this frame.
        id: on film the same number for the same person in every frame, from 1; in a picture the rank, those
            in front first.
        names: the K keypoint names.
        error: (K,) pixels around a landmark within which 90 % of the labelled places lie (of the network, before
            filters over time), nan where its map gives the landmark no support; None where the model lacks error bars.
        mask: of the person in the region that was read; None where the tracker was not asked for it.
    """

    landmarks: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray | None
    pose_presence: float
    z: np.ndarray | None
    world: np.ndarray | None
    roi: np.ndarray | None
    source: str
    detection: Detection | None
    id: int
    names: tuple[str, ...]
    error: np.ndarray | None = None
    mask: Mask | None = None

    @property
    def region(self) -> np.ndarray:
        """`roi` of somebody who was found."""
        if self.roi is None:
            raise ValueError("nobody was found, so there is no region")
        return self.roi

    @property
    def body_size(self) -> float:
        """Diameter of the body circle in pixels, by the margin that regions usually have; at least 1e-6."""
        return max(float(self.region[2]) / specs.TrackerSpec.roi_scale, 1e-6)

    @property
    def score(self) -> float:
        """How good a finding this is, in [0, 1], to rank people by: presence times the object keypoint similarity to
        the person that the error bars lead one to expect; presence alone without error bars or a region."""
        if self.error is None or self.roi is None:
            return self.pose_presence
        return self.pose_presence * expected_similarity(self.error, 0.5 * self.body_size, self.names)

    def to_dict(self) -> dict[str, Any]:
        """Numbers that JSON takes, rounded to what they are worth; optional parts that are None are left out.

        Coordinates are continuous pixels (the centre of the first pixel is 0.5, 0.5); `landmarks` rows are x, y,
        visibility; `z` and `error` are in pixels (an unsupported landmark's error is None), `world` in metres, `roi`
        center x, center y, size, rotation in radians.
        """
        rows = zip(rounded(self.landmarks, 2), rounded(self.visibility, 4), strict=True)
        document: dict[str, Any] = {
            "id": self.id,
            "source": self.source,
            "pose_presence": round(self.pose_presence, 4),
            "roi": [*rounded(self.region[:3], 2), round(float(self.region[3]), 5)],
            "landmarks": [[*xy, v] for xy, v in rows],
        }
        for key, digits in _OPTIONAL.items():
            if getattr(self, key) is not None:
                document[key] = rounded(getattr(self, key), digits)
        if ERROR in document:
            document[ERROR] = [None if value != value else value for value in document[ERROR]]
        if self.detection is not None:
            document["detection"] = _detection_document(self.detection)
        return document

    @classmethod
    def from_dict(cls, document: dict[str, Any], names: tuple[str, ...]) -> Pose:
        """The pose of a `to_dict`, as exact as that is.

        Raises:
            ValueError: an entry is missing, or has another shape than `names` asks for.
        """
        try:
            rows = _numbers(document["landmarks"]).reshape(len(names), 3)
            shapes = {key: (len(names), 3) if key == "world" else (len(names),) for key in _OPTIONAL}
            optional: dict[str, Any] = {
                key: _numbers(document[key], gaps=key == "error").reshape(shapes[key])
                for key in _OPTIONAL
                if key in document
            }
            return cls(
                landmarks=rows[:, :2],
                visibility=rows[:, 2],
                pose_presence=_number(document["pose_presence"]),
                roi=_numbers(document["roi"]).reshape(4),
                source=str(document["source"]),
                detection=_detection(document.get("detection")),
                id=int(_number(document.get("id", 1))),
                names=names,
                **{key: optional.get(key) for key in _OPTIONAL},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a pose of {len(names)} keypoints ({type(error).__name__}: {error})") from error


# Parts that only some models give, and the digits after the point that they are worth.
_OPTIONAL = {"z": 2, "presence": 4, "world": 4, ERROR: 2}


def _numbers(values: Any, *, gaps: bool = False) -> np.ndarray:
    """float32 array of numbers from a document; text that looks like one ("nan") is none. A gap, null, becomes nan."""
    holes = [value is None for value in values] if gaps and isinstance(values, list) else False
    array = np.array([0.0 if value is None else value for value in values] if np.any(holes) else values)
    if array.dtype.kind not in "iuf" or not (np.abs(array) <= specs.FARTHEST).all():
        raise ValueError(f"expected numbers within {specs.FARTHEST:.0e}. Received: {documents.show(values)}")
    return np.where(holes, np.nan, array).astype(np.float32)


def _number(value: object) -> float:
    return float(documents.check(value, documents.NUMBER, "a number of it"))


def rounded(values: np.ndarray, digits: int) -> list:
    """Nested lists of numbers with so many digits after the point."""
    # Through float64, or 0.1 as float32 would print with seventeen digits.
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _detection_document(detection: Detection) -> dict[str, Any]:
    return {
        "score": round(detection.score, 4),
        "box": rounded(detection.box, 2),
        "keypoints": rounded(detection.keypoints, 2),
    }


def _detection(document: dict[str, Any] | None) -> Detection | None:
    if document is None:
        return None
    box, keypoints = (_numbers(document[key]) for key in ("box", "keypoints"))
    return Detection(box.reshape(4), keypoints.reshape(-1, 2), _number(document["score"]))


def _nobody(names: tuple[str, ...]) -> Pose:
    """What stands where a person would: nothing in the same shapes."""
    nothing = np.zeros((0, 2), np.float32)
    return Pose(nothing, nothing[:, 0], None, 0.0, None, None, None, NONE, None, 0, names)


@dataclass(frozen=True, eq=False)
class PoseResult:
    """What was found in one frame.

    The attributes of a `Pose` are there, too: those of the first person. Without a person the arrays are empty and the
    optional parts None.

    Attributes:
        people: everybody found, by id.
        names: the K keypoint names.
        image_size: width, height of the frame.
        detections: what the detector found when it looked at this frame, best first.
        detector_ran: whether it did.
        timestamp_ms: the frame's time as the caller gave it; None for a picture.
        max_people: how many people were looked for.
        milliseconds: time per stage: "warp", "detector", "tracker", "decode", "filter", "total". The detector's and
            the tracker's are the networks alone; converting pixels and copying tensors counts as "decode".
    """

    people: tuple[Pose, ...]
    names: tuple[str, ...]
    image_size: tuple[int, int]
    detections: tuple[Detection, ...] = ()
    detector_ran: bool = False
    timestamp_ms: float | None = None
    max_people: int = 1
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether there is a person."""
        return bool(self.people)

    @property
    def main(self) -> Pose:
        """The first person; an empty pose without one."""
        return self.people[0] if self.people else _nobody(self.names)

    @property
    def landmarks(self) -> np.ndarray:
        """(K, 2) x, y in image pixels; (0, 2) without a person."""
        return self.main.landmarks

    @property
    def normalized(self) -> np.ndarray:
        """(K, 2) landmarks as fractions of the image's width and height."""
        return self.main.landmarks / np.asarray(self.image_size, np.float32)

    @property
    def visibility(self) -> np.ndarray:
        """(K,) in [0, 1]; (0,) without a person."""
        return self.main.visibility

    @property
    def presence(self) -> np.ndarray | None:
        """(K,) in [0, 1], inside the crop."""
        return self.main.presence

    @property
    def pose_presence(self) -> float:
        """In [0, 1]; 0 without a person."""
        return self.main.pose_presence

    @property
    def z(self) -> np.ndarray | None:
        """(K,) depth in image pixels."""
        return self.main.z

    @property
    def world(self) -> np.ndarray | None:
        """(K, 3) metres."""
        return self.main.world

    @property
    def error(self) -> np.ndarray | None:
        """(K,) pixels that hold 90 % of the labelled places; nan without support."""
        return self.main.error

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) float32 in [0, 1], where people are in the frame, made when asked for; None without masks."""
        masks = [pose.mask.over(self.image_size) for pose in self.people if pose.mask is not None]
        return np.max(masks, axis=0) if masks else None

    @property
    def roi(self) -> np.ndarray | None:
        """(4,) region that was read."""
        return self.main.roi

    @property
    def source(self) -> str:
        """Where the region came from; "none" without a person."""
        return self.main.source

    @property
    def detection(self) -> Detection | None:
        """The detection that led to the person; without a person the best one, which the tracker did not confirm."""
        if self.people:
            return self.people[0].detection
        return self.detections[0] if self.detections else None

    def to_dict(self, *, head: bool = True) -> dict[str, Any]:
        """Numbers that JSON takes (`Pose.to_dict` says in which units).

        Where one person was looked for, the person's entries stand beside the frame's; where several were, `people`
        lists them, by id.

        Args:
            head: with the names and the image's size, for a document of its own; a film's document has them once.
        """
        document: dict[str, Any] = {}
        if head:
            document |= {"width": self.image_size[0], "height": self.image_size[1], "keypoints": list(self.names)}
        document["timestamp_ms"] = None if self.timestamp_ms is None else round(self.timestamp_ms, 3)
        if self.max_people > 1:
            document["people"] = [pose.to_dict() for pose in self.people]
        elif self.people:
            document |= self.people[0].to_dict()
        else:
            document["source"] = NONE
            if self.detections:
                document["detection"] = _detection_document(self.detections[0])
        if self.detector_ran:
            document["detector_ran"] = True
        document["milliseconds"] = {stage: round(float(t), 3) for stage, t in self.milliseconds.items()}
        return document

    def to_json(self) -> str:
        """`to_dict` as one line of text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_dict(
        cls,
        document: dict[str, Any],
        *,
        names: tuple[str, ...] | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> PoseResult:
        """The result of a `to_dict`, as exact as that is.

        Args:
            document: of `to_dict`.
            names: keypoint names, and
            image_size: width and height, where the document has none of its own.

        Raises:
            ValueError: an entry is missing or wrong.
        """
        try:
            names = tuple(document["keypoints"] if names is None else document.get("keypoints", names))
            size = (document["width"], document["height"]) if "width" in document or image_size is None else image_size
            time = document["timestamp_ms"]
            several = "people" in document
            people = document["people"] if several else [document] if document["source"] != NONE else []
            poses = tuple(Pose.from_dict(person, names) for person in people)
            proposed = [_detection(person.get("detection")) for person in (people if several else [document])]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a frame's document ({type(error).__name__}: {error})") from error
        return cls(
            people=poses,
            names=names,
            image_size=(int(size[0]), int(size[1])),
            detections=tuple(d for d in proposed if d is not None),
            detector_ran=bool(document.get("detector_ran", any(d is not None for d in proposed))),
            timestamp_ms=None if time is None else _number(time),
            max_people=max(2, len(poses)) if several else 1,
            milliseconds=documents.check(
                document.get("milliseconds", {}), documents.MapOf(documents.NUMBER), "milliseconds"
            ),
        )

    @classmethod
    def from_json(cls, text: str) -> PoseResult:
        """The result of a `to_json`.

        Raises:
            ValueError: not JSON, or not of a result.
        """
        return cls.from_dict(documents.check(documents.parse(text, "pose"), documents.OBJECT, "pose"))
