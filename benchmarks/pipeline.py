"""What the pipeline costs per 720p frame: ours, ours of an earlier checkout, and MediaPipe Tasks, in one run.

    python benchmarks/pipeline.py --clip clip.mp4 --tracker lite
    python benchmarks/pipeline.py --clip clip.mp4 --tracker lite --before ../before \\
        --mediapipe_python /path/to/env/with/mediapipe/bin/python --task pose_landmarker_lite.task

Every system runs as a process of its own, pinned to one core, over the same frames scaled to 1280x720 in memory; the
processes take turns for several rounds, so that a busy machine hurts all alike. The other checkout is a worktree of an
earlier commit (`git worktree add ../before COMMIT`). Columns: milliseconds outside of the two networks and of the
networks per frame (25th percentile over frames), processor milliseconds per frame of the whole process, megabytes
that it holds beyond those before it opened its models, and seconds from the start of a Python process to the JSON of
one photograph. All are the best of the rounds, for what other programs take only adds. `benchmarks/predict.py` measures
films and folders of photographs, `benchmarks/runtime.py` prints all of it in one table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SIZE = (1280, 720)
WARM_UP = 10


def frames_of(clip: str, count: int):
    """RGB frames of the clip, scaled to 720p; the clip runs forth and back when it is shorter than `count`."""
    import cv2
    import numpy as np

    capture, frames = cv2.VideoCapture(clip), []
    while len(frames) < count:
        ok, frame = capture.read()
        if not ok:
            break
        frame = cv2.resize(frame, SIZE, interpolation=cv2.INTER_CUBIC)
        frames.append(np.ascontiguousarray(frame[..., ::-1]))
    if not frames:
        raise SystemExit(f"error: {clip}: no frames")
    period = frames + frames[-2:0:-1]
    return [period[i % len(period)] for i in range(count)]


def _megabytes() -> float:
    """What the process holds now."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024.0


class _Costs:
    """Processor time of all threads and memory since it was made; `start` leaves out what came before."""

    def __init__(self) -> None:
        self._held = _megabytes()
        self.start()

    def start(self) -> None:
        self._processor = time.process_time()

    def of(self, frames: int) -> dict[str, float]:
        spent = time.process_time() - self._processor
        return {"processor_ms": 1e3 * spent / frames, "megabytes": _megabytes() - self._held}


def measure_ours(frames, args) -> dict:
    """The tracking loop."""
    import numpy as np

    costs = _Costs()
    import cv2

    from blazepose_tf.runtime import PosePipeline

    cv2.setNumThreads(1)
    pipeline = PosePipeline(args.detector, args.tracker)
    stages, tracked = [], 0
    for i, frame in enumerate(frames):
        if i == WARM_UP:
            costs.start()
        result = pipeline(frame, i * 1000 / 30)
        if i >= WARM_UP:
            tracked += result.source == "tracked"
            stages.append(result.milliseconds)
    found = costs.of(len(stages))
    networks = np.array([s["detector"] + s["tracker"] for s in stages])
    outside = np.array([s["total"] for s in stages]) - networks
    quarter = {"outside_ms": np.percentile(outside, 25), "networks_ms": np.percentile(networks, 25)}
    parts = {part: np.percentile([s[part] for s in stages], 25) for part in ("warp", "decode", "filter")}
    return found | {"tracked": tracked / len(stages)} | {name: float(v) for name, v in (quarter | parts).items()}


def measure_tasks(frames, args) -> dict:
    """MediaPipe Tasks with a bundle, in its video mode."""
    costs = _Costs()
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=args.task), running_mode=vision.RunningMode.VIDEO
    )
    tracked = 0
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for i, frame in enumerate(frames):
            if i == WARM_UP:
                costs.start()
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)
            found = bool(landmarker.detect_for_video(image, int(i * 1000 / 30)).pose_landmarks)
            tracked += found and i >= WARM_UP
        return costs.of(len(frames) - WARM_UP) | {"tracked": tracked / (len(frames) - WARM_UP)}


PHOTO_OURS = """
import sys, cv2
from blazepose_tf.runtime import PosePipeline
result = PosePipeline(sys.argv[2], sys.argv[3])(cv2.imread(sys.argv[1])[..., ::-1].copy())
print(result.to_json())
"""
PHOTO_TASKS = """
import json, sys, mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.PoseLandmarkerOptions(base_options=BaseOptions(model_asset_path=sys.argv[2]))
with vision.PoseLandmarker.create_from_options(options) as landmarker:
    found = landmarker.detect(mediapipe.Image.create_from_file(sys.argv[1])).pose_landmarks
print(json.dumps([[[p.x, p.y, p.visibility] for p in person] for person in found]))
"""


