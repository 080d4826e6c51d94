"""What is written of a data set that was made or rewritten here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.converters.annotations import image_folder


def rounded(values: Iterable[float]) -> list[float]:
    """To a tenth of a pixel: far below any label noise."""
    return [round(float(value), 1) for value in values]


def write_beside(content: dict, data: Path, output: Path) -> None:
    """Writes a changed document of the file `data`, its pictures named relative to the output."""
    pictures = image_folder(None, data.parent)
    for image in content["images"]:
        image["file_name"] = os.path.relpath(pictures / image["file_name"], output.parent)
    files.write_text(output, json.dumps(content))
