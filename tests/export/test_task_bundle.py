"""Bundles for MediaPipe Tasks: their graph's demands, our models fitted to them, and MediaPipe itself where it is."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from blazepose_tf.codecs import anchors as anchors_lib
from blazepose_tf.export import task_bundle
from blazepose_tf.models import Description, build_detector, build_tracker
from blazepose_tf.specs import DETECTOR_2021, DetectorSpec, TrackerSpec
from blazepose_tf.tflite import devices, packing
from blazepose_tf.tflite.delegates import delegate_partitions

OUTPUT_SHAPES = [(1, 195), (1, 1), (1, 256, 256, 1), (1, 64, 64, 39), (1, 117)]


def randomise(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            fan_in = np.prod(layer.kernel.shape[:-1])
            layer.kernel.assign(rng.normal(0, 1 / np.sqrt(fan_in), layer.kernel.shape))
    return model


@pytest.fixture(scope="module")
def tracker():
    return randomise(build_tracker(TrackerSpec(), variant="tiny")), Description("tiny", TrackerSpec())


PROXIES = {1: ("face",), 2: ("face", "torso")}


def detector_of(anchors: int, size: int = 192):
    spec = DetectorSpec(size, anchors_per_cell=(anchors,), proxies=PROXIES[anchors])
    return randomise(build_detector(spec)), Description("blazeface", spec)


@pytest.fixture(scope="module")
def detector():
    return detector_of(2, 224)


@pytest.fixture(scope="module")
def bundle(tracker, detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "own.task"
    task_bundle.write(path, tracker, detector)
    return path


def test_members_are_stored_aligned_and_in_the_tasks_order(bundle):
    from ai_edge_litert.interpreter import Interpreter

    content = bundle.read_bytes()
    shapes = {}
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            start = content.index(archive.read(info)[:64])
            assert start % 64 == 0
            interpreter = Interpreter(model_content=archive.read(info))
            shapes[info.filename] = [tuple(d["shape"]) for d in interpreter.get_output_details()]
    assert shapes == {
        "pose_detector.tflite": [(1, 2254, 12), (1, 2254, 1)],
        "pose_landmarks_detector.tflite": OUTPUT_SHAPES,
    }


def test_a_phones_gpu_and_xnnpack_take_both_members_whole(bundle):
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            (support,) = devices.support_lists(devices.GPU)
            assert devices.judge(packing.unpack(archive.read(name)), support).whole
            assert delegate_partitions(archive.read(name)).fully_delegated, name


def test_metadata_says_how_pixels_become_inputs(bundle):
    """The detector's -1..1 is (pixel - 127.5) / 127.5, the tracker's 0..1 is (pixel - 0) / 255."""
    import struct

    with zipfile.ZipFile(bundle) as archive:
        for name, mean, std in (
            ("pose_detector.tflite", 127.5, 127.5),
            ("pose_landmarks_detector.tflite", 0.0, 255.0),
        ):
            content = archive.read(name)
            at = content.index(b"M001") - 4
            document = content[at : at + 1024]
            assert struct.pack("<if", 1, std) in document
            assert struct.pack("<if", 1, mean) in document


def test_fitted_tracker_says_the_same(tracker):
    model, _ = tracker
    fitted, _ = task_bundle.task_tracker(*tracker)
    image = np.random.default_rng(1).uniform(size=(1, 256, 256, 3)).astype(np.float32)
    own, task = model(image, training=False), fitted(image, training=False)
    own, task = ({k: keras.ops.convert_to_numpy(v) for k, v in d.items()} for d in (own, task))
    points = task["landmarks"].reshape(39, 5)
    np.testing.assert_allclose(points[:33, :2], own["landmarks"][0, :, :2], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(points[:33, 3], own["landmarks"][0, :, 2], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(points[33:35, :2], own["alignment"][0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(points[36, :2], points[15, :2])  # left wrist
    np.testing.assert_allclose(task["pose_presence"], 1 / (1 + np.exp(-own["pose_presence"])), rtol=1e-5)
    world = task["world_landmarks"].reshape(39, 3)
    np.testing.assert_allclose(np.linalg.norm(world[34, :2] - world[33, :2]), 1.0, rtol=1e-3)
    assert task["segmentation"].shape == (1, 256, 256, 1)


def test_depth_metres_and_mask_are_the_models_own():
    spec = TrackerSpec(depth=True)
    model = randomise(build_tracker(spec, variant="tiny", world=True, segmentation=True))
    fitted, _ = task_bundle.task_tracker(model, Description("tiny", spec))
    image = np.random.default_rng(1).uniform(size=(1, 256, 256, 3)).astype(np.float32)
    own, task = model(image, training=False), fitted(image, training=False)
    own, task = ({k: keras.ops.convert_to_numpy(v) for k, v in d.items()} for d in (own, task))
    assert [task[name].shape for name in ("landmarks", "segmentation", "world_landmarks")] == [
        (1, 195), (1, 256, 256, 1), (1, 117),
    ]  # fmt: skip
    depth = task["landmarks"].reshape(39, 5)[:33, 2]
    np.testing.assert_allclose(depth, own["landmarks"][0, :, 2], rtol=1e-4, atol=1e-3)
    world = task["world_landmarks"].reshape(39, 3)
    np.testing.assert_allclose(world[:33], own["world_landmarks"][0], rtol=1e-4, atol=1e-5)
    assert not world[33:35].any()
    np.testing.assert_allclose(world[35], own["world_landmarks"][0, 19], rtol=1e-4, atol=1e-5)  # left index
    # Twice as large: the mean of four cells is near the cell that they came from.
    small = task["segmentation"].reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), own["segmentation"].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("anchors", [1, 2])
def test_fitted_detector_says_the_same_on_the_tasks_anchors(anchors):
    """At 224 px our cells are those of MediaPipe's first level, whose detections begin at 0.5: its anchors 0, 2, 4, ...
    where ours have one, and all of them where they have two."""
    model, description = detector_of(anchors)
    fitted, fitted_description = task_bundle.task_detector(model, description.with_score_threshold(0.3))
    assert fitted_description.spec == DETECTOR_2021
    own_spec = dataclasses.replace(description.spec, input_size=224)
    own = build_detector(own_spec)
    for target, source in zip(own.weights, model.weights, strict=True):
        target.assign(source)
    image = np.random.default_rng(2).uniform(size=(1, 224, 224, 3)).astype(np.float32)
    expected = {k: keras.ops.convert_to_numpy(v) for k, v in own(image, training=False).items()}
    found = {k: keras.ops.convert_to_numpy(v) for k, v in fitted(2 * image - 1, training=False).items()}
    cells = np.arange(0, 2 * 784, 2 // anchors)
    begin = np.log(0.3 / 0.7)
    np.testing.assert_allclose(found["logits"][:, cells], expected["logits"] - begin, rtol=1e-3, atol=1e-3)
    others = np.setdiff1d(np.arange(DETECTOR_2021.num_anchors), cells)
    assert found["logits"][:, others].max() < -10
    # The head's unit is a quarter of the input it was trained at: 192 px.
    np.testing.assert_allclose(
        found["regressors"][:, cells, :8], expected["regressors"] * 192 / 224, rtol=1e-3, atol=1e-2
    )
    theirs, ours = anchors_lib.grid_anchors(DETECTOR_2021), anchors_lib.grid_anchors(own_spec)
    np.testing.assert_allclose(theirs[cells], ours)


def test_a_detector_of_the_tasks_kind_keeps_all_but_its_threshold():
    model = randomise(build_detector(DETECTOR_2021, variant="det_2021"))
    description = Description("det_2021", DETECTOR_2021)
    image = np.random.default_rng(3).uniform(-1, 1, size=(1, 224, 224, 3)).astype(np.float32)
    expected = {k: keras.ops.convert_to_numpy(v) for k, v in model(image, training=False).items()}
    for threshold, shift in ((0.5, 0.0), (0.3, np.log(0.7 / 0.3))):
        fitted, _ = task_bundle.task_detector(model, description.with_score_threshold(threshold))
        found = {k: keras.ops.convert_to_numpy(v) for k, v in fitted(image, training=False).items()}
        np.testing.assert_allclose(found["logits"], expected["logits"] + shift, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found["regressors"], expected["regressors"], rtol=1e-4, atol=1e-4)


def test_what_the_graph_demands_is_said(tracker, detector, tmp_path):
    wide = Description("tiny", TrackerSpec(roi_scale=1.5))
    with pytest.raises(ValueError, match=r"1\.25 times the body circle"):
        task_bundle.write(tmp_path / "x.task", (tracker[0], wide), detector)
    with pytest.raises(ValueError, match="needs a detector"):
        task_bundle.write(tmp_path / "x.task", tracker, tracker)
    with pytest.raises(ValueError, match="one or two anchors per cell at stride 8"):
        task_bundle.task_detector(detector[0], Description("det_2020", DetectorSpec(128, (8, 16), (2, 6))))
    with pytest.raises(ValueError, match="precision must be"):
        task_bundle.write(tmp_path / "x.task", tracker, detector, precision="int8")
    assert not list(tmp_path.iterdir())


SCRIPT = """
import sys, cv2, numpy as np, mediapipe as mp
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
image = cv2.cvtColor(cv2.imread(sys.argv[2]), cv2.COLOR_BGR2RGB)
options = vision.PoseLandmarkerOptions(base_options=tasks.BaseOptions(model_asset_path=sys.argv[1]))
with vision.PoseLandmarker.create_from_options(options) as landmarker:
    found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)))
