"""Poses as JSON: this project's own per-frame document, and COCO's results list with 17 or 33 points."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from blazepose_tf import __version__, topology
from blazepose_tf.runtime.poses import PoseResult, rounded

NATIVE = "native"
# COCO-results formats: the names of their keypoints.
COCO_FORMATS: dict[str, tuple[str, ...]] = {"coco17": topology.COCO_17, "coco33": topology.KEYPOINTS}
FORMATS = (NATIVE, *COCO_FORMATS)
_PERSON_CATEGORY = 1


def frame_document(
    result: PoseResult, *, index: int, timestamp_ms: float | None, duration_ms: float | None = None
) -> dict[str, Any]:
    """One frame of a source: its number, its time and duration there, and what was found (`PoseResult.to_dict`)."""
    time = None if timestamp_ms is None else round(float(timestamp_ms), 3)
    document = {"frame": index, **result.to_dict(head=False), "timestamp_ms": time}
    return document if duration_ms is None else {**document, "duration_ms": round(float(duration_ms), 3)}


def frame_json(result: PoseResult, **place: Any) -> str:
    """`frame_document` as text: an hour of video is 200 MB of it, and several times that as objects."""
    return json.dumps(frame_document(result, **place), separators=(",", ":"))


def source_json(
    frames: list[str],
    *,
    source: str,
    size: tuple[int, int],
    names: tuple[str, ...],
    models: dict[str, str],
    fps: float | None = None,
    pixel_aspect: float = 1.0,
    complete: bool = True,
    angle_factors: dict[str, float] | None = None,
) -> str:
    """The JSON document of one picture or video.

    Args:
        frames: `frame_json` of each frame, in order.
        source: what was read.
        size: width, height in pixels.
        names: keypoint names, in the order of the landmarks.
        models: names of the model files, "detector" and "tracker".
        fps: frames per second; None for a picture.
        pixel_aspect: width / height of the pixels that the file stores; those of the coordinates are square.
        complete: False when reading stopped before the end.
        angle_factors: of the tracker.
    """
    head: dict[str, Any] = {
        "format": "blazepose_tf",
        "version": __version__,
        "source": source,
        "width": size[0],
        "height": size[1],
        "fps": fps,
        "pixel_aspect": round(pixel_aspect, 6),
        "complete": complete,
        "models": models,
        "keypoints": list(names),
        "edges": [list(edge) for edge in topology.edges(names)],
    }
    if angle_factors:
        head["angle_factors"] = angle_factors
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"frames":[{",".join(frames)}]}}\n'


def coco_results(
    result: PoseResult, *, image_id: int, keypoints: tuple[str, ...], **extra: Any
) -> list[dict[str, Any]]:
    """Entries of a COCO results list, one for each person.

    COCO counts pixels by index, so coordinates are half a pixel less than elsewhere here. The third number of a
    keypoint is its visibility in [0, 1]; a keypoint that the model lacks is 0, 0, 0. `score` is `Pose.score`. Where
    several people were looked for, `track_id` is their id.

    Args:
        result: of one frame.
        image_id: COCO's number of the picture.
        keypoints: names wanted, in order.
        **extra: further entries, such as the file's name; COCO's tools ignore them.
    """
    entries = []
    for pose in result.people:
        values = np.concatenate([pose.landmarks - 0.5, pose.visibility[:, None]], axis=1)
        values = topology.remap(values, pose.names, keypoints)
        entries.append(
            {
                "image_id": image_id,
                "category_id": _PERSON_CATEGORY,
                "keypoints": rounded(values.reshape(-1), 3),
                "score": round(pose.score, 4),
                **({"track_id": pose.id} if result.max_people > 1 else {}),
                **extra,
            }
        )
    return entries
