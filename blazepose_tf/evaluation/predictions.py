"""Predictions of any system as records: read, checked, written.

One record per annotated person (or per picture). As JSON it is a COCO keypoint result with a few more fields:

    {"image_id": 1, "annotation_id": 7, "category_id": 1, "score": 0.98, "keypoints": [x, y, visibility, ...],
     "alignment": [center x, center y, scale x, scale y], "ms": [total, model], "error": [pixels, ...]}

`keypoints` null says that no person was found, null in `error` (error bars) that a point has none. A file is a JSON
list of such records, one record per line, or
`{"keypoint_names": [...], "predictions": [...]}` for any other order of the points; without names, 33 points are in the
order of the topology and 17 in COCO's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.converters import names as names_lib
from blazepose_tf.documents import TEXT, ListOf
from blazepose_tf.evaluation.annotations import Annotations, Person


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a system says about one person.

    Attributes:
        image_id: picture.
        annotation_id: person, or None: then it stands for the picture's main person.
        points: (K, 2) pixels, of the person's keypoints, nan for points the system does not have; None when no person
            was found.
        visibility: (K,) in [0, 1]; nan where unknown.
        score: confidence that the person is there, in [0, 1].
        alignment: (2, 2) pixels or None.
        milliseconds: (total, model) of this person, or None.
        error: (K,) pixels of `Pose.error` in the order of the points, nan where unknown; None without error bars.
    """

    image_id: int | str
    annotation_id: int | str | None
    points: np.ndarray | None
    visibility: np.ndarray | None
    score: float
    alignment: np.ndarray | None = None
    milliseconds: tuple[float, float] | None = None
    error: np.ndarray | None = None

    def to_json(self) -> dict:
        """The record described above; coordinates to 1/100 pixel."""
        keypoints = None
        if self.points is not None:
            visibility = np.full(len(self.points), np.nan) if self.visibility is None else self.visibility
            values = np.concatenate([self.points, visibility[:, None]], axis=1)
            decimals = np.array([2, 2, 4])
            keypoints = [
                None if not np.isfinite(v) else round(float(v), int(d))
                for row in values
                for v, d in zip(row, decimals, strict=True)
            ]
        record = {
            "image_id": self.image_id,
            "annotation_id": self.annotation_id,
            "category_id": 1,
            "score": round(float(self.score), 5),
            "keypoints": keypoints,
        }
        if self.alignment is not None and np.isfinite(self.alignment).all():
            record["alignment"] = [round(float(v), 2) for v in np.ravel(self.alignment)]
        if self.milliseconds is not None:
            record["ms"] = [round(v, 3) for v in self.milliseconds]
        if self.error is not None:
            record["error"] = [round(float(v), 2) if np.isfinite(v) else None for v in self.error]
        return record


_RECORD = documents.Part(
    {
        "image_id": documents.ANY,
        "annotation_id": documents.Optional(documents.ANY),
        "keypoints": documents.ANY,  # has to be there: null says that nobody was found
        "score": documents.Optional(documents.NUMBER),
        "alignment": documents.Optional(ListOf(documents.NUMBER, 4)),
        "ms": documents.Optional(ListOf(documents.NUMBER, 2)),
        "error": documents.Optional(ListOf(documents.Optional(documents.NUMBER))),
    }
)


