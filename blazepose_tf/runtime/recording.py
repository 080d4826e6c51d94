"""The poses of a whole film or picture, as `blazepose predict` writes them: read back, sliced, and as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blazepose_tf import documents
from blazepose_tf.codecs.error_bars import FACTORS
from blazepose_tf.runtime import hindsight
from blazepose_tf.runtime.filters import FrameClock
from blazepose_tf.runtime.poses import DETECTED, Pose, PoseResult

_HEAD = documents.Part(
    {
        "format": documents.TEXT,
        "width": documents.COUNT,
        "height": documents.COUNT,
        "keypoints": documents.ListOf(documents.TEXT),
        "frames": documents.ListOf(documents.OBJECT),
    }
)


@dataclass(frozen=True, eq=False)
class Recording:
    """Poses frame by frame.

    `recording[7]` is a frame's `PoseResult`, `recording[10:20]` a shorter recording. Where an array has a place for a
    frame in which the person was not seen, it holds nan.

    Attributes:
        frames: T results.
        names: the K keypoint names.
        image_size: width, height in pixels.
        head: the other entries of the document: source, fps, models and so on.
    """

    frames: tuple[PoseResult, ...]
    names: tuple[str, ...]
    image_size: tuple[int, int]
    head: dict[str, Any]

    @classmethod
    def read(cls, path: str | os.PathLike) -> Recording:
        """Reads a native JSON document of `blazepose predict`.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no such document; the message says where.
        """
        return cls.from_dict(documents.read_object(path), where=str(path))

    @classmethod
    def from_dict(cls, document: dict[str, Any], *, where: str = "document") -> Recording:
        """The recording of a parsed document; `where` begins every message.

        Raises:
            ValueError: it is no such document.
        """
        documents.check(document, _HEAD, where)
        names, size = tuple(document["keypoints"]), (document["width"], document["height"])
        frames = []
        for number, frame in enumerate(document["frames"]):
            try:
                frames.append(PoseResult.from_dict(frame, names=names, image_size=size))
            except ValueError as error:
                raise ValueError(f"{where}: frames[{number}]: {error}") from error
        head = {key: value for key, value in document.items() if key not in _HEAD.fields}
        return cls(tuple(frames), names, size, head)

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[PoseResult]:
        return iter(self.frames)

    def __getitem__(self, index: int | slice) -> PoseResult | Recording:
        if isinstance(index, slice):
            return replace(self, frames=self.frames[index])
        return self.frames[index]

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of everybody who is in it, in order."""
        return tuple(sorted({pose.id for frame in self.frames for pose in frame.people}))

    @property
    def times_ms(self) -> np.ndarray:
        """(T,) times of the frames; nan for a picture."""
        return np.array([np.nan if f.timestamp_ms is None else f.timestamp_ms for f in self.frames], np.float64)

    @property
    def angle_factors(self) -> dict[str, float]:
        """What the model's file says about bars of angles (`codecs.error_bars.fit_angles`).

        Raises:
            ValueError: the document has something else there.
        """
        return documents.check(self.head.get("angle_factors", {}), FACTORS, "angle_factors")

    def poses(self, person: int | None = None) -> list[Pose | None]:
        """Pose of one person in each frame, None where they are not seen; without an id the first in each frame."""
        if person is None:
            return [frame.people[0] if frame.people else None for frame in self.frames]
        return [next((pose for pose in frame.people if pose.id == person), None) for frame in self.frames]

    def smoothed(self, settings: hindsight.Hindsight = hindsight.DEFAULT) -> Recording:
        """The recording of a film smoothed with hindsight, each person on their own; nothing comes late.

        What is smoothed anew should not have been filtered before: `predict --smoothing=none` or `smoothing=False`.
        Frames without the person, a jump in time and a new detection end a run: nothing is carried over.
        """
        clock = FrameClock()
        steps = [clock.step(frame.timestamp_ms) for frame in self.frames]
        seconds, jumps = [step for step, _ in steps], [jump for _, jump in steps]
        frames = [{pose.id: pose for pose in frame.people} for frame in self.frames]
        for person in self.ids:
            for run in _runs([people.get(person) for people in frames], jumps):
                poses = [people[person] for people in frames[run]]
                for people, pose in zip(frames[run], _smoothed(poses, seconds[run], settings), strict=True):
                    people[person] = pose
        return replace(
            self,
            frames=tuple(
                replace(frame, people=tuple(people.values())) for frame, people in zip(self.frames, frames, strict=True)
            ),
        )

    def found(self, person: int | None = None) -> np.ndarray:
        """(T,) bool: whether the person is seen."""
        return np.array([pose is not None for pose in self.poses(person)], bool)

    def landmarks(self, person: int | None = None) -> np.ndarray:
        """(T, K, 2) pixels."""
        return self._stack("landmarks", person, (2,))

    def visibility(self, person: int | None = None) -> np.ndarray:
        """(T, K) in [0, 1]."""
        return self._stack("visibility", person, ())

    def z(self, person: int | None = None) -> np.ndarray:
        """(T, K) pixels; nan throughout where the model has no depth."""
        return self._stack("z", person, ())

    def error(self, person: int | None = None) -> np.ndarray:
        """(T, K) pixels; nan without support, and throughout where the model has no error bars."""
        return self._stack("error", person, ())

    def world(self, person: int | None = None) -> np.ndarray:
        """(T, K, 3) metres; nan throughout where the model has none."""
        return self._stack("world", person, (3,))

    def _stack(self, part: str, person: int | None, shape: tuple[int, ...]) -> np.ndarray:
        stacked = np.full((len(self.frames), len(self.names), *shape), np.nan, np.float32)
        for number, pose in enumerate(self.poses(person)):
            values = None if pose is None else getattr(pose, part)
            if values is not None:
                stacked[number] = values
        return stacked


def _runs(poses: list[Pose | None], jumps: list[bool]) -> Iterator[slice]:
    """Frames in which a person is followed without a break."""
    start = None
    for number, (pose, jump) in enumerate(zip(poses, jumps, strict=True)):
        if start is not None and (pose is None or jump or pose.source == DETECTED):
            yield slice(start, number)
            start = None
        if start is None and pose is not None:
            start = number
    if start is not None:
        yield slice(start, len(poses))


def _smoothed(poses: list[Pose], seconds: list[float], settings: hindsight.Hindsight) -> list[Pose]:
    """One run of a person."""
    landmarks, z, world, visibility = (
        None if any(getattr(pose, name) is None for pose in poses) else np.stack([getattr(p, name) for p in poses])
        for name in ("landmarks", "z", "world", "visibility")
    )
    size = np.array([pose.body_size for pose in poses])
    points, z, world, visibility = hindsight.smooth_run(landmarks, z, world, visibility, seconds, size, settings)
    return [
        replace(
            pose,
            landmarks=points[i],
            visibility=visibility[i],
            z=pose.z if z is None else z[i],
            world=pose.world if world is None else world[i],
        )
        for i, pose in enumerate(poses)
    ]
