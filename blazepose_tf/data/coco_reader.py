"""From a COCO keypoint json with pictures beside it to record shards, as training wants them.

It is the conversion of `convert-dataset` with the file's own keypoints: one reader, one meaning of every field, one
rule for who is trained on (docs/data.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from itertools import islice
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.converters import coco, conversion
from blazepose_tf.data import records as records_lib
from blazepose_tf.data import shards

log = logging.getLogger(__name__)


def write_records(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    images: str | os.PathLike | None = None,
    name: str | None = None,
    split: str | None = None,
    every_person: bool = False,
    offset: float | None = None,
    num_shards: int | None = None,
    workers: int = 4,
    limit: int | None = None,
) -> records_lib.WriteReport:
    """Turns a COCO keypoint file into record shards; a second call with the same file reuses what is there.

    Args:
        path: the json.
        folder: where the shards go.
        images: folder of the pictures; `images` beside the json (or its own folder) by default.
        name: name of the dataset; by default the json's own name, after its folder's.
        split: name of the split; by default the json's name.
        every_person: one record per person, that person first, instead of one per picture: what a tracker wants of
            pictures with several people. Pictures without people are left out then.
        offset: added to keypoint coordinates; by default what the file needs, see `converters.coco`.
        num_shards: number of files.
        workers: shards written at a time.
        limit: only the first pictures.

    Returns:
        What was written, and what was left out why.

    Raises:
        OSError: the file cannot be read, or a shard not be written.
        ValueError: not a COCO keypoint file, or nothing in it can be used.
    """
    path, folder = Path(path), Path(folder)
    name = name or (path.stem if path.parent.name in ("", "annotations") else f"{path.parent.name}_{path.stem}")
    # Edited labels must not meet shards of the old ones.
    options = f"{images}|{split}|{every_person}|{offset}|{num_shards}|{limit}"
    version = hashlib.sha256(path.read_bytes() + options.encode()).hexdigest()
    done = _finished(folder, name, version)
    if done is not None:
        return done
    source = coco.read(path, images=images, offset=offset)
    for remark in source.remarks:
        log.warning("%s", remark)
    source = dataclasses.replace(source, pictures=islice(source.pictures, limit))
    config = conversion.ConversionConfig(
        target="source",
        default_dataset=name,
        split=path.stem if split is None else split,
        negatives=not every_person,
    )
    tally = conversion.Tally()
    names, pictures = conversion.convert(source, config, tally)
    pictures = list(pictures)
    left_out = {damage.where: damage.problem for damage in tally.damaged}
    if not pictures:
        reasons = [f"{n} x {reason}" for reason, n in tally.dropped.most_common()]
        first = next((f"; {where}: {problem}" for where, problem in left_out.items()), "")
        raise ValueError(f"{path}: nothing to train on ({', '.join(reasons) or 'no labelled people'}{first})")
    if left_out:
        where, problem = next(iter(left_out.items()))
        log.warning("%s: %d damaged entries left out, e.g. %s: %s", path, len(left_out), where, problem)
    if tally.dropped:
        text = ", ".join(f"{n} x {reason}" for reason, n in tally.dropped.most_common())
        log.info("%s: %d of %d people are trained on; %s", path, tally.people_kept, tally.people, text)
    report = shards.write_shards(
        folder, pictures, names, images=source.images, name=name, every_person=every_person, num_shards=num_shards,
        workers=workers,
    )  # fmt: skip
    report = dataclasses.replace(report, skipped={**left_out, **report.skipped})
    if not report.skipped:  # what was left out may be whole the next time
        files.write_text(_version_file(folder, name), version + "\n")
    return report


def _version_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.source"


def _finished(folder: Path, name: str, version: str) -> records_lib.WriteReport | None:
    """The report of an earlier call with the same file and options; None when there was none, or not a whole one."""
    note = _version_file(folder, name)
    if not note.is_file() or note.read_text(encoding="utf-8", errors="replace").strip() != version:
        return None
    try:
        opened = records_lib.open_records(folder / f"{name}.json")
    except (OSError, ValueError):
        return None
    return records_lib.WriteReport(name, folder, len(opened), len(opened.files))