def from_json(
    record: dict, names: tuple[str, ...] | None, where: str, *, wanted: tuple[str, ...] = topology.KEYPOINTS
) -> Prediction:
    """A prediction from its record, with the keypoints `wanted`.

    Raises:
        ValueError: fields missing, a wrong number of keypoints, values that are not finite.
    """
    documents.check(record, _RECORD, where)
    image_id, annotation_id = (documents.identity(record.get(key)) for key in ("image_id", "annotation_id"))
    if image_id is None or (annotation_id is None and record.get("annotation_id") is not None):
        shown = {key: record.get(key) for key in ("image_id", "annotation_id")}
        raise ValueError(f"{where}: ids must be whole numbers or text. Received: {shown!r:.120}")
    where = f"{where} (image {documents.show(image_id)})"
    points = visibility = None
    if record["keypoints"] is not None:
        documents.check(record["keypoints"], documents.LIST, f"{where}: keypoints")
        try:
            values = np.array([np.nan if v is None else v for v in record["keypoints"]], np.float64)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}: keypoints must be numbers or null, in one list") from error
        if names is None:
            known_sets = {51: topology.COCO_17, 99: topology.KEYPOINTS} | {3 * len(wanted): wanted}
            names = known_sets.get(values.size)
            if names is None:
                raise ValueError(
                    f"{where}: expected 33 or 17 keypoints x (x, y, visibility). Received: {values.size} numbers"
                )
        if values.size != 3 * len(names) or values.ndim != 1:
            raise ValueError(
                f"{where}: expected {len(names)} keypoints x (x, y, visibility). Received: {values.size} numbers"
            )
        values = values.reshape(-1, 3)
        missing = np.array([v is None for v in record["keypoints"]]).reshape(-1, 3)
        if not np.isfinite(values[~missing]).all():
            raise ValueError(
                f"{where}: keypoints must be finite (null for a point that was not found). Received: NaN or inf"
            )
        known = topology.remap(np.ones((len(names), 1)), names, wanted)[:, 0] > 0
        values = topology.remap(values, names, wanted)
        points = np.where(known[:, None], values[:, :2], np.nan)
        visibility = np.where(known, values[:, 2], np.nan)
    error = record.get("error")
    if error is not None:
        names = wanted if names is None else names
        if len(error) != len(names):
            raise ValueError(f"{where}: expected the errors of {len(names)} keypoints. Received: {len(error)}")
        bars = np.array([[np.nan if v is None else v, 1.0] for v in error], np.float64)
        bars = topology.remap(bars, names, wanted)
        error = np.where(bars[:, 1] > 0, bars[:, 0], np.nan)
    score = record.get("score")
    alignment, milliseconds = record.get("alignment"), record.get("ms")
    return Prediction(
        image_id,
        annotation_id,
        points,
        visibility,
        1.0 if score is None else float(score),
        None if alignment is None else np.asarray(alignment, np.float64).reshape(2, 2),
        None if milliseconds is None else tuple(milliseconds),
        error,
    )


def _records(path: Path) -> tuple[list[dict], tuple[str, ...] | None]:
    data = path.read_bytes()
    try:
        document = documents.parse(data, str(path))
    except ValueError:
        lines = [(i, line) for i, line in enumerate(data.splitlines(), 1) if line.strip()]
        try:
            head = documents.parse(lines[0][1], f"{path}:1") if len(lines) > 1 else None
        except ValueError:
            head = None
        if not isinstance(head, dict):  # not one record per line either: the file as a whole is wrong
            raise
        document = [documents.parse(line, f"{path}:{i}") for i, line in lines]
    names = None
    if isinstance(document, dict) and "predictions" in document:
        given = documents.check(document.get("keypoint_names") or [], ListOf(TEXT), f"{path}: keypoint_names")
        if len(set(given)) != len(given):
            raise ValueError(f"{path}: keypoint_names must be unique. Received: {given!r:.200}")
        names = names_lib.renamed(given, {}) or None
        document = document["predictions"]
    elif isinstance(document, dict):
        document = [document]  # a single line
    if not isinstance(document, list) or not all(isinstance(r, dict) for r in document):
        raise ValueError(f"{path}: expected a list of prediction records")
    return document, names


def read(path: str | os.PathLike, annotations: Annotations) -> list[Prediction]:
    """Reads a file of predictions and checks it against the pictures and people it is meant for.

    Raises:
        OSError: the file cannot be read.
        ValueError: malformed records, unknown ids, two predictions for one person.
    """
    path = Path(path)
    records, names = _records(path)
    wanted = annotations.names
    if names is not None and not set(names) & set(wanted):
        raise ValueError(f"{path}: none of the keypoint_names is known. Received: {names}")
    found = [from_json(record, names, f"{path}: prediction {i}", wanted=wanted) for i, record in enumerate(records)]
    unknown = sorted({p.image_id for p in found} - annotations.pictures.keys(), key=str)
    if unknown:
        raise ValueError(f"{path}: image ids that {annotations.path.name} does not have: {_some(unknown)}")
    owner = {p.id: p.image_id for p in annotations.people}
    named = [p for p in found if p.annotation_id is not None]
    unknown = sorted({p.annotation_id for p in named} - owner.keys(), key=str)
    if unknown:
        raise ValueError(f"{path}: annotation ids that {annotations.path.name} does not have: {_some(unknown)}")
    wrong = sorted((p.annotation_id for p in named if owner[p.annotation_id] != p.image_id), key=str)
    if wrong:
        raise ValueError(f"{path}: annotation ids that belong to another picture: {_some(wrong)}")
    seen: set = set()
    twice = set()
    for p in found:
        key = p.annotation_id if p.annotation_id is not None else (p.image_id, _fingerprint(p))
        if key in seen:
            twice.add(p.annotation_id if p.annotation_id is not None else p.image_id)
        seen.add(key)
    if twice:
        raise ValueError(f"{path}: more than one prediction for {_some(sorted(twice, key=str))}")
    return found


