"""Many inputs to drawn pictures, videos and JSON: each item stands alone, a bad one never stops the others.

Every file appears under its final name only when it is complete. An interruption ends the running video properly: what
was drawn and measured so far is written, then the batch stops.
"""

from __future__ import annotations

import functools
import os
import queue
from array import array
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from blazepose_tf.console import one_line
from blazepose_tf.media import pictures
from blazepose_tf.media.headers import MAX_MEGAPIXELS
from blazepose_tf.runtime import films
from blazepose_tf.runtime import inputs as inputs_lib
from blazepose_tf.runtime import results as results_lib
from blazepose_tf.runtime.drawing import draw_pose
from blazepose_tf.runtime.mask import cut_out
from blazepose_tf.runtime.output import Output
from blazepose_tf.runtime.overlap import Ahead
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.poses import PoseResult
from blazepose_tf.runtime.recording import Recording
from blazepose_tf.runtime.stature import with_height

if TYPE_CHECKING:
    from blazepose_tf.media.videos import Frame

# Pictures begun before the oldest of them is written, for each worker.
_IN_HAND = 2
# Stands for the pixels of a frame that has been looked at.
_SEEN = np.zeros((0, 0, 3), np.uint8)


@dataclass
class Summary:
    """What a batch did.

    Attributes:
        items: pictures and videos read without an error.
        frames: frames looked at.
        persons: frames with a person.
        detector_runs: frames in which the detector ran.
        milliseconds: pipeline time of each frame.
        errors: one line per failed item.
        interrupted: whether the user stopped it.
    """

    items: int = 0
    frames: int = 0
    persons: int = 0
    detector_runs: int = 0
    milliseconds: array[float] = field(default_factory=lambda: array("d"))
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def median_ms(self) -> float:
        return float(np.median(self.milliseconds)) if self.milliseconds else 0.0

    def add(self, result: PoseResult) -> None:
        """Counts a frame."""
        self.frames += 1
        self.persons += result.found
        self.detector_runs += result.detector_ran
        self.milliseconds.append(result.milliseconds["total"])

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**vars(self), "milliseconds": self.milliseconds.tolist()}

    def include(self, other: dict[str, Any]) -> None:
        """Adds the `to_dict` of another batch."""
        self.milliseconds.extend(other["milliseconds"])
        for name in set(other) - {"milliseconds"}:
            setattr(self, name, getattr(self, name) + other[name])


@dataclass(frozen=True)
class Options:
    """What a batch writes and how it reads.

    Attributes:
        json_format: "native" (one document per item), or "coco17", "coco33" (one list, results.json).
        draw: write drawn pictures and videos, too.
        show_roi: outline the region of interest on them.
        mask: write what the masks cut out of pictures (PNG), and films of the masks, too.
        view: write a page that shows world landmarks in the round.
        height: standing height in metres that world landmarks are scaled to.
        recorded: smooth films with hindsight (`Recording.smoothed`); to draw them they are read a second time.
        max_frames: frames read per video, camera or stream; None is all.
        max_megapixels: a picture or film that declares more is refused before it is decoded.
        workers: pictures read at the same time.
        camera: wishes of a camera: "width", "height", "fps".
    """

    json_format: str = results_lib.NATIVE
    draw: bool = True
    show_roi: bool = False
    mask: bool = False
    view: bool = False
    height: float | None = None
    recorded: bool = False
    max_frames: int | None = None
    max_megapixels: float = MAX_MEGAPIXELS
    workers: int = 1
    camera: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if self.json_format not in results_lib.FORMATS:
            raise ValueError(f"format must be one of {results_lib.FORMATS}. Received: format={self.json_format!r}")
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1. Received: workers={self.workers}")


