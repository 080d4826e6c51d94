"""Stopping on request: SIGTERM and Ctrl-C end a run after the step under way, with a checkpoint."""

from __future__ import annotations

import signal
import threading


class NonFiniteLoss(ValueError):
    """The loss or a weight became NaN or infinite; the last checkpoint was written before that."""


class StopRequest:
    """Context manager; `signal_number` is 0 until SIGTERM or SIGINT arrives. A second Ctrl-C interrupts at once.

    Outside of the main thread, where Python allows no handlers, nothing is caught.

    Args:
        active: False catches nothing.
    """

    def __init__(self, *, active: bool = True):
        self.active = active
        self.signal_number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if self.active and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number, _frame) -> None:
        if self.signal_number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = number
