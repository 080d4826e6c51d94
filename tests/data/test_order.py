"""Epochs as arrays of positions."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.data import order, records


def made_up(count: int, name: str = "d", names=("nose",)) -> records.Records:
    return records.Records(name, names, ("f",), np.zeros(count, np.int32), np.arange(count, dtype=np.int64))


def rows_of(rows, source):
    return rows[rows[:, 0] == source, 1]


def test_epoch_is_a_permutation_that_only_seed_and_epoch_decide():
    sources = order.as_sources([made_up(50), made_up(30)])
    first = order.epoch_order(sources, seed=1, epoch=0)
    np.testing.assert_array_equal(first, order.epoch_order(sources, seed=1, epoch=0))
    for seed, epoch in ((1, 1), (2, 0)):
        assert (first != order.epoch_order(sources, seed=seed, epoch=epoch)).any()
    np.testing.assert_array_equal(np.sort(rows_of(first, 0)), np.arange(50))
    np.testing.assert_array_equal(np.sort(rows_of(first, 1)), np.arange(30))
    assert len(set(first[:20, 0])) == 2  # mixed, not one after the other


def test_sampling_repeats_and_thins_out():
    sources = [order.Source(made_up(40), sampling=2.5), order.Source(made_up(40), sampling=0.25)]
    rows = order.epoch_order(sources, seed=0, epoch=0)
    counts = np.bincount(rows_of(rows, 0), minlength=40)
    assert (counts.sum(), counts.min(), counts.max()) == (100, 2, 3)
    some = rows_of(rows, 1)
    assert len(some) == len(set(some)) == 10
    other = rows_of(order.epoch_order(sources, seed=0, epoch=1), 1)
    assert set(some) != set(other)


def test_evaluation_keeps_the_order_of_the_files():
    sources = [order.Source(made_up(3), sampling=0.1), order.Source(made_up(2))]
    rows = order.epoch_order(sources, seed=5, epoch=7, shuffle=False)
    np.testing.assert_array_equal(rows, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]])


def test_sources_come_in_any_form(ten_records):
    folder = ten_records.files[0].rsplit("/", 1)[0]
    opened = order.as_sources([folder, ten_records, order.Source(ten_records, weight=0.5)])
    assert [len(source.records) for source in opened] == [10, 10, 10]
    assert [source.weight for source in opened] == [1.0, 1.0, 0.5]
    with pytest.raises(ValueError, match="at least one"):
        order.as_sources([])
    with pytest.raises(ValueError, match="negative"):
        order.Source(ten_records, sampling=-1.0)


def test_names_of_all_sources_are_joined():
    sources = order.as_sources([made_up(1, names=("nose", "tail")), made_up(1, names=("paw", "nose"))])
    assert order.all_names(sources, ("ear_tip", "tail"))[-3:] == ("tail", "paw", "ear_tip")
