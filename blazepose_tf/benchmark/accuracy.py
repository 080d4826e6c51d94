"""Accuracy figures for a benchmark's models, read from evaluation files.

An evaluation file is any JSON object with numbers in it; a figure is named by its dotted path, such as
"metrics.pck_torso@0.2". Without a path the first number whose name looks like PCK at 0.2 is taken. The file belongs to
the model whose hash or file name it carries, or that the user names as MODEL=FILE.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_PCK = re.compile(r"pck[^.]*0[._]?20?$", re.IGNORECASE)


def load_accuracy(entries: Sequence[str], models: Sequence[dict], *, key: str = "") -> dict[str, tuple[str, float]]:
    """Reads figures of the models.

    Args:
        entries: paths of evaluation files, or "NAME=PATH" with the model's name.
        models: the `model` entries of a document's results.
        key: dotted path of the figure; PCK@0.2 by default.

    Returns:
        Model name -> (dotted path of the figure, value).

    Raises:
        OSError: a file cannot be read.
        ValueError: it is not JSON, has no such figure, or belongs to none of the models.
    """
    found = {}
    for entry in entries:
        name, separator, path = entry.partition("=")
        path = path if separator else entry
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
        model = name if separator else _owner(document, models, path)
        if all(m["name"] != model for m in models):
            raise ValueError(f"{entry}: no model of that name was measured. Received: {model!r}")
        found[model] = _figure(document, key, path)
    return found


def _owner(document: object, models: Sequence[dict], path: str) -> str:
    texts = {text for _, text in _leaves(document) if isinstance(text, str)}
    for model in models:
        if model["sha256"] in texts or any(Path(text).name == model["file"] for text in texts):
            return model["name"]
    names = [model["name"] for model in models]
    raise ValueError(f"{path} names none of the measured models by hash or file; give MODEL={path} with one of {names}")


def _figure(document: object, key: str, path: str) -> tuple[str, float]:
    numbers = [(n, float(v)) for n, v in _leaves(document) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    for name, value in numbers:
        if name == key or (not key and _PCK.search(name)):
            return name, value
    names = ", ".join(name for name, _ in numbers[:8])
    raise ValueError(f"{path} has no figure {key or 'PCK@0.2'!r}. It has: {names or 'no numbers'}")


def _leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{prefix}.{i}")
    else:
        yield prefix, value
