"""The pipeline on streams: state carried from frame to frame.

Real clips give losses of the track, detector runs, and the jitter of resting keypoints. Two kinds of made clips have a
known truth: a still photograph under sensor noise (everything that moves is jitter) and a photograph that is panned
steadily (what stays behind is lag).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation import systems
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.metrics import keypoints, motion
from blazepose_tf.runtime.stream import PoseStream

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")
NOISE = 4.0  # grey levels, a phone's sensor in a room
STILL_FRAMES = 24
PAN_FRAMES = 24
PAN_SPEED = 0.04  # torsos per frame: a walking person at 30 frames/s
FRAME_MS = 1000.0 / 30.0
COUNT = len(topology.KEYPOINTS)


def clips(folder: str | Path) -> list[Path]:
    """Video files of a folder, or the file itself, sorted by name.

    Raises:
        FileNotFoundError: none there.
    """
    folder = Path(folder)
    found = [folder] if folder.is_file() else sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{folder}: no video files ({', '.join(SUFFIXES)})")
    return found


def frames(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """(H, W, 3) uint8 RGB frames and their times in milliseconds.

    Raises:
        OSError: not a readable video.
    """
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
    number = 0
    try:
        while True:
            there, frame = capture.read()
            if not there:
                break
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), 1000.0 * number / rate
            number += 1
    finally:
        capture.release()
    if not number:
        raise OSError(f"{path}: not a readable video")


def follow(stream: PoseStream, film: Iterator[tuple[np.ndarray, float]]) -> dict[str, np.ndarray]:
    """Runs a film.

    Returns:
        points (T, 33, 2) pixels, nan where nobody was found; found (T,); detected (T,): the detector ran.
    """
    stream.reset()
    points, found, detected = [], [], []
    for image, time_ms in film:
        result = stream(image, time_ms)
        found.append(result.found)
        detected.append(result.detector_ran)
        if result.found:
            points.append(systems.in_order(result.landmarks, result.visibility, result.names)[0])
        else:
            points.append(np.full((COUNT, 2), np.nan))
    return {"points": np.array(points), "found": np.array(found, bool), "detected": np.array(detected, bool)}


def _torso(points: np.ndarray) -> float:
    """Median torso of a track in pixels."""
    return float(np.nanmedian(keypoints.torso_size(points, np.isfinite(points).all(axis=-1))))


def _clip(path: Path, smooth: PoseStream, raw: PoseStream) -> tuple[dict, motion.Track]:
    track = follow(smooth, frames(path))
    counts = motion.track(track["found"], track["detected"])
    document = {"clip": path.name, **counts._asdict(), "redetections": max(counts.detector_runs - 1, 0)}
    if track["found"].sum() < 3:
        return document | {"resting_points": 0, "jitter_torso": float("nan"), "jitter_torso_raw": float("nan")}, counts
    torso = _torso(track["points"])
    points = np.where(np.isfinite(track["points"]), track["points"], 0.0)
    resting = track["found"][:, None] & motion.resting(points, torso)
    unfiltered = follow(raw, frames(path))
    both = resting & unfiltered["found"][:, None]
    return document | {
        "resting_points": int(resting.sum()),
        "jitter_torso": motion.jitter(points, torso, found=resting),
        "jitter_torso_raw": motion.jitter(np.nan_to_num(unfiltered["points"]), torso, found=both),
    }, counts


def _still(image: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(seed)
    for number in range(STILL_FRAMES):
        noisy = image + rng.normal(0, NOISE, image.shape).astype(np.float32)
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8), number * FRAME_MS


def _pan(image: np.ndarray, velocity: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    height, width = image.shape[:2]
    for number in range(PAN_FRAMES):
        matrix = np.array([[1, 0, velocity[0] * number], [0, 1, velocity[1] * number]], np.float64)
        moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield moved, number * FRAME_MS


def _photographs(annotations: Annotations, count: int) -> list[Person]:
    people = [p for p in annotations.people if not p.ignore and np.isfinite(p.torso)]
    return [people[i] for i in np.unique(np.linspace(0, len(people) - 1, min(count, len(people))).astype(int))]


def _made(annotations: Annotations, count: int, smooth: PoseStream, raw: PoseStream) -> dict:
    """Jitter of still photographs and lag of panned ones, medians over people who were found throughout."""
    jitters, raw_jitters, lags, raw_lags = [], [], [], []
    for person in _photographs(annotations, count):
        image = annotations.picture(person.image_id)
        velocity = PAN_SPEED * person.torso * np.array([np.cos(person.id), np.sin(person.id)])
        truth = velocity * np.arange(PAN_FRAMES)[:, None, None]
        for stream, into, late in ((smooth, jitters, lags), (raw, raw_jitters, raw_lags)):
            still = follow(stream, _still(image, person.id))
            if still["found"].all():
                # The first frames settle from the detector's region to the tracker's own.
                into.append(motion.jitter(still["points"][4:], person.torso))
            pan = follow(stream, _pan(image, velocity))
            if pan["found"].all() and not pan["detected"][1:].any():
                late.append(motion.lag(pan["points"][4:], pan["points"][:1] + truth[4:], velocity))
    median = lambda values: float(np.median(values)) if values else float("nan")  # noqa: E731
    return {
        "photographs": len(_photographs(annotations, count)),
        "still_jitter_torso": median(jitters),
        "still_jitter_torso_raw": median(raw_jitters),
        "lag_frames": median(lags),
        "lag_frames_raw": median(raw_lags),
    }


def evaluate(
    system: systems.System,
    *,
    videos: str | Path | None = None,
    annotations: Annotations | None = None,
    photographs: int = 24,
    progress: Callable[[int], None] | None = None,
) -> dict:
    """Measures a pipeline over time.

    Args:
        system: tracker and detector.
        videos: folder of clips, or one clip.
        annotations: data set whose pictures become still and panned clips.
        photographs: how many of them.
        progress: called with the number of clips just finished.

    Returns:
        Plain dict; jitter in torsos per frame squared, with and without the filters (`_raw`).
    """
    pipeline = systems.open_pipeline(system)
    smooth, raw = pipeline.stream(), pipeline.stream(smoothing=False)
    document: dict = {"clips": []}
    total = motion.Track(0, 0, 0, 0)
    for path in clips(videos) if videos else []:
        clip, counts = _clip(path, smooth, raw)
        document["clips"].append(clip)
        total = total + counts
        if progress:
            progress(1)
    if document["clips"]:
        weight = np.array([c["resting_points"] for c in document["clips"]], float)
        for key in ("jitter_torso", "jitter_torso_raw"):
            values = np.array([c[key] for c in document["clips"]])
            known = np.isfinite(values) & (weight > 0)
            # Root mean squares combine by their squares.
            document[key] = (
                float(np.sqrt((values[known] ** 2 * weight[known]).sum() / weight[known].sum()))
                if known.any()
                else float("nan")
            )
        document |= total._asdict() | {
            "redetections": sum(c["redetections"] for c in document["clips"]),
            "found_share": total.found / max(total.frames, 1),
            "losses_per_1000": 1000.0 * total.losses / max(total.frames, 1),
        }
    if annotations is not None and photographs:
        document |= _made(annotations, photographs, smooth, raw)
    return document
