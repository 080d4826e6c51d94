"""Depth, metric points and masks of a scripted tracker, through pipeline, streams, JSON and `predict`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import specs, synthetic, topology
from blazepose_tf.converters import attributes
from blazepose_tf.geometry import roi
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime import metadata, view3d
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.mask import Mask, cut_out
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.poses import PoseResult
from blazepose_tf.runtime.stature import height_of, with_height
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.weights import model_file

SPEC = specs.TrackerSpec(depth=True)


def standing(height: float) -> np.ndarray:
    """(33, 3) metres of somebody upright of a height; y is down."""
    points = np.zeros((33, 3), np.float32)
    for name, up in (("shoulder", 0.288), ("hip", 0.0), ("knee", -0.245), ("ankle", -0.491)):
        for side, x in (("left", 0.1), ("right", -0.1)):
            points[topology.KEYPOINTS.index(f"{side}_{name}")] = (x * height, -up * height, 0.0)
    return points


@pytest.fixture(scope="module")
def files(onnx_model, scripted):
    """Detector and a tracker that sees the left half of its region as the person, 10 px in front of the hips."""
    landmarks = np.full((1, 33, 4), 128.0)
    landmarks[..., 2] = -10.0
    logits = np.full((1, 128, 128, 1), -20.0)
    logits[:, :, :64] = 20.0
    tracker = onnx_model(
        "deep.onnx",
        256,
        {
            specs.LANDMARKS: ((1, 33, 4), landmarks, 0),
            specs.POSE_PRESENCE: ((1, 1), -6.0, 20.0),
            specs.ALIGNMENT: ((1, 2, 2), [[128.0, 128.0], [128.0, 25.6]], 0),
            specs.WORLD_LANDMARKS: ((1, 33, 3), standing(1.5)[None], 0),
            specs.SEGMENTATION: ((1, 128, 128, 1), logits, 0),
        },
        metadata.metadata_of(SPEC, model="scripted"),
    )
    return scripted[0], tracker


def test_mask_covers_what_the_region_shows(files):
    tracker = Tracker(files[1], mask=True)
    image = np.full((200, 300, 3), 255, np.uint8)
    # A region of 100 px about (150, 100), turned by a quarter to the right: its left half is above the middle.
    track = tracker(image, np.array([150.0, 100.0, 100.0, np.pi / 2], np.float32))
    mask = track.mask.over((300, 200))
    assert mask.shape == (200, 300) and mask.dtype == np.float32
    want = np.zeros((200, 300))
    want[50:100, 100:200] = 1.0
    assert np.abs(mask - want).mean() < 0.005
    np.testing.assert_allclose(track.z, -10.0 * 100 / 256, rtol=1e-5)
    # The head of the standing body points to the right of the picture.
    assert track.world[topology.KEYPOINTS.index("left_shoulder"), 0] > 0.4


def test_who_does_not_ask_for_a_mask_gets_none(files, scripted):
    image = np.full((200, 300, 3), 255, np.uint8)
    region = np.array([150.0, 100.0, 100.0, 0.0], np.float32)
    assert Tracker(files[1])(image, region).mask is None
    with pytest.raises(ValueError, match="gives no mask"):
        Tracker(scripted[1], mask=True)


def test_the_shipped_tracker_knows_depth_metres_and_the_mask(tmp_path):
    """Rendered people of a series that no training draws from."""
    synthetic.write_dataset(tmp_path, 16, 5_000_000, persons=1)
    document = json.loads((tmp_path / "train.json").read_text())
    names = {image["id"]: image["file_name"] for image in document["images"]}
    tracker = Tracker(model_file("lite_3d"), mask=True)
    metres, shares = [], []
    for person in document["annotations"]:
        picture = read_picture(tmp_path / "images" / Path(names[person["image_id"]]).name)
        circle = np.array([person["center"], person["scale_point"]], np.float32)
        track = tracker(picture, roi.from_alignment(circle, tracker.spec.roi_scale))
        metres.append(np.linalg.norm(track.world - np.array(person["world"]).reshape(-1, 3), axis=1).mean())
        shown, truth = track.mask.over(picture.shape[1::-1]) > 0.5, attributes.decode(person["segmentation"]) > 0
        shares.append((shown & truth).sum() / (shown | truth).sum())
    assert np.mean(metres) < 0.3 and np.mean(shares) > 0.75


def test_depth_and_mask_are_there_for_who_asks(blazepose, tmp_path, capsys):
    """No tracker is named: the one that knows them is taken."""
    picture = Path(__file__).resolve().parents[2] / "testdata" / "people" / "images" / "people_000001.jpg"
    assert blazepose("predict", f"--input={picture}", f"--output={tmp_path}", "--mask", "--view", "--height=1.7") == 0
    document = json.loads((tmp_path / "people_000001_pose.json").read_text())
    assert document["models"]["tracker"] == "lite_3d.tflite"
    assert document["frames"][0]["world"] and document["frames"][0]["z"]
    cut = cv2.imread(str(tmp_path / "people_000001_pose_mask.png"), cv2.IMREAD_UNCHANGED)
    assert cut.shape[2] == 4 and 0.02 < (cut[..., 3] > 127).mean() < 0.9
    assert (tmp_path / "people_000001_pose.html").is_file()
    assert "1 with a person" in capsys.readouterr().out


def test_mask_keeps_its_place_under_a_mirror():
    logits = np.full((1, 4, 4, 1), -20.0)
    logits[:, :, 0] = 20.0
    mirrored = np.array([[-2.0, 0.0, 8.0], [0.0, 2.0, 0.0]])  # 4 px crop of an 8 px picture, from its right edge
    mask = Mask.of_logits(logits, mirrored, 4).over((8, 8))
    assert mask[:, 7].min() > 0.5 > mask[:, 4].max()


def test_streams_carry_all_of_it(files):
    stream = PosePipeline(Detector(files[0]), Tracker(files[1], mask=True)).stream()
    image = np.full((128, 128, 3), 255, np.uint8)
    for i in range(3):
        result = stream(image, 33.0 * i)
    assert result.found and result.z.shape == (33,) and result.world.shape == (33, 3)
    assert result.mask.shape == (128, 128) and 0.1 < result.mask.mean() < 0.9
    again = PoseResult.from_json(result.to_json())
    np.testing.assert_allclose(again.world, result.world, atol=1e-4)
    np.testing.assert_allclose(again.z, result.z, atol=0.01)


def test_known_height_sets_the_scale():
    assert height_of(standing(1.5)) == pytest.approx(1.5, rel=1e-5)
    with pytest.raises(ValueError, match="left_shoulder"):
        height_of(np.zeros((2, 3)), ("nose", "left_hip"))


def test_scaled_result(files):
    pipeline = PosePipeline(Detector(files[0]), Tracker(files[1]))
    result = pipeline(np.full((128, 128, 3), 255, np.uint8))
    assert with_height(result, None) is result
    np.testing.assert_allclose(with_height(result, 1.8).world, result.world * 1.2, rtol=1e-4)
    np.testing.assert_array_equal(with_height(result, 1.8).landmarks, result.landmarks)
    with pytest.raises(ValueError, match="in metres"):
        with_height(result, 180.0)


def test_cut_out_needs_a_mask_of_the_picture():
    image = np.full((4, 6, 3), 7, np.uint8)
    cut = cut_out(image, np.full((4, 6), 0.5, np.float32))
    assert cut.shape == (4, 6, 4) and (cut[..., :3] == 7).all() and (cut[..., 3] == 128).all()
    with pytest.raises(ValueError, match="size of the picture"):
        cut_out(image, np.zeros((6, 4)))


def test_predict_writes_masks_and_a_page(files, blazepose, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((128, 128, 3), 255, np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (128, 128))
        for _ in range(4):
            writer.write(np.full((128, 128, 3), 255, np.uint8))
        writer.release()
        flags = [f"--detector={files[0]}", f"--tracker={files[1]}", "--mask", "--view", "--height=1.8", "--output=out"]
        assert blazepose("predict", "--input=photo.png", "--input=clip.avi", *flags) == 0, capsys.readouterr().err
    out = tmp_path / "out"
    cut = cv2.imread(str(out / "photo_pose_mask.png"), cv2.IMREAD_UNCHANGED)
    assert cut.shape == (128, 128, 4) and (cut[..., 3] > 200).any() and (cut[..., 3] < 50).any()
    document = json.loads((out / "photo_pose.json").read_text())
    assert height_of(np.array(document["frames"][0]["world"])) == pytest.approx(1.8, abs=0.01)
    film = cv2.VideoCapture(str(out / "clip_pose_mask.mp4"))
    ok, frame = film.read()
    assert ok and frame.max() > 200 and frame.min() < 50
    page = (out / "clip_pose.html").read_text()
    shown = json.loads(page.split('id="poses">')[1].split("</script>")[0])
    assert len(shown["frames"]) == 4 and len(shown["frames"][0]["people"][0]) == 33
    assert "http://" not in page and "https://" not in page


def test_page_needs_world_landmarks():
    frame = {"timestamp_ms": None, "source": "detected"}
    document = {"keypoints": ["a</script>"], "edges": [], "frames": [frame]}
    assert view3d.page(json.dumps(document)) is None
    document["frames"].append({**frame, "timestamp_ms": 40.0, "world": [[0, 0, 0]]})
    page = view3d.page(json.dumps(document))
    assert page.count("</script>") == 2 and [len(f["people"]) for f in json.loads(
        page.split('id="poses">')[1].split("</script>")[0])["frames"]] == [0, 1]  # fmt: skip
