"""A second teacher: people whom another system sees, as 17 points in pixels of the picture.

MoveNet's files are read here (Apache-2.0; their inputs and outputs are those of its model cards): MultiPose sees up to
six people of a whole picture, Lightning and Thunder one, in the letterboxed region that they are given.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blazepose_tf.geometry import affine, roi
from blazepose_tf.runtime.warp import warp

_SIDE = 256  # MultiPose's longer side
_MULTIPLE = 32
_POINTS = 17
_SCORE = 0.2  # of a point
_PERSON = 0.3  # of a person
_SUSPECT = 0.1  # of somebody who may be a person
_MARGIN = 1.25  # of the region around a body circle, as a tracker's


@dataclass(frozen=True, eq=False)
class Seen:
    """Somebody of whom MultiPose says that there may be a person.

    Attributes:
        points: (17, 2) pixels, nan below a score of 0.2.
        box: (4,) x0, y0, x1, y1 in pixels.
        sure: the score of a person, not of a suspicion.
    """

    points: np.ndarray
    box: np.ndarray
    sure: bool


class MoveNet:
    """A MoveNet file.

    Attributes:
        multi: it sees several people of a whole picture (MultiPose).
    """

    def __init__(self, path: str | os.PathLike, *, num_threads: int = 1):
        """Opens a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no MoveNet.
        """
        from ai_edge_litert.interpreter import Interpreter

        content = Path(path).read_bytes()
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: not a MoveNet file ({error})") from error
        shape = tuple(self._output["shape"])
        self.multi = shape[-1] == 3 * _POINTS + 5
        if not self.multi and shape[-2:] != (_POINTS, 3):
            raise ValueError(f"{path}: not a MoveNet file: its output has the shape {shape}")
        self._size: tuple[int, int] | None = None

    def _infer(self, picture: np.ndarray) -> np.ndarray:
        if self._size != picture.shape[:2]:
            self._interpreter.resize_tensor_input(self._input["index"], [1, *picture.shape])
            self._interpreter.allocate_tensors()
            self._size = picture.shape[:2]
        self._interpreter.set_tensor(self._input["index"], picture[None].astype(self._input["dtype"]))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])[0]

    def __call__(self, picture: np.ndarray, alignment: np.ndarray) -> np.ndarray:
        """(P, 17, 2) points in pixels, nan below a score of 0.2: of everybody, or of who is in a body circle.

        Args:
            picture: (H, W, 3) uint8 RGB.
            alignment: (2, 2) body circle of the person looked for; MultiPose looks at the whole picture.
        """
        if self.multi:
            return self.everybody(picture)
        center, radius = alignment[0], float(np.linalg.norm(alignment[1] - alignment[0]))
        side = int(self._input["shape"][1])
        region = np.float32([*center, 2.0 * _MARGIN * radius, 0.0])
        matrix = roi.crop_matrix(region, side)
        values = self._infer(warp(picture, matrix, side, border="zero"))[0]
        return self._points(values[None], np.array([side, side]), matrix)

    def everybody(self, picture: np.ndarray) -> np.ndarray:
        """(P, 17, 2) as above, of the people of a whole picture; for MultiPose."""
        return np.array([s.points for s in self.suspects(picture) if s.sure]).reshape(-1, _POINTS, 2)

    def suspects(self, picture: np.ndarray) -> list[Seen]:
        """Everybody who may be in a picture, the surest first; for MultiPose."""
        height, width = picture.shape[:2]
        scale = _SIDE / max(height, width)
        # What is left of the last block of 32 pixels stays black.
        size = [-(-round(length * scale) // _MULTIPLE) * _MULTIPLE for length in (height, width)]
        square = roi.crop_matrix(roi.whole_image(width, height), _SIDE)
        offset = (_SIDE - np.array([size[1], size[0]])) // 2
        letterboxed = warp(picture, square, _SIDE, border="zero")
        part = np.ascontiguousarray(letterboxed[offset[1] : offset[1] + size[0], offset[0] : offset[0] + size[1]])
        found = self._infer(part)
        found = found[found[:, -1] >= _SUSPECT]
        shape = np.array([size[1], size[0]])
        points = self._points(found[:, : 3 * _POINTS].reshape(-1, _POINTS, 3), shape, square, offset)
        corners = found[:, 3 * _POINTS : 3 * _POINTS + 4].reshape(-1, 2, 2)[..., ::-1] * shape + offset
        boxes = affine.apply(np.asarray(square, np.float64), corners).reshape(-1, 4)
        sure = found[:, -1] >= _PERSON
        return [Seen(*entry) for entry in zip(points, boxes, sure.tolist(), strict=True)]

    @staticmethod
    def _points(values: np.ndarray, size: np.ndarray, matrix: np.ndarray, offset=0) -> np.ndarray:
        points = affine.apply(np.asarray(matrix, np.float64), values[..., 1::-1] * size + offset)
        return np.where(values[..., 2:] >= _SCORE, points, np.nan)
