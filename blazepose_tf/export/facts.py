"""What a file says about its making: how it was quantised, on what it was trained, how presence was calibrated, how
accurate it is. `blazepose inspect` prints it.

Names of data sets are names, never paths; what nobody told is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blazepose_tf import documents
from blazepose_tf.evaluation.model_card import count_labels
from blazepose_tf.export import litert, quantization
from blazepose_tf.models import Description

RENDERED = "rendered people"


def of_file(description: Description, options, *, pictures: int = 0) -> dict[str, Any]:
    """Facts for the metadata of a LiteRT file.

    Args:
        description: of the model; its facts are handed on.
        options: `exporting.Options`.
        pictures: how many pictures calibrated the ranges.
    """
    recipe = _recipe(options, pictures)
    return description.facts | ({"quantization": recipe} if recipe else {})


def _recipe(options, pictures: int) -> dict[str, Any]:
    if options.precision == litert.FLOAT32:
        return {}
    if options.precision == litert.FLOAT16:
        return {"weights": "float16", "biases": "float32" if options.float_biases else "float16"}
    recipe = {
        "weights": "int8 per channel",
        "equalized_channels": True,
        "float_cells": quantization.FLOAT_CELLS,
        "calibration": {"data": _name(options.calibration), "pictures": pictures},
    }
    if options.precision == quantization.DYNAMIC:
        return recipe | {"float_convolutions_below": quantization.SHALLOW}
    return recipe | {"percentile": options.percentile, "float_layers": "heads, features of at most float_cells cells"}


def accuracy(rows: Iterable, options) -> dict[str, Any]:
    """Figures of `accuracy.compare`, percent, and on what they were measured."""
    figures = {row.metric: round(row.value, 2) for row in rows}
    return {"data": _name(options.data), "limit": options.limit, "percent": figures}


def training_data(annotations: Iterable[str | os.PathLike], provenance: str | os.PathLike | None = None) -> list[dict]:
    """Data sets of COCO-style annotation files, with the number of people and, where known, title and licence.

    Args:
        annotations: files that the model was trained on.
        provenance: JSON, name of a data set -> {"title", "licence"}.

    Raises:
        OSError: a file cannot be read.
        ValueError: a damaged one.
    """
    known: dict[str, dict] = {}
    if provenance is not None:
        known = documents.check(documents.read(provenance), documents.MapOf(documents.OBJECT), os.fspath(provenance))
    people: dict[str, int] = {}
    for file in annotations:
        for row in count_labels(file)["datasets"]:
            people[row["dataset"]] = people.get(row["dataset"], 0) + row["people"]
    return [
        {"name": name, "people": count} | {k: v for k, v in known.get(name, {}).items() if k in ("title", "licence")}
        for name, count in sorted(people.items(), key=lambda item: -item[1])
    ]


def _name(data: str | os.PathLike | None) -> str:
    """An annotation file by its name and its folder's: `tracker/train.json`."""
    return RENDERED if data is None else "/".join(Path(data).parts[-2:])
