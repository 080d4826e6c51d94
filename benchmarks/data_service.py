"""Input images per second that training gets from one and from two workers of a tf.data service on this machine.

    python benchmarks/data_service.py [--data=train.json] [--batches=80] [--workers=1,2] [--share=0.5]

Dispatcher and workers are `blazepose data-service` processes, each worker with one thread on a core of its own as far
as there are cores; what training would do with the batches is left out. Prints images/s of every number of workers, the
ratio to the first, and which share of a core receiving the batches takes: that share is missing to the workers where
there are no more cores than workers. With --share each worker gets no more than so much of a core (control group,
Linux, by root), so that workers stand for machines of their own where there are few cores.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from blazepose_tf.training.experiments import experiment
from blazepose_tf.training.inputs import open_data

_RENDERED = 64  # pictures; a round over them is seen again and again
_GROUPS, _PERIOD = Path("/sys/fs/cgroup/cpu"), 20_000  # microseconds
_FIRST = 30  # batches before the clock starts: every worker traces its graph, and buffers fill


@contextlib.contextmanager
def limited(share: float) -> Iterator[Callable[[int], None] | None]:
    """Gives a function that limits a process, by its number, to a share of a core; None for a share of 0."""
    if not share:
        yield None
        return
    made: list[Path] = []

    def limit(process: int) -> None:
        group = _GROUPS / f"blazepose_{process}"
        group.mkdir()
        made.append(group)
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD), encoding="ascii")
        (group / "cpu.cfs_quota_us").write_text(str(int(share * _PERIOD)), encoding="ascii")
        (group / "cgroup.procs").write_text(str(process), encoding="ascii")

    try:
        yield limit
    finally:
        for group in made:
            group.rmdir()


@contextlib.contextmanager
def server(*arguments: str, core: int | None = None, limit: Callable[[int], None] | None = None) -> Iterator[str]:
    """A `blazepose data-service` process; the line with which it says that it is there."""
    command = [sys.executable, "-m", "blazepose_tf", "data-service", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        if limit is not None:
            limit(process.pid)
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def measure(source, stage, batches: int) -> tuple[float, float]:
    """Images per second by the clock, and share of a core that this process took."""
    rounds = (source.batches(stage, epoch=epoch) for epoch in itertools.count())
    coming = itertools.chain.from_iterable(rounds)
    for _ in range(_FIRST):
        next(coming)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(batches):
        next(coming)
    wall = time.perf_counter() - start
    return batches * stage.batch_size / wall, (time.process_time() - cpu) / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="synthetic", help="as of blazepose train")
    parser.add_argument("--experiment", default="tracker_lite")
    parser.add_argument("--stage", default="joint")
    parser.add_argument("--batches", type=int, default=80)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--share", type=float, default=0.0, help="of a core that each worker gets at most")
    options = parser.parse_args()
    config = experiment(options.experiment)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, synthetic_examples=_RENDERED))
    stage = next(stage for stage in config.stages if stage.name == options.stage)
    cores = sorted(os.sched_getaffinity(0))
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for workers in map(int, options.workers.split(",")):
            # Groups go when their processes have gone.
            with contextlib.ExitStack() as limits, contextlib.ExitStack() as running:
                address = running.enter_context(server()).rpartition(" ")[2]
                source = open_data(options.data, experiment=config, folder=Path(folder), data_service=address)
                limit = limits.enter_context(limited(options.share))
                for number in range(workers):
                    core = cores[number % len(cores)]
                    running.enter_context(server(f"--dispatcher={address}", "--threads=1", core=core, limit=limit))
                rate, share = measure(source, stage, options.batches)
            first = first or rate
            print(
                f"{workers} workers on {len(cores)} cores: {rate:.1f} images/s at {stage.input_size} px "
                f"({rate / first:.2f} x), receiving takes {share:.2f} cores",
                flush=True,
            )


if __name__ == "__main__":
    main()
