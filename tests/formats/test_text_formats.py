"""CSV, OpenPose, OpenSim and COCO files, read back by what reads such files elsewhere, or by their definition."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.cli import convert_poses
from blazepose_tf.formats import motion, openpose, opensim, writing

FRAMES, GAP = 6, (2, 3)


def rows(path):
    with open(path, newline="", encoding="utf-8") as source:
        return list(csv.reader(source))


def test_the_verb_offers_every_format():
    assert set(convert_poses.FORMATS) == set(writing.FORMATS)


def test_tidy_table(written, truth):
    (path,) = written("csv", several=True)
    header, *body = rows(path)
    assert header == ["frame", "time_s", "person", "keypoint", "x", "y", "visibility"]
    assert len(body) == 33 * (2 * FRAMES - len(GAP))  # who is not seen has no rows
    row = next(r for r in body if r[0] == "4" and r[2] == "1" and r[3] == "left_knee")
    knee = topology.KEYPOINTS.index("left_knee")
    assert float(row[1]) == 0.16 and [float(v) for v in row[4:]] == [*truth[4, knee], 0.9]


def test_wide_table_has_every_frame(written, truth):
    (path,) = written("csv-wide", world=True)
    header, *body = rows(path)
    assert [r[0] for r in body] == ["0", "1", "2", "3", "4", "5"] and set(body[2][2:]) == {""}
    column = header.index("right_heel_world_z")
    assert float(body[5][column]) == pytest.approx(-0.03 * topology.KEYPOINTS.index("right_heel"))
    assert float(body[5][header.index("right_heel_x")]) == truth[5, topology.KEYPOINTS.index("right_heel"), 0]


def test_deeplabcut_table(written, truth):
    (path,) = written("deeplabcut", several=True)
    table = rows(path)
    assert [r[0] for r in table[:5]] == ["scorer", "individuals", "bodyparts", "coords", "0"]
    columns = list(zip(*(r[1:] for r in table[:4]), strict=True))
    at = columns.index(("blazepose_tf", "person1", "nose", "y")) + 1
    assert float(table[4][at]) == truth[0, 0, 1] and table[4 + GAP[0]][at] == ""
    (single,) = written("deeplabcut")
    assert [r[0] for r in rows(single)[:3]] == ["scorer", "bodyparts", "coords"]


def test_openpose_folder(written, truth):
    (folder,) = written("openpose", several=True)
    names = sorted(p.name for p in folder.iterdir())
    assert folder.name == "clip_json" and names[0] == "clip_000000000000_keypoints.json" and len(names) == FRAMES
    frames = [json.loads((folder / name).read_text("utf-8")) for name in names]
    assert [[p["person_id"] for p in f["people"]] for f in frames[1:3]] == [[[1], [2]], [[2]]]
    flat = np.array(frames[4]["people"][0]["pose_keypoints_2d"]).reshape(-1, 3)
    np.testing.assert_allclose(flat[:, :2], truth[4] - 0.5)  # by index
    with pytest.raises(FileExistsError, match="is there already"):
        written("openpose", several=True)


def test_points_that_other_skeletons_have_between_ours():
    names = topology.KEYPOINTS
    values = np.ones((33, 3))
    for name, place in {"left_shoulder": (10, 20, 0.9), "right_shoulder": (30, 40, 0.5)}.items():
        values[names.index(name)] = place
    values[names.index("left_hip")] = np.nan
    skeleton = openpose.SKELETONS["BODY_25"]
    found = openpose.in_skeleton(values, names, skeleton)
    assert found.shape == (25, 3)
    np.testing.assert_allclose(found[skeleton.index("neck")], (20, 30, 0.5))
    assert not found[skeleton.index("mid_hip")].any() and not found[skeleton.index("left_small_toe")].any()
    assert openpose.in_skeleton(values, names, openpose.SKELETONS["HALPE_26"]).shape == (26, 3)


def test_trc_by_its_definition(written, truth):
    (path,) = written("trc")
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("PathFileType\t4\t(X/Y/Z)")
    assert lines[2].split("\t") == ["25", "25", "6", "33", "px", "25", "1", "6"]
    assert lines[3].split("\t")[:2] == ["Frame#", "Time"] and lines[3].split("\t")[2::3][:33] == list(
        topology.KEYPOINTS
    )
    table = np.array([[float(v) for v in line.split("\t")] for line in lines[6:]])
    np.testing.assert_allclose(table[:, 1], 0.04 * np.arange(FRAMES))
    np.testing.assert_allclose(table[:, 2:].reshape(FRAMES, 33, 3)[..., :2], truth)


def test_metres_have_y_up(written, recording):
    moved = motion.motion(recording(world=True))
    assert moved.unit == "metres" and moved.points[0, 10] == pytest.approx((0.1, -0.2, 0.3))
    scaled = motion.motion(recording(), metres_per_pixel=0.01)
    assert scaled.points[0, 0] == pytest.approx((0.0, (480 - 100.5) / 100, 0.0))  # from the lower left corner
    with pytest.raises(ValueError, match="state metres_per_pixel"):
        motion.motion(recording(), space="metres")


def test_a_varying_clock_is_made_steady_only_where_no_times_are_stored(recording):
    moved = motion.motion(recording(times=[0.0, 40.0, 80.0, 120.0, 160.0, 240.0]))
    steady = moved.steady()
    np.testing.assert_allclose(steady.times, 0.04 * np.arange(7))
    np.testing.assert_allclose(steady.points[5:, 0, 0], [4.5, 5.0])  # between frames 4 and 5
    assert np.isnan(steady.points[2:4]).all() and np.isfinite(steady.points[[0, 1, 4]]).all()
    assert motion.motion(recording()).steady().times is not None


def test_mot_holds_angles(written):
    (path,) = written("mot")
    lines = path.read_text("utf-8").splitlines()
    end = lines.index("endheader")
    assert "inDegrees=yes" in lines and f"nRows={FRAMES}" in lines
    header = lines[end + 1].split("\t")
    assert header[0] == "time" and "knee_angle_l" in header and "elbow_flex_r" in header
    assert lines[end + 2].count("\t") == len(header) - 1 == int(lines[3].split("=")[1]) - 1
    assert opensim.coordinate("left_hip_flexion") == "left_hip_flexion"


def test_coco_list_is_what_pycocotools_loads(written, truth):
    coco = pytest.importorskip("pycocotools.coco")
    (path,) = written("coco17")
    entries = json.loads(path.read_text("utf-8"))
    assert [e["image_id"] for e in entries] == [0, 1, 4, 5]
    data = coco.COCO()
    data.dataset = {"info": {}, "images": [{"id": i} for i in range(FRAMES)], "annotations": [], "categories": []}
    data.dataset["categories"] = [{"id": 1, "name": "person"}]
    data.createIndex()
    loaded = data.loadRes(entries)
    (entry,) = loaded.loadAnns(loaded.getAnnIds(imgIds=[4]))
    nose = np.array(entry["keypoints"]).reshape(-1, 3)[0, :2]
    np.testing.assert_allclose(nose, truth[4, 0] - 0.5)


def test_what_cannot_be_written_is_said(written, recording, tmp_path):
    with pytest.raises(ValueError, match="times must rise"):
        written("trc", times=[0.0, 40.0, 40.0, 120.0, 160.0, 200.0])
    with pytest.raises(ValueError, match="skeleton must be one of"):
        written("openpose", writing.Options(skeleton="BODY_26"))
    with pytest.raises(ValueError, match="session_start"):
        written("nwb")
    assert not list(tmp_path.iterdir())  # nothing half-written


@pytest.mark.parametrize("name", ["csv", "csv-wide"])
def test_tables_have_error_bars_where_the_model_does(name, written):
    (path,) = written(name, error=[None if k == 3 else 0.5 * k for k in range(33)])
    header, *body = rows(path)
    knee = topology.KEYPOINTS.index("left_knee")
    if name == "csv":
        assert header == ["frame", "time_s", "person", "keypoint", "x", "y", "visibility", "error"]
        found = {row[3]: row[-1] for row in body if row[0] == "4"}
    else:
        row = next(row for row in body if row[0] == "4")
        found = {key.removesuffix("_error"): row[i] for i, key in enumerate(header) if key.endswith("_error")}
    assert len(found) == 33 and float(found["left_knee"]) == 0.5 * knee
    assert found[topology.KEYPOINTS[3]] in ("", "nan")  # no support: unknown
