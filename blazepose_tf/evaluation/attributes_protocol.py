"""Depth, metric points and masks of trackers in the regions of labelled people, against what the labels know of them.

Rendered people know everything exactly; real ones what a teacher said twice alike (`blazepose label --attributes`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blazepose_tf import specs, topology
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.evaluation import systems
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.metrics import world as metrics
from blazepose_tf.runtime.tracker import Track, Tracker

_HIPS = list(topology.indices(("left_hip", "right_hip")))


def people_of(data: Annotations) -> list[Person]:
    """Those of whom something is known.

    Raises:
        ValueError: nobody, or another set of keypoints than the 33.
    """
    if tuple(data.names) != topology.KEYPOINTS:
        raise ValueError(f"{data.path}: the attributes protocol needs the 33 keypoints. Received: {len(data.names)}")
    known = [p for p in data.people_with_alignment() if p.attributes != attributes_lib.Attributes()]
    if not known:
        raise ValueError(f"{data.path}: nobody in it has z, world or segmentation (see docs/data.md)")
    return known


def evaluate(
    system: systems.System, data: Annotations, people: list[Person], *, progress: Callable[[int], None]
) -> dict:
    """Figures of one system; None for what its file does not give.

    Args:
        system: its tracker is asked, in the region of the label.
        data: annotations.
        people: of `people_of`.
        progress: called with 1 after each person.

    Returns:
        {"people", "mpjpe_mm", "pa_mpjpe_mm", "asymmetry_mm", "length_spread", "depth_order", "mask_iou"}.

    Raises:
        ValueError: a tracker of other points.
    """
    tracker = systems.open_tracker(system)
    if tracker.spec.keypoint_names != topology.KEYPOINTS:
        raise ValueError(f"{system.tracker}: the attributes protocol needs a tracker with the 33 keypoints")
    if specs.SEGMENTATION in tracker.model.output_shapes:
        spec = tracker.spec
        tracker = Tracker(tracker.model, refine=system.refine, mask=True)
        tracker.spec = spec
    tracks: list[Track] = []
    overlaps = []
    for person in people:
        picture = data.picture(person.image_id)
        track = tracker(picture, roi_lib.from_alignment(person.alignment, tracker.spec.roi_scale))
        if track.mask is not None and person.attributes.mask is not None:
            truth = attributes_lib.decode(person.attributes.mask)
            overlaps.append(metrics.mask_iou(track.mask.over(picture.shape[1::-1]) >= 0.5, truth))
        tracks.append(track)
        progress(1)
    out: dict = {"people": len(people), **_world(tracks, people)}
    out["depth_order"] = _order(tracks, people)
    out["mask_iou"] = float(np.mean(overlaps)) if overlaps else None
    return out


def _world(tracks: list[Track], people: list[Person]) -> dict:
    names = ("mpjpe_mm", "pa_mpjpe_mm", "asymmetry_mm", "length_spread")
    both = zip(tracks, people, strict=True)
    pairs = [(t.world, p.attributes.world) for t, p in both if p.attributes.world is not None]
    if not pairs or pairs[0][0] is None:
        return dict.fromkeys(names)
    predicted = np.array([a for a, _ in pairs], np.float64)
    predicted -= predicted[:, _HIPS].mean(axis=1, keepdims=True)
    truth = np.array([b for _, b in pairs], np.float64)
    truth, known = truth[..., :3], truth[..., 3] > 0
    values = (
        1e3 * float(np.nanmean(metrics.mpjpe(predicted, truth, known))),
        1e3 * float(np.nanmean(metrics.pa_mpjpe(predicted, truth, known))),
        1e3 * metrics.asymmetry(predicted),
        metrics.length_spread(predicted, truth, known),
    )
    return dict(zip(names, values, strict=True))


def _order(tracks: list[Track], people: list[Person]) -> float | None:
    pairs = [
        (t.z, p.attributes.z, np.linalg.norm(p.alignment[1] - p.alignment[0]) / 2.0)
        for t, p in zip(tracks, people, strict=True)
        if p.attributes.z is not None
    ]
    if not pairs or pairs[0][0] is None:
        return None
    predicted, truth, torso = (np.array([pair[i] for pair in pairs], np.float64) for i in range(3))
    return metrics.depth_order(predicted, truth[..., 0], truth[..., 1] > 0, torso)
