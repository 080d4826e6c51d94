"""Films of a batch: opened by what they are, and drawn in a thread that works behind."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blazepose_tf.runtime import inputs as inputs_lib
from blazepose_tf.runtime.drawing import draw_pose
from blazepose_tf.runtime.overlap import Behind
from blazepose_tf.runtime.poses import PoseResult

if TYPE_CHECKING:
    from blazepose_tf.media.cameras import CameraReader
    from blazepose_tf.media.moving import MovingPicture
    from blazepose_tf.media.videos import Frame, VideoReader

    Reader = VideoReader | MovingPicture | CameraReader


# A photograph does without the film's libraries, which take longer to load than it takes to read.
def open_film(item: inputs_lib.Item, *, max_megapixels: float, camera: dict[str, Any]) -> Reader:
    """The reader of a film, moving picture, camera or stream; `camera` holds its wishes.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    from blazepose_tf.media.cameras import CameraReader
    from blazepose_tf.media.moving import MovingPicture
    from blazepose_tf.media.videos import VideoReader

    if item.kind == inputs_lib.CAMERA:
        return CameraReader(int(item.location), **camera)
    kind = MovingPicture if item.kind == inputs_lib.IMAGE else VideoReader
    return kind(item.path, label=item.label, max_megapixels=max_megapixels)


class DrawnFilm:
    """Context manager: the film with the skeletons, and one of masks; leaving without `finish` drops them."""

    def __init__(
        self,
        path: Path,
        item: inputs_lib.Item,
        reader: Reader,
        size: tuple[int, int],
        *,
        show_roi: bool,
        matte: Path | None = None,
    ):
        """Opens the file.

        Args:
            path: final name, ending in .mp4.
            item: what is drawn; its sound is copied where it can be.
            reader: of its frames.
            size: width, height in pixels.
            show_roi: outline the region of interest.
            matte: name of a second film, white where people are, as editors take it for opacity.

        Raises:
            OSError: as `VideoWriter`.
        """
        from blazepose_tf.media.writer import VideoWriter

        sound = item.path if item.kind == inputs_lib.VIDEO and item.lasts else None
        starts = getattr(reader, "starts_ms", 0.0)
        self._show_roi = show_roi
        self._writer = VideoWriter(path, size=size, fps=reader.fps, sound=sound, sound_starts_ms=starts)
        self._stack = ExitStack()
        self._stack.enter_context(self._writer)
        self._matte = None if matte is None else VideoWriter(matte, size=size, fps=reader.fps)
        if self._matte is not None:
            self._stack.enter_context(self._matte)
        self._behind = self._stack.enter_context(Behind(self._draw))

    def put(self, frame: Frame, result: PoseResult) -> None:
        """Hands a frame over; its picture is drawn on."""
        self._behind.put(frame, result)

    def _draw(self, frame: Frame, result: PoseResult) -> None:
        drawn = draw_pose(frame.image, result, show_roi=self._show_roi, in_place=True)
        self._writer.write(drawn, frame.timestamp_ms, frame.duration_ms)
        if self._matte is not None:
            mask = result.mask
            grey = np.zeros(drawn.shape[:2], np.uint8) if mask is None else np.round(255.0 * mask).astype(np.uint8)
            self._matte.write(np.dstack([grey] * 3), frame.timestamp_ms, frame.duration_ms)

    def finish(self, *, whole: bool) -> None:
        """Waits for the last frame and gives the file its name; `whole` as of `VideoWriter.commit`.

        Raises:
            OSError: not all of it reached the disk.
        """
        self._behind.finish()
        self._writer.commit(whole=whole)
        if self._matte is not None:
            self._matte.commit(whole=whole)

    def __enter__(self) -> DrawnFilm:
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)
