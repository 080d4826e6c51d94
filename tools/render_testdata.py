"""Draws the pictures and the films of testdata/.

    python tools/render_testdata.py [FOLDER]

Everything is a function of the numbers below, so that the files can be made again. They are byte for byte the same only
with the same OpenCV (its JPEG and MPEG-4 encoders write them); the annotations do not depend on it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from blazepose_tf import files
from blazepose_tf.synthetic import Sample, render_crossing, render_sample, render_video
from blazepose_tf.synthetic.dataset import write_samples

SEED = 2026
# (index, (height, width)): one person each, chosen by eye for different poses, builds and sizes.
PICTURES = ((4, (640, 480)), (10, (480, 640)), (20, (480, 480)), (25, (640, 480)), (29, (360, 640)), (32, (240, 320)))
FILM_SEED, FILM_FRAMES, FILM_SIZE, FILM_RATE = 9, 60, (240, 320), 30.0
CROSSING_SEED, CROSSING_SIZE = 4, (192, 340)


def render_pictures(folder: Path) -> None:
    """Writes people.json and images/people_*.jpg into people/."""
    samples = (render_sample(SEED, index, size=size, persons=1) for index, size in PICTURES)
    write_samples(folder, samples, count=len(PICTURES), split="people", quality=85)


def render_films(folder: Path) -> None:
    """Writes person.mp4 and crossing.mp4, and beside them the keypoints and alignment points of each frame."""
    person = render_video(FILM_SEED, FILM_FRAMES, size=FILM_SIZE)
    write_film(folder / "person.mp4", FILM_SIZE, ((sample, _numbers(sample, 0)) for sample in person))
    crossing = render_crossing(CROSSING_SEED, FILM_FRAMES, size=CROSSING_SIZE)
    frames = ((sample, {"people": [_numbers(sample, i) for i in range(2)]}) for sample in crossing)
    write_film(folder / "crossing.mp4", CROSSING_SIZE, frames)


def _numbers(sample: Sample, person: int) -> dict:
    return {
        "keypoints": [round(float(v), 1) for v in sample.keypoints[person].ravel()],
        "alignment": [round(float(v), 1) for v in sample.alignment[person].ravel()],
    }


def write_film(path: Path, size: tuple[int, int], frames: Iterable[tuple[Sample, dict]]) -> None:
    """Writes the samples' pictures to `path` and what belongs to each of them to the JSON file beside it."""
    height, width = size
    documents = []
    with files.atomic_path(path) as temporary:
        writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter_fourcc(*"mp4v"), FILM_RATE, (width, height))
        if not writer.isOpened():
            raise OSError(f"OpenCV cannot write MPEG-4 to {temporary}")
        for sample, document in frames:
            writer.write(sample.image[..., ::-1])
            documents.append(document)
        writer.release()
    content = {"width": width, "height": height, "frames_per_second": FILM_RATE, "frames": documents}
    files.write_text(path.with_suffix(".json"), json.dumps(content, separators=(",", ":")))


def main() -> int:
    """Draws everything into the folder given, or into testdata/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    testdata = Path(__file__).resolve().parents[1] / "testdata"
    parser.add_argument("folder", nargs="?", type=Path, default=testdata, metavar="FOLDER", help="instead of testdata/")
    folder = parser.parse_args().folder
    (folder / "people").mkdir(parents=True, exist_ok=True)
    render_pictures(folder / "people")
    render_films(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
