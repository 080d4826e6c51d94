"""Accuracy figures for a benchmark's models, read from evaluation files.

An evaluation file is any JSON document with numbers in it, such as `blazepose evaluate` writes; a figure is named by
its dotted path, such as "pck_torso@0.2.17". Without a path the first number that looks like PCK at 0.2 is taken. The
figures of a model are those of the innermost part of the document that carries the model's hash or file name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from blazepose_tf import documents

# "pck@0.2" itself, or one of its sets of points ("pck_torso@0.2.17"), but none of its breakdowns.
_PCK = re.compile(r"pck\w*@0\.20?(\.(?!keypoints|parts|groups|interval|found_only)\w+)?$", re.IGNORECASE)


def load_accuracy(entries: Sequence[str], models: Sequence[dict], *, key: str = "") -> dict[str, tuple[str, float]]:
    """Reads figures of the models.

    Args:
        entries: paths of evaluation files, or "NAME=PATH" where the file does not say whose it is.
        models: the `model` entries of a document's results.
        key: dotted path of the figure, or its end; PCK@0.2 by default.

    Returns:
        Model name -> (dotted path of the figure, value).

    Raises:
        OSError: a file cannot be read.
        ValueError: it is not JSON, has no such figure, or belongs to none of the models.
    """
    found: dict[str, tuple[str, float]] = {}
    for entry in entries:
        names = sorted({model["name"] for model in models})
        named = entry.partition("=")
        if named[1] and named[0] not in names:
            raise ValueError(f"{entry}: no model of that name was measured. Received: {named[0]!r}, measured: {names}")
        name, path, document = read(entry, key=key)
        figure = _figure(document, key) if name else None
        owned = _by_owner(document, models, key) if figure is None else {name: figure}
        if not owned:
            raise ValueError(f"{path} names none of the measured models by hash or file; give MODEL={path} for {names}")
        found |= owned
    return found


def read(entry: str, *, key: str = "") -> tuple[str, str, object]:
    """(name or "", path, document) of one entry that has such a figure; arguments and errors as `load_accuracy`."""
    name, separator, path = entry.partition("=")
    name, path = (name, path) if separator else ("", entry)
    document = documents.read(path, finite=False)  # of other tools, too
    if _figure(document, key) is None:
        present = [leaf for leaf, value in _leaves(document) if _is_number(value)]
        raise ValueError(f"{path} has no figure {key or 'PCK@0.2'!r}. It has: {', '.join(present[:8]) or 'no numbers'}")
    return name, path, document


def _by_owner(document: object, models: Sequence[dict], key: str) -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for model in models:
        part, inner = None, document
        while inner is not None:  # into the innermost part that has both the model and a figure
            part = inner if _owns(inner, model) and _figure(inner, key) else part
            children = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
            inner = next((c for c in children if _owns(c, model) and _figure(c, key)), None)
        figure = None if part is None else _figure(part, key)
        if figure is not None:
            found[model["name"]] = figure
    return found


def _owns(part: object, model: dict) -> bool:
    for path, value in _leaves(part):
        # An evaluation of a pair of models measures the tracker.
        names_it = isinstance(value, str) and (value == model["sha256"] or Path(value).name == model["file"])
        if names_it and "detector" not in path.split("."):
            return True
    return False


def _figure(part: object, key: str) -> tuple[str, float] | None:
    for path, value in _leaves(part):
        wanted = path == key or path.endswith("." + key) if key else _PCK.search(path)
        if wanted and isinstance(value, (int, float)) and _is_number(value):
            return path, float(value)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{prefix}.{i}")
    else:
        yield prefix, value
