"""Finds people whom nobody labelled, and labels those of whom a tracker says the same three times.

A detector proposes people; so do a second teacher, if it sees whole pictures, and the frames before and after. The
tracker then looks at the region of interest of the proposal, at the one that follows from its own body circle, and at
the mirror image of that; what makes a label of these looks, and of a second teacher's, is in `agreement`. Of whom the
looks do not agree a draft is kept, for somebody to correct.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.console import one_line
from blazepose_tf.converters.annotations import image_folder
from blazepose_tf.converters.coco_document import coco_document, read_document
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.geometry import roi
from blazepose_tf.labelling.agreement import SURE, Label, agreed, confirmed, draft, same_pose
from blazepose_tf.labelling.peers import MoveNet
from blazepose_tf.media.headers import PICTURE_SUFFIXES
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.weights import model_file

_LIKELY = 0.6  # presence at the first look, whose region is a detector's
_MOVED = 0.5  # radii from the proposal's mid-hip: farther away is somebody else
_APART = 0.5  # radii between two people's mid-hips
DATASET = "labelled_by_tracker"
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Teachers:
    """Who labels.

    Attributes:
        detector: proposes people.
        tracker: labels them; with an output for the body circle and 33 points.
        second: must see the same, if there is one; a MultiPose proposes people, too.
        min_radius: of the body circle, in pixels.
    """

    detector: Detector
    tracker: Tracker
    second: MoveNet | None = None
    min_radius: float = 40.0

    @classmethod
    def open(
        cls,
        tracker: str | os.PathLike,
        detector: str | os.PathLike,
        *,
        second: str | os.PathLike | None = None,
        threshold: float | None = None,
        min_radius: float = 40.0,
    ) -> Teachers:
        """Opens files or shipped models.

        Raises:
            OSError, ValueError: a file that is not there, damaged, or something else; a tracker of other points.
        """
        opened = Tracker(model_file(tracker))
        if opened.spec.num_keypoints != len(topology.KEYPOINTS):
            raise ValueError(f"{tracker} has {opened.spec.num_keypoints} keypoints, not {len(topology.KEYPOINTS)}")
        peer = None if second is None else MoveNet(second)
        return cls(Detector(model_file(detector), threshold=threshold), opened, peer, min_radius)

    def proposals(
        self, picture: np.ndarray, before: Sequence[Label] = (), seen: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """(2, 2) body circles of who may be in a picture, the surest first; last those of who was seen `before`.

        `seen` are the people of a second teacher that sees whole pictures, where they are known already.
        """
        if seen is None:
            multi = self.second is not None and self.second.multi
            seen = self.second.everybody(picture) if multi else np.empty((0, len(topology.COCO_17), 2))
        found = [np.asarray(d.alignment, np.float64) for d in self.detector(picture)]
        return found + circles(seen) + [label.alignment for label in before]


def circles(people: Iterable[np.ndarray]) -> list[np.ndarray]:
    """(2, 2) body circles of those of some people (17, 2) of whom hips and shoulders are known."""
    indices, found = topology.alignment_indices(topology.COCO_17), []
    for points in people:
        known = np.isfinite(points).all(axis=1)
        if known[[*indices["hips"], *indices["shoulders"]]].all():
            circle = alignment_lib.from_keypoints(np.where(known[:, None], points, 0.0), known * 1.0, **indices)
            found.append(np.asarray(circle, np.float64))
    return found


def look(tracker: Tracker, picture: np.ndarray, alignment: np.ndarray, *, mirror: bool) -> Track:
    """What the tracker says of the region around a body circle, or of its mirror image.

    A mirrored look comes back in the picture's pixels, the left points at the left side's places.
    """
    region = roi.from_alignment(alignment.astype(np.float32), tracker.spec.roi_scale)
    return tracker.read(*tracker.crop(picture, region, mirror=mirror))


def people(
    picture: np.ndarray, known: Sequence[Label], teachers: Teachers, before: Sequence[Label] = ()
) -> tuple[list[Label], list[Label]]:
    """People in a picture without those that are known, the surest proposal first.

    Args:
        picture: (H, W, 3) uint8 RGB.
        known: people labelled already.
        teachers: who labels.
        before: people of the frame before, of a film.

    Returns:
        Those of whom the teachers are sure, and drafts of those on whom they do not agree.
    """
    return _looked_at(picture, known, teachers, teachers.proposals(picture, before))


def _looked_at(
    picture: np.ndarray, known: Sequence[Label], teachers: Teachers, proposals: Sequence[np.ndarray]
) -> tuple[list[Label], list[Label]]:
    """As `people`, of whom proposals are made."""
    found: list[Label] = []
    doubtful: list[Label] = []
    tracker = teachers.tracker

    def somebody_else(alignment: np.ndarray) -> bool:
        others = (*known, *found, *doubtful)
        return float(alignment_lib.radius(alignment)) >= teachers.min_radius and _elsewhere(alignment, others)

    for proposal in proposals:
        if not somebody_else(proposal):
            continue
        first = look(tracker, picture, proposal, mirror=False)
        if first.pose_presence < _LIKELY or not somebody_else(first.alignment):
            continue
        second = look(tracker, picture, first.alignment, mirror=False)
        if second.pose_presence < _LIKELY or not somebody_else(second.alignment):
            continue
        third = look(tracker, picture, second.alignment, mirror=True)
        moved = np.linalg.norm(second.alignment[0] - proposal[0])
        label = None
        if second.pose_presence >= SURE and moved <= _MOVED * float(alignment_lib.radius(second.alignment)):
            label = agreed(second, third, picture.shape[1::-1])
        if label is not None and teachers.second is not None:
            label = confirmed(label, teachers.second(picture, label.alignment))
        if label is None:
            doubtful.append(draft(second, third, picture.shape[1::-1]))
        elif somebody_else(label.alignment):
            found.append(label)
    return found, doubtful


def _elsewhere(alignment: np.ndarray, others: Sequence[Label]) -> bool:
    """Whether a body circle is none of the others'."""
    radius = float(alignment_lib.radius(alignment))
    return all(
        np.linalg.norm(alignment[0] - other.alignment[0]) > _APART * min(radius, other.radius) for other in others
    )


