"""Batches prepared one by one: by several processes, each its own rows, or by the workers of a tf.data service.

A batch is a function of its rows, and rows are numbered: whoever prepares them, and in whatever order they come back,
training sees what it would have seen without. What a lost worker has taken along is prepared here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

log = logging.getLogger(__name__)
# Batches that may overtake one before it is taken for lost.
_LATE = 64
_AT_A_TIME = 2  # batches that a worker prepares


def dataset(make: Callable, rows: np.ndarray, *, first: int = 0, service: str = "") -> tf.data.Dataset:
    """Numbered batches: elements are (index, *batch).

    Args:
        make: a dataset of one batch from its (B, 3) rows, a tensor.
        rows: (batches, B, 3) source, record and position in the epoch.
        first: index of the batch to begin with.
        service: host:port of the dispatcher of a tf.data service, whose workers see the records under the same paths;
            without it they come in order.
    """
    source = tf.data.Dataset.from_tensor_slices((np.arange(first, len(rows)), rows[first:]))

    @tf.autograph.experimental.do_not_convert
    def numbered(index, some):
        return make(some).map(lambda *batch: (index, *batch))

    made = source.interleave(numbered, cycle_length=_AT_A_TIME, num_parallel_calls=_AT_A_TIME, deterministic=True)
    if service:
        distribute = tf.data.experimental.service.distribute
        policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC
        made = made.apply(distribute(policy, f"grpc://{service}"))
    return made.prefetch(2)


def in_order(elements: Iterator, prepare: Callable[[int], tuple], *, first: int, count: int) -> Iterator[tuple]:
    """Batches `first` to `count` - 1 by their index.

    Args:
        elements: (index, *batch) in any order; some may be missing.
        prepare: makes the batch of an index here.
        first: index of the first one.
        count: one behind the last one.
    """
    waiting: dict[int, tuple] = {}
    wanted, lost = first, 0

    def following() -> tuple:
        nonlocal wanted, lost
        index, wanted = wanted, wanted + 1
        if index in waiting:
            return waiting.pop(index)
        lost += 1
        log.warning("batch %d did not come back (%d so far): prepared here", index, lost)
        return prepare(index)

    for index, *batch in elements:
        if int(index) >= wanted:  # else it was given up
            waiting[int(index)] = tuple(batch)
        while wanted in waiting or len(waiting) > _LATE:
            yield following()
    while wanted < count:
        yield following()
