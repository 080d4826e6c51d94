"""Energy from the processor's own counters (RAPL), where the platform reports it and lets a user read it.

The counters cover whole packages, idle power and other programs included, so a figure is an upper bound for the model.
"""

from __future__ import annotations

from pathlib import Path

from blazepose_tf.timing.machine import read_text

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter:
    """Sum of the packages' energy counters.

    Args:
        root: folder of the powercap tree.
    """

    def __init__(self, root: Path = POWERCAP):
        # intel-rapl:0 is a package, intel-rapl:0:1 a part of it that the package already counts.
        packages = [path for path in sorted(root.glob("intel-rapl:*")) if path.name.count(":") == 1]
        self._packages = [path for path in packages if read_text(path / "energy_uj") is not None]

    @property
    def available(self) -> bool:
        return bool(self._packages)

    def read(self) -> list[int]:
        """Counters now in microjoules; they wrap around."""
        return [int(read_text(path / "energy_uj") or 0) for path in self._packages]

    def joules(self, before: list[int], after: list[int]) -> float:
        """Energy between two readings in joules, with one wrap-around of a counter undone."""
        total = 0
        for path, start, end in zip(self._packages, before, after, strict=True):
            total += end - start if end >= start else end - start + int(read_text(path / "max_energy_range_uj") or 0)
        return total / 1e6