@dataclass(frozen=True)
class Source:
    """A picture to look at.

    Attributes:
        path: of the file.
        origin: whence it is; a photograph may have several crops.
        dataset: of the people in it, where some are labelled.
        known: people labelled in it.
        follows: it is the next frame of the source before it.
    """

    path: Path
    origin: str
    dataset: str | None
    known: list[Label]
    follows: bool = False


def pictures_in(folder: Path) -> list[Source]:
    """Every picture below a folder; nobody is labelled there."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise ValueError(f"no pictures in {folder}")
    return [Source(path, str(path), None, []) for path in found]


def pictures_of(data: Path) -> list[Source]:
    """The pictures of a COCO file with those whom it labels."""
    content = read_document(data, names=topology.KEYPOINTS)
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


@dataclass(eq=False)
class _Seen:
    """Who is seen in a picture that could be read."""

    source: Source
    size: tuple[int, int]
    found: list[Label]
    doubtful: list[Label]


def labelled(
    sources: Sequence[Source], teachers: Teachers, on_damage: Callable[[str], None]
) -> Iterator[tuple[Source, tuple[int, int], list[Label], list[Label]]]:
    """Each picture that shows further people, its width and height, these people, and drafts of others.

    A film is gone through forwards, each frame looking for who was in the one before, and then backwards for those
    who were found in the next frame only. `on_damage` gets a line for every picture that cannot be read.
    """
    known_of: dict[str, list[Label]] = {}
    for source in sources:
        known_of.setdefault(source.origin, []).extend(source.known)
    with tqdm(total=len(sources), desc="pictures", unit="picture", disable=None) as bar:
        for film in _films(sources):
            looks: list[_Seen | None] = []
            for source in film:
                before = looks[-1] if looks else None
                looks.append(_see(source, teachers, [*before.found, *before.doubtful] if before else [], on_damage))
                bar.update()
            _see_backwards(looks, teachers)
            for seen in looks:
                if seen is None:
                    continue
                known = known_of[seen.source.origin]
                found = [label for label in seen.found if not any(same_pose(label, other) for other in known)]
                known.extend(found)
                if found or seen.doubtful:
                    yield seen.source, seen.size, found, seen.doubtful


def _films(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """The sources in their order, those together that follow one another."""
    film: list[Source] = []
    for source in sources:
        if film and not source.follows:
            yield film
            film = []
        film.append(source)
    if film:
        yield film


def readable(path: Path, on_damage: Callable[[str], None]) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB, None of a picture that cannot be read: `on_damage` gets a line of it."""
    try:
        return read_picture(path)
    except (OSError, ValueError) as error:
        on_damage(one_line(error))
        return None


