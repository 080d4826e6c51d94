"""C3D, NWB, OpenSim and DeepLabCut files read back by the libraries they are for (skipped where one is absent)."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.formats import writing

START = datetime.datetime(2026, 5, 1, 9, 30, tzinfo=datetime.timezone.utc)


def test_c3d_by_ezc3d(written, truth):
    ezc3d = pytest.importorskip("ezc3d")
    (path,) = written("c3d")
    file = ezc3d.c3d(str(path))
    point = file["parameters"]["POINT"]
    assert point["LABELS"]["value"] == list(topology.KEYPOINTS) and point["UNITS"]["value"] == ["px"]
    assert point["RATE"]["value"] == [25.0] and file["header"]["points"]["frame_rate"] == 25.0
    points = file["data"]["points"]
    assert points.shape == (4, 33, 6)
    np.testing.assert_allclose(points[:2].transpose(2, 1, 0), truth, rtol=1e-6)  # nan in the gap


def test_c3d_of_each_person(written):
    pytest.importorskip("ezc3d")
    assert [p.name for p in written("c3d", several=True)] == ["clip_person1.c3d", "clip_person2.c3d"]


def test_nwb_by_pynwb(written, truth):
    pynwb = pytest.importorskip("pynwb")
    pytest.importorskip("ndx_pose")
    (path,) = written("nwb", writing.Options(session_start=START), several=True)
    with pynwb.NWBHDF5IO(str(path), "r") as source:
        behavior = source.read().processing["behavior"]
        estimation = behavior["PoseEstimation_person1"]
        assert list(estimation.skeleton.nodes[:]) == list(topology.KEYPOINTS)
        series = estimation["left_knee"]
        knee = topology.KEYPOINTS.index("left_knee")
        np.testing.assert_allclose(series.data[:], truth[:, knee])
        np.testing.assert_allclose(series.timestamps[:], 0.04 * np.arange(6))
        assert series.unit == "pixels" and series.confidence[0] == pytest.approx(0.9)


def test_nwb_and_deeplabcut_by_movement(written, truth):
    load = pytest.importorskip("movement.io.load_poses")
    (table,) = written("deeplabcut", several=True)
    poses = load.from_dlc_file(table, fps=25)
    found = poses.position.sel(individuals="person1").transpose("time", "keypoints", "space").values
    np.testing.assert_allclose(found, truth)


def test_trc_and_mot_by_opensim(written, truth):
    opensim = pytest.importorskip("opensim")
    opensim.Logger.setLevelString("Off")
    (trc,) = written("trc")
    markers = opensim.TimeSeriesTableVec3(str(trc))
    assert list(markers.getColumnLabels()) == list(topology.KEYPOINTS) and markers.getNumRows() == 6
    row = markers.getRowAtIndex(4)
    assert [row[7].get(0), row[7].get(1)] == pytest.approx(truth[4, 7])
    assert np.isnan(markers.getRowAtIndex(2)[32].get(0))
    assert opensim.MarkerData(str(trc)).getNumMarkers() == 33
    (mot,) = written("mot")
    angles = opensim.TimeSeriesTable(str(mot))
    assert "knee_angle_r" in list(angles.getColumnLabels()) and angles.getNumRows() == 6
    assert angles.getTableMetaDataString("inDegrees") == "yes"
