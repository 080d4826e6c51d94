"""Files with weights: round trips, damage, transfer by name, shipped files."""

from __future__ import annotations

import hashlib
import zipfile

import keras
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.models import (
    Description,
    build_detector,
    build_tracker,
    load_detector,
    load_model,
    load_tracker,
    load_weights,
    save_model,
    save_weights,
    transfer,
    without_training_heads,
)
from blazepose_tf.models.saving import infer_description
from blazepose_tf.models.weights import load_described
from blazepose_tf.runtime import weights as shipped
from blazepose_tf.specs import INSIDE_FRAME, OFFSETS, DetectorSpec, TrackerSpec

SPEC = TrackerSpec(128, topology.COCO_17, visibility=INSIDE_FRAME, roi_scale=1.5)


def build(spec=SPEC, **options):
    return build_tracker(spec, variant="tiny", **options)


def values(model):
    return {w.path: w.numpy() for w in model.weights}


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture
def weight_path(model, tmp_path):
    save_weights(model, tmp_path / "tiny.npz", half=True, description=Description("tiny", SPEC))
    return tmp_path / "tiny.npz"


def test_keras_file_carries_the_spec_and_stays_plain(model, tmp_path):
    path = tmp_path / "m.keras"
    save_model(model, path, Description("tiny", SPEC))
    loaded, description = load_model(path)
    assert description == Description("tiny", SPEC)
    assert description.kind == "tracker"
    for other in (loaded, keras.models.load_model(path)):
        for name, value in values(other).items():
            np.testing.assert_array_equal(value, values(model)[name])
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize(
    ("built", "description"),
    [
        (lambda: build(TrackerSpec(128)), Description("tiny", TrackerSpec(128))),
        (lambda: build(TrackerSpec(128, depth=True)), Description("tiny", TrackerSpec(128, depth=True))),
        (
            lambda: build(TrackerSpec(128, topology.COCO_17), regression=False),
            Description("tiny", TrackerSpec(128, topology.COCO_17)),
        ),
        (
            lambda: build(TrackerSpec(128, mediapipe_head=True)),
            Description("tiny", TrackerSpec(128, mediapipe_head=True)),
        ),
        (lambda: build_detector(DetectorSpec(160)), Description("blazeface", DetectorSpec(160))),
    ],
)
def test_description_of_a_file_saved_by_keras_alone(built, description):
    assert infer_description(built()) == description


def test_foreign_and_damaged_keras_files(model, tmp_path):
    foreign = tmp_path / "foreign.keras"
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Dense(2)(x)).save(foreign)
    with pytest.raises(ValueError, match="not a tracker or detector"):
        load_model(foreign)
    save_model(model, tmp_path / "m.keras", Description("tiny", SPEC))
    content = (tmp_path / "m.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a Keras model"):
        load_model(tmp_path / "half.keras")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ValueError, match=r"config\.json"):
        load_model(tmp_path / "other.keras")
    with pytest.raises(FileNotFoundError, match=r"absent\.keras"):
        load_model(tmp_path / "absent.keras")


def test_half_precision_weight_file(model, weight_path):
    loaded, description = load_described(weight_path)
    assert description == Description("tiny", SPEC)
    for name, value in values(model).items():
        # Half of the distance between neighbouring float16 numbers, relative to the value.
        np.testing.assert_allclose(values(loaded)[name], value, rtol=2**-11 if value.ndim > 1 else 0, atol=1e-7)
    kernels = sum(v.size for v in values(model).values() if v.ndim > 1)
    assert weight_path.stat().st_size < 2.2 * kernels + 60_000


def test_described_weights_rebuild_every_kind_of_model(tmp_path):
    cases = [
        (build(training_heads=False, segmentation=True), Description("tiny", SPEC)),
        (build(regression=False), Description("tiny", SPEC)),
        (without_training_heads(build(), (OFFSETS,)), Description("tiny", SPEC)),
        (build_detector(DetectorSpec(128)), Description("blazeface", DetectorSpec(128))),
    ]
    for saved, description in cases:
        save_weights(saved, tmp_path / "w.npz", description=description)
        loaded, _ = load_described(tmp_path / "w.npz")
        assert set(loaded.output) == set(saved.output)
        assert values(loaded).keys() == values(saved).keys()


