"""Systems on films: losses of the track, detector runs, jitter and lag.

A track is what one system says about one clip. Our pipelines follow it, with and without their filters; any other
system's tracks are read from a file of predictions. Figures without a suffix are over all 33 points (unknown for a
system that lacks some), those in `_17` over the points that COCO has, too, by which all systems can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation import film, predictions, systems
from blazepose_tf.evaluation.annotations import Annotations
from blazepose_tf.metrics import keypoints, motion
from blazepose_tf.runtime.stream import PoseStream

COUNT = len(topology.KEYPOINTS)
SETS = {"": np.arange(COUNT), "_17": topology.indices(topology.COCO_17)}
# The first frames settle from the detector's region to the tracker's own.
SETTLED = 4
PHOTOGRAPHS = 24


class Track(NamedTuple):
    """points (T, 33, 2) pixels, nan where nobody was found or a point is not known; found (T,) bool; detected (T,)
    bool, the detector ran."""

    points: np.ndarray
    found: np.ndarray
    detected: np.ndarray


# What says something about a clip: one for the system as it is used, one without filters (None: it has none to leave).
Tracker = Callable[[film.Clip], Track]


def follow(stream: PoseStream, frames: film.Frames) -> Track:
    """Runs a pipeline over a film."""
    stream.reset()
    points, found, detected = [], [], []
    for image, time_ms in frames:
        result = stream(image, time_ms)
        found.append(result.found)
        detected.append(result.detector_ran)
        if result.found:
            points.append(systems.in_order(result.landmarks, result.visibility, result.names)[0])
        else:
            points.append(np.full((COUNT, 2), np.nan))
    return Track(np.array(points), np.array(found, bool), np.array(detected, bool))


def tracks_of_file(path: str | os.PathLike) -> Tracker:
    """Tracks from a file of predictions by clip and frame; of several people in a frame the one with the best score.

    Raises:
        OSError, ValueError: as `predictions.read_film`.
    """
    by_clip = predictions.read_film(path)

    def track(clip: film.Clip) -> Track:
        if clip.name not in by_clip:
            raise ValueError(f"{path}: has no predictions of the clip {clip.name!r}. Received: {sorted(by_clip)[:10]}")
        answers = by_clip[clip.name]
        count = sum(1 for _ in clip.frames())
        if max(answers) >= count:
            raise ValueError(f"{path}: {clip.name} has {count} frames. Received: frame {max(answers)}")
        points, found = np.full((count, COUNT, 2), np.nan), np.zeros(count, bool)
        for number, prediction in answers.items():
            if prediction.points is not None:
                points[number], found[number] = prediction.points, True
        return Track(points, found, np.zeros(count, bool))

    return track


def _torso(points: np.ndarray) -> float:
    """Median torso of a track in pixels."""
    return float(np.nanmedian(keypoints.torso_size(points, np.isfinite(points).all(axis=-1))))


def _known(track: Track, chosen: np.ndarray) -> np.ndarray | None:
    """(T, n, 2) chosen points with zeros where nobody was found; None where the system lacks one of them."""
    points = track.points[:, chosen]
    given = np.isfinite(points).all(axis=-1)
    return np.where(given[..., None], points, 0.0) if given[track.found].any(axis=0).all() else None


def _clip(clip: film.Clip, smooth: Tracker, raw: Tracker | None) -> tuple[dict, motion.Track]:
    track = smooth(clip)
    counts = motion.track(track.found, track.detected)
    document: dict = {"clip": clip.name, **counts._asdict(), "redetections": max(counts.detector_runs - 1, 0)}
    unfiltered = raw(clip) if raw is not None and track.found.sum() >= 3 else None
    for suffix, chosen in SETS.items():
        document |= {f"resting_points{suffix}": 0}
        document |= {f"jitter_torso{kind}{suffix}": float("nan") for kind in ("", "_raw")}
        points = _known(track, chosen) if track.found.sum() >= 3 else None
        if points is None:
            continue
        torso = _torso(track.points)
        given = np.isfinite(track.points[:, chosen]).all(axis=-1)
        resting = given & motion.resting(points, torso)
        document[f"resting_points{suffix}"] = int(resting.sum())
        document[f"jitter_torso{suffix}"] = motion.jitter(points, torso, found=resting)
        other = None if unfiltered is None else _known(unfiltered, chosen)
        if other is not None:
            both = resting & unfiltered.found[:, None]
            document[f"jitter_torso_raw{suffix}"] = motion.jitter(other, torso, found=both)
    return document, counts


def _combined(documents: list[dict]) -> dict:
    """Jitter of all clips: root mean squares combine by their squares."""
    out = {}
    for suffix in SETS:
        weight = np.array([d[f"resting_points{suffix}"] for d in documents], float)
        for key in (f"jitter_torso{suffix}", f"jitter_torso_raw{suffix}"):
            values = np.array([d[key] for d in documents])
            known = np.isfinite(values) & (weight > 0)
            total = weight[known].sum()
            out[key] = float(np.sqrt((values[known] ** 2 * weight[known]).sum() / total)) if total else float("nan")
    return out


def _made(made: list[film.Clip], smooth: Tracker, raw: Tracker | None, progress: Callable[[int], None]) -> dict:
    """Jitter of still photographs and lag of panned ones, medians over people who were found throughout."""
    keys = [
        f"{figure}{kind}{s}" for figure in ("still_jitter_torso", "lag_frames") for kind in ("", "_raw") for s in SETS
    ]
    values: dict[str, list[float]] = {key: [] for key in keys}
    for clip in made:
        for kind, tracker in (("", smooth), ("_raw", raw)):
            if tracker is None:
                continue
            track = tracker(clip)
            if not track.found.all() or (clip.kind == film.PAN and track.detected[1:].any()):
                continue
            for suffix, chosen in SETS.items():
                points = _known(track, chosen)
                if points is None:
                    continue
                if clip.kind == film.STILL:
                    figure = motion.jitter(points[SETTLED:], clip.torso)
                    values[f"still_jitter_torso{kind}{suffix}"].append(figure)
                else:
                    truth = points[:1] + (clip.velocity * np.arange(len(points))[:, None, None])
                    figure = motion.lag(points[SETTLED:], truth[SETTLED:], clip.velocity)
                    values[f"lag_frames{kind}{suffix}"].append(figure)
        progress(1)
    medians = {key: float(np.median(found)) if found else float("nan") for key, found in values.items()}
    return {"photographs": len(made) // 2, **medians}


def evaluate(
    system: systems.System | str | os.PathLike,
    *,
    videos: str | Path | None = None,
    annotations: Annotations | None = None,
    photographs: int = PHOTOGRAPHS,
    progress: Callable[[int], None] = lambda count: None,
) -> dict:
    """Measures a system over time.

    Args:
        system: tracker and detector, or a file of predictions by clip and frame (`predictions.read_film`).
        videos: folder of clips, or one clip.
        annotations: data set whose pictures become still and panned clips.
        photographs: how many of them.
        progress: called with the number of clips just finished.

    Returns:
        Plain dict; jitter in torsos per frame squared, with and without the filters (`_raw`).
    """
    smooth: Tracker
    raw: Tracker | None
    own = isinstance(system, systems.System)
    if own:
        pipeline = systems.open_pipeline(system)
        filtered, plain = pipeline.stream(), pipeline.stream(smoothing=False)
        smooth, raw = lambda clip: follow(filtered, clip.frames()), lambda clip: follow(plain, clip.frames())
    else:
        smooth, raw = tracks_of_file(system), None
    document: dict = {"clips": []}
    total = motion.Track(0, 0, 0, 0)
    for clip in film.clips(videos) if videos else []:
        figures, counts = _clip(clip, smooth, raw)
        document["clips"].append(figures)
        total = total + counts
        progress(1)
    if document["clips"]:
        document |= _combined(document["clips"]) | total._asdict()
        document |= {
            "redetections": sum(c["redetections"] for c in document["clips"]),
            "found_share": total.found / max(total.frames, 1),
            "losses_per_1000": 1000.0 * total.losses / max(total.frames, 1),
        }
    if annotations is not None and photographs:
        document |= _made(film.made_clips(annotations, photographs), smooth, raw, progress)
    if not own:  # nobody knows when its detector ran
        for figures in (document, *document["clips"]):
            for key in ("detector_runs", "redetections"):
                figures.pop(key, None)
    return document
