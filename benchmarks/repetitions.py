"""Repetitions counted by `blazepose predict` and `blazepose analyze` on films of known count, pace and view.

    python benchmarks/repetitions.py [--detector=blazeface --tracker=lite] [--films=20]
    python benchmarks/repetitions.py --films=0 --clip squats.mp4=2 --clip burpees.mp4=4

Each rendered film shows another person, exercise (squat, raised arms, lunge, curl), number of repetitions (1 to 8),
pace (1.2 to 4 seconds each), view (from the front to either side) and frame rate (8 to 15 per second). `--clip` adds
films of your own with what was counted by eye. Prints a line per film and the share that is counted without an error.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from blazepose_tf.evaluation import tables
from blazepose_tf.media.writer import VideoWriter
from blazepose_tf.synthetic.exercise import EXERCISES, exercise_scenes
from blazepose_tf.synthetic.render import render_scene

SIZE = (288, 288)


def film(seed: int) -> dict:
    """Options of a film."""
    rng = np.random.default_rng(seed)
    names = tuple(EXERCISES)
    return {
        "exercise": names[seed % len(names)], "repetitions": int(rng.integers(1, 9)),
        "seconds": round(float(rng.uniform(1.2, 4.0)), 1), "yaw": int(rng.integers(-90, 91)),
        "rate": float(rng.integers(8, 16)),
    }  # fmt: skip


def render(path: Path, seed: int, shown: dict) -> None:
    """Writes a film."""
    with VideoWriter(path, size=SIZE[::-1], fps=shown["rate"]) as writer:
        for number, scene in enumerate(exercise_scenes(seed, **shown, size=SIZE)):
            writer.write(render_scene(scene, size=SIZE, supersample=1).image, 1000.0 * number / shown["rate"])
        writer.commit()


def counted(film: Path, models: list[str]) -> tuple[float, int, str]:
    """Share of frames with a person, repetitions, and the angle by which they are counted."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "blazepose_tf"]
        predict = [*run, "predict", f"--input={film}", f"--output={folder}", "--nodraw", *models]
        subprocess.run(predict, check=True, capture_output=True)
        recording = Path(folder) / f"{film.stem}_pose.json"
        analyze = [*run, "analyze", str(recording), f"--output={folder}"]
        subprocess.run(analyze, check=True, capture_output=True)
        analysis = json.loads((Path(folder) / f"{recording.stem}_analysis.json").read_text("utf-8"))
        frames = json.loads(recording.read_text("utf-8"))["frames"]
    found = sum(frame["source"] != "none" for frame in frames) / len(frames)
    return found, analysis["repetitions"], analysis["counted_by"] or "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", help="detector file or shipped name")
    parser.add_argument("--tracker", help="tracker file or shipped name")
    parser.add_argument("--films", type=int, default=20, help="rendered ones")
    parser.add_argument("--clip", action="append", default=[], metavar="FILE=COUNT", help="a film of your own")
    options = parser.parse_args()
    models = [f"--{role}={getattr(options, role)}" for role in ("detector", "tracker") if getattr(options, role)]
    header = ["film", "exercise", "repetitions", "seconds each", "degrees", "frames/s", "found %", "counted", "by"]
    rows, right = [], 0

    def add(name: str, shown: dict, expected: int, result: tuple[float, int, str]) -> None:
        nonlocal right
        found, count, angle = result
        right += count == expected
        rows.append([str(cell) for cell in (name, *shown.values(), tables.percent(found), count, angle)])
        print("  ".join(rows[-1]), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.films):
            shown, path = film(seed), Path(folder) / f"{seed}.mp4"
            render(path, seed, shown)
            add(str(seed), shown, shown["repetitions"], counted(path, models))
    for text in options.clip:
        path, _, expected = text.rpartition("=")
        shown = {"exercise": "-", "repetitions": int(expected), "seconds": "-", "yaw": "-", "rate": "-"}
        add(Path(path).name, shown, int(expected), counted(Path(path).resolve(), models))
    print("\n" + tables.grid(header, rows))
    print(f"counted without an error: {right} of {len(rows)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
