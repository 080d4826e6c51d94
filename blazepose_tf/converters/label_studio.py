"""Label Studio: its JSON and JSON-MIN exports with `keypointlabels` in percent, and its COCO export.

A point's pixel is percent / 100 x original size, continuous. Points belong to a person by `parentID`, by the rectangle
around them, or are all one person's. A point is occluded when a per-region choice (`choices` with the region's id)
says `occluded` or `hidden`. Cancelled annotations are passed over; of several the first counts.

Uploaded files are found under their own name or without the eight characters and the dash that the upload puts before
it. Reference: labelstud.io, tags KeyPointLabels and RectangleLabels, export formats.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

from blazepose_tf import documents
from blazepose_tf.converters import coco
from blazepose_tf.converters.annotations import MALFORMED, OCCLUDED, VISIBLE, Damage, Picture, Source, image_folder
from blazepose_tf.converters.grouping import LoosePoint, people
from blazepose_tf.converters.labelme import OCCLUDED_WORDS


def read(
    path: Path, *, images: str | None = None, keypoints: Sequence[str] = (), offset: float | None = None
) -> Source:
    """Opens an export.

    Args:
        path: the json file.
        images: folder of the pictures.
        keypoints: names to take, in order; by default all labels of points, in order of appearance.
        offset: added to coordinates, 0 by default.

    Raises:
        ValueError: not an export of Label Studio, or one without keypoints.
    """
    tasks = documents.read(path)
    if isinstance(tasks, dict) and "annotations" in tasks:
        document = coco.outline(tasks, path)
        return coco.of_document(document, path, images=images, keypoints=keypoints, offset=offset, continuous=True)
    if not isinstance(tasks, list):
        raise ValueError(f"{path}: neither a list of tasks nor a COCO export of Label Studio")
    regions = [_regions(task) if isinstance(task, dict) else [] for task in tasks]
    labels = dict.fromkeys(label for found in regions for region in found for label in _labels(region))
    names = tuple(keypoints) or tuple(labels)
    if not names:
        raise ValueError(f"{path}: no task has keypointlabels")
    folder = image_folder(images, path.parent)

    def pictures() -> Iterator[Picture | Damage]:
        for i, (task, found) in enumerate(zip(tasks, regions, strict=True)):
            where = f"{path}: [{i}] (task {task.get('id') if isinstance(task, dict) else '?'})"
            try:
                yield _picture(task, found, where, names, folder, offset or 0.0)
            except MALFORMED as error:
                yield Damage.of(where, error)

    return Source(names, pictures(), len(tasks), folder)


def _regions(task: dict) -> list[dict]:
    """Regions of the first valid annotation, in the form of the full export."""
    annotations = task.get("annotations") or task.get("completions")
    if isinstance(annotations, list):
        valid = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
        result = valid[0].get("result") if valid else None
        return [r for r in result if isinstance(r, dict)] if isinstance(result, list) else []
    found = []  # JSON-MIN: every control's name holds a list of flat regions
    for value in task.values():
        if isinstance(value, list):
            flat = [r for r in value if isinstance(r, dict) and ("keypointlabels" in r or "rectanglelabels" in r)]
            found += [
                {**r, "value": r, "type": "keypointlabels" if "keypointlabels" in r else "rectanglelabels"}
                for r in flat
            ]
    return found


def _labels(region: dict) -> list[str]:
    value = region.get("value")
    labels = value.get("keypointlabels") if isinstance(value, dict) else None
    return [str(label) for label in labels] if isinstance(labels, list) else []


def _file_name(task: dict, folder: Path) -> str:
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    candidates = [data.get(key) for key in ("image", "img", "picture")] + list(data.values())
    url = next((v for v in candidates if isinstance(v, str) and re.search(r"\.(jpe?g|png)", v, re.I)), None)
    if url is None:
        raise ValueError("no picture among the task's data")
    local = re.search(r"[?&]d=([^&]+)", url)  # local storage: /data/local-files/?d=folder/name.jpg
    text = urllib.parse.unquote(local.group(1) if local else urllib.parse.urlsplit(url).path).replace("\\", "/")
    base = text.rsplit("/", 1)[-1]
    bare = re.sub(r"^[0-9a-f]{8}-", "", base)
    return next((name for name in (text.lstrip("/"), base, bare) if (folder / name).is_file()), base)


def _picture(task: dict, regions: list[dict], where: str, names: Sequence[str], folder: Path, offset: float) -> Picture:
    hidden = {
        region.get("id")
        for region in regions
        for choice in (region.get("value") or {}).get("choices") or ()
        if str(choice).lower() in OCCLUDED_WORDS
    }
    points, boxes, size = [], [], (0, 0)
    parents = {region.get("parentID") for region in regions} - {None}
    for region in regions:
        value, kind = region.get("value") or {}, region.get("type")
        if kind not in ("keypointlabels", "rectanglelabels"):
            continue
        if region.get("image_rotation"):
            raise ValueError(f"picture turned by {region['image_rotation']} degrees in the tool: turn the file instead")
        size = (int(region["original_width"]), int(region["original_height"]))
        x, y = float(value["x"]) * size[0] / 100, float(value["y"]) * size[1] / 100
        if kind == "rectanglelabels":
            w, h = float(value["width"]) * size[0] / 100, float(value["height"]) * size[1] / 100
            group = region.get("id") if region.get("id") in parents else None
            boxes.append(((x, y, x + w, y + h), group))
            continue
        for label in _labels(region):
            if label in names:
                state = OCCLUDED if region.get("id") in hidden else VISIBLE
                points.append(LoosePoint(label, x, y, state, region.get("parentID")))
    found = people(points, boxes, names, offset=offset)
    return Picture(_file_name(task, folder), where, tuple(found), *size)
