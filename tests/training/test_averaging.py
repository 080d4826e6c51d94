"""blazepose average: what the mean is of, and whose running statistics it gets."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from blazepose_tf.models import Description, build_detector, build_tracker
from blazepose_tf.models.saving import load_model, save_model
from blazepose_tf.specs import LANDMARKS, DetectorSpec, TrackerSpec
from blazepose_tf.training import averaging

PEOPLE = Path(__file__).resolve().parents[2] / "testdata" / "people" / "people.json"
SPEC = TrackerSpec(input_size=128)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """Two tiny trackers with weights, running statistics and mean poses of their own."""
    folder, paths = tmp_path_factory.mktemp("models"), []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        model = build_tracker(SPEC, variant="tiny", mean_pose=rng.uniform(0.3, 0.7, (33, 2)).astype(np.float32))
        for variable in model.weights:
            if variable.path.endswith(("gamma", "beta", "moving_mean", "moving_variance", "bias")):
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        paths.append(str(folder / f"{seed}.keras"))
        save_model(model, paths[-1], description=Description("tiny", SPEC))
    (folder / "config.json").write_text("{}")
    return paths


def test_the_mean_lies_between_whatever_the_mean_poses_are(files):
    mean, description = averaging.averaged(files)
    first, second = (load_model(path)[0] for path in files)
    assert description == Description("tiny", SPEC)
    for a, b, c in zip(first.weights, second.weights, mean.weights, strict=True):
        if not a.path.startswith("coordinates"):
            np.testing.assert_allclose(np.asarray(c), (np.asarray(a) + np.asarray(b)) / 2.0, rtol=1e-5, atol=1e-6)
    # With all of the head's kernel gone a network says its bias and its mean pose: the mean says the mean of that.
    said = []
    for model in (first, second, mean):
        for variable in model.weights:
            if variable.path == "coordinates_0_conv/kernel":
                variable.assign(np.zeros(variable.shape))
        image = np.zeros((1, 128, 128, 3), np.float32)
        said.append(np.asarray(model(image, training=False)[LANDMARKS])[0, :, :2])
    assert np.abs(said[0] - said[1]).max() > 5.0
    np.testing.assert_allclose(said[2], (said[0] + said[1]) / 2.0, atol=0.01)


def test_statistics_are_the_plain_mean_over_the_batches():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.BatchNormalization(momentum=0.7)(image))
    batches = [np.random.default_rng(i).normal(i, 1 + i, (4, 8, 8, 3)).astype(np.float32) for i in range(3)]
    assert averaging.measure_statistics(model, iter(batches)) == 3
    layer = model.layers[-1]
    assert layer.momentum == 0.7
    np.testing.assert_allclose(layer.moving_mean, np.mean([b.mean((0, 1, 2)) for b in batches], 0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, np.mean([b.var((0, 1, 2)) for b in batches], 0), rtol=1e-3)


@pytest.mark.filterwarnings("error:The structure of")  # Keras tells users what is no matter of theirs
def test_the_command_writes_a_model_and_the_last_ones_configuration(blazepose, files, tmp_path, capsys):
    flags = [*(f"--model={path}" for path in files), f"--data={PEOPLE}", f"--output={tmp_path / 'out'}"]
    flags += ["--batches=2", "--batch_size=3"]
    assert blazepose("average", *flags) == 0, capsys.readouterr().err
    model, description = load_model(tmp_path / "out" / "model.keras")
    assert description.spec == SPEC and (tmp_path / "out" / "config.json").read_text() == "{}"
    plain, _ = averaging.averaged(files)
    names = {v.path: np.asarray(v) for v in plain.weights}
    for variable in model.weights:
        same = np.allclose(np.asarray(variable), names[variable.path], rtol=1e-5, atol=1e-6)
        assert same != variable.path.endswith(("moving_mean", "moving_variance")), variable.path
    assert blazepose("average", *flags) == 1
    assert "exists already" in capsys.readouterr().err


def test_what_cannot_be_averaged_is_said(blazepose, files, tmp_path, capsys):
    other = tmp_path / "other.keras"
    save_model(build_detector(DetectorSpec(128)), other, description=Description("blazeface", DetectorSpec(128)))
    for models, message in (
        (files[:1], "at least two models"),
        ([files[0], str(other)], "in common"),
        ([files[0], str(tmp_path / "none.keras")], "none.keras"),
    ):
        flags = [*(f"--model={path}" for path in models), f"--data={PEOPLE}", f"--output={tmp_path / 'no'}"]
        assert blazepose("average", *flags) == 1
        assert message in capsys.readouterr().err
    flags = [*(f"--model={path}" for path in files), "--data=none.json", f"--output={tmp_path / 'no'}"]
    assert blazepose("average", *flags) == 1
    assert blazepose("average", *flags, "--batches=0") == 1
    assert not (tmp_path / "no").exists()
