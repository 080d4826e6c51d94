"""Late frames are dropped, the newest is read; ends and errors of a source arrive where its frames do."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from blazepose_tf.runtime import PosePipeline
from blazepose_tf.runtime.live import Latest, follow


def test_the_newest_is_given_and_the_late_are_counted():
    steps = [threading.Event() for _ in range(3)]
    given = [threading.Event() for _ in range(3)]

    def camera():
        for part, (step, done) in enumerate(zip(steps, given, strict=True)):
            assert step.wait(20)
            for i in range(4):
                yield 10 * part + i
            done.set()  # reached when the fourth was taken up by the reader

    with Latest(camera()) as frames:
        for part in range(2):
            steps[part].set()
            assert given[part].wait(20)
            assert next(frames) == 10 * part + 3
        assert frames.dropped == 6
        steps[2].set()
        assert list(frames)[-1] == 23  # the last one is never lost
        assert list(frames) == []


def test_an_error_of_the_source_comes_after_its_last_frame():
    def camera():
        yield 1
        raise OSError("the cable is out")

    frames = Latest(camera())
    frames._thread.join(20)
    assert next(frames) == 1
    with pytest.raises(OSError, match="cable"):
        next(frames)
    assert list(frames) == []


def test_closing_ends_a_source_without_end():
    def camera():
        number = 0
        while True:
            yield number
            number += 1

    with Latest(camera()) as frames:
        next(frames)
    assert list(frames) == []
    frames._thread.join(20)
    assert not frames._thread.is_alive()


def test_an_asynchronous_source_is_followed_without_holding_the_loop(scripted):
    """While a frame is read the source gives three more, of which the newest is read next."""
    stream = PosePipeline(*scripted).stream()

    async def run():
        go_on, reading = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        detect = stream.pipeline.detector.crop

        def slow(image, region=None):
            loop.call_soon_threadsafe(go_on.set)
            assert reading.wait(20)  # until the loop, which goes on, says so
            return detect(image)

        stream.pipeline.detector.crop = slow

        async def camera():
            yield np.full((128, 128, 3), 200, np.uint8), 0.0
            await go_on.wait()
            for i in range(1, 4):
                yield np.full((128, 128, 3), 200 + i, np.uint8), 33.0 * i
            reading.set()

        return [(image[0, 0, 0], result) async for image, result in follow(stream, camera())]

    results = asyncio.run(run())
    assert [value for value, _ in results] == [200, 203]
    assert [(result.source, result.timestamp_ms) for _, result in results] == [("detected", 0.0), ("tracked", 99.0)]


def test_an_asynchronous_source_may_fail(scripted):
    async def camera():
        yield np.full((128, 128, 3), 200, np.uint8), 0.0
        raise OSError("the cable is out")

    async def run():
        return [result async for _, result in follow(PosePipeline(*scripted).stream(), camera())]

    with pytest.raises(OSError, match="cable"):
        asyncio.run(run())
