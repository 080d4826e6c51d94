"""The JSON document of every benchmark, of host and phone alike: its version, its shape, reading and writing.

docs/benchmark.md describes the fields. A document is validated when it is written and when it is read; a message names
the field, what was expected and what was found.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from blazepose_tf import files

NAME = "blazepose-benchmark"
VERSION = 1

_NUMBER, _POSITIVE, _COUNT, _TEXT, _FLAG, _OBJECT = (
    "number",
    "positive number",
    "count",
    "text",
    "true or false",
    "object",
)


class _Optional:
    """The value may be null."""

    def __init__(self, kind):
        self.kind = kind


class _List:
    """A list whose items have one shape."""

    def __init__(self, kind):
        self.kind = kind


_LATENCY = {
    "median": _POSITIVE,
    "p5": _Optional(_POSITIVE),
    "p95": _Optional(_POSITIVE),
    "min": _Optional(_POSITIVE),
    "mean": _POSITIVE,
    "std": _Optional(_NUMBER),
    "count": _COUNT,
    "rounds": _List(_POSITIVE),
}
_OPERATION = {"kind": _TEXT, "name": _TEXT, "ms": _Optional(_NUMBER), "percent": _Optional(_NUMBER), "calls": _COUNT}
_RESULT = {
    "model": {
        "name": _TEXT,
        "file": _TEXT,
        "sha256": _TEXT,
        "bytes": _COUNT,
        "precision": _TEXT,
        "macs": _COUNT,
    },
    "configuration": {"threads": _COUNT, "delegate": _TEXT, "fp16": _FLAG},
    "latency_ms": _Optional(_LATENCY),
    "init_ms": _Optional(_NUMBER),
    "first_ms": _Optional(_NUMBER),
    "ratio": _Optional({"median": _POSITIVE, "p5": _POSITIVE, "p95": _POSITIVE}),
    "peak_memory_mb": _Optional(_NUMBER),
    "energy_mj": _Optional(_NUMBER),
    "partitions": _Optional({"count": _Optional(_COUNT), "left_over": _Optional(_OBJECT)}),
    "profile": _Optional({"method": _TEXT, "operations": _List(_OPERATION)}),
    "state": {"before": _OBJECT, "after": _OBJECT, "throttled": _FLAG},
    "error": _Optional(_TEXT),
}
_PIPELINE = {
    "method": _TEXT,
    "detector": _TEXT,
    "tracker": _TEXT,
    "configuration": {"threads": _COUNT, "delegate": _TEXT, "fp16": _FLAG},
    "frames_per_second": _Optional(_POSITIVE),
    "frame_ms": _NUMBER,
    "latency_ms": _Optional(_LATENCY),
    "frames": _COUNT,
    "detector_runs": _COUNT,
    "tracker_runs": _COUNT,
    "overhead_ms": _NUMBER,
    "source": _TEXT,
}
_ESTIMATE = {
    "model": _TEXT,
    "sha256": _TEXT,
    "target": _TEXT,
    "latency_ms": _POSITIVE,
    "low_ms": _POSITIVE,
    "high_ms": _POSITIVE,
    "method": _TEXT,
    "extrapolated": _Optional(_TEXT),
}
DOCUMENT = {
    "schema": _TEXT,
    "version": _COUNT,
    "created": _TEXT,
    "tool": _OBJECT,
    "device": {
        "kind": _TEXT,
        "id": _Optional(_TEXT),
        "model": _TEXT,
        "abi": _TEXT,
        "os": _TEXT,
        "cores": _Optional(_COUNT),
        "affinity": _Optional(_List(_COUNT)),
        "governor": _Optional(_TEXT),
        "memory_mb": _Optional(_COUNT),
    },
    "settings": _OBJECT,
    "results": _List(_RESULT),
    "pipeline": _List(_PIPELINE),
    "estimates": _List(_ESTIMATE),
}


def validate(document: object) -> dict:
    """Checks a document against the schema and returns it.

    Raises:
        ValueError: a field is missing, unknown or of the wrong kind; or the version is another one.
    """
    if not isinstance(document, dict) or document.get("schema") != NAME:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"not a benchmark document: expected schema {NAME!r}. Received: {found!r}")
    if document.get("version") != VERSION:
        raise ValueError(f"benchmark document of version {VERSION} expected. Received: {document.get('version')!r}")
    _check(document, DOCUMENT, "")
    for i, row in enumerate(document["results"]):
        if (row["latency_ms"] is None) == (row["error"] is None):
            raise ValueError(f"results[{i}]: exactly one of latency_ms and error must be null")
    return document


def load(path: Path | str) -> dict:
    """Reads and validates a document.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not JSON, or not a document of this version; names the file and the field.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        return validate(json.loads(text))
    except ValueError as error:  # JSONDecodeError is one
        raise ValueError(f"{path}: {error}") from error


def save(document: dict, path: Path | str) -> None:
    """Validates and writes a document, whole or not at all."""
    validate(document)
    files.write_text(path, json.dumps(document, indent=1) + "\n")


def _check(value: object, kind: object, where: str) -> None:
    if isinstance(kind, _Optional):
        if value is not None:
            _check(value, kind.kind, where)
    elif isinstance(kind, _List):
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list. Received: {_show(value)}")
        for i, item in enumerate(value):
            _check(item, kind.kind, f"{where}[{i}]")
    elif isinstance(kind, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{where}: expected an object. Received: {_show(value)}")
        missing, unknown = sorted(kind.keys() - value.keys()), sorted(map(str, value.keys() - kind.keys()))
        if missing or unknown:
            raise ValueError(f"{where or 'document'}: missing fields {missing}, unknown fields {unknown}")
        for name, part in kind.items():
            _check(value[name], part, f"{where}.{name}" if where else name)
    elif not _is(value, kind):
        raise ValueError(f"{where}: expected {kind}. Received: {_show(value)}")


def _is(value: object, kind: str) -> bool:
    if kind == _OBJECT:
        return isinstance(value, dict)
    if kind == _TEXT:
        return isinstance(value, str)
    if kind == _FLAG:
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if kind == _COUNT:
        return isinstance(value, int) and value >= 0
    return value > 0 if kind == _POSITIVE else True


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
