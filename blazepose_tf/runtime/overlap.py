"""Reading, looking and writing at the same time: a thread that runs ahead of its reader, one that works behind.

Both keep the order, hold a few items at most, and raise in the caller's thread what went wrong in theirs.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
DEPTH = 4
_POLL_SECONDS = 0.2
# A source that does not answer is left to its thread, which ends with the process.
_PATIENCE_SECONDS = 2.0
# By how much a thread behind has less priority. Two cores are not enough for looking, reading and writing; whoever
# looks is the one that all wait for.
_NICER = 5
_END = object()


class Ahead(Generic[Item]):
    """Context manager and iterator: takes the items of a source in a thread of its own.

    Only that thread touches the source, its `close` included: what is read natively must not be closed meanwhile.
    """

    def __init__(self, source: Iterable[Item], *, depth: int = DEPTH, stopping: Callable[[], bool] = lambda: False):
        """Starts reading.

        Args:
            source: what to read; its `close()` is called in the end if it has one.
            depth: items read ahead at most.
            stopping: asked while no item comes; True ends the iteration.
        """
        self._source, self._stopping = source, stopping
        self._items: queue.Queue[Any] = queue.Queue(depth)
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="reading ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put(item):
                    return
        except BaseException as error:  # raised where the items are taken
            self._error = error
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
            self._put(_END)

    def _put(self, item: Any) -> bool:
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[Item]:
        while True:
            try:
                item = self._items.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._stopping():
                    return
                continue
            if item is _END:
                if self._error is not None:
                    raise self._error
                return
            yield item

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(self, *_) -> None:
        self._closed.set()
        self._thread.join(_PATIENCE_SECONDS)


class Behind:
    """Context manager: does work on what it is given, in a thread of its own.

    After an error the rest is dropped; `finish` raises it. Leaving without `finish` waits for the work in hand.
    """

    def __init__(self, work: Callable[..., None], *, depth: int = DEPTH):
        """Starts the thread.

        Args:
            work: called with what `put` is given.
            depth: calls that wait at most before `put` does.
        """
        self._work = work
        self._calls: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._dropping = False
        self._thread = threading.Thread(target=self._run, name="working behind", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere a priority is the whole process's
            with contextlib.suppress(OSError):
                thread = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)
        while (call := self._calls.get()) is not _END:
            if self._error is None and not self._dropping:
                try:
                    self._work(*call)
                except BaseException as error:  # raised by `finish`
                    self._error = error

    def put(self, *call: Any) -> None:
        """Hands work over; waits while too much of it is undone."""
        self._calls.put(call)

    def finish(self) -> None:
        """Waits until all is done; raises what went wrong."""
        self._join()
        if self._error is not None:
            raise self._error

    def _join(self) -> None:
        if self._thread.is_alive():
            self._calls.put(_END)
            self._thread.join()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, *_) -> None:
        self._dropping = True
        self._join()