for point in found.pose_landmarks[0]:
    print(point.x * image.shape[1], point.y * image.shape[0])
"""


def landmarks_of_mediapipe(bundle: Path, picture: Path) -> np.ndarray:
    """(33, 2) pixels from PoseLandmarker; skips where there is none."""
    # MediaPipe wants other versions of its dependencies than TensorFlow: it may live in an environment of its own.
    python = os.environ.get("MEDIAPIPE_PYTHON") or (sys.executable if importlib.util.find_spec("mediapipe") else None)
    if python is None:
        pytest.skip("needs mediapipe: pip install mediapipe, or MEDIAPIPE_PYTHON=the python of an environment with it")
    command = [python, "-c", SCRIPT, str(bundle), str(picture)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return np.array([line.split() for line in result.stdout.splitlines()], float)


def test_mediapipe_runs_our_own_models(testdata_dir, tmp_path):
    import cv2

    from blazepose_tf.export import sources
    from blazepose_tf.runtime.pipeline import PosePipeline

    path, picture = tmp_path / "own.task", testdata_dir / "people" / "images" / "people_000001.jpg"
    task_bundle.write(path, sources.open_source("lite"), sources.open_source("blazeface"))
    theirs = landmarks_of_mediapipe(path, picture)
    image = cv2.imread(str(picture))[..., ::-1]
    ours = PosePipeline("blazeface", "lite")(np.ascontiguousarray(image))
    assert np.median(np.linalg.norm(theirs - ours.landmarks, axis=1)) < 8.0


def test_mediapipe_runs_reexported_official_models(shared_dir, tmp_path):
    """Its landmarks are those of our own pipeline with the same files, within a few pixels of a 480 px frame."""
    import cv2

    from blazepose_tf.export import sources
    from blazepose_tf.runtime.pipeline import PosePipeline

    files = [shared_dir / "peers" / f"{n}.tflite" for n in ("pose_landmark_full_2021", "pose_detection_2021")]
    path = tmp_path / "official.task"
    task_bundle.write(path, *(sources.open_source(f) for f in files))
    capture = cv2.VideoCapture(str(shared_dir / "data" / "videos" / "yoga_warrior2.mp4"))
    frame = [capture.read()[1] for _ in range(121)][-1]
    cv2.imwrite(str(tmp_path / "frame.png"), frame)
    theirs = landmarks_of_mediapipe(path, tmp_path / "frame.png")
    ours = PosePipeline(files[1], files[0])(np.ascontiguousarray(frame[..., ::-1]))
    assert np.median(np.linalg.norm(theirs - ours.landmarks, axis=1)) < 5.0
