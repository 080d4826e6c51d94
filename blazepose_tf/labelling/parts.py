"""`blazepose label`: pictures in parts, here or on the machines of a cluster, and one document of it all.

Pictures of one origin stay in one part, since who was found in one of them is not looked for in the others: the
document is the same for any number of parts and machines.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import cluster, files
from blazepose_tf.labelling import whole
from blazepose_tf.labelling.agreement import Label
from blazepose_tf.labelling.people import (
    Document,
    Source,
    Teachers,
    finish,
    labelled,
    pictures_in,
    pictures_of,
    readable,
)
from blazepose_tf.runtime.weights import model_file

log = logging.getLogger(__name__)
PICTURES = 20  # of a part


def divided(sources: Sequence[Source], size: int = PICTURES) -> list[list[int]]:
    """Positions of the sources by part: about so many each, whole origins, in the order of their first pictures."""
    origins: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        origins.setdefault(source.origin, []).append(position)
    parts: list[list[int]] = [[]]
    for positions in origins.values():
        if len(parts[-1]) >= size:
            parts.append([])
        parts[-1] += positions
    return parts


@functools.lru_cache(maxsize=1)
def _teachers(tracker: str, detector: str, second: str | None, threshold: float | None, min_radius: float) -> Teachers:
    """Opened once in a process."""
    return Teachers.open(tracker, detector, second=second, threshold=threshold, min_radius=min_radius)


def _plain(label: Label) -> dict:
    center, scale_point = label.alignment.tolist()
    return {"keypoints": label.points.ravel().tolist(), "center": center, "scale_point": scale_point}


def _work(teachers: list, sources: list) -> dict:
    """Labels the pictures of a part; arguments and result are JSON."""
    pictures = {
        position: Source(Path(path), origin, dataset, [Label.of(entry) for entry in known], follows=follows)
        for position, path, origin, dataset, known, follows in sources
    }
    positions = {id(source): position for position, source in pictures.items()}
    damaged: list[str] = []
    found = [
        [positions[id(source)], list(size), *([p.annotation(size) for p in people] for people in (sure, drafts))]
        for source, size, sure, drafts in labelled(list(pictures.values()), _teachers(*teachers), damaged.append)
    ]
    return {"found": found, "damaged": damaged}


def _work_whole(teachers: list, sources: list) -> dict:
    """As `_work`, everybody in whole pictures: regions to ignore are among the people, and nobody is in doubt."""
    damaged: list[str] = []
    found = []
    for position, path, *_ in sources:
        picture = readable(Path(path), damaged.append)
        if picture is None:
            continue
        size = picture.shape[1::-1]
        found.append([position, list(size), whole.everybody(picture, _teachers(*teachers)).annotations(size), []])
    return {"found": found, "damaged": damaged}


def label(
    sources: Sequence[Source], teachers: tuple, *, folder: Path, where: str = "", everybody: bool = False
) -> Iterator[tuple[Source, tuple[int, int], list[dict], list[dict]] | str]:
    """What `people.labelled` gives, in the order of the pictures, annotations instead of labels.

    Args:
        sources: pictures, and who is labelled in them already.
        teachers: arguments of `Teachers.open`: tracker, detector, second, threshold, min_radius.
        folder: of finished parts, until all are done.
        where: as `cluster.mapped`.
        everybody: whole pictures for a detector, also those without anybody (`whole.everybody`).

    Yields:
        A line for every picture that could not be read; then source, size, annotations of people, and of drafts.
    """
    parts = []
    for positions in divided(sources):
        chosen = [(i, sources[i]) for i in positions]
        part = [
            [i, str(s.path.resolve()), s.origin, s.dataset, [_plain(known) for known in s.known], s.follows]
            for i, s in chosen
        ]
        parts.append((list(teachers), part))
    work = _work_whole if everybody else _work
    results = list(cluster.kept(work, parts, folder=folder, where=where))
    for result in results:
        yield from result["damaged"]
    for position, size, sure, drafts in sorted(entry for result in results for entry in result["found"]):
        yield sources[position], tuple(size), sure, drafts


@dataclass(frozen=True)
class Options:
    """What to label.

    Attributes:
        output: COCO file to write.
        images: folder of pictures in which nobody is labelled; or
        data: COCO file, whose people stay out.
        tracker: model that labels.
        detector: model that proposes people.
        second: MoveNet file that has to agree.
        threshold: of the detector's scores; its own without it.
        min_radius: of the body circle, in pixels.
        weight: of a person in training.
        dataset: name in the labels; that of the labelled people beside without it.
        doubtful: COCO file for drafts of people on whom the looks do not agree.
        everybody: whole pictures for a detector (`whole.everybody`).
        cluster: machines that do it, as `cluster.mapped`.
    """

    output: Path
    images: Path | None = None
    data: Path | None = None
    tracker: str = "full"
    detector: str = "blazeface"
    second: str | None = None
    threshold: float | None = None
    min_radius: float = 40.0
    weight: float = 1.0
    dataset: str | None = None
    doubtful: Path | None = None
    everybody: bool = False
    cluster: str = ""


def write(options: Options) -> str:
    """Looks for people and writes the documents; returns what was done. Begun again, it goes on.

    Raises:
        OSError, ValueError: what cannot be read, or nobody was found; nothing is written then.
    """
    if (options.images is None) == (options.data is None):
        raise ValueError("give either --images or --data")
    if options.everybody and options.data:
        raise ValueError("everybody in whole pictures is looked for with --images; the people of --data are known")
    if options.everybody and options.doubtful:
        raise ValueError("who is in doubt becomes a region of a whole picture: leave out --doubtful")
    sources = pictures_in(options.images) if options.images else pictures_of(options.data)
    models = [options.tracker, options.detector, options.second]
    models = [str(model_file(model).resolve()) if model else None for model in models]
    threshold = whole.THRESHOLD if options.everybody and options.threshold is None else options.threshold
    if options.everybody:
        whole.require(_teachers(*models, threshold, options.min_radius))
    files.require_writable(options.output)
    by = Path(options.tracker).name + (f" and {Path(options.second).name}" if options.second else "")
    sure = Document(options.output, options.dataset, options.weight)
    doubted = Document(options.doubtful or options.output, options.dataset, options.weight)
    unread = 0
    for entry in label(
        sources,
        (*models, threshold, options.min_radius),
        folder=options.output.with_name(f".{options.output.name}.parts"),
        where=options.cluster,
        everybody=options.everybody,
    ):
        if isinstance(entry, str):
            log.warning("skipped %s", entry)
            unread += 1
            continue
        source, size, found, drafts = entry
        sure.add(source, size, found, empty=options.everybody)
        doubted.add(source, size, drafts)
    labelled_people = sum(not entry["iscrowd"] for entry in sure.annotations)
    if not labelled_people:
        raise ValueError(f"nobody in {len(sources)} pictures was seen the same way three times")
    finish(sure, doubted, by, options.doubtful)
    if options.everybody:
        regions = len(sure.annotations) - labelled_people
        return (
            f"{options.output}: {labelled_people} people and {regions} regions to ignore in {len(sure.images)} of "
            f"{len(sources)} pictures, {unread} not read"
        )
    return (
        f"{options.output}: {len(sure.annotations)} people in {len(sure.images)} of {len(sources)} pictures, "
        f"{len(doubted.annotations)} in doubt, {unread} not read"
    )
