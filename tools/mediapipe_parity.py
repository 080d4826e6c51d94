"""Compares the runtime with MediaPipe's own Python solution on still pictures.

Two processes, because MediaPipe needs numpy 1. In an environment with `mediapipe==0.10.21`:

    python tools/mediapipe_parity.py dump --images "photos/*.jpg" --output /tmp/mediapipe.npz

and in the project's environment, with OpenCV 4 (OpenCV 5 rounds its warps differently):

    python tools/mediapipe_parity.py compare --dump /tmp/mediapipe.npz \
        --detector pose_detection.tflite --tracker pose_landmark_full.tflite

`dump` keeps the pixels that it showed to MediaPipe, so that both see the same. `compare` cuts corner-aligned crops and
reads every person once, as MediaPipe's static mode does, and prints the distances between the landmarks of both.
Exit code 1 when the median exceeds 0.05 px or the 95th percentile 0.5 px.
"""

from __future__ import annotations

import argparse
import glob
import sys
from pathlib import Path

import numpy as np

MEDIAN_LIMIT = 0.05
P95_LIMIT = 0.5


def dump(images: list[str], output: str) -> int:
    """Runs MediaPipe's static mode (model_complexity 1) and stores pixels and landmarks."""
    import cv2
    import mediapipe

    paths = sorted(path for pattern in images for path in glob.glob(pattern))
    if not paths:
        print(f"error: no files match {images}", file=sys.stderr)
        return 1
    arrays: dict[str, np.ndarray] = {"names": np.array([Path(p).name for p in paths])}
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        for i, path in enumerate(paths):
            image = np.ascontiguousarray(cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1])
            found = pose.process(image)
            arrays[f"image_{i}"] = image
            if found.pose_landmarks:
                arrays[f"landmarks_{i}"] = _values(found.pose_landmarks)
                arrays[f"world_{i}"] = _values(found.pose_world_landmarks)
    np.savez(output, **arrays)
    print(f"{len(paths)} pictures, {sum(k.startswith('landmarks') for k in arrays)} with a person: {output}")
    return 0


def _values(landmarks) -> np.ndarray:
    return np.array([[p.x, p.y, p.z, p.visibility] for p in landmarks.landmark], np.float32)


def compare(dumped: str, detector: str, tracker: str) -> int:
    """Runs the project's pipeline on the same pixels and prints the differences."""
    import cv2

    from blazepose_tf.runtime import PosePipeline

    pipeline = PosePipeline(detector, tracker, mode="image", refine_roi=False, half_pixel=False)
    data = np.load(dumped)
    pixels, depths, worlds, visibilities, disagree = [], [], [], [], []
    for i, name in enumerate(data["names"]):
        image = data[f"image_{i}"]
        result = pipeline(image)
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
    return int(bool(disagree) or median > MEDIAN_LIMIT or p95 > P95_LIMIT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("dump", help="run MediaPipe and store its landmarks")
    verb.add_argument("--images", nargs="+", required=True, help="glob patterns")
    verb.add_argument("--output", required=True, help=".npz file to write")
    verb = verbs.add_parser("compare", help="run this project on the same pixels")
    verb.add_argument("--dump", required=True, help=".npz file of `dump`")
    verb.add_argument("--detector", required=True, help="MediaPipe's pose_detection.tflite")
    verb.add_argument("--tracker", required=True, help="MediaPipe's pose_landmark_full.tflite")
    args = parser.parse_args()
    if args.verb == "dump":
        return dump(args.images, args.output)
    return compare(args.dump, args.detector, args.tracker)


if __name__ == "__main__":
    sys.exit(main())
