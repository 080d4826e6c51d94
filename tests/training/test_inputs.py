"""What `--data` and `--partial_data` name."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.data.service import in_order
from blazepose_tf.training.distributed import Group
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


def compared(one, other) -> int:
    """Number of batches of two iterators, which must be the same."""
    count = 0
    for first, second in zip(one, other, strict=True):
        for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
            # Rounding depends on how many pictures are computed at a time.
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-5)
        count += 1
    return count


def joined(parts) -> list:
    """Global batches of the rows that each process feeds."""
    return [tf.nest.map_structure(lambda *rows: np.concatenate(rows), *batch) for batch in zip(*parts, strict=True)]


def test_processes_prepare_their_own_rows_of_the_same_batches(tiny_experiment, data_folder):
    stage = tiny_experiment.stages[0]
    alone = open_data("synthetic", experiment=tiny_experiment, folder=data_folder)
    pair = [open_data("synthetic", experiment=tiny_experiment, folder=data_folder, group=Group(i, 2)) for i in range(2)]
    wanted = list(itertools.islice(alone.batches(stage, epoch=1, skip_batches=2), 3))
    parts = [list(itertools.islice(p.batches(stage, epoch=1, skip_batches=2), 3)) for p in pair]
    assert [len(p[0][0]["image"]) for p in parts] == [stage.batch_size // 2] * 2
    assert compared(wanted, joined(parts)) == 3


def test_a_service_of_two_workers_gives_two_processes_the_same_data(tiny_experiment, data_folder):
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=0))
    address = dispatcher.target.split("://")[1]
    workers = [service.WorkerServer(service.WorkerConfig(dispatcher_address=address)) for _ in range(2)]
    stage = tiny_experiment.stages[0]
    alone = open_data("synthetic", experiment=tiny_experiment, folder=data_folder)
    examples = sum(int(source.sampling) * len(source.records) for source in alone.sources)
    first = examples // stage.batch_size - 6
    served = [
        open_data("synthetic", experiment=tiny_experiment, folder=data_folder, group=Group(i, 2), data_service=address)
        for i in range(2)
    ]
    parts = [list(inputs.batches(stage, epoch=0, skip_batches=first)) for inputs in served]
    assert compared(alone.batches(stage, epoch=0, skip_batches=first), joined(parts)) == 6
    assert len(workers) == 2


def test_batches_come_by_their_number_and_lost_ones_are_made_here():
    made = []

    def prepare(index: int) -> tuple:
        made.append(index)
        return (10 * index,)

    arrived = [(3, 30), (1, 10), (2, 20), (6, 60), (5, 50)]
    assert list(in_order(iter(arrived), prepare, first=1, count=8)) == [(10 * i,) for i in range(1, 8)]
    assert made == [4, 7]
    late = [(i, 10 * i) for i in range(1, 100)] + [(0, 0)]
    assert list(in_order(iter(late), prepare, first=0, count=100)) == [(10 * i,) for i in range(100)]
    assert made == [4, 7, 0]