def test_kernels_too_large_for_float16_are_refused(tmp_path):
    broken = build()
    kernel = broken.get_layer("f2_0_conv").kernel
    kernel.assign(np.full(kernel.shape, 1e5))
    with pytest.raises(ValueError, match="f2_0_conv/kernel"), np.errstate(over="ignore"):
        save_weights(broken, tmp_path / "w.npz", half=True)
    assert not list(tmp_path.iterdir())


def test_loading_is_strict(weight_path, tmp_path):
    with pytest.raises(ValueError, match="of another shape"):
        load_weights(build(TrackerSpec(128)), weight_path)
    with pytest.raises(ValueError, match="unknown"):
        load_weights(build(regression=False), weight_path)
    weight_path.write_bytes(weight_path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="damaged"):
        load_weights(build(), weight_path)
    with pytest.raises(FileNotFoundError):
        load_weights(build(), tmp_path / "absent.npz")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_weights(build(), tmp_path / "absent" / "w.npz")


def test_transfer_to_other_keypoints_and_size(weight_path, model):
    target = build_tracker(TrackerSpec(256), variant="tiny")
    before = values(target)
    report = transfer(weight_path, target)
    mismatched = {name.split("/")[0] for name in report.mismatched}
    keypoints = {"coordinates_0_conv", "visibility_0_conv", "heatmaps_0_conv", "offsets_0_conv"}
    # At 256 px these look at 2x2 cells instead of one: their kernels differ, their biases fit.
    assert mismatched == keypoints | {"presence_0_conv", "alignment_0_conv"}
    assert {"presence_0_conv/bias", "alignment_0_conv/bias"} <= set(report.loaded)
    assert report.missing == ()
    after = values(target)
    for name in report.mismatched:
        np.testing.assert_array_equal(after[name], before[name])
    kernel = values(model)["f8_1_project/kernel"]
    # Stored as halves, whose smallest ones are 2**-24 apart.
    np.testing.assert_allclose(after["f8_1_project/kernel"], kernel, rtol=1e-3, atol=2**-24)


def test_mean_pose_travels_with_the_weights(tmp_path):
    image = np.random.default_rng(0).uniform(size=(1, 128, 128, 3)).astype(np.float32)
    pose = np.random.default_rng(1).uniform(0.2, 0.8, (17, 2))
    source = build(mean_pose=pose, training_heads=False)
    expected = source(image)["landmarks"][0, :, :2]
    # Offsets are float16 pixels: 2**-4 apart between 64 and 128.
    np.testing.assert_allclose(expected, pose * 128, atol=2**-5)
    save_weights(source, tmp_path / "w.npz", description=Description("tiny", SPEC))
    rebuilt, _ = load_described(tmp_path / "w.npz")
    np.testing.assert_allclose(rebuilt(image)["landmarks"][0, :, :2], expected, atol=1e-4)
    assert (rebuilt.get_layer("coordinates_0_conv").bias.numpy() == 0).all()
    other = build(training_heads=False)
    load_weights(other, tmp_path / "w.npz")
    np.testing.assert_allclose(other(image)["landmarks"][0, :, :2], expected, atol=1e-4)


def test_transfer_between_models_reports_what_is_missing(model):
    part = build(regression=False)
    report = transfer(part, build())
    assert {n.split("_")[0] for n in report.missing} == {
        "regression", "coordinates", "visibility", "presence", "alignment",
    }  # fmt: skip
    assert not report.mismatched
    assert not report.unused
    x = keras.Input((3,))
    with pytest.raises(ValueError, match="no weight in common"):
        transfer(keras.Model(x, keras.layers.Dense(2)(x)), build())
    with pytest.raises(ValueError, match="no weight in common"):
        transfer(build_detector(DetectorSpec(128)), build())


def test_shipped_weights_are_checked(weight_path, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped.weight_file, "__kwdefaults__", {"folder": tmp_path})
    digest = hashlib.sha256(weight_path.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  tiny.npz\n")
    assert load_tracker("tiny").output["landmarks"].shape == (None, 17, 3)
    with pytest.raises(ValueError, match="is a tracker"):
        load_detector("tiny")
    with pytest.raises(FileNotFoundError, match=r"tiny\.npz"):
        load_tracker("huge")
    weight_path.write_bytes(weight_path.read_bytes() + b"0")
    with pytest.raises(ValueError, match="damaged"):
        load_tracker("tiny")
