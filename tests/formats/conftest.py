"""A small recording: two people, one of them gone for two frames."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.runtime.recording import Recording

FRAMES = 6
GAP = (2, 3)  # frames without person 1


def document(*, several: bool = False, world: bool = False, times=None, error=None) -> dict:
    """What `predict` writes: point k of person p in frame t at (10 k + t, 5 k + 100 p + 0.5)."""
    frames = []
    for t in range(FRAMES):
        people = []
        for person in (1, 2) if several else (1,):
            if person == 1 and t in GAP:
                continue
            landmarks = [[10.0 * k + t, 5.0 * k + 100 * person + 0.5, 0.9] for k in range(33)]
            pose = {"id": person, "source": "tracked", "pose_presence": 0.99, "roi": [100, 100, 200, 0]}
            pose["landmarks"] = landmarks
            if error is not None:
                pose["error"] = error
            if world:
                pose["world"] = [[0.01 * k, 0.02 * k, -0.03 * k] for k in range(33)]
            people.append(pose)
        frame = {"frame": t, "timestamp_ms": 40.0 * t if times is None else times[t], "milliseconds": {}}
        frames.append(frame | ({"people": people} if several else people[0] if people else {"source": "none"}))
    return {
        "format": "blazepose_tf", "version": "0", "source": "clip.mp4", "width": 640, "height": 480, "fps": 25.0,
        "complete": True, "models": {"tracker": "lite"}, "keypoints": list(topology.KEYPOINTS), "frames": frames,
    }  # fmt: skip


@pytest.fixture
def recording():
    return lambda **changes: Recording.from_dict(document(**changes))


@pytest.fixture
def native(tmp_path):
    """The recording as a file, as `predict` leaves it."""
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(document()), encoding="utf-8")
    return path


@pytest.fixture
def written(tmp_path, recording):
    """Writes a recording in a format and returns the paths."""
    from blazepose_tf.formats import writing

    def write(name, options=None, **changes):
        return writing.convert(recording(**changes), name, tmp_path, stem="clip", options=options)

    return write


@pytest.fixture
def truth():
    """(T, 33, 2) pixels of person 1, nan in the gap."""
    k, t = np.arange(33), np.arange(FRAMES)[:, None]
    points = np.stack([10.0 * k + t, np.broadcast_to(5.0 * k + 100.5, (FRAMES, 33))], axis=-1)
    points[list(GAP)] = np.nan
    return points
