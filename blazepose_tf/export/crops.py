"""Pictures as the models see them: aligned crops for trackers, letterboxed ones for detectors.

They calibrate quantised files and prove every export. They come the runtime's own way, dark ones lightened, from a data
set or from the renderer, and are the same on every call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from blazepose_tf import synthetic
from blazepose_tf.evaluation import annotations
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.exposure import network_input
from blazepose_tf.specs import DetectorSpec, TrackerSpec

# Rendered pictures come from a series of their own: neither training nor its validation draws from it.
SEED = 2_000_000
_RENDERED_SIZE = (320, 256)


def crops(
    spec: TrackerSpec | DetectorSpec, *, count: int, data: str | os.PathLike | None = None, offset: int = 0
) -> Iterator[np.ndarray]:
    """Yields network inputs of real or rendered people.

    Args:
        spec: contract of the model that is to see them.
        count: how many at most; a data set with fewer gives what it has.
        data: COCO-style annotations with pictures beside them; rendered people without it.
        offset: leaves out this many (rendered: starts at this index), so that two sets can be disjoint.

    Yields:
        (S, S, 3) uint8 RGB.

    Raises:
        OSError: the annotations or a picture cannot be read.
        ValueError: damaged annotations, or ones without a person whose alignment is known.
    """
    source = _rendered if data is None else _annotated
    for image, alignment in source(spec, count, data, offset):
        yield crop(image, alignment, spec)


def to_inputs(picture: np.ndarray, spec: TrackerSpec | DetectorSpec) -> np.ndarray:
    """(1, S, S, 3) float32 in the model's value range, of an (S, S, 3) uint8 crop."""
    low, high = spec.value_range
    return picture[None].astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)


def crop(image: np.ndarray, alignment: np.ndarray | None, spec: TrackerSpec | DetectorSpec) -> np.ndarray:
    """(S, S, 3) uint8: the person with this (2, 2) alignment for a tracker, the whole picture for a detector."""
    if isinstance(spec, TrackerSpec):
        region = roi_lib.from_alignment(np.asarray(alignment, np.float32), spec.roi_scale)
        return network_input(image, roi_lib.crop_matrix(region, spec.input_size), spec.input_size)
    region = roi_lib.whole_image(image.shape[1], image.shape[0])
    return network_input(image, roi_lib.crop_matrix(region, spec.input_size), spec.input_size, border="zero")


def _rendered(spec, count: int, _, offset: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    persons = 1 if isinstance(spec, TrackerSpec) else None
    for index in range(offset, offset + count):
        sample = synthetic.render_sample(SEED, index, size=_RENDERED_SIZE, persons=persons)
        yield sample.image, sample.alignment[0] if len(sample.alignment) else None


def _annotated(spec, count: int, data, offset: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    loaded = annotations.load(data)
    if isinstance(spec, DetectorSpec):
        for image_id in _spread(list(loaded.pictures), count, offset):
            yield loaded.picture(image_id), None
        return
    people = loaded.people_with_alignment()
    if not people:
        raise ValueError(f"{os.fspath(data)}: no person whose alignment is known, so there is nothing to crop")
    for person in _spread(people, count, offset):
        yield loaded.picture(person.image_id), person.alignment


def _spread(items: list, count: int, offset: int) -> list:
    """At most `count` items, evenly spread over the list; another offset gives others while there are enough."""
    step = max(len(items) // max(count, 1), 1)
    return items[offset % step :: step][:count]
