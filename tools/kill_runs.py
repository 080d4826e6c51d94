"""Kills commands at random moments; the same command again must clear up and end as if nothing had happened.

    python tools/kill_runs.py --kills=5
    python tools/kill_runs.py --verbs=predict --kills=20
    python tools/kill_runs.py --verbs=adapt --kills=20 --in_a_row --latest=0.4

Each verb runs once undisturbed. Then it is killed (SIGKILL, which nobody can catch) in a fresh folder and run again in
the same one: the files must be those of the undisturbed run, but for times, and nothing else may lie beside them.
With --in_a_row a folder sees one kill after another, each of a run that goes on where the one before was killed, until
one is done before its kill; then the next folder's turn comes. A run that was done too soon counts as no kill. With
--latest kills come early in a run, which in a row still meet all of it, sooner.
Of training the weights are compared, to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "testdata" / "people"
VERBS = {
    "predict": ["predict", f"--input={DATA}/images", f"--input={ROOT}/testdata/person.mp4", "--output=OUT"],
    "convert-dataset": [
        "convert-dataset", "--from=coco", f"--input={DATA}/people.json", "--output=OUT", "--shards=4",
    ],
    "evaluate": ["evaluate", "--model=lite", f"--data={DATA}/people.json", "--report=OUT", "--workers=1"],
    "train": [
        "train", "--experiment=smoke", f"--data={DATA}/people.json", "--workdir=OUT", "--resume", "--threads=1",
        "--set=stages.heatmaps.steps=2", "--set=stages.joint.steps=4", "--set=checkpoint_every=1",
        "--set=stages.heatmaps.batch_size=4", "--set=stages.joint.batch_size=4",
    ],
    "label": ["label", "--images=MANY", "--tracker=lite", "--output=OUT/o.json", "--doubtful=OUT/d.json"],
    "label-cluster": [
        "label", "--images=MANY", "--tracker=lite", "--output=OUT/o.json", "--doubtful=OUT/d.json", "--cluster=local",
    ],
    "adapt": [
        "adapt", f"{ROOT}/testdata/person.mp4", "--workdir=OUT", "--teacher=lite", "--steps=3", "--threads=1",
        "--precision=float16",
    ],
    "export": ["export", "--model=lite", "--output=OUT/o.tflite", "--precision=float16", "--crops=1"],
}  # fmt: skip
_COPIES = 17  # of the six pictures in MANY: six parts of twenty pictures
# Times differ from run to run, and so does what is computed from them.
_TIMES = {"milliseconds", "created", "seconds", "ms", "median_ms", "date", "written"}
# Containers hold the time of writing.
_BY_SIZE = (".mp4", ".html")
_ARCHIVES = (".keras", ".zip")
# Of a .keras file: the time, and layers with addresses in memory as ids of what they share.
_VARYING = {"metadata.json", "config.json"}
_TIME = re.compile(r"20\d\d-\d\d-\d\dT[\d:.+]+")
# Of a training: its last checkpoint's arrays; its state holds times, as do the logs.
_WEIGHTS = "last.npz"
_LOG = "train.csv"
_EVENTS = "tensorboard"  # a file for each process, with its number


def _many(folder: Path) -> None:
    folder.mkdir()
    for path in sorted((DATA / "images").iterdir()):
        for copy in range(_COPIES):
            shutil.copyfile(path, folder / f"{copy}_{path.name}")


def _run(verb: str, out: Path, kill_after: float | None = None) -> float:
    """Seconds that it took; kills it after so many."""
    out.mkdir(exist_ok=True)
    words = [word.replace("OUT", str(out)).replace("MANY", str(out.parent / "many")) for word in VERBS[verb]]
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "blazepose_tf", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=ROOT,
    )  # fmt: skip
    try:
        printed, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{verb} ends with {process.returncode}: {printed[-500:]}")
    return time.monotonic() - started


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items() if key not in _TIMES}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _content(out: Path) -> dict[str, str]:
    """What lies in a folder: name -> what must be the same in every run."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and p.parent.name != _EVENTS):
        content = path.read_bytes()
        if (out / _WEIGHTS).exists():
            if path.name != _WEIGHTS:
                content = b""
            else:
                with np.load(path, allow_pickle=False) as arrays:
                    content = b"".join(key.encode() + arrays[key].tobytes() for key in sorted(arrays) if key != "state")
        elif path.suffix == ".json":
            content = json.dumps(_plain(json.loads(content))).encode()
        elif path.suffix == ".jsonl":
            lines = sorted(json.dumps(_plain(json.loads(line))) for line in content.splitlines())
            content = "\n".join(lines).encode()
        elif path.suffix in _ARCHIVES:
            with zipfile.ZipFile(path) as archive:
                members = [[m.filename, m.CRC] for m in archive.infolist() if m.filename not in _VARYING]
            content = json.dumps(members).encode()
        elif path.suffix == ".md":
            content = _TIME.sub("", content.decode()).encode()
        elif path.name == _LOG:
            lines = content.decode().splitlines()
            content = "\n".join(line.split(",")[0] for line in lines).encode()
        elif path.suffix in _BY_SIZE:
            content = str(len(content) // 4096).encode()
        found[str(path.relative_to(out))] = hashlib.sha256(content).hexdigest()
    return found


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verbs", default=",".join(VERBS), help="of " + ", ".join(VERBS))
    parser.add_argument("--kills", type=int, default=5, help="of each verb")
    parser.add_argument("--in_a_row", action="store_true", help="one after another in a folder, before its run may end")
    parser.add_argument("--latest", type=float, default=1.0, help="moment of a kill, as a share of the undisturbed run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, failed = random.Random(options.seed), 0
    for verb in options.verbs.split(","):
        with tempfile.TemporaryDirectory(prefix="kill_") as folder:
            _many(Path(folder) / "many")
            killed, out = 0, Path(folder) / "out"
            seconds = _run(verb, out)  # in the very folder, whose name is in the files
            expected = _content(out)
            shutil.rmtree(out)
            while killed < options.kills:
                moment = chance.uniform(0.05, options.latest) * seconds
                fresh, before = not out.exists(), len(_content(out))
                taken = _run(verb, out, moment)
                done = taken < moment
                killed += not done
                if done and fresh:
                    seconds = taken  # the machine is faster than at first: a later moment kills nobody
                how = "done" if done else f"kill {killed}"
                told = f"{verb}: {how} after {taken:.1f} of {seconds:.1f} s with {before} to {len(_content(out))} files"
                if options.in_a_row and not done and killed < options.kills:
                    print(told, flush=True)
                    continue
                _run(verb, out)
                odd = sorted(set(expected.items()) ^ set(_content(out).items()))
                failed += bool(odd)
                verdict = f"differs: {[name for name, _ in odd]}" if odd else "the same"
                print(f"{told}; {verdict}", flush=True)
                shutil.rmtree(out)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
