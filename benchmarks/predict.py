"""Frames and photographs a second of `blazepose predict`, this checkout against another, in turns on the same input.

python benchmarks/predict.py --before=../before --frames=240 --photos=200 --rounds=3

The other checkout is a worktree of an earlier commit (`git worktree add ../before COMMIT`). The film is the person of
testdata/ enlarged to 1280x720, drawn; the photographs are the rendered people, drawn, read by one worker before and by
`--workers` now. A round runs both, one after the other; the table gives medians of rounds and their ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[1]


def make_film(path: Path, count: int) -> None:
    """The person of testdata/, to and fro, 1280x720."""
    capture, frames = cv2.VideoCapture(str(ROOT / "testdata" / "person.mp4")), []
    while (found := capture.read())[0]:
        frames.append(cv2.resize(found[1], (1280, 720), interpolation=cv2.INTER_CUBIC))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (1280, 720))
    period = 2 * len(frames) - 2
    for i in range(count):
        at = i % period
        writer.write(frames[min(at, period - at)])
    writer.release()


def make_photos(folder: Path, count: int) -> None:
    folder.mkdir()
    pictures = sorted((ROOT / "testdata" / "people" / "images").glob("*.jpg"))
    for i in range(count):
        shutil.copy(pictures[i % len(pictures)], folder / f"{i:05d}.jpg")


def run(checkout: Path, source: Path, *flags: str) -> dict[str, float]:
    """Seconds by the clock, processor seconds and frames of one run."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "blazepose_tf", "predict", f"--input={source}", f"--output={output}", *flags]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(checkout)}, cwd=output, capture_output=True, text=True
        )
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stderr}")
    rate = float(re.search(r"([\d.]+) frames/s", done.stdout)[1])
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"frames/s": rate, "seconds": seconds, "processor_s": processor}


def compare(before: Path, *, frames: int, photos: int, workers: int, rounds: int) -> dict[str, dict]:
    """ "film" and "photos" -> medians "before" and "now", and the ratio of frames a second."""
    report: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        film, pictures = Path(folder) / "film.mp4", Path(folder) / "photos"
        make_film(film, frames)
        make_photos(pictures, photos)
        for name, source, flags in (("film", film, []), ("photos", pictures, [f"--workers={workers}"])):
            runs: dict[str, list[dict]] = {"before": [], "now": []}
            for _ in range(rounds):
                runs["before"].append(run(before.resolve(), source))
                runs["now"].append(run(ROOT, source, *flags))
            report[name] = {
                label: {key: statistics.median(r[key] for r in results) for key in results[0]}
                for label, results in runs.items()
            }
            ratios = [n["frames/s"] / b["frames/s"] for b, n in zip(runs["before"], runs["now"], strict=True)]
            report[name]["ratio"] = round(statistics.median(ratios), 2)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="checkout of the version to compare with")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report = compare(
        options.before,
        frames=options.frames,
        photos=options.photos,
        workers=options.workers,
        rounds=options.rounds,
    )
    for name, medians in report.items():
        print(f"{name:7s} {'frames/s':>9s} {'processor':>10s}")
        for label in ("before", "now"):
            print(f"{label:7s} {medians[label]['frames/s']:9.1f} {medians[label]['processor_s']:9.1f}s")
        print(f"ratio   {medians['ratio']:9.2f}", flush=True)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
