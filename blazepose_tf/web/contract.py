"""All that a port of the loop has to know of two models, as one JSON document.

The browser's and the phone's loop hold no constant of their own: sizes, anchors and ranges come from the specs in the
model files, filters, refinement and thresholds from the modules of the Python runtime.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from blazepose_tf import __version__, topology
from blazepose_tf.codecs import refinement
from blazepose_tf.geometry.alignment import SAME_PERSON
from blazepose_tf.runtime import detector as detector_lib
from blazepose_tf.runtime import exposure, filters, look, merging, person, pipeline
from blazepose_tf.runtime import tracker as tracker_lib
from blazepose_tf.specs import DetectorSpec, TrackerSpec

FILE_NAME = "contract.json"


def contract(
    detector: DetectorSpec,
    tracker: TrackerSpec,
    *,
    detector_threshold: float | None = None,
    own_region: float = 0.0,
    **extra: Any,
) -> dict[str, Any]:
    """The document.

    Args:
        detector: spec of the detector, with the two alignment points.
        tracker: spec of the tracker; the loop passes over its depth, and MediaPipe's vector is decoded by the Python
            runtime alone.
        detector_threshold: score where detections begin; None is the spec's.
        own_region: of the tracker's metadata (`runtime.metadata.own_region`).
        **extra: further JSON values, such as the names of the model files.

    Returns:
        JSON values; units are those of the specs and modules that they come from.

    Raises:
        ValueError: a model of MediaPipe's.
    """
    if detector.num_keypoints != 2:
        raise ValueError(
            "the loop outside of Python reads detectors with two alignment points alone. "
            f"Received: num_keypoints={detector.num_keypoints}"
        )
    if tracker.mediapipe_head:
        raise ValueError("the loop outside of Python reads trackers of this project. Received: mediapipe_head=True")
    threshold = detector.score_threshold if detector_threshold is None else detector_threshold
    sides = topology.sides(tracker.keypoint_names)
    return {
        "version": __version__,
        "detector": {**dataclasses.asdict(detector), "score_threshold": threshold, "same_person": SAME_PERSON},
        "tracker": {
            **{k: v for k, v in dataclasses.asdict(tracker).items() if k != "mediapipe_head"},
            "edges": [list(edge) for edge in topology.edges(tracker.keypoint_names)],
            "angles": {name: list(points) for name, points in topology.angle_indices(tracker.keypoint_names).items()},
            "prior_sigmas": refinement.prior_sigmas(tracker.keypoint_names).tolist(),
            "leg_pairs": refinement.leg_pairs(tracker.keypoint_names).tolist(),
            "sides": None if sides is None else sides.tolist(),
            "confirmed_threshold": tracker_lib.raised(pipeline.PRESENCE_THRESHOLD, own_region),
        },
        "exposure": {
            "share": exposure.SHARE,
            "wanted": exposure.WANTED,
            "most": exposure.MOST,
            "every": exposure.EVERY,
        },
        "merging": {"one_place": merging.ONE_PLACE, "first": merging.FIRST, "unsupported": merging.UNSUPPORTED},
        "refinement": {
            "reach": refinement.REACH,
            "smooth_reach": refinement.SMOOTH_REACH,
            "squarings": refinement.SQUARINGS,
            "regression_weight": refinement.REGRESSION_WEIGHT,
            "min_peak": refinement.MIN_PEAK,
            "apart": refinement.APART,
            "second_peak": refinement.SECOND_PEAK,
            "motion": refinement.MOTION,
        },
        "filters": {
            **{k: v for k, v in dataclasses.asdict(filters.Filters()).items() if k != "world"},
            "nominal_seconds": filters.NOMINAL_SECONDS,
            "gap_seconds": filters.GAP_SECONDS,
        },
        "pipeline": {
            "presence_threshold": pipeline.PRESENCE_THRESHOLD,
            "candidates": pipeline.CANDIDATES,
            "min_region": look.MIN_REGION,
            "max_region": look.MAX_REGION,
            "closer_shares": list(detector_lib.CLOSER_SHARES),
            "closer_doubt": detector_lib.CLOSER_DOUBT,
            "front": detector_lib.FRONT,
            "half_believed": detector_lib.HALF_BELIEVED,
            "asked_still": look.ASKED[look.Looks.MERGED],
            "asked_film": look.ASKED[look.Looks.TWO],
            "exchange": look.EXCHANGE,
            "motion_seconds": person.MOTION_SECONDS,
        },
        **extra,
    }
