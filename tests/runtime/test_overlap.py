"""Threads ahead and behind: order, bounds, errors, and an end that comes."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from blazepose_tf.runtime.overlap import Ahead, Behind


class _Source:
    """Counts up to `count`, then raises `error` if there is one; records what happens to it."""

    def __init__(self, count, error=None):
        self.count, self.error = count, error
        self.given, self.closed_by = 0, None

    def __iter__(self):
        for i in range(self.count):
            self.given += 1
            yield i
        if self.error is not None:
            raise self.error

    def close(self):
        self.closed_by = threading.current_thread().name


def test_ahead_keeps_the_order_and_its_thread_closes_the_source():
    source = _Source(50)
    with Ahead(source, depth=3) as ahead:
        assert list(ahead) == list(range(50))
    assert source.closed_by == "reading ahead"


def test_ahead_reads_no_more_than_it_holds():
    source = _Source(10**9)
    with Ahead(source, depth=3) as ahead:
        first = next(iter(ahead))
        time.sleep(0.05)
        assert first == 0 and source.given <= 1 + 3 + 1
    assert source.closed_by is not None  # leaving ends the thread although the source goes on


def test_errors_of_the_source_come_after_its_items():
    with Ahead(_Source(2, OSError("torn"))) as ahead:
        got = iter(ahead)
        assert [next(got), next(got)] == [0, 1]
        with pytest.raises(OSError, match="torn"):
            next(got)


def test_a_source_that_does_not_answer_is_left_when_asked():
    release = threading.Event()

    def silent():
        yield 1
        release.wait(30)

    with Ahead(silent(), stopping=lambda: True) as ahead:
        assert list(ahead) == [1]
        release.set()


def test_behind_does_all_in_order_and_raises_what_went_wrong():
    done = []
    with Behind(lambda a, b: done.append((a, b)), depth=2) as behind:
        for i in range(20):
            behind.put(i, -i)
        behind.finish()
    assert done == [(i, -i) for i in range(20)]

    def work(i):
        done.append(i)
        if i == 2:
            raise OSError("full")

    done.clear()
    with Behind(work) as behind:
        for i in range(30):
            behind.put(i)  # the rest is dropped, nobody waits for ever
        with pytest.raises(OSError, match="full"):
            behind.finish()
    assert done == [0, 1, 2]


def test_leaving_without_finishing_drops_the_rest():
    started, release, done = threading.Event(), threading.Event(), []

    def work(i):
        started.set()
        release.wait(30)
        done.append(i)

    with pytest.raises(KeyboardInterrupt), Behind(work) as behind:
        for i in range(4):
            behind.put(i)
        started.wait(30)
        threading.Timer(0.05, release.set).start()
        raise KeyboardInterrupt
    assert done == [0]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of single threads are Linux'")
def test_what_works_behind_yields_to_who_looks():
    priorities = []

    def work():
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with Behind(work) as behind:
        behind.put()
        behind.finish()
    assert priorities == [min(before + 5, 19)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
