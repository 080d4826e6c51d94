"""MoveNet through LiteRT, as predictions that `blazepose evaluate --predictions` takes.

    python benchmarks/movenet.py --model=movenet_thunder.tflite --data=val.json --output=thunder.json
    blazepose evaluate --predictions=thunder=thunder.json --data=val.json
    python benchmarks/movenet.py --model=movenet_thunder.tflite --data=val.json --videos=clips --output=films.json
    blazepose evaluate --predictions=thunder=films.json --data=val.json --protocol=video --videos=clips

Lightning (192 px) and Thunder (256 px) answer with one person per picture, whose score is the mean of its points';
MultiPose (sides that are multiples of 32, long one 256 px) with up to six. Pictures are letterboxed by the runtime's
own resampler, as for our detector.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.evaluation import annotations, film, video_protocol
from blazepose_tf.evaluation.predictions import Prediction
from blazepose_tf.geometry import affine, roi
from blazepose_tf.runtime.warp import warp

MULTIPOSE_SIDE, MULTIPLE = 256, 32
COUNT = len(topology.COCO_17)


@dataclass(frozen=True, eq=False)
class Pose:
    """One person: points (17, 2) in image pixels, scores (17,) of them, score of the person."""

    points: np.ndarray
    scores: np.ndarray
    score: float


class MoveNet:
    """An opened file; calling it with a (H, W, 3) uint8 RGB picture gives its people, best first."""

    def __init__(self, path: str | Path):
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        detail = self._interpreter.get_input_details()[0]
        self._input, self._dtype = detail["index"], detail["dtype"]
        output = self._interpreter.get_output_details()[0]
        self._output, self._many = output["index"], output["shape"][-1] == 56
        self._side = MULTIPOSE_SIDE if self._many else int(detail["shape"][1])
        self._shape: tuple[int, ...] = ()

    def __call__(self, image: np.ndarray) -> list[Pose]:
        crop, matrix = self.crop(image)
        raw = self.infer(crop)
        height, width = crop.shape[:2]
        people = []
        for values in raw if self._many else raw.reshape(1, -1):
            points = values[: 3 * COUNT].reshape(COUNT, 3)
            score = float(values[55]) if self._many else float(points[:, 2].mean())
            if score > 0:
                people.append(Pose(affine.apply(matrix, points[:, 1::-1] * (width, height)), points[:, 2], score))
        return sorted(people, key=lambda pose: -pose.score)

    def crop(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The letterboxed input (S, S, 3), for MultiPose without the rows or columns that hold no picture, and its
        (2, 3) matrix to image pixels."""
        height, width = image.shape[:2]
        matrix = roi.crop_matrix(roi.whole_image(width, height), self._side).astype(np.float64)
        crop = warp(image, matrix, self._side, border="zero")
        if self._many:
            scale = self._side / max(width, height)
            cut_y, cut_x = (
                (self._side - min(self._side, MULTIPLE * int(np.ceil(length * scale / MULTIPLE - 1e-6)))) // 2
                for length in (height, width)
            )
            crop = np.ascontiguousarray(crop[cut_y : self._side - cut_y, cut_x : self._side - cut_x])
            matrix[:, 2] += matrix[:, :2] @ (cut_x, cut_y)
        return crop, matrix

    def infer(self, crop: np.ndarray) -> np.ndarray:
        """The network's output for one input, whose shape the tensor takes."""
        if crop.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, (1, *crop.shape))
            self._interpreter.allocate_tensors()
            self._shape = crop.shape
        self._interpreter.set_tensor(self._input, crop[None].astype(self._dtype))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


def predict(model: MoveNet, image: np.ndarray, image_id: int) -> list[Prediction]:
    """Everybody in a picture as the evaluation sees them: 33 points, nan for those that MoveNet lacks, no visibility
    (MoveNet's scores are confidences, high for points that it guesses behind something else, too)."""
    chosen = topology.indices(topology.COCO_17)
    out = []
    for pose in model(image):
        points = np.full((len(topology.KEYPOINTS), 2), np.nan)
        points[chosen] = pose.points
        out.append(Prediction(image_id, None, points, None, pose.score))
    return out


def film_lines(model: MoveNet, videos: str, data: annotations.Annotations) -> list[str]:
    """The best person of every frame of the video protocol's clips."""
    lines = []
    for clip in tqdm(film.clips(videos) + film.made_clips(data, video_protocol.PHOTOGRAPHS), disable=None):
        for number, (image, _) in enumerate(clip.frames()):
            for prediction in predict(model, image, number)[:1]:
                lines.append(json.dumps({"clip": clip.name, "frame": number, **prediction.to_json()}) + "\n")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="movenet_*.tflite")
    parser.add_argument("--data", required=True, help="COCO-style annotations, for their pictures")
    parser.add_argument("--images", help="folder of the pictures")
    parser.add_argument("--videos", help="folder of clips: reads them and the video protocol's made clips instead")
    parser.add_argument("--output", required=True, help="predictions, JSON lines")
    options = parser.parse_args()
    files.require_writable(options.output)
    model, data = MoveNet(options.model), annotations.load(options.data, images=options.images)
    lines = film_lines(model, options.videos, data) if options.videos else []
    for image_id in tqdm([] if options.videos else data.pictures, disable=None):
        lines += [json.dumps(p.to_json()) + "\n" for p in predict(model, data.picture(image_id), image_id)]
    files.write_text(options.output, "".join(lines))
    print(f"written: {options.output} ({len(lines)} people)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
