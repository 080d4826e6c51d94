"""What a measurement depends on beside the model: processor, governor, affinity, versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import blazepose_tf

_CPU = Path("/sys/devices/system/cpu")


def describe_host() -> dict:
    """The `device` entry of a document for this host."""
    return {
        "kind": "host",
        "id": None,
        "model": _cpuinfo("model name") or platform.processor() or "unknown",
        "abi": platform.machine(),
        "os": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "affinity": _affinity(),
        "governor": read_text(_CPU / "cpu0" / "cpufreq" / "scaling_governor"),
        "memory_mb": _memory_mb(),
    }


def describe_tool(**more: str | None) -> dict:
    """The `tool` entry: versions of what took part."""
    return {
        "blazepose_tf": blazepose_tf.__version__,
        "python": platform.python_version(),
        "litert": _version("ai-edge-litert"),
        "numpy": _version("numpy"),
        **more,
    }


def host_state() -> dict:
    """Frequencies (MHz) and temperatures (Celsius) now, where the platform shows them."""
    frequencies = {
        path.parent.parent.name: round(int(value) / 1e3)
        for path in sorted(_CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
        if (value := read_text(path)) and value.isdigit()
    }
    zones = {}
    for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*")):
        value = read_text(zone / "temp")
        if value and value.lstrip("-").isdigit():
            zones[read_text(zone / "type") or zone.name] = int(value) / 1e3
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"frequency_mhz": frequencies, "temperature_c": zones, "load": load}


def read_text(path: Path) -> str | None:
    """Stripped content of a small file, None where it is absent or not readable."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _affinity() -> list[int] | None:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _cpuinfo(key: str) -> str | None:
    for line in (read_text(Path("/proc/cpuinfo")) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _memory_mb() -> int | None:
    for line in (read_text(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return None
