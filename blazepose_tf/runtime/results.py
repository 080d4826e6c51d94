"""Poses as JSON: this project's own per-frame document, and COCO's results list with 17 or 33 points."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from blazepose_tf import __version__, topology
from blazepose_tf.runtime.pipeline import PoseResult

NATIVE = "native"
# COCO-results formats: the names of their keypoints.
COCO_FORMATS: dict[str, tuple[str, ...]] = {"coco17": topology.COCO_17, "coco33": topology.KEYPOINTS}
FORMATS = (NATIVE, *COCO_FORMATS)
_PERSON_CATEGORY = 1


def _rounded(values: np.ndarray, digits: int) -> list:
    # Through float64, or 0.1 as float32 would print with seventeen digits.
    return np.round(np.asarray(values, np.float64), digits).tolist()


def frame_document(result: PoseResult, *, index: int, timestamp_ms: float | None) -> dict[str, Any]:
    """One frame: where its region came from and, if there is a person, the numbers.

    Coordinates are continuous pixels (the centre of the first pixel is 0.5, 0.5); `landmarks` rows are x, y,
    visibility; `z` is in pixels, `world` in metres, `roi` center x, center y, size, rotation in radians.
    """
    document: dict[str, Any] = {
        "frame": index,
        "timestamp_ms": None if timestamp_ms is None else round(float(timestamp_ms), 3),
        "source": result.source,
        "milliseconds": {stage: round(float(t), 3) for stage, t in result.milliseconds.items()},
    }
    if result.detection is not None:
        document["detection"] = {
            "score": round(result.detection.score, 4),
            "box": _rounded(result.detection.box, 2),
            "keypoints": _rounded(result.detection.keypoints, 2),
        }
    if not result.found:
        return document
    document["pose_presence"] = round(result.pose_presence, 4)
    document["roi"] = [*_rounded(result.roi[:3], 2), round(float(result.roi[3]), 5)]
    document["landmarks"] = [
        [*xy, v] for xy, v in zip(_rounded(result.landmarks, 2), _rounded(result.visibility, 4), strict=True)
    ]
    for key, values, digits in (("z", result.z, 2), ("presence", result.presence, 4), ("world", result.world, 4)):
        if values is not None:
            document[key] = _rounded(values, digits)
    return document


def frame_json(result: PoseResult, *, index: int, timestamp_ms: float | None) -> str:
    """`frame_document` as text: an hour of video is 200 MB of it, and several times that as objects."""
    return json.dumps(frame_document(result, index=index, timestamp_ms=timestamp_ms), separators=(",", ":"))


def source_json(
    frames: list[str],
    *,
    source: str,
    size: tuple[int, int],
    names: tuple[str, ...],
    models: dict[str, str],
    fps: float | None = None,
    complete: bool = True,
) -> str:
    """The JSON document of one picture or video.

    Args:
        frames: `frame_json` of each frame, in order.
        source: what was read.
        size: width, height in pixels.
        names: keypoint names, in the order of the landmarks.
        models: names of the model files, "detector" and "tracker".
        fps: frames per second; None for a picture.
        complete: False when reading stopped before the end.
    """
    head = {
        "format": "blazepose_tf",
        "version": __version__,
        "source": source,
        "width": size[0],
        "height": size[1],
        "fps": fps,
        "complete": complete,
        "models": models,
        "keypoints": list(names),
        "edges": [list(edge) for edge in topology.edges(names)],
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"frames":[{",".join(frames)}]}}\n'


def coco_result(result: PoseResult, *, image_id: int, keypoints: tuple[str, ...], **extra: Any) -> dict[str, Any]:
    """One entry of a COCO results list.

    COCO counts pixels by index, so coordinates are half a pixel less than elsewhere here. The third number of a
    keypoint is its visibility in [0, 1]; a keypoint that the model lacks is 0, 0, 0.

    Args:
        result: a frame with a person.
        image_id: COCO's number of the picture.
        keypoints: names wanted, in order.
        **extra: further entries, such as the file's name; COCO's tools ignore them.
    """
    values = np.concatenate([result.landmarks - 0.5, result.visibility[:, None]], axis=1)
    values = topology.remap(values, result.names, keypoints)
    return {
        "image_id": image_id,
        "category_id": _PERSON_CATEGORY,
        "keypoints": _rounded(values.reshape(-1), 3),
        "score": round(result.pose_presence, 4),
        **extra,
    }
