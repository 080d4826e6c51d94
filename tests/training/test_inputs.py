"""What `--data` and `--partial_data` name."""

from __future__ import annotations

import keras
import pytest

from blazepose_tf.training.inputs import open_data


def test_partial_data_does_not_label_everyone(tiny_experiment, data_folder):
    inputs = open_data("synthetic", experiment=tiny_experiment, folder=data_folder)
    (rendered,) = inputs.sources
    assert rendered.complete
    manifest = data_folder / f"{rendered.records.name}.json"
    both = open_data(str(manifest), partial=f"{manifest},", experiment=tiny_experiment, folder=data_folder)
    assert [source.complete for source in both.sources] == [True, False]
    assert both.num_examples == 2 * inputs.num_examples
    only = open_data("", partial=str(manifest), experiment=tiny_experiment, folder=data_folder)
    assert [source.complete for source in only.sources] == [False]
    with pytest.raises(ValueError, match="no data named"):
        open_data(" , ", experiment=tiny_experiment, folder=data_folder)


def test_a_position_beyond_the_data_says_that_the_data_has_shrunk(tiny_experiment, data_folder):
    inputs = open_data("synthetic", experiment=tiny_experiment, folder=data_folder)
    stage = tiny_experiment.stages[0]
    with pytest.raises(ValueError, match="resume it with the data that it was started with"):
        inputs.batches(stage, epoch=0, skip_batches=10**6)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="other backends iterate over numpy")
def test_nothing_tunes_the_pipeline_behind_a_run(tiny_experiment, data_folder):
    """Closing an iterator waited up to a minute for the tuner's next look: after each stage, and after Ctrl-C."""
    inputs = open_data("synthetic", experiment=tiny_experiment, folder=data_folder)
    stage = tiny_experiment.stages[0]
    for batches in (inputs.batches(stage, epoch=0), inputs.validation_batches(stage)):
        assert batches._dataset.options().autotune.enabled is False
        assert next(batches)[0]["image"].shape == (stage.batch_size, 128, 128, 3)