def kept_points(path: Path) -> dict[int, np.ndarray]:
    """(33, 2) points by annotation id from a file of REPORT/predictions (one line about the run, then one a person).

    People for whom nothing was found are left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line that is no prediction, or no prediction at all.
    """
    records, names = _records(path)
    own = [from_json(r, names, f"{path}: line {i}") for i, r in enumerate(records, 1) if "run" not in r]
    found = {p.annotation_id: p.points for p in own if p.points is not None}
    if not found:
        raise ValueError(f"{path} holds no predictions")
    return found


def holds_film(path: str | os.PathLike) -> bool:
    """Whether a file of predictions is about clips (`read_film`) instead of annotated pictures (`read`)."""
    records, _ = _records(Path(path))
    return bool(records) and "clip" in records[0]


def read_film(path: str | os.PathLike) -> dict[str, dict[int, Prediction]]:
    """Predictions by clip and frame: as above, with "clip" (name of the film) and "frame" (from 0) for "image_id".

    Of several people in a frame the one with the best score is taken.

    Raises:
        OSError: the file cannot be read.
        ValueError: malformed records.
    """
    path = Path(path)
    records, names = _records(path)
    found: dict[str, dict[int, Prediction]] = {}
    for i, record in enumerate(records):
        where = f"{path}: prediction {i}"
        clip, frame = record.get("clip"), record.get("frame")
        if not isinstance(clip, str) or not isinstance(frame, int) or frame < 0:
            raise ValueError(f"{where}: expected a clip's name and a frame's number. Received: {clip!r}, {frame!r}")
        prediction = from_json({**record, "image_id": frame}, names, where)
        frames = found.setdefault(clip, {})
        if frame not in frames or prediction.score > frames[frame].score:
            frames[frame] = prediction
    return found


def _fingerprint(prediction: Prediction) -> bytes | None:
    return None if prediction.points is None else np.round(prediction.points, 1).tobytes()


def _some(values: list) -> str:
    return ", ".join(map(str, values[:10])) + (f" and {len(values) - 10} more" if len(values) > 10 else "")


@dataclass(frozen=True, eq=False)
class Paired:
    """Predictions beside the people they are about, in the people's order; None where there is none."""

    people: list[Person]
    predictions: list[Prediction | None]
    missing: list[int] = field(default_factory=list)


def main_people(annotations: Annotations) -> list[Person]:
    """The person of each picture that counts when a system answers with one pose per picture: the largest body circle
    (area where there is no circle) among the people that are not ignored."""

    def size(person: Person) -> float:
        radius = np.linalg.norm(person.alignment[1] - person.alignment[0])
        return float(radius) if np.isfinite(radius) else float(np.sqrt(person.area))

    chosen: dict[int, Person] = {}
    for person in annotations.people:
        best = chosen.get(person.image_id)
        if not person.ignore and (best is None or size(person) > size(best)):
            chosen[person.image_id] = person
    return list(chosen.values())


def pair(predictions: Iterable[Prediction], people: list[Person]) -> Paired:
    """Puts predictions beside people.

    A prediction that names its person goes to that person. Of several without a name in one picture, the one with the
    best score is taken: never the one nearest to the truth, which no user could pick. People without a prediction are
    listed as missing and count as misses.
    """
    by_person: dict[int, Prediction] = {}
    by_picture: dict[int, Prediction] = {}
    for p in predictions:
        if p.annotation_id is not None:
            by_person[p.annotation_id] = p
        elif p.image_id not in by_picture or p.score > by_picture[p.image_id].score:
            by_picture[p.image_id] = p
    chosen = [by_person.get(q.id) or by_picture.get(q.image_id) for q in people]
    return Paired(people, chosen, [q.id for q, p in zip(people, chosen, strict=True) if p is None])
