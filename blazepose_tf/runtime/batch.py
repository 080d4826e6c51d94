"""Many inputs to drawn pictures, videos and JSON: each item stands alone, a bad one never stops the others.

Every file appears under its final name only when it is complete. An interruption ends the running video properly: what
was drawn and measured so far is written, then the batch stops.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blazepose_tf.runtime import inputs as inputs_lib
from blazepose_tf.runtime import results as results_lib
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.drawing import draw_pose
from blazepose_tf.runtime.images import MIN_SIDE, drawn_suffix, read_image, write_bytes, write_image, write_json
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.poses import PoseResult
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.videos import VideoReader, VideoWriter

_RESULTS = "results.json"


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
    milliseconds: list[float] = field(default_factory=list)
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


class Batch:
    """Runs items through one detector and one tracker and writes what they give to a folder."""

    def __init__(
        self,
        detector: Detector,
        tracker: Tracker,
        output: str | os.PathLike,
        *,
        json_format: str = results_lib.NATIVE,
        draw: bool = True,
        show_roi: bool = False,
        smoothing: bool = True,
        max_people: int = 1,
        max_frames: int | None = None,
        on_frame: Callable[[Summary], None] = lambda summary: None,
        on_error: Callable[[str], None] = lambda line: None,
    ):
        """Prepares the folder.

        Args:
            detector: opened detector.
            tracker: opened tracker.
            output: folder; made if missing.
            json_format: "native" (one document per item), or "coco17", "coco33" (one list, results.json).
            draw: write drawn pictures and videos, too.
            show_roi: outline the region of interest on them.
            smoothing: filter landmarks of videos over time.
            max_people: how many people are looked for in a picture or frame.
            max_frames: frames read per video, camera or stream; None is all.
            on_frame: called after each frame with the summary so far.
            on_error: called with the one line of each failed item.

        Raises:
            OSError: the folder cannot be made or written to.
            ValueError: an unknown format.
        """
        if json_format not in results_lib.FORMATS:
            raise ValueError(f"format must be one of {results_lib.FORMATS}. Received: format={json_format!r}")
        self.output = Path(output)
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"{self.output}: cannot be made an output folder ({error.strerror})") from error
        probe = self.output / ".blazepose_probe"
        write_bytes(probe, b"\n")
        probe.unlink()
        self._pipeline = PosePipeline(detector, tracker, smoothing=smoothing, max_people=max_people)
        self._models = {"detector": Path(detector.model.name).name, "tracker": Path(tracker.model.name).name}
        self._format = json_format
        self._draw, self._show_roi, self._max_frames = draw, show_roi, max_frames
        self._on_frame, self._on_error = on_frame, on_error
        self._stems: set[str] = set()
        self._image_ids: set[int] = set()
        self._last_id = 0
        self._coco: list[dict[str, Any]] = []
        self._stopping = False
        self.summary = Summary()

    def stop(self) -> None:
        """Asks `run` to end after the frame in hand, so that drawings and numbers agree; for signal handlers."""
        self._stopping = True

    def run(self, items: list[inputs_lib.Item]) -> Summary:
        """Runs all items; errors of single items are collected, an interruption ends the batch."""
        for item in items:
            if self._stopping:
                self.summary.interrupted = True
                break
            try:
                self._one(item)
                self.summary.items += 1
            except KeyboardInterrupt:
                self.summary.interrupted = True
                break
            except (OSError, ValueError, cv2.error) as error:
                self.fail(" ".join(str(error).split()))
        if self._format in results_lib.COCO_FORMATS:
            try:
                write_json(self.output / _RESULTS, self._coco)
            except OSError as error:
                self.fail(str(error))
        return self.summary

    def fail(self, line: str) -> None:
        """Records a failed item."""
        self.summary.errors.append(line)
        self._on_error(line)

    def _one(self, item: inputs_lib.Item) -> None:
        if item.kind == inputs_lib.IMAGE:
            self._image(item)
        else:
            self._video(item)

    def _target(self, item: inputs_lib.Item) -> Path:
        """Results' path without suffix; a second item of the same name gets a number."""
        stem, number = f"{item.stem}_pose", 1
        while stem in self._stems:
            number += 1
            stem = f"{item.stem}_{number}_pose"
        self._stems.add(stem)
        return self.output / stem

    def _image(self, item: inputs_lib.Item) -> None:
        image = _labelled(item, lambda: read_image(item.location))
        result = self._pipeline(image)
        self.summary.add(result)
        target = self._target(item)
        if self._draw:
            picture = draw_pose(image, result, show_roi=self._show_roi)
            write_image(target.with_name(target.name + drawn_suffix(item.location)), picture)
        frames = [results_lib.frame_json(result, index=0, timestamp_ms=None)]
        self._write(item, target, frames, result.image_size, None, True)
        self._collect(item, result, 0)
        self._on_frame(self.summary)

    def _video(self, item: inputs_lib.Item) -> None:
        target, stream = self._target(item), self._pipeline.stream()
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(VideoReader(item.location, label=item.label))
            frames: list[str] = []
            size, writer, interrupted, limited = (0, 0), None, False, False
            try:
                for frame in reader:
                    if not frames:
                        size = (frame.image.shape[1], frame.image.shape[0])
                        if min(size) < MIN_SIDE:
                            raise ValueError(f"{item.label}: {size[0]}x{size[1]} pixels cannot hold a person")
                        if self._draw:
                            path = target.with_name(target.name + ".mp4")
                            # Leaving the stack drops whatever is not committed.
                            writer = stack.enter_context(VideoWriter(path, fps=reader.fps, size=size))
                    result = stream(frame.image, frame.timestamp_ms)
                    if writer is not None:
                        drawn = draw_pose(frame.image, result, show_roi=self._show_roi)
                        writer.write(drawn, until_ms=frame.timestamp_ms if reader.live else None)
                    frames.append(results_lib.frame_json(result, index=frame.index, timestamp_ms=frame.timestamp_ms))
                    self._collect(item, result, frame.index)
                    self.summary.add(result)
                    self._on_frame(self.summary)
                    limited = self._max_frames is not None and reader.frames_read >= self._max_frames
                    interrupted = self._stopping
                    if limited or interrupted:
                        break
            except KeyboardInterrupt:
                interrupted = True
            if not frames and not interrupted:
                raise ValueError(f"{item.label}: no frame of the video can be read")
            early = reader.ended_early and not (interrupted or limited)
            if frames:
                try:
                    if writer is not None:
                        writer.commit()
                finally:
                    self._write(item, target, frames, size, reader.fps, not (early or interrupted))
            if interrupted:
                raise KeyboardInterrupt
            if early:
                raise ValueError(
                    f"{item.label}: the video ends early, after {reader.frames_read} of {reader.frame_count} frames "
                    "(results up to there are written)"
                )

    def _write(self, item, target: Path, frames, size, fps, complete: bool) -> None:
        if self._format != results_lib.NATIVE:
            return
        text = results_lib.source_json(
            frames,
            source=item.label,
            size=size,
            names=self._pipeline.tracker.spec.keypoint_names,
            models=self._models,
            fps=fps,
            complete=complete,
        )
        write_bytes(target.with_name(target.name + ".json"), text.encode("utf-8"))

    def _collect(self, item: inputs_lib.Item, result: PoseResult, index: int) -> None:
        """Adds a COCO result; COCO's own file names are its numbers, other frames are numbered in order."""
        if self._format not in results_lib.COCO_FORMATS:
            return
        number = int(item.stem) if item.kind == inputs_lib.IMAGE and item.stem.isdecimal() else None
        if number is None or number in self._image_ids:
            number = self._last_id + 1
        self._image_ids.add(number)
        self._last_id = max(self._last_id, number)
        if result.found:
            names = results_lib.COCO_FORMATS[self._format]
            extra = (
                {"file_name": item.label} if item.kind == inputs_lib.IMAGE else {"source": item.label, "frame": index}
            )
            self._coco += results_lib.coco_results(result, image_id=number, keypoints=names, **extra)


def _labelled(item: inputs_lib.Item, read: Callable[[], Any]) -> Any:
    """Runs `read`; its messages name what the user gave, not the temporary file of a download."""
    try:
        return read()
    except (OSError, ValueError) as error:
        if item.label == str(item.location):
            raise
        raise type(error)(str(error).replace(str(item.location), item.label)) from error
