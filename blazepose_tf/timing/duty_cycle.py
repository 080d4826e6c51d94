"""Frames per second of the whole pipeline, from a recorded trace of which model ran on which frame.

The detector runs on the first frame and whenever the person was lost, the tracker on frames with a region of interest.
How often depends on the video; a trace records it once, and any pair of models can be timed on it. A trace is a JSON
file: {"format": "blazepose-trace", "version": 1, "source": "...", "overhead_ms": [..] or a number,
"frames": [{"detector": true, "tracker": true}, ...]}. `overhead_ms` is the time per frame outside the models (crop,
decode, filters) on the machine that recorded it. The JSON that `blazepose predict` writes for a video is a trace too.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import documents, files
from blazepose_tf.timing import latencies
from blazepose_tf.timing.host import Configuration, Runner

FORMAT = "blazepose-trace"
VERSION = 1
_PREDICTIONS = "blazepose_tf"


@dataclass(frozen=True)
class Trace:
    """Which models ran on each frame.

    Attributes:
        frames: (detector ran, tracker ran) per frame.
        overhead_ms: time per frame outside the models, on the recording machine.
        source: where it was recorded, for the report.
    """

    frames: tuple[tuple[bool, bool], ...]
    overhead_ms: float = 0.0
    source: str = ""

    def __post_init__(self):
        if not self.frames:
            raise ValueError("a trace needs at least one frame. Received: none")
        if not self.overhead_ms >= 0:
            raise ValueError(f"overhead_ms must not be negative. Received: overhead_ms={self.overhead_ms!r}")

    @property
    def detector_runs(self) -> int:
        return sum(detector for detector, _ in self.frames)

    @property
    def tracker_runs(self) -> int:
        return sum(tracker for _, tracker in self.frames)


def load_trace(path: Path | str) -> Trace:
    """Reads a trace, or the poses that `blazepose predict` wrote for a video.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is neither; says what was expected and where.
    """
    data = documents.read(path)
    if isinstance(data, dict) and data.get("format") == _PREDICTIONS:
        return _from_predictions(data, path)
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("version") != VERSION:
        raise ValueError(
            f"{path} is no trace: expected format {FORMAT!r}, version {VERSION}, or the JSON of `blazepose predict`"
        )
    for i, frame in enumerate(_frames(data, path)):
        if not isinstance(frame, dict) or not all(isinstance(frame.get(k), bool) for k in ("detector", "tracker")):
            raise ValueError(
                f'{path}: frames[{i}] must be {{"detector": bool, "tracker": bool}}. Received: {documents.show(frame)}'
            )
    overhead = data.get("overhead_ms", 0.0)
    values = overhead if isinstance(overhead, list) and overhead else [overhead]
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0 for v in values):
        raise ValueError(f"{path}: overhead_ms must be a number or a list of numbers >= 0. Received: {overhead!r}")
    frames = tuple((frame["detector"], frame["tracker"]) for frame in data["frames"])
    return Trace(frames, sum(values) / len(values), str(data.get("source", "")))


def _frames(data: dict, path: Path | str) -> list:
    frames = data.get("frames")
    if not isinstance(frames, list):
        raise ValueError(f"{path}: frames must be a list. Received: {type(frames).__name__}")
    return frames


def _from_predictions(data: dict, path: Path | str) -> Trace:
    """A network that took time in a frame ran in it; the median frame's remaining time is the overhead."""
    frames, overheads = [], []
    for i, frame in enumerate(_frames(data, path)):
        times = frame.get("milliseconds") if isinstance(frame, dict) else None
        if not isinstance(times, dict) or not all(
            isinstance(times.get(k), (int, float)) for k in ("detector", "tracker", "total")
        ):
            raise ValueError(f"{path}: frames[{i}].milliseconds must have detector, tracker and total")
        frames.append((times["detector"] > 0, times["tracker"] > 0))
        overheads.append(max(times["total"] - times["detector"] - times["tracker"], 0.0))
    return Trace(tuple(frames), statistics.median(overheads) if overheads else 0.0, str(data.get("source", "")))


def save_trace(trace: Trace, path: Path | str) -> None:
    """Writes a trace for `load_trace`."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "source": trace.source,
        "overhead_ms": trace.overhead_ms,
        "frames": [{"detector": detector, "tracker": tracker} for detector, tracker in trace.frames],
    }
    files.write_text(path, json.dumps(document))


def compose(trace: Trace, *, detector_ms: float, tracker_ms: float) -> dict:
    """Pipeline speed from the models' own times (for a phone).

    Args:
        trace: the duty cycle.
        detector_ms: time of one detector inference.
        tracker_ms: time of one tracker inference.

    Returns:
        The `pipeline` entry of a document, method "composed"; the overhead of the trace is included as recorded.
    """
    total = trace.detector_runs * detector_ms + trace.tracker_runs * tracker_ms + len(trace.frames) * trace.overhead_ms
    return _entry(trace, "composed", total / len(trace.frames), None)


def replay(
    trace: Trace,
    detector: Path | str,
    tracker: Path | str,
    *,
    configuration: Configuration | None = None,
    passes: int = 3,
) -> dict:
    """Runs the models frame by frame as the trace says, on this host.

    Args:
        trace: the duty cycle.
        detector: .tflite file.
        tracker: .tflite file.
        configuration: threads and delegate of both.
        passes: how often the trace is run; the spread of a pass is reported.

    Returns:
        The `pipeline` entry of a document, method "replayed".
    """
    configuration = configuration or Configuration()
    runners = Runner(detector, configuration), Runner(tracker, configuration)
    for runner in runners:
        runner.run()
    rounds = []
    for _ in range(passes):
        times = []
        for ran in trace.frames:
            start = time.perf_counter_ns()
            for runner, active in zip(runners, ran, strict=True):
                if active:
                    runner.run()
            times.append((time.perf_counter_ns() - start) / 1e6 + trace.overhead_ms)
        rounds.append(times)
    mean = sum(map(sum, rounds)) / (passes * len(trace.frames))
    # A frame on which nothing ran and nothing was recorded takes no time at all.
    return _entry(trace, "replayed", mean, latencies.summarize([[max(t, 1e-6) for t in r] for r in rounds]))


def _entry(trace: Trace, method: str, frame_ms: float, latency: dict | None) -> dict:
    return {
        "method": method,
        "frames_per_second": 1e3 / frame_ms if frame_ms > 0 else None,
        "frame_ms": frame_ms,
        "latency_ms": latency,
        "frames": len(trace.frames),
        "detector_runs": trace.detector_runs,
        "tracker_runs": trace.tracker_runs,
        "overhead_ms": trace.overhead_ms,
        "source": trace.source,
    }
