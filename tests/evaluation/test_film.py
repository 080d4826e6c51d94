"""The video protocol for predictions of other systems: noise and lag that were put in come out."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations, evaluate, film, tables, video_protocol

NOISE = 0.04  # torsos per axis


@pytest.fixture
def data(three_people):
    return annotations.load(three_people)


def records(data, clip, rng):
    """What a 17-point system says that trembles by NOISE and is one frame late on panned films."""
    person = next(p for p in data.people if clip.name.endswith(f"_{p.id}"))
    chosen = topology.indices(topology.COCO_17)
    for number in range(sum(1 for _ in clip.frames())):
        points = person.points[chosen].copy()
        if clip.kind == film.PAN:
            points += clip.velocity * max(number - 1, 0)
        else:
            points += rng.normal(0, NOISE * person.torso, points.shape)
        flat = np.concatenate([points, np.ones((17, 1))], axis=1).ravel().tolist()
        yield {"clip": clip.name, "frame": number, "score": 0.9, "keypoints": flat}
        yield {"clip": clip.name, "frame": number, "score": 0.1, "keypoints": None}  # somebody less certain


def test_jitter_and_lag_of_predictions(tmp_path, data, three_people):
    rng = np.random.default_rng(2)
    lines = [json.dumps(r) for clip in film.made_clips(data, 3) for r in records(data, clip, rng)]
    path = tmp_path / "theirs.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    m = video_protocol.evaluate(path, annotations=data, photographs=3)
    assert m["still_jitter_torso_17"] == pytest.approx(np.sqrt(12) * NOISE, rel=0.05)
    assert m["lag_frames_17"] == pytest.approx(1.0)
    assert np.isnan([m["still_jitter_torso"], m["lag_frames"], m["lag_frames_raw_17"]]).all()
    options = {"data": str(three_people), "prediction_files": {"theirs": str(path)}}
    document = evaluate.evaluate(evaluate.Options(**options, protocols=("video",))).document
    ((label, *cells),) = tables.video_rows(document)[1]
    assert label == "theirs" and cells[8] == "1.00" and cells[3] == "-" and document["runs"] == []
    with pytest.raises(ValueError, match="need the video protocol"):
        evaluate.evaluate(evaluate.Options(**options))


def test_clips_and_frames_are_checked(tmp_path, data):
    film_file = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(film_file), cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 64))
    for _ in range(5):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    path = tmp_path / "theirs.json"

    points = np.random.default_rng(0).uniform(5, 60, (33, 3)).ravel().tolist()

    def evaluated(frames, clip="walk.avi"):
        path.write_text(json.dumps([{"clip": clip, "frame": n, "keypoints": points} for n in frames]), "utf-8")
        return video_protocol.evaluate(path, videos=film_file)

    m = evaluated([0, 1, 3])
    assert (m["frames"], m["found"], m["losses"]) == (5, 3, 2) and "redetections" not in m
    with pytest.raises(ValueError, match=r"5 frames\. Received: frame 7"):
        evaluated([0, 7])
    with pytest.raises(ValueError, match=r"no predictions of the clip 'walk.avi'"):
        evaluated([0], clip="run.avi")
    with pytest.raises(ValueError, match="frame's number"):
        evaluated([-1])
