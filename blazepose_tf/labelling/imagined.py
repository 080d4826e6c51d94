"""Where a detector imagines somebody: regions of pictures without people, for a tracker's presence to learn from.

Whatever a detector fires on is what a tracker is shown, and looks more like somebody than any other place without a
person. Such regions are found anew after each training of a detector.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.converters.coco_document import coco_document
from blazepose_tf.labelling.document import rounded
from blazepose_tf.labelling.people import pictures_in, readable
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.weights import model_file

THRESHOLD = 0.05  # of a detector's scores: what it half believes today it may believe tomorrow
MOST = 8  # of a picture
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What to look at.

    Attributes:
        images: folder of pictures, links included, in which nobody is.
        output: COCO file to write.
        detector: model that imagines.
        threshold: of its scores; `THRESHOLD` without it.
        min_radius: of the body circle, in pixels.
    """

    images: Path
    output: Path
    detector: str = "blazeface"
    threshold: float | None = None
    min_radius: float = 0.0


def write(options: Options) -> str:
    """Writes all pictures, with the regions in which the detector imagines somebody; returns what was done.

    Raises:
        OSError, ValueError: what cannot be read; nothing is written then.
    """
    detector = Detector(
        model_file(options.detector), threshold=THRESHOLD if options.threshold is None else options.threshold
    )
    sources = pictures_in(options.images)
    files.require_writable(options.output)
    images: list[dict] = []
    regions = unread = 0
    for source in tqdm(sources, desc="pictures", unit="picture", disable=None):
        picture = readable(source.path, lambda line: log.warning("skipped %s", line))
        if picture is None:
            unread += 1
            continue
        found = [d.alignment for d in detector(picture)]
        circles = [rounded(c.ravel()) for c in found if np.linalg.norm(c[1] - c[0]) > max(options.min_radius, 0.1)]
        height, width = picture.shape[:2]
        name = os.path.relpath(source.path, options.output.parent)
        entry = {"id": len(images) + 1, "file_name": name, "width": width, "height": height}
        images.append(entry | ({"imagined": circles[:MOST]} if circles else {}))
        regions += len(circles[:MOST])
    if not images:
        raise ValueError(f"none of the {len(sources)} pictures in {options.images} can be read")
    description = f"pictures without people, and where {options.detector} imagines somebody"
    document = coco_document(images, [], topology.KEYPOINTS, description=description)
    files.write_text(options.output, json.dumps(document))
    some = sum("imagined" in image for image in images)
    return f"{options.output}: {regions} regions in {some} of {len(images)} pictures, {unread} not read"