def _see(source: Source, teachers: Teachers, before: Sequence[Label], on_damage: Callable[[str], None]) -> _Seen | None:
    picture = readable(source.path, on_damage)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    return _Seen(source, (width, height), *people(picture, source.known, teachers, before))


def _see_backwards(looks: Sequence[_Seen | None], teachers: Teachers) -> None:
    """Adds to each frame of a film who is in the next one and was not found in this one.

    Somebody whom the detector sees late, getting up from the floor or turning round, was there before.
    """
    for seen, after in zip(reversed(looks[:-1]), reversed(looks[1:]), strict=True):
        if seen is None or after is None:
            continue
        here = [*seen.source.known, *seen.found, *seen.doubtful]
        missing = [label.alignment for label in (*after.found, *after.doubtful) if _elsewhere(label.alignment, here)]
        if missing:
            found, doubtful = _looked_at(read_picture(seen.source.path), here, teachers, missing)
            seen.found += found
            seen.doubtful += doubtful


class Document:
    """Pictures and people that were found, in the making."""

    def __init__(self, path: Path, dataset: str | None, weight: float):
        self.path, self.dataset, self.weight = path, dataset, weight
        self.images: list[dict] = []
        self.annotations: list[dict] = []

    def add(self, source: Source, size: tuple[int, int], people: Sequence[dict], *, empty: bool = False) -> None:
        """Adds a picture with its people; one without any only where `empty` pictures are wanted."""
        if not people and not empty:
            return
        number = len(self.images) + 1
        name = os.path.relpath(source.path, self.path.parent)
        self.images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        dataset = self.dataset or source.dataset or DATASET
        for person in people:
            entry = {"id": len(self.annotations) + 1, "image_id": number, "dataset": dataset}
            self.annotations.append(entry | {"weight": self.weight} | person)

    def write(self, description: str) -> None:
        document = coco_document(self.images, self.annotations, topology.KEYPOINTS, description=description)
        files.write_text(self.path, json.dumps(document))


def label(
    sources: Sequence[Source],
    teachers: Teachers,
    output: Path,
    *,
    doubtful: Path | None = None,
    dataset: str | None = None,
    weight: float = 1.0,
    by: str = "models",
) -> tuple[int, int, int]:
    """Labels pictures and writes one COCO file, and another one with drafts of whom the looks do not agree on.

    Args:
        sources: pictures, and who is labelled in them already.
        teachers: who labels.
        output: the file; a file without anybody is written, too.
        doubtful: file of the drafts, written first.
        dataset: name in the labels; the source's without it.
        weight: of a person in training.
        by: names of the teachers, for `info.description`.

    Returns:
        Numbers of people, of the pictures that show them, and of drafts.
    """
    sure, doubted = Document(output, dataset, weight), Document(doubtful or output, dataset, weight)
    for source, size, *people in labelled(sources, teachers, log.warning):
        for document, labels in zip((sure, doubted), people, strict=True):
            document.add(source, size, [label.annotation(size) for label in labels])
    finish(sure, doubted, by, doubtful)
    return len(sure.annotations), len(sure.images), len(doubted.annotations)


def finish(sure: Document, doubted: Document, by: str, doubtful: Path | None) -> None:
    """Writes the drafts, where they are wanted, and the labels."""
    if doubtful:
        doubted.write(f"drafts by {by} of people on whom looks do not agree")
    sure.write(f"people found by a detector, labelled by {by}")
