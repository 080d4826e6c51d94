"""What the tools that rewrite COCO files share: their command line, and a document written beside other pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.data.converters.annotations import image_folder


def parser(description: str) -> argparse.ArgumentParser:
    """Flags of a tool that reads annotations and a model's predictions of them."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, required=True)
    made.add_argument("--predictions", type=Path, required=True)
    made.add_argument("--output", type=Path, required=True)
    return made


def run(
    flags: argparse.ArgumentParser, write: Callable[[argparse.Namespace], str], arguments: Sequence[str] | None = None
) -> int:
    """Does the work and says what was done, or what was wrong; returns the exit code."""
    options = flags.parse_args(arguments)
    try:
        print(write(options))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def rounded(values: Iterable[float]) -> list[float]:
    """To a tenth of a pixel: far below any label noise."""
    return [round(float(value), 1) for value in values]


def write_document(content: dict, options: argparse.Namespace) -> None:
    """Writes a changed document of `options.data`, its pictures named relative to the output."""
    pictures = image_folder(None, options.data.parent)
    for image in content["images"]:
        image["file_name"] = os.path.relpath(pictures / image["file_name"], options.output.parent)
    files.write_text(options.output, json.dumps(content))
