"""Runs a system over a data set: several processes, constant memory, resumable.

Every finished person is one line of a JSON-lines file; a run that was stopped goes on where the file ends. Pictures are
read in the workers, one at a time; what the parent holds is one line per person that has not been written yet.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from blazepose_tf import documents
from blazepose_tf.evaluation import predictions, systems
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.evaluation.disturb import Disturbance
from blazepose_tf.files import sha256
from blazepose_tf.media.pictures import read_picture

_CHUNK = 16  # people per message to a worker: small enough to lose little, large enough not to be felt

_WAITING = 32  # messages on their way; bounds what the parent holds


@dataclass(frozen=True)
class Run:
    """One system under one protocol, with at most one disturbance."""

    system: systems.System
    protocol: str = systems.ALIGNED
    disturbance: Disturbance | None = None

    @property
    def key(self) -> str:
        """Name of the run in files and tables."""
        suffix = f" {self.disturbance.key}" if self.disturbance else ""
        return f"{self.system.label} {self.protocol}{suffix}"


def identity(run: Run, annotations: Annotations) -> dict:
    """What must be equal for predictions of an earlier run to be taken over."""
    files = {"tracker": run.system.tracker, "detector": run.system.detector}
    return {
        "system": {**asdict(run.system), **{k: Path(v).name if v else None for k, v in files.items()}},
        "sha256": {k: sha256(v) if v else None for k, v in files.items()},
        "protocol": run.protocol,
        "disturbance": run.disturbance.key if run.disturbance else None,
        "data": annotations.sha256,
    }


# One worker process holds the systems it was asked for last; runs come one after the other.
_built: dict[tuple, systems.Aligned | systems.Pipeline] = {}


def _predict_chunk(run: Run, people: list[Person], files: list[str]) -> list[str]:
    """JSON lines of some people; runs in a worker."""
    cv2.setNumThreads(1)
    key = (run.system, run.protocol)
    if key not in _built:
        _built.clear()
        _built[key] = systems.build(run.system, run.protocol)
    system = _built[key]
    lines = []
    for person, file in zip(people, files, strict=True):
        prediction = system(read_picture(file), person, run.disturbance)
        lines.append(json.dumps(prediction.to_json()))
    return lines


def _done(path: Path, header: str) -> set[int]:
    """Ids of the people whose line is whole; a file of another run, or without one whole line, is emptied."""
    if not path.exists():
        return set()
    with open(path, "rb") as source:
        lines = source.read().split(b"\n")
    whole = lines[:-1]  # what follows the last line break was cut off in the middle
    if not whole or whole[0] != header.encode():
        path.unlink()
        return set()
    kept = [whole[0], *(line for line in whole[1:] if _annotation_id(line) is not None)]
    temporary = path.with_suffix(".part")
    temporary.write_bytes(b"\n".join(kept) + b"\n")
    os.replace(temporary, path)
    return {_annotation_id(line) for line in kept[1:]}


def _annotation_id(line: bytes) -> int | str | None:
    """Whom a line is about; None for one that a disk has spoilt: that person is predicted again."""
    try:
        return predictions.from_json(documents.parse(line, "line"), None, "line").annotation_id
    except ValueError:
        return None


def execute(
    run: Run,
    annotations: Annotations,
    people: list[Person],
    *,
    folder: str | os.PathLike,
    pool: ProcessPoolExecutor | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[predictions.Prediction]:
    """Predictions for `people`, in any order.

    Args:
        run: what to run.
        annotations: the data set the people are from.
        people: whom to predict.
        folder: where the lines are kept; finished people found there are not predicted again.
        pool: worker processes; everything happens in this process without it.
        progress: called with the number of people just finished.

    Raises:
        OSError: a picture cannot be read, or a line not be written.
        ValueError: models that do not fit the protocol.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"run": identity(run, annotations)}, sort_keys=True)
    path = folder / f"{hashlib.sha256(header.encode()).hexdigest()[:16]}.jsonl"
    done = _done(path, header)
    todo = [p for p in people if p.id not in done]
    if progress and len(todo) < len(people):
        progress(len(people) - len(todo))
    with open(path, "a", encoding="utf-8") as out:
        if not done and out.tell() == 0:
            out.write(header + "\n")
        for lines in _results(run, annotations, todo, pool):
            out.write("".join(line + "\n" for line in lines))
            out.flush()
            if progress:
                progress(len(lines))
    return list(_read(path, {p.id for p in people}, annotations.names))


def _results(run: Run, annotations: Annotations, people: list[Person], pool) -> Iterator[list[str]]:
    chunks = (people[i : i + _CHUNK] for i in range(0, len(people), _CHUNK))
    jobs = (
        (run, chunk, [os.fspath(annotations.folder / annotations.pictures[p.image_id]) for p in chunk])
        for chunk in chunks
    )
    if pool is None:
        for job in jobs:
            yield _predict_chunk(*job)
        return
    waiting = set()
    for job in jobs:
        waiting.add(pool.submit(_predict_chunk, *job))
        if len(waiting) >= _WAITING:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()


def _read(path: Path, wanted: set[int], names: tuple[str, ...]) -> Iterator[predictions.Prediction]:
    with open(path, encoding="utf-8") as source:
        next(source)
        for number, line in enumerate(source, 2):
            where = f"{path}:{number}"
            prediction = predictions.from_json(documents.parse(line, where), names, where, wanted=names)
            if prediction.annotation_id in wanted:
                yield prediction


def workers(count: int) -> ProcessPoolExecutor | None:
    """A pool of `count` processes, None for 1. Spawned: threads of TensorFlow and LiteRT do not survive a fork."""
    if count < 1:
        raise ValueError(f"workers must be at least 1. Received: workers={count}")
    if count == 1:
        return None
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
