"""The folder that a batch writes to: names of results, documents of pictures and films, the list of COCO results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blazepose_tf import files
from blazepose_tf.runtime import inputs as inputs_lib
from blazepose_tf.runtime import results as results_lib
from blazepose_tf.runtime import view3d
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.poses import PoseResult

if TYPE_CHECKING:
    from blazepose_tf.media.videos import Frame
    from blazepose_tf.runtime.films import Reader

_RESULTS = "results.json"


class Output:
    """What is found, on its way to files."""

    def __init__(self, folder: str | os.PathLike, json_format: str, pipeline: PosePipeline, *, view: bool = False):
        """Prepares the folder.

        Args:
            folder: made if missing.
            json_format: of `results.FORMATS`.
            pipeline: whose keypoints and models the documents name.
            view: write a page that shows world landmarks in the round beside each document.

        Raises:
            OSError: the folder cannot be made or written to.
        """
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"{self.folder}: cannot be made an output folder ({error.strerror})") from error
        probe = self.folder / ".blazepose_probe"
        files.write_bytes(probe, b"\n")
        probe.unlink()
        models = {"detector": pipeline.detector.model, "tracker": pipeline.tracker.model}
        self._models = {role: Path(model.name).name for role, model in models.items()}
        self._names = pipeline.tracker.spec.keypoint_names
        self._angle_factors = pipeline.tracker.angle_factors
        self._format, self._view = json_format, view
        self._stems: dict[str, int] = {}
        self._image_ids: set[int] = set()
        self._last_id = 0
        self._coco: list[dict[str, Any]] = []

    def target(self, item: inputs_lib.Item) -> Path:
        """Results' path without suffix; a second item of the same name gets a number."""
        return self.folder / f"{inputs_lib.distinct_stem(item, self._stems)}{inputs_lib.RESULT_SUFFIX}"

    def frame(self, item: inputs_lib.Item, result: PoseResult, frame: Frame | None = None) -> str:
        """A picture, or a film's frame, as it is written; COCO's results are kept until `finish`."""
        self._collect(item, result, 0 if frame is None else frame.index)
        if frame is None:
            return results_lib.frame_json(result, index=0, timestamp_ms=None)
        return results_lib.frame_json(
            result, index=frame.index, timestamp_ms=frame.timestamp_ms, duration_ms=frame.duration_ms
        )

    def write(
        self,
        item: inputs_lib.Item,
        target: Path,
        frames: list[str],
        size: tuple[int, int],
        reader: Reader | None = None,
        complete: bool = True,
    ) -> None:
        """Writes the document of an item, where each has its own.

        Args:
            item: what was read.
            target: of `target`.
            frames: of `frame`.
            size: width, height in pixels.
            reader: the film's; None for a picture.
            complete: False when reading stopped before the end.
        """
        if self._format != results_lib.NATIVE:
            return
        text = results_lib.source_json(
            frames,
            source=item.label,
            size=size,
            names=self._names,
            models=self._models,
            fps=None if reader is None else reader.fps,
            pixel_aspect=1.0 if reader is None else reader.pixel_aspect,
            complete=complete,
            angle_factors=self._angle_factors,
        )
        files.write_text(target.with_name(target.name + ".json"), text)
        shown = view3d.page(text) if self._view else None
        if shown is not None:
            files.write_text(target.with_name(target.name + ".html"), shown)

    def finish(self) -> None:
        """Writes the list of COCO's results, where there is one."""
        if self._format in results_lib.COCO_FORMATS:
            text = json.dumps(self._coco, ensure_ascii=False, separators=(",", ":"))
            files.write_text(self.folder / _RESULTS, text + "\n")

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