class Batch:
    """Runs items through pipelines and writes what they give to a folder."""

    def __init__(
        self,
        open_pipeline: Callable[[], PosePipeline],
        output: str | os.PathLike,
        options: Options | None = None,
        *,
        on_frame: Callable[[Summary], None] = lambda summary: None,
        on_error: Callable[[str], None] = lambda line: None,
        on_note: Callable[[str], None] = lambda line: None,
        on_view: Callable[[np.ndarray], bool] | None = None,
    ):
        """Prepares the folder.

        Args:
            open_pipeline: opens a pipeline; called once, and once more for each further worker.
            output: folder; made if missing.
            options: see `Options`.
            on_frame: called with the summary so far after each frame, and again where it is drawn in a second reading.
            on_error: called with the one line of each failed item.
            on_note: called with a line that is no error.
            on_view: called with each drawn (H, W, 3) uint8 RGB picture or frame; True ends the batch.

        Raises:
            OSError: the folder cannot be made or written to, or a model file is missing.
            ValueError: a model file is damaged or of the wrong kind.
        """
        self.options = options or Options()
        self._open_pipeline = open_pipeline
        self._pipeline = open_pipeline()
        self._idle: queue.SimpleQueue[PosePipeline] = queue.SimpleQueue()
        self._output = Output(output, self.options.json_format, self._pipeline, view=self.options.view)
        self._on_frame, self._on_error, self._on_note, self._on_view = on_frame, on_error, on_note, on_view
        self._stopping = False
        self.summary = Summary()

    def stop(self) -> None:
        """Asks `run` to end after the frame in hand, so that drawings and numbers agree; for signal handlers."""
        self._stopping = True

    def run(self, items: list[inputs_lib.Item]) -> Summary:
        """Runs all items; errors of single items are collected, an interruption ends the batch."""
        for _ in range(self.options.workers - 1):
            self._idle.put(self._open_pipeline())
        self._idle.put(self._pipeline)
        begun: deque[tuple[inputs_lib.Item, Path, Future[tuple[PoseResult, np.ndarray | None]]]] = deque()
        with ThreadPoolExecutor(self.options.workers) as pool:
            try:
                for item in items:
                    if self._stopping:
                        break
                    still = item.kind == inputs_lib.IMAGE and not pictures.is_moving(item.path)
                    while begun and (not still or len(begun) >= _IN_HAND * self.options.workers):
                        self._finish(*begun.popleft())
                    if still:
                        target = self._output.target(item)
                        begun.append((item, target, pool.submit(self._picture, item, target)))
                    else:
                        self._guarded(functools.partial(self._film, item))
                while begun and not self._stopping:
                    self._finish(*begun.popleft())
            except KeyboardInterrupt:
                self._stopping = True
            self.summary.interrupted |= self._stopping
            for _, _, future in begun:
                future.cancel()
        try:
            self._output.finish()
        except OSError as error:
            self.fail(one_line(error))
        return self.summary

    def fail(self, line: str) -> None:
        """Records a failed item."""
        self.summary.errors.append(line)
        self._on_error(line)

    def _guarded(self, one: Callable[[], None]) -> None:
        """Runs one item; its error is a line and stops nothing."""
        try:
            one()
            self.summary.items += 1
        except (OSError, ValueError, cv2.error) as error:
            if not self._stopping:
                self.fail(one_line(error))

    def _picture(self, item: inputs_lib.Item, target: Path) -> tuple[PoseResult, np.ndarray | None]:
        """Reads a photograph, writes and returns its drawing; runs in a worker."""
        image = inputs_lib.labelled(item, lambda: self._read(item))
        pipeline = self._idle.get()
        try:
            result = with_height(pipeline(image), self.options.height)
        finally:
            self._idle.put(pipeline)
        if self.options.mask and result.mask is not None:
            pictures.write_picture(target.with_name(target.name + "_mask.png"), cut_out(image, result.mask))
        if not self.options.draw and self._on_view is None:
            return result, None
        drawn = draw_pose(image, result, show_roi=self.options.show_roi)
        if self.options.draw:
            suffix = pictures.drawn_suffix(item.path)
            pictures.write_picture(target.with_name(target.name + suffix), drawn)
        return result, drawn if self._on_view is not None else None

    def _read(self, item: inputs_lib.Item) -> np.ndarray:
        image, header = pictures.read_picture(item.path, max_megapixels=self.options.max_megapixels, with_header=True)
        if header.frames > 1:
            self._on_note(f"{item.label}: the first of {header.frames} pages is read")
        return image

    def _finish(self, item: inputs_lib.Item, target: Path, future: Future) -> None:
        """Counts and writes what a worker found, in the order of the items."""

        def finish() -> None:
            result, drawn = future.result()
            self.summary.add(result)
            self._output.write(item, target, [self._output.frame(item, result)], result.image_size)
            self._on_frame(self.summary)
            self._view(drawn)

        self._guarded(finish)

    def _view(self, drawn: np.ndarray) -> None:
        """Shows a picture; in the caller's thread, where windows have to be."""
        if self._on_view is not None and self._on_view(drawn):
            self._stopping = True

    def _film(self, item: inputs_lib.Item) -> None:
        """Reads, looks, draws and writes at the same time; ends properly when stopped."""
        target, recorded = self._output.target(item), self.options.recorded
        drawing = self.options.draw or self._on_view is not None
        if recorded and drawing and not item.lasts:
            raise ValueError(f"{item.label}: can be read once only; smoothed as a recording it cannot be drawn")
        stream = self._pipeline.stream(smoothing=False if recorded else None)
        frames: list[str] = []
        seen: list[tuple[Frame, PoseResult]] = []
        size, limited, drawn = (0, 0), False, None
        with ExitStack() as stack:
            reader = self._open_film(item)
            ahead = stack.enter_context(Ahead(reader, stopping=lambda: self._stopping))
            for frame in ahead:
                if size == (0, 0):
                    size = (frame.image.shape[1], frame.image.shape[0])
                    if min(size) < pictures.MIN_SIDE:
                        raise ValueError(f"{item.label}: {size[0]}x{size[1]} pixels cannot hold a person")
                    if self.options.draw and not recorded:
                        drawn = stack.enter_context(self._drawn_film(item, target, reader, size))
                result = with_height(stream(frame.image, frame.timestamp_ms), self.options.height)
                if recorded:
                    seen.append((frame._replace(image=_SEEN), result))
                else:
                    self._draw(drawn, frame, result)
                    frames.append(self._output.frame(item, result, frame))
                self.summary.add(result)
                self._on_frame(self.summary)
                limited = self.options.max_frames is not None and max(len(frames), len(seen)) >= self.options.max_frames
                if limited or self._stopping:
                    break
            if size == (0, 0) and not self._stopping:
                raise ValueError(f"{item.label}: no frame of the video can be read")
            whole = not (limited or self._stopping)
            damage = reader.damage if whole else None
            complete = not (damage or self._stopping)
            if seen:
                names = self._pipeline.tracker.spec.keypoint_names
                smoothed = Recording(tuple(result for _, result in seen), names, size, {}).smoothed()
                frames = [
                    self._output.frame(item, result, frame) for (frame, _), result in zip(seen, smoothed, strict=True)
                ]
            if frames:
                try:
                    if drawn is not None:
                        drawn.finish(whole=whole)
                finally:
                    self._output.write(item, target, frames, size, reader, complete)
        if seen and drawing and not self._stopping:
            self._draw_again(item, target, smoothed, whole)
        if damage:
            raise ValueError(f"{item.label}: {damage} (results up to there are written)")

    def _draw_again(self, item: inputs_lib.Item, target: Path, recording: Recording, whole: bool) -> None:
        """Reads a film a second time and draws what was smoothed after the first."""
        with ExitStack() as stack:
            reader = self._open_film(item)
            ahead = stack.enter_context(Ahead(reader, stopping=lambda: self._stopping))
            drawn = None
            if self.options.draw:
                drawn = stack.enter_context(self._drawn_film(item, target, reader, recording.image_size))
            for frame, result in zip(ahead, recording, strict=False):
                self._draw(drawn, frame, result)
                self._on_frame(self.summary)
                if self._stopping:
                    break
            if drawn is not None:
                drawn.finish(whole=whole and not self._stopping)

    def _open_film(self, item: inputs_lib.Item) -> films.Reader:
        if item.waits:
            self._on_note(f"{item.label}: a named pipe; waiting until something is written into it")
        return films.open_film(item, max_megapixels=self.options.max_megapixels, camera=self.options.camera)

    def _drawn_film(self, item: inputs_lib.Item, target: Path, reader, size: tuple[int, int]) -> films.DrawnFilm:
        path = target.with_name(target.name + ".mp4")
        matte = target.with_name(target.name + "_mask.mp4") if self.options.mask else None
        return films.DrawnFilm(path, item, reader, size, show_roi=self.options.show_roi, matte=matte)

    def _draw(self, drawn: films.DrawnFilm | None, frame: Frame, result: PoseResult) -> None:
        if self._on_view is not None:
            self._view(draw_pose(frame.image, result, show_roi=self.options.show_roi))
        if drawn is not None:
            drawn.put(frame, result)
