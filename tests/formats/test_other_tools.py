"""Files and results as tools that people use read them (each skipped where it is absent; none is a dependency).

    pip install --no-deps --target=TOOLS sleap-io supervision rerun-sdk Pose2Sim sports2d opensim movement rtmlib \
        lazy_loader pyDeprecate pyarrow loguru rtoml xarray attrs cattrs simplejson anytree lxml \
        statsmodels patsy filterpy shapely
    PYTHONPATH=TOOLS pytest tests/formats -m "slow or not slow"
"""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.formats import writing

pytestmark = pytest.mark.slow  # these libraries take seconds to import


def _import(name):
    """The module; a tool whose own requirements are absent is absent."""
    return pytest.importorskip(name, exc_type=ImportError)


def test_openpose_by_pose2sim(written, recording, truth, tmp_path):
    triangulation = _import("Pose2Sim.triangulation")
    skeletons = _import("Pose2Sim.skeletons")
    (folder,) = written("openpose", several=True)
    files = sorted(folder.iterdir())
    ids = [node.id for node in skeletons.BLAZEPOSE.descendants if node.id is not None]
    names = {node.id: node.name for node in skeletons.BLAZEPOSE.descendants if node.id is not None}
    assert (
        topology.KEYPOINTS[26] == "right_knee" and names[26] == "RKnee" and topology.KEYPOINTS[31] == "left_foot_index"
    )
    x, y, likelihood = triangulation.extract_files_frame_f([str(files[4])], ids)
    assert x.shape == (2, 1, len(ids))  # people, cameras, points
    np.testing.assert_allclose(np.stack([x[0, 0], y[0, 0]], axis=-1), truth[4, ids] - 0.5)
    np.testing.assert_allclose(likelihood, 0.9)
    options = writing.Options(skeleton="HALPE_26")
    (tmp_path / "halpe").mkdir()
    (folder,) = writing.convert(recording(), "openpose", tmp_path / "halpe", stem="clip", options=options)
    halpe = skeletons.HALPE_26
    by_name = {node.name: node.id for node in [halpe, *halpe.descendants] if node.id is not None}
    x, y, likelihood = triangulation.extract_files_frame_f([str(sorted(folder.iterdir())[4])], list(by_name.values()))
    at = dict(zip(by_name, range(len(by_name)), strict=True))
    for theirs, ours in (("RKnee", "right_knee"), ("LWrist", "left_wrist"), ("LBigToe", "left_foot_index")):
        found = (x[0, 0, at[theirs]], y[0, 0, at[theirs]])
        np.testing.assert_allclose(found, truth[4, topology.KEYPOINTS.index(ours)] - 0.5)


def test_trc_by_pose2sim_and_sports2d(written, truth):
    common = _import("Pose2Sim.common")
    (path,) = written("trc")
    points, frames, times, markers, _ = common.read_trc(path)
    assert markers == list(topology.KEYPOINTS) and frames.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(times, 0.04 * np.arange(6))
    np.testing.assert_allclose(points.to_numpy().reshape(6, 33, 3)[..., :2], truth)
    process = _import("Sports2D.process")
    keypoints, _ = process.load_pose_file(points)
    np.testing.assert_allclose(keypoints[:, 0], truth)


def test_arrays_in_sleap_io(recording, truth, tmp_path):
    """Its readers take DeepLabCut's tables of labelled pictures and its own NWB only; arrays it takes as they are."""
    sleap_io = _import("sleap_io")
    film = recording(several=True)
    tracks = np.stack([film.landmarks(person) for person in film.ids], axis=1)
    skeleton = sleap_io.Skeleton(list(film.names), edges=list(topology.edges(film.names)))
    labels = sleap_io.Labels.from_numpy(tracks, videos=[sleap_io.Video("clip.mp4")], skeletons=[skeleton])
    labels.save(str(tmp_path / "clip.slp"))
    again = sleap_io.load_slp(str(tmp_path / "clip.slp")).numpy()
    np.testing.assert_allclose(again[:, 0], truth)


def test_results_in_supervision(recording, truth):
    supervision = _import("supervision")
    result = recording()[4]
    keypoints = supervision.KeyPoints(
        xy=np.stack([pose.landmarks for pose in result.people]),
        **{_confidence_field(supervision): np.stack([pose.visibility for pose in result.people])},
    )
    np.testing.assert_allclose(keypoints.xy[0], truth[4])
    edges = [(a + 1, b + 1) for a, b in topology.edges(result.names)]  # they count from 1
    picture = np.zeros((480, 640, 3), np.uint8)
    drawn = supervision.EdgeAnnotator(edges=edges).annotate(picture.copy(), keypoints)
    assert drawn.shape == picture.shape and drawn.any()


def _confidence_field(supervision) -> str:
    fields = supervision.KeyPoints.__dataclass_fields__
    return "keypoint_confidence" if "keypoint_confidence" in fields else "confidence"


def test_results_in_rerun(recording, tmp_path):
    rerun = _import("rerun")
    result, path = recording()[4], tmp_path / "poses.rrd"
    stream = rerun.RecordingStream("blazepose")
    stream.save(path)
    info = rerun.ClassDescription(
        info=rerun.AnnotationInfo(id=0, label="person"),
        keypoint_annotations=[rerun.AnnotationInfo(id=i, label=name) for i, name in enumerate(result.names)],
        keypoint_connections=list(topology.edges(result.names)),
    )
    stream.log("film", rerun.AnnotationContext([info]), static=True)
    stream.set_time("film", duration=result.timestamp_ms / 1000.0)
    for pose in result.people:
        stream.log(f"film/{pose.id}", rerun.Points2D(pose.landmarks, class_ids=0, keypoint_ids=np.arange(33)))
    stream.flush()
    assert path.stat().st_size > 1000
