"""Checks a dataset: pictures, labels, left/right, duplicates; contact sheet.

    blazepose validate-dataset --data=val.json --other=train.json --contact_sheet=sheet.png --summary=summary.json

Reads a COCO keypoint json or a folder of record shards. Exit code 1 when an entry is unusable (with --strict also on
duplicates across splits and probable left/right exchanges).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from absl import flags

from blazepose_tf import files
from blazepose_tf.cli import UserError


def define_flags() -> None:
    flags.DEFINE_string("data", None, "COCO keypoint json, or a folder (or manifest) of record shards.")
    flags.DEFINE_list("other", [], "Further datasets, e.g. the other split: checked for duplicates across.")
    flags.DEFINE_string("images", None, "Folder of the pictures of --data; by default images/ beside the json.")
    flags.DEFINE_string("summary", None, "Where to write the result as json.")
    flags.DEFINE_string("contact_sheet", None, "Where to write the contact sheet (PNG).")
    flags.DEFINE_integer("cells", 64, "People on the contact sheet, those with a remark first.", lower_bound=1)
    flags.DEFINE_float("swap_probability", 0.5, "From which a left/right exchange is reported.", 0.0, 1.0)
    flags.DEFINE_bool("duplicates", True, "Look for duplicates.")
    flags.DEFINE_bool("strict", False, "Fail on duplicates across splits and probable exchanges too.")
    flags.DEFINE_integer("shown", 20, "Findings printed; the summary has all.", lower_bound=0)


def _write(path: str, content: bytes) -> None:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(target, content)


def main(argv: list[str]) -> int:
    from tqdm import tqdm

    from blazepose_tf.data import contact_sheet, validation

    values = flags.FLAGS
    if argv or not values.data:
        raise UserError(f"unexpected arguments {argv}" if argv else "--data is missing")
    paths = [values.data, *values.other]
    datasets = [validation.open_dataset(path, images=values.images if i == 0 else None) for i, path in enumerate(paths)]
    reports = []
    for dataset in datasets:
        total, quiet = len(dataset.pictures), not sys.stderr.isatty()
        reports.append(
            validation.validate(
                dataset,
                swap_probability=values.swap_probability,
                progress=lambda items, total=total, quiet=quiet: iter(
                    tqdm(items, total=total, unit="picture", disable=quiet)
                ),
            )
        )
    if values.duplicates:
        validation.find_duplicates(reports, datasets)
    for report in reports:
        for line in validation.summary(report, shown=values.shown):
            print(line)
    if values.contact_sheet:
        cells = validation.sheet_cells(datasets[0], reports[0], count=values.cells)
        if cells:
            _write(values.contact_sheet, contact_sheet.encode(cells, datasets[0].names))
            print(f"contact sheet of {len(cells)} people: {values.contact_sheet}")
    if values.summary:
        content = {"datasets": [report.as_dict() for report in reports]}
        _write(values.summary, (json.dumps(content, indent=1) + "\n").encode())
    return int(any(report.failed(strict=values.strict) for report in reports))
