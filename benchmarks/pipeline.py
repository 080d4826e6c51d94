"""What the pipeline costs per 720p frame, and its frames/s against MediaPipe's Python solution, in one run.

    python benchmarks/pipeline.py --clip clip.mp4 --detector blazeface --tracker full --tracker lite
    python benchmarks/pipeline.py --clip clip.mp4 --detector pose_detection.tflite --tracker pose_landmark_full.tflite \
        --mediapipe_python /path/to/env/with/mediapipe/bin/python

Every system runs as a process of its own, pinned to one core, over the same frames scaled to 1280x720 in memory; the
processes take turns for several rounds, so that a busy machine hurts all alike. Overhead is the pipeline's time less
the two networks' own. Frames per CPU second leave out the time in which other programs held the core; frames/s by the
clock are printed beside them. Stages are the 25th percentile over frames, in the best round.
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


class _Clock:
    """Wall and CPU time (of all threads) since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, frames: int) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {"fps": frames / wall, "fps_cpu": frames / cpu}


def measure_ours(frames, detector: str, tracker: str) -> dict:
    """Milliseconds per frame of the tracking loop, by stage."""
    import cv2
    import numpy as np

    from blazepose_tf.runtime import PosePipeline

    cv2.setNumThreads(1)
    pipeline = PosePipeline(detector, tracker)
    stages, tracked = [], 0
    clock = _Clock()
    for i, frame in enumerate(frames):
        if i == WARM_UP:
            clock = _Clock()
        result = pipeline(frame, i * 1000 / 30)
        if i >= WARM_UP:
            tracked += result.source == "tracked"
            stages.append(result.milliseconds)
    speed = clock.rates(len(stages))
    table = {stage: float(np.percentile([s[stage] for s in stages], 25)) for stage in stages[0]}
    overhead = float(np.percentile([s["total"] - s["detector"] - s["tracker"] for s in stages], 25))
    return {**speed, "tracked": tracked / len(stages), "overhead": overhead, **table}


def measure_mediapipe(frames) -> dict:
    """Frames/s of mp.solutions.pose with model_complexity 1, in video mode."""
    import mediapipe

    tracked = 0
    with mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1) as pose:
        clock = _Clock()
        for i, frame in enumerate(frames):
            if i == WARM_UP:
                clock = _Clock()
            found = pose.process(frame).pose_landmarks is not None
            tracked += found and i >= WARM_UP
        count = len(frames) - WARM_UP
        return {**clock.rates(count), "tracked": tracked / count}


def worker(args) -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {args.core})
    frames = frames_of(args.clip, args.frames + WARM_UP)
    measured = (
        measure_mediapipe(frames) if args.worker == "mediapipe" else measure_ours(frames, args.detector, args.worker)
    )
    print(json.dumps(measured))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", required=True, help="video with one person")
    parser.add_argument("--detector", default="blazeface", help="file or shipped name")
    parser.add_argument("--tracker", action="append", help="file or shipped name; may be repeated")
    parser.add_argument("--mediapipe_python", help="interpreter of an environment with mediapipe 0.10.21")
    parser.add_argument("--frames", type=int, default=100, help="frames per round")
    parser.add_argument("--rounds", type=int, default=3)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    parser.add_argument("--core", type=int, default=cores[-1], help="CPU to which every process is pinned")
    parser.add_argument("--output", help="JSON file for the numbers")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args)
    if args.output and not Path(args.output).absolute().parent.is_dir():
        parser.error(f"no folder for --output={args.output}")

    systems = {Path(t).stem: (sys.executable, t) for t in args.tracker or ["full"]}
    if args.mediapipe_python:
        systems["mp.solutions.pose"] = (args.mediapipe_python, "mediapipe")
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
    rounds: dict[str, list[dict]] = {name: [] for name in systems}
    for _ in range(args.rounds):
        for name, (python, what) in systems.items():
            command = [python, __file__, "--worker", what, "--clip", args.clip, "--detector", args.detector]
            command += ["--frames", str(args.frames), "--core", str(args.core)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"error: {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                return 1
            rounds[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
    print(f"{SIZE[0]}x{SIZE[1]}, {args.frames} frames, {args.rounds} rounds in turn, one core, one thread")
    for name, results in rounds.items():
        best = max(results, key=lambda r: r["fps_cpu"])
        line = f"{name}: {best['fps_cpu']:.1f} frames per CPU second, {best['fps']:.1f} frames/s by the clock "
        line += f"(worst round {min(r['fps_cpu'] for r in results):.1f}, {min(r['fps'] for r in results):.1f}), "
        line += f"person in {100 * best['tracked']:.0f} % of the frames"
        if "overhead" in best:
            line += (
                f"; {best['total']:.2f} ms per frame = tracker {best['tracker']:.2f} + overhead {best['overhead']:.2f} "
                f"(warp {best['warp']:.2f}, decode {best['decode']:.2f}, filter {best['filter']:.2f})"
            )
        print(line)
    if args.output:
        Path(args.output).write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
