"""Compares the runtime with MediaPipe's own Python solution, on still pictures or on a video with tracking and filters.

Two processes, because MediaPipe needs numpy 1. In an environment with `mediapipe==0.10.21`:

    python tools/mediapipe_parity.py dump --images "photos/*.jpg" --output mediapipe.npz
    python tools/mediapipe_parity.py dump --video clip.mp4 --frames 60 --output mediapipe.npz

and in the project's environment, with OpenCV 4 (OpenCV 5 rounds its warps differently):

    python tools/mediapipe_parity.py compare --dump mediapipe.npz \
        --detector pose_detection.tflite --tracker pose_landmark_full.tflite

`dump` keeps the pixels that it showed to MediaPipe, so that both see the same: two builds of OpenCV need not decode a
video alike. `compare` cuts corner-aligned crops and reads every person once, as MediaPipe does, and prints the
distances between the landmarks of both. In a video the loop feeds differences back, so more is allowed there.
Exit code 1 when the median exceeds 0.05 px or the 95th percentile 0.5 px; for a video 0.2 and 1 px.
"""

from __future__ import annotations

import argparse
import glob
import sys
from pathlib import Path

import numpy as np

LIMITS = {False: (0.05, 0.5), True: (0.2, 1.0)}  # median and 95th percentile in px: pictures, video


def _pictures(patterns: list[str]) -> list[tuple[str, np.ndarray]]:
    import cv2

    paths = sorted(path for pattern in patterns for path in glob.glob(pattern))
    return [(Path(p).name, cv2.imread(p, cv2.IMREAD_COLOR)[..., ::-1]) for p in paths]


def _frames(video: str, count: int) -> list[tuple[str, np.ndarray]]:
    import cv2

    capture, frames = cv2.VideoCapture(video), []
    while len(frames) < count and (read := capture.read())[0]:
        frames.append((f"frame {len(frames)}", read[1][..., ::-1]))
    return frames


def dump(pictures: list[tuple[str, np.ndarray]], output: str, *, video: bool, pixels: bool = True) -> int:
    """Runs MediaPipe (model_complexity 1) on (name, RGB) pictures or frames and stores pixels and landmarks."""
    import mediapipe

    if not pictures:
        print("error: nothing to read", file=sys.stderr)
        return 1
    arrays: dict[str, np.ndarray] = {"names": np.array([name for name, _ in pictures]), "video": np.array(video)}
    with mediapipe.solutions.pose.Pose(static_image_mode=not video, model_complexity=1) as pose:
        for i, (_, image) in enumerate(pictures):
            image = np.ascontiguousarray(image)
            found = pose.process(image)
            if pixels:
                arrays[f"image_{i}"] = image
            if found.pose_landmarks:
                arrays[f"landmarks_{i}"] = _values(found.pose_landmarks)
                arrays[f"world_{i}"] = _values(found.pose_world_landmarks)
    np.savez_compressed(output, **arrays)
    print(f"{len(pictures)} pictures, {sum(k.startswith('landmarks') for k in arrays)} with a person: {output}")
    return 0


def _values(landmarks) -> np.ndarray:
    return np.array([[p.x, p.y, p.z, p.visibility] for p in landmarks.landmark], np.float32)


def compare(dumped: str, detector: str, tracker: str) -> int:
    """Runs the project's pipeline on the same pixels and prints the differences."""
    import cv2

    from blazepose_tf.runtime import PosePipeline

    data = np.load(dumped)
    video = bool(data["video"])
    pipeline = PosePipeline(detector, tracker, refine_roi=False, half_pixel=False)
    # Without timestamps a stream counts 1/30 s per frame, as MediaPipe's solution does.
    read = pipeline.stream() if video else pipeline
    pixels, depths, worlds, visibilities, disagree = [], [], [], [], []
    for i, name in enumerate(data["names"]):
        image = data[f"image_{i}"]
        result = read(image)
        if result.found != (f"landmarks_{i}" in data):
            disagree.append(str(name))
            continue
        if not result.found:
            continue
        size = np.array(result.image_size, np.float32)
        theirs = data[f"landmarks_{i}"]
        distance = np.linalg.norm(result.landmarks - theirs[:, :2] * size, axis=-1)
        pixels.append(distance)
        depths.append(np.abs(result.z - theirs[:, 2] * size[0]))
        worlds.append(np.linalg.norm(result.world - data[f"world_{i}"][:, :3], axis=-1))
        visibilities.append(np.abs(result.visibility - theirs[:, 3]))
        print(f"{name}: median {np.median(distance):.4f} px, worst {distance.max():.4f} px, roi {result.roi[2]:.0f} px")
    print(f"OpenCV {cv2.__version__}; {len(pixels)} people compared; found by one side only: {disagree or 'none'}")
    if not pixels:
        return 1
    for title, values in (
        ("landmarks, image px", pixels),
        ("depth, image px", depths),
        ("world, m", worlds),
        ("visibility", visibilities),
    ):
        flat = np.concatenate(values)
        quantiles = np.percentile(flat, [50, 95, 100])
        print(f"{title}: median {quantiles[0]:.5f}, 95 % {quantiles[1]:.5f}, max {quantiles[2]:.5f}")
    median, p95 = np.percentile(np.concatenate(pixels), [50, 95])
    return int(bool(disagree) or median > LIMITS[video][0] or p95 > LIMITS[video][1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("dump", help="run MediaPipe and store its landmarks")
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", nargs="+", help="glob patterns")
    source.add_argument("--video", help="one clip")
    verb.add_argument("--frames", type=int, default=60, help="frames of the clip")
    verb.add_argument("--output", required=True, help=".npz file to write")
    verb.add_argument("--landmarks_only", action="store_true", help="leave the pixels out (golden files of tests)")
    verb = verbs.add_parser("compare", help="run this project on the same pixels")
    verb.add_argument("--dump", required=True, help=".npz file of `dump`")
    verb.add_argument("--detector", required=True, help="MediaPipe's pose_detection.tflite")
    verb.add_argument("--tracker", required=True, help="MediaPipe's pose_landmark_full.tflite")
    args = parser.parse_args()
    if args.verb == "dump":
        pictures = _frames(args.video, args.frames) if args.video else _pictures(args.images)
        return dump(pictures, args.output, video=bool(args.video), pixels=not args.landmarks_only)
    return compare(args.dump, args.detector, args.tracker)


if __name__ == "__main__":
    sys.exit(main())