def worker(args) -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {args.core})
    frames = frames_of(args.clip, args.frames + WARM_UP)
    print(json.dumps((measure_tasks if args.worker == "tasks" else measure_ours)(frames, args)))
    return 0


def photograph(python: str, code: str, environment: dict, core: int, arguments: list[str]) -> float:
    """Seconds from the start of a process to its end, which prints JSON."""
    command = ["taskset", "-c", str(core), python, "-c", code, *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    json.loads(done.stdout.strip().splitlines()[-1])
    return seconds


def compare(args) -> dict[str, dict[str, float]]:
    """The best of the rounds of "now" and, where they are given, "before" and "tasks".

    Raises:
        SystemExit: a system that does not run.
    """
    root = Path(__file__).resolve().parents[1]
    systems = {"now": (sys.executable, "ours", root)}
    if args.before:
        systems["before"] = (sys.executable, "ours", args.before.resolve())
    if args.task:
        systems["tasks"] = (args.mediapipe_python, "tasks", root)
    photo = str(sorted((root / "testdata" / "people" / "images").glob("*.jpg"))[0])
    rounds: dict[str, list[dict]] = {name: [] for name in systems}
    for _ in range(args.rounds):
        for name, (python, what, checkout) in systems.items():
            environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
            command = [python, __file__, "--worker", what, "--clip", args.clip, "--frames", str(args.frames)]
            command += ["--detector", args.detector, "--tracker", args.tracker, "--core", str(args.core)]
            command += ["--task", args.task, "--mediapipe_python", python] if args.task else []
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"error: {name}: {done.stderr.strip().splitlines()[-1:]}")
            measured = json.loads(done.stdout.strip().splitlines()[-1])
            models = [args.task] if what == "tasks" else [args.detector, args.tracker]
            code = PHOTO_TASKS if what == "tasks" else PHOTO_OURS
            measured["photo_s"] = photograph(python, code, environment, args.core, [photo, *models])
            rounds[name].append(measured)
    if args.output:
        Path(args.output).write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    return {
        name: {key: (max if key == "tracked" else min)(r[key] for r in results) for key in results[0]}
        for name, results in rounds.items()
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `compare`."""
    parser.add_argument("--clip", required=True, help="video with one person")
    parser.add_argument("--detector", default="blazeface", help="file or shipped name")
    parser.add_argument("--tracker", default="lite", help="file or shipped name")
    parser.add_argument("--before", type=Path, help="checkout of the version to compare with")
    parser.add_argument("--mediapipe_python", help="interpreter of an environment with mediapipe 1.2.3")
    parser.add_argument("--task", help="bundle for MediaPipe Tasks")
    parser.add_argument("--frames", type=int, default=100, help="frames per round")
    parser.add_argument("--rounds", type=int, default=3)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    parser.add_argument("--core", type=int, default=cores[-1], help="CPU to which every process is pinned")
    parser.add_argument("--output", help="JSON file for the numbers")


def checked(parser: argparse.ArgumentParser, args) -> None:
    """Ends the program where flags of `arguments` do not go together."""
    if args.output and not Path(args.output).absolute().parent.is_dir():
        parser.error(f"no folder for --output={args.output}")
    if bool(args.mediapipe_python) != bool(args.task):
        parser.error("--mediapipe_python and --task go together")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args)
    checked(parser, args)
    best = compare(args)
    print(f"{SIZE[0]}x{SIZE[1]}, {args.frames} frames, best of {args.rounds} rounds in turn, one core, one thread")
    columns = (
        "outside_ms",
        "warp",
        "decode",
        "filter",
        "networks_ms",
        "processor_ms",
        "megabytes",
        "photo_s",
        "tracked",
    )
    print("".join(f"{text:>13s}" for text in ("", *columns)))
    for name in best:
        cells = (f"{best[name][key]:.2f}" if key in best[name] else "-" for key in columns)
        print(f"{name:>13s}" + "".join(f"{cell:>13s}" for cell in cells))
    for other in [name for name in best if name != "now"]:
        ratios = {key: best["now"][key] / best[other][key] for key in columns[:-1] if best[other].get(key)}
        print(f"now / {other}: " + ", ".join(f"{key} {value:.2f}" for key, value in ratios.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
