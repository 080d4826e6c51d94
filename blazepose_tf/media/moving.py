"""Moving pictures in picture files: GIF, APNG, animated WebP and AVIF, read as the films that they are."""

from __future__ import annotations

import os
from collections.abc import Iterator

from blazepose_tf.media.headers import MAX_MEGAPIXELS, check_size, is_truncated, open_pillow, read_header
from blazepose_tf.media.pictures import read_content, to_rgb
from blazepose_tf.media.videos import Frame, fit

# What browsers show for a frame without a duration.
_UNTIMED_MS = 100.0


class MovingPicture:
    """Frames of a moving picture, with `VideoReader`'s attributes."""

    live = False
    pixel_aspect = 1.0

    def __init__(self, path: str | os.PathLike, *, label: str | None = None, max_megapixels: float = MAX_MEGAPIXELS):
        """Opens the file; errors as `read_picture`."""
        self.label = str(path) if label is None else label
        self.frames_read = 0
        self._until_ms = 0.0
        self._damaged = False
        content = read_content(path)
        self._truncated = is_truncated(content)
        try:
            self._header = read_header(content)
            check_size(self._header.width, self._header.height, max_megapixels=max_megapixels)
            self._image = open_pillow(content)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from error

    def __iter__(self) -> Iterator[Frame]:
        size = None
        # An APNG may begin with a still picture for those who cannot play it.
        first = 1 if getattr(self._image, "default_image", False) else 0
        for number in range(first, self._header.frames):
            try:
                self._image.seek(number)
                image = to_rgb(self._image)
            except MemoryError:
                raise
            except Exception:  # as `headers.open_pillow`
                self._damaged = True
                return
            size = size or (image.shape[1], image.shape[0])
            duration = float(self._image.info.get("duration") or _UNTIMED_MS)
            start, self._until_ms = self._until_ms, self._until_ms + duration
            self.frames_read += 1
            yield Frame(self.frames_read - 1, start, fit(image, size), duration)
        self._damaged = self._truncated

    @property
    def fps(self) -> float:
        """Mean frames per second of those read."""
        return round(1e3 * self.frames_read / self._until_ms, 3) if self._until_ms else 1e3 / _UNTIMED_MS

    @property
    def damage(self) -> str | None:
        """What is wrong with a file that was read to its end; None when it is whole."""
        if not self._damaged:
            return None
        whole = f" of {self._header.frames}" if self._header.frames > self.frames_read else ""
        return f"the moving picture ends early, after {self.frames_read}{whole} frames"

    def close(self) -> None:
        """Releases the file."""
        self._image.close()

    def __enter__(self) -> MovingPicture:
        return self

    def __exit__(self, *_) -> None:
        self.close()
