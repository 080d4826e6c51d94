"""Clinical angles, range of motion, symmetry, and the verb's files."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from absl.testing import flagsaver

from blazepose_tf import topology
from blazepose_tf.analysis import angles, page, repetitions, summary
from blazepose_tf.cli.main import main
from blazepose_tf.runtime import Recording


def at(name):
    return topology.KEYPOINTS.index(name)


def test_neutral_zero_and_right_angles():
    points = np.zeros((2, 33, 2))
    for name, place in {
        "shoulder": (20, 0), "elbow": (20, 30), "wrist": (20, 60), "hip": (20, 50), "knee": (20, 90),
        "ankle": (20, 130), "foot_index": (35, 130),
    }.items():  # fmt: skip
        for side, sign in (("left", 1), ("right", -1)):
            points[:, at(f"{side}_{name}")] = (sign * place[0], place[1])
    points[1, at("left_ankle")] = (60, 90)  # the left shin to the side
    points[1, at("left_foot_index")] = (60, 105)
    points[1, at("right_elbow")] = (-50, 0)  # the right arm too
    found = angles.joint_angles(points, topology.KEYPOINTS)
    assert {name: round(float(v[0]), 6) for name, v in found.items()} == {
        **{f"{s}_{m}": 0.0 for s in ("left", "right") for m in (*angles.MOTIONS.values(), angles.ANKLE)},
        "trunk_lean": 0.0,
    }
    assert found["left_knee_flexion"][1] == pytest.approx(90)
    assert found["right_shoulder_elevation"][1] == pytest.approx(90)
    assert "left_ankle_plantarflexion" not in angles.joint_angles(points[:, :17], topology.COCO_17)


def test_range_and_symmetry():
    times = np.arange(0, 20, 0.1)
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * times / 4)
    found = {"left_knee_flexion": 10 + 80 * wave, "right_knee_flexion": 20 + 40 * wave}
    rom = summary.range_of_motion(found, times, {})["left_knee_flexion"]
    assert (rom["min"], rom["max"], rom["known"]) == pytest.approx((10, 90, 1.0), abs=1)
    knee = summary.symmetry(found, times)["knee_flexion"]
    assert knee["index"] == pytest.approx(200 * (40 - 80) / 120, abs=1)
    assert knee["correlation"] == pytest.approx(1.0) and knee["difference"] == pytest.approx(-10, abs=0.2)
    in_turn = {"left_hip_flexion": wave, "right_hip_flexion": 1 - wave}
    assert summary.symmetry(in_turn, times)["hip_flexion"]["correlation"] == pytest.approx(-1.0)


def test_page_is_one_file(performed):
    found, times = performed(1, "squat", repetitions=3, seconds=2.0)
    found["left_elbow_flexion"][:] = np.nan  # never seen
    exercise = repetitions.count(found, times)
    text = page.render("<squats>", found, times, exercise, summary.document(found, times, exercise, {}), {})
    assert "&lt;squats&gt;" in text and "3 repetitions" in text and "http" not in text and "<script" not in text
    nothing = repetitions.count({name: np.zeros(50) for name in found}, np.arange(50) / 10)
    still = page.render("s", found, times, nothing, summary.document(found, times, nothing, {}), {})
    assert "No joint moves enough" in still


def test_the_verb_writes_tables_and_page(tmp_path, performed, capsys):
    """Times, angles and repetitions from a recording on disk."""
    from blazepose_tf.synthetic.exercise import exercise_scenes

    frames = []
    for number, scene in enumerate(exercise_scenes(2, "arm_raise", repetitions=3, seconds=1.5)):
        points = scene.camera.project(scene.persons[0].keypoints)
        frames.append(
            {"frame": number, "timestamp_ms": 1000 * number / 15, "id": 1, "source": "tracked", "pose_presence": 1.0,
             "roi": [0, 0, 9, 0], "landmarks": [[*p, 1.0] for p in points.tolist()], "milliseconds": {}}
        )  # fmt: skip
    document = {"format": "blazepose_tf", "width": 320, "height": 240, "keypoints": list(topology.KEYPOINTS)}
    path = tmp_path / "arms.json"
    path.write_text(json.dumps(document | {"frames": frames}), encoding="utf-8")
    with flagsaver.flagsaver():
        assert main(["analyze", str(path), f"--output={tmp_path / 'out'}"]) == 0
    assert "3 repetitions" in capsys.readouterr().out
    with open(tmp_path / "out/arms_angles.csv", newline="", encoding="utf-8") as source:
        table = list(csv.DictReader(source))
    assert len(table) == len(frames) and float(table[0]["left_shoulder_elevation"]) < 40
    analysis = json.loads((tmp_path / "out/arms_analysis.json").read_text("utf-8"))
    assert analysis["repetitions"] == len(analysis["table"]) == 3 and "shoulder" in analysis["counted_by"]
    assert (tmp_path / "out/arms_analysis.html").read_text("utf-8").startswith("<!doctype html>")


def test_error_bars_of_points_become_those_of_angles():
    points = np.random.default_rng(0).uniform(0, 200, (3, 33, 2))
    errors = np.full((3, 33), 2.0)
    errors[1, at("left_ankle")] = np.nan
    bars = angles.angle_errors(points, errors, topology.KEYPOINTS)
    assert set(bars) == set(angles.joint_angles(points, topology.KEYPOINTS))
    assert np.isnan(bars["left_knee_flexion"][1]) and np.isfinite(bars["left_knee_flexion"][[0, 2]]).all()
    hips, shoulders = (points[:, [at(f"left_{p}"), at(f"right_{p}")]].mean(axis=1) for p in ("hip", "shoulder"))
    # Each middle is off by 2 / sqrt(2); both turn the trunk.
    expected = np.rad2deg(1.645 / 2.146 * 2.0 / np.linalg.norm(hips - shoulders, axis=1))
    np.testing.assert_allclose(bars["trunk_lean"], expected)
    # What the model file says about angles narrows them.
    narrow = angles.angle_errors(points, errors, topology.KEYPOINTS, {"knee": 0.5, "trunk": 0.8, "others": 0.6})
    factors = {
        "left_knee_flexion": 0.5,
        "trunk_lean": 0.8,
        "right_ankle_plantarflexion": 0.6,
        "left_elbow_flexion": 0.6,
    }
    for name, factor in factors.items():
        few = bars[name] < 180.0  # half a turn is the most there is
        np.testing.assert_allclose(narrow[name][few], factor * bars[name][few])


def test_a_recording_carries_the_factors_from_the_model_to_the_bars():
    frame = {"source": "tracked", "id": 1, "pose_presence": 1.0, "roi": [100, 100, 200, 0], "timestamp_ms": 0.0}
    points = np.random.default_rng(0).uniform(0, 200, (33, 2))
    frame |= {"landmarks": [[*xy, 1.0] for xy in points.tolist()], "error": [3.0] * 33}
    head = {"format": "blazepose_tf", "width": 200, "height": 200, "keypoints": list(topology.KEYPOINTS)}
    wide, narrow = (
        angles.recording_errors(Recording.from_dict({**head, **extra, "frames": [frame]}))
        for extra in ({}, {"angle_factors": {"knee": 0.25}})
    )
    assert narrow["left_knee_flexion"][0] == pytest.approx(0.25 * wide["left_knee_flexion"][0])
    assert narrow["left_hip_flexion"][0] == wide["left_hip_flexion"][0]
    with pytest.raises(ValueError, match="angle_factors"):
        angles.recording_errors(Recording.from_dict({**head, "angle_factors": {"knee": "much"}, "frames": [frame]}))
