"""Every preset the whole way: built, trained by a step that reaches each weight, saved, reloaded, exported, run."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.export import exporting
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.models import Description, build_detector, build_tracker, load_model, save_model
from blazepose_tf.models.presets import DETECTORS, TRACKERS
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import TrackerSpec

QUICK = ("tiny", "lite", "blazeface")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in (*TRACKERS, *DETECTORS)],
)
def test_preset_goes_the_whole_way(name, tmp_path, fill, unreached, testdata_dir):
    model = build_detector(variant=name) if name in DETECTORS else build_tracker(variant=name)
    fill(model)
    size = model.inputs[0].shape[1]
    batch = np.random.default_rng(0).uniform(size=(2, size, size, 3)).astype(np.float32)
    assert unreached(model, batch) == set()
    before = [weight.numpy() for weight in model.trainable_variables]
    targets = {key: np.zeros(value.shape, np.float32) for key, value in model(batch, training=False).items()}
    model.compile(keras.optimizers.SGD(1e-3, clipnorm=1.0), loss=dict.fromkeys(targets, "mse"))
    loss = model.train_on_batch(batch, targets)
    assert np.all(np.isfinite(loss))
    moved = [np.any(w.numpy() != old) for w, old in zip(model.trainable_variables, before, strict=True)]
    assert np.mean(moved) > 0.9  # a step may be smaller than a weight's last digit

    spec = DETECTORS[name].spec if name in DETECTORS else TrackerSpec()
    save_model(model, tmp_path / "model.keras", Description(name, spec))
    again, description = load_model(tmp_path / "model.keras")
    assert description.variant == name and description.spec == spec
    expected, found = (m(batch, training=False) for m in (model, again))
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-4 * float(np.abs(value).max()))

    path = tmp_path / f"{name}.tflite"
    exporting.export(again, description, path, exporting.Options(crops=1), progress=lambda _: None)
    picture = read_picture(sorted((testdata_dir / "people" / "images").glob("*.jpg"))[0])
    if name in DETECTORS:
        found = Detector(path, threshold=0.01)(picture)
        assert all(np.isfinite(detection.keypoints).all() for detection in found)
    else:
        track = Tracker(path)(picture, np.array([160, 120, 200, 0.1], np.float32))
        assert track.points.shape == (33, 2) and np.isfinite(track.points).all()
