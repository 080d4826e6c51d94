"""Work on many files in parts, here or on the machines of a Ray cluster (extra `cluster`).

The result of every part is a file until all are done, so that the same command goes on where it was stopped. A part on
a machine that is lost is done again on another one. Machines share the folders of inputs, outputs and models under the
same paths, and have this package; Ray sends functions and arguments between them as pickles, so that a cluster is for
those who trust it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blazepose_tf import __version__, files

LOCAL = "local"
HELP = "host:port of a Ray cluster, 'auto' for the one of this machine, 'local' to start one; none: in this process"
# Machines that a part may lose before it is believed to be what kills them.
_RETRIES = 5
_AHEAD = 2  # parts handed out for each processor


def mapped(work: Callable[..., Any], parts: Sequence[tuple], where: str = "") -> Iterator[tuple[int, Any]]:
    """(index, work(*part)) of every part, as they are done.

    Args:
        work: a function of a module.
        parts: its arguments.
        where: empty for this process, one part after the other; else what `HELP` says.

    Raises:
        ConnectionError: no cluster there.
        RuntimeError: a part was lost again and again.
        Exception: what `work` raises; parts that are not done are given up.
    """
    if not where:
        for index, part in enumerate(parts):
            yield index, work(*part)
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import: it asks no network about anything
    import ray

    address = "local" if where == LOCAL else where
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=None)
    try:
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(work)
        running: dict = {}
        coming = iter(enumerate(parts))
        while True:
            room = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < room and (following := next(coming, None)):
                index, part = following
                running[task.remote(*part)] = index
            if not running:
                return
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            try:
                yield running.pop(done), ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                text = str(error).strip().splitlines()[0]
                raise RuntimeError(f"a part was lost {_RETRIES + 1} times; is it one that kills? ({text})") from error
    finally:
        ray.shutdown()


def kept(
    work: Callable[..., dict], parts: Sequence[tuple], *, folder: str | os.PathLike, where: str = ""
) -> Iterator[dict]:
    """The results of all parts in their order; those that an earlier call has left in the folder are not made again.

    Args:
        work: as `mapped`; gives and takes what JSON can hold.
        parts: its arguments.
        folder: of the results, made if absent. It goes when the last result was taken.
        where: as `mapped`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    asked = [json.dumps([__version__, work.__module__, work.__qualname__, part]) for part in parts]
    paths = [folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json" for text in asked]
    todo = [i for i, path in enumerate(paths) if not path.exists()]
    with tqdm(total=len(parts), initial=len(parts) - len(todo), desc="parts", unit="part", disable=None) as bar:
        for index, result in mapped(work, [parts[i] for i in todo], where):
            files.write_text(paths[todo[index]], json.dumps(result))
            bar.update()
    for path in paths:
        yield json.loads(path.read_text(encoding="utf-8"))
    shutil.rmtree(folder)
