"""Damaged examples: counted, named and replaced by blanks, so that nothing moves and nothing crashes.

A record with a wrong checksum, a picture that does not decode or a person without hips makes the preparation of one
example fail. tf.data can drop such elements but neither count them nor keep the others in place. Here the hole is
seen by its missing position and filled with a blank of weight 0: batch i always holds positions i * B to (i + 1) * B,
whatever is damaged, so that a resumed run meets the same batches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

log = logging.getLogger(__name__)


class DamageReport:
    """Counts and names what was skipped.

    Attributes:
        count: examples skipped so far, in all datasets that share the report.
        reasons: position in the epoch -> description, for the first `max_named`.
    """

    def __init__(self, max_named: int = 100):
        self.count = 0
        self.reasons: dict[int, str] = {}
        self._max_named = max_named

    def add(self, position: int, describe: Callable[[int], str]) -> None:
        """Counts one example and finds out why it failed."""
        self.count += 1
        if len(self.reasons) < self._max_named:
            self.reasons[position] = describe(position)
            log.warning("skipped a damaged example (%d so far): %s", self.count, self.reasons[position])


def fill_holes(
    dataset: tf.data.Dataset,
    blank: dict[str, tf.Tensor],
    *,
    start: int | tf.Tensor,
    end: int | tf.Tensor,
    report: DamageReport | None,
    describe: Callable[[int], str],
) -> tf.data.Dataset:
    """Drops failing elements and puts blanks in their places.

    Args:
        dataset: elements are dicts with `position` (int64, start .. end - 1 in order) and the keys of `blank`.
        blank: an element that counts for nothing.
        start: first position.
        end: one behind the last position.
        report: what was skipped; without it a line of the process that prepares says where.
        describe: why the example at a position fails, for people; only called for such examples.

    Returns:
        A dataset of exactly end - start elements.
    """

    def note(first: int, last: int) -> np.int64:
        for position in range(int(first), int(last)):
            report.add(position, describe)
        return np.int64(0)

    @tf.autograph.experimental.do_not_convert
    def find(expected, element):
        position = element["position"]

        def damaged():
            if report is None:  # a worker of another process, which has no Python of ours
                done = tf.print("skipped damaged examples: positions", expected, "to", position - 1)
            else:
                done = tf.numpy_function(note, [expected, position], tf.int64)
            with tf.control_dependencies([done]):
                return position - expected

        gap = tf.cond(position > expected, damaged, lambda: tf.zeros([], tf.int64))
        return position + 1, (tf.ensure_shape(gap, []), element)

    @tf.autograph.experimental.do_not_convert
    def fill(gap, element):
        filler = {**blank, "position": element["position"]}
        return tf.data.Dataset.from_tensors(filler).repeat(gap).concatenate(tf.data.Dataset.from_tensors(element))

    sentinel = {**blank, "position": tf.cast(end, tf.int64)}
    whole = dataset.ignore_errors().concatenate(tf.data.Dataset.from_tensors(sentinel))
    whole = whole.scan(tf.cast(start, tf.int64), find)
    return whole.flat_map(fill).take(tf.cast(end - start, tf.int64))
