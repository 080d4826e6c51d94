"""Live sources, which do not wait: the newest frame is read, those that came in the meantime are dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np

from blazepose_tf.runtime.poses import PoseResult
from blazepose_tf.runtime.stream import PoseStream

__all__ = ["Latest", "follow"]

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest item of a source that is read in a thread of its own.

    Iterating gives the newest item that was not given yet and waits for one where there is none. It ends with the
    source, after its last item; an error of the source is raised then. Leaving the `with` block stops the reading.

    Attributes:
        dropped: items so far that came too late to be given.
    """

    def __init__(self, source: Iterable[T]):
        """Begins to read; `source` is an iterable such as a camera's frames."""
        self.dropped = 0
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, args=(source,), name="blazepose-live", daemon=True)
        self._thread.start()

    def _read(self, source: Iterable[T]) -> None:
        try:
            for item in source:
                with self._changed:
                    if self._closed:
                        break
                    self.dropped += len(self._waiting)
                    self._waiting[:] = [item]
                    self._changed.notify()
        except BaseException as error:  # whatever it is, it belongs to the thread that iterates
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended or self._closed)
            if self._waiting and not self._closed:
                return self._waiting.pop()
            error, self._error = self._error, None
        if error is not None and not self._closed:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Stops reading after the item that the source is at; what was not given is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __enter__(self) -> Latest[T]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


async def follow(
    stream: PoseStream, frames: AsyncIterable[tuple[np.ndarray, float | None]]
) -> AsyncIterator[tuple[np.ndarray, PoseResult]]:
    """Reads an asynchronous live source; the event loop stays free while the networks run in a thread.

    Args:
        stream: of a pipeline.
        frames: (H, W, 3) uint8 RGB frames with their times in milliseconds, or None.

    Yields:
        Frames with what was found in them; those that came while another one was read are dropped, but for the newest.

    Raises:
        Exception: whatever `frames` or the stream raise.
    """
    waiting: list[tuple[np.ndarray, float | None]] = []
    changed = asyncio.Event()
    ended = False

    async def read() -> None:
        nonlocal ended
        try:
            async for frame in frames:
                waiting[:] = [frame]
                changed.set()
        finally:
            ended = True
            changed.set()

    reading = asyncio.create_task(read())
    try:
        while True:
            await changed.wait()
            changed.clear()
            if waiting:
                image, timestamp_ms = waiting.pop()
                yield image, await asyncio.to_thread(stream, image, timestamp_ms)
                if ended:
                    changed.set()
            elif ended:
                await reading
                return
    finally:
        reading.cancel()
