"""The JSON document of every benchmark, of host and phone alike: its version, its shape, reading and writing.

docs/benchmark.md describes the fields. A document is validated when it is written and when it is read; a message names
the field, what was expected and what was found.
"""

from __future__ import annotations

import json
from pathlib import Path

from blazepose_tf import documents, files
from blazepose_tf.documents import COUNT, FLAG, NUMBER, OBJECT, POSITIVE, TEXT, ListOf, Optional

NAME = "blazepose-benchmark"
VERSION = 1

_LATENCY = {
    "median": POSITIVE,
    "p5": Optional(POSITIVE),
    "p95": Optional(POSITIVE),
    "min": Optional(POSITIVE),
    "mean": POSITIVE,
    "std": Optional(NUMBER),
    "count": COUNT,
    "rounds": ListOf(POSITIVE),
}
_OPERATION = {"kind": TEXT, "name": TEXT, "ms": Optional(NUMBER), "percent": Optional(NUMBER), "calls": COUNT}
_RESULT = {
    "model": {
        "name": TEXT,
        "file": TEXT,
        "sha256": TEXT,
        "bytes": COUNT,
        "precision": TEXT,
        "macs": Optional(COUNT),
    },
    "configuration": {"threads": COUNT, "delegate": TEXT, "fp16": FLAG},
    "latency_ms": Optional(_LATENCY),
    "init_ms": Optional(NUMBER),
    "first_ms": Optional(NUMBER),
    "ratio": Optional({"median": POSITIVE, "p5": POSITIVE, "p95": POSITIVE}),
    "peak_memory_mb": Optional(NUMBER),
    "energy_mj": Optional(NUMBER),
    "partitions": Optional({"count": Optional(COUNT), "left_over": Optional(OBJECT)}),
    "profile": Optional({"method": TEXT, "operations": ListOf(_OPERATION)}),
    "state": {"before": OBJECT, "after": OBJECT, "throttled": FLAG},
    "error": Optional(TEXT),
}
_PIPELINE = {
    "method": TEXT,
    "detector": TEXT,
    "tracker": TEXT,
    "configuration": {"threads": COUNT, "delegate": TEXT, "fp16": FLAG},
    "frames_per_second": Optional(POSITIVE),
    "frame_ms": NUMBER,
    "latency_ms": Optional(_LATENCY),
    "frames": COUNT,
    "detector_runs": COUNT,
    "tracker_runs": COUNT,
    "overhead_ms": NUMBER,
    "source": TEXT,
}
_ESTIMATE = {
    "model": TEXT,
    "sha256": TEXT,
    "target": TEXT,
    "latency_ms": POSITIVE,
    "low_ms": POSITIVE,
    "high_ms": POSITIVE,
    "method": TEXT,
    "extrapolated": Optional(TEXT),
}
DOCUMENT = {
    "schema": TEXT,
    "version": COUNT,
    "created": TEXT,
    "tool": OBJECT,
    "device": {
        "kind": TEXT,
        "id": Optional(TEXT),
        "model": TEXT,
        "abi": TEXT,
        "os": TEXT,
        "cores": Optional(COUNT),
        "affinity": Optional(ListOf(COUNT)),
        "governor": Optional(TEXT),
        "memory_mb": Optional(COUNT),
    },
    "settings": OBJECT,
    "results": ListOf(_RESULT),
    "pipeline": ListOf(_PIPELINE),
    "estimates": ListOf(_ESTIMATE),
}


def validate(document: object, where: str = "benchmark document") -> dict:
    """Checks a document against the schema and returns it; `where` begins every message.

    Raises:
        ValueError: a field is missing, unknown or of the wrong kind; or the version is another one.
    """
    if not isinstance(document, dict) or document.get("schema") != NAME:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"{where}: expected a benchmark document, schema {NAME!r}. Received: {documents.show(found)}")
    if document.get("version") != VERSION:
        found = documents.show(document.get("version"))
        raise ValueError(f"{where}: expected a benchmark document of version {VERSION}. Received: {found}")
    documents.check(document, DOCUMENT, where)
    for i, row in enumerate(document["results"]):
        if (row["latency_ms"] is None) == (row["error"] is None):
            raise ValueError(f"{where}: results[{i}]: exactly one of latency_ms and error must be null")
    return document


def load(path: Path | str) -> dict:
    """Reads and validates a document.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not JSON, or not a document of this version; names the file and the field.
    """
    return validate(documents.read(path), str(path))


def save(document: dict, path: Path | str) -> None:
    """Validates and writes a document, whole or not at all."""
    validate(document)
    files.write_text(path, json.dumps(document, indent=1) + "\n")
