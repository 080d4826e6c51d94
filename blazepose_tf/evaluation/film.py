"""Films of the video protocol: clips from files, and made ones whose truth is known.

Two kinds are made of a photograph: `still_ID`, the same picture under sensor noise (all that moves is jitter), and
`pan_ID`, the picture panned steadily (what stays behind is lag). They are the same for every system: a system of
another kind gets the frames from here, and hands in predictions by clip name and frame number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.media.containers import VIDEO_SUFFIXES
from blazepose_tf.media.videos import VideoReader

NOISE = 4.0  # grey levels, a phone's sensor in a room
STILL_FRAMES = 24
PAN_FRAMES = 24
PAN_SPEED = 0.04  # torsos per frame: a walking person at 30 frames/s
FRAME_MS = 1000.0 / 30.0
FILE, STILL, PAN = "file", "still", "pan"

Frames = Iterator[tuple[np.ndarray, float]]  # (H, W, 3) uint8 RGB and the time in milliseconds


@dataclass(frozen=True, eq=False)
class Clip:
    """A film that can be read several times.

    Attributes:
        name: of the file, or still_ID, pan_ID with the id of the person in the photograph.
        kind: FILE, STILL or PAN.
        frames: opens it.
        torso: pixels of the person of a made clip.
        velocity: (2,) pixels per frame of a panned one.
    """

    name: str
    kind: str
    frames: Callable[[], Frames]
    torso: float = float("nan")
    velocity: np.ndarray | None = None


def clips(folder: str | Path) -> list[Clip]:
    """Video files of a folder, or the file itself, sorted by name.

    Raises:
        FileNotFoundError: none there.
    """
    folder = Path(folder)
    found = [folder] if folder.is_file() else sorted(p for p in folder.glob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{folder}: no video files ({', '.join(VIDEO_SUFFIXES)})")
    return [Clip(path.name, FILE, functools.partial(_read, path)) for path in found]


def made_clips(annotations: Annotations, photographs: int) -> list[Clip]:
    """A still and a panned clip of each of so many people, evenly spread over the data set."""
    out = []
    for person in _photographs(annotations, photographs):
        velocity = PAN_SPEED * person.torso * np.array([np.cos(person.id), np.sin(person.id)])
        still = functools.partial(_still, annotations, person)
        pan = functools.partial(_pan, annotations, person, velocity)
        out.append(Clip(f"{STILL}_{person.id}", STILL, still, person.torso))
        out.append(Clip(f"{PAN}_{person.id}", PAN, pan, person.torso, velocity))
    return out


def _photographs(annotations: Annotations, count: int) -> list[Person]:
    people = [p for p in annotations.people if not p.ignore and np.isfinite(p.torso)]
    return [people[i] for i in np.unique(np.linspace(0, len(people) - 1, min(count, len(people))).astype(int))]


def _read(path: Path) -> Frames:
    """Raises OSError or ValueError for what is no readable film."""
    with VideoReader(path) as reader:
        yield from ((frame.image, frame.timestamp_ms) for frame in reader)
    if not reader.frames_read:
        raise ValueError(f"{path}: no frame of the film can be read")


def _still(annotations: Annotations, person: Person) -> Frames:
    image, rng = annotations.picture(person.image_id), np.random.default_rng(person.id)
    for number in range(STILL_FRAMES):
        noisy = image + rng.normal(0, NOISE, image.shape).astype(np.float32)
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8), number * FRAME_MS


def _pan(annotations: Annotations, person: Person, velocity: np.ndarray) -> Frames:
    image = annotations.picture(person.image_id)
    height, width = image.shape[:2]
    for number in range(PAN_FRAMES):
        matrix = np.array([[1, 0, velocity[0] * number], [0, 1, velocity[1] * number]], np.float64)
        moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield moved, number * FRAME_MS
