"""Means of what a run logs, and its speed."""

from __future__ import annotations

import time


class Meter:
    """Means of the losses since the last line of the log, and images per second without validation."""

    def __init__(self, batch_size: int):
        self.batch_size = batch_size
        self.sums: dict[str, float] = {}
        self.count = 0
        self.timed = 0
        self.start = time.perf_counter()

    def add(self, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
        self.count += 1
        self.timed += 1

    @property
    def rate(self) -> float:
        return self.timed * self.batch_size / max(time.perf_counter() - self.start, 1e-9)

    def means(self) -> dict[str, float]:
        return {name: value / self.count for name, value in self.sums.items()}

    def restart(self) -> None:
        self.timed, self.start = 0, time.perf_counter()

    def reset(self) -> None:
        self.sums, self.count = {}, 0
        self.restart()
