"""C3D, the file of motion laboratories, by ezc3d (extra `[formats]`)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np

from blazepose_tf.formats.motion import METRES, Motion

_PIP = "writing C3D needs ezc3d: pip install 'blazepose_tf[formats]'"
_LONGEST = 32000  # frames; the header counts them with 16 bits


def write_c3d(motion: Motion, path: Path) -> None:
    """Points named like the keypoints, on a steady clock; a point that is unknown has the residual -1 (invalid).

    Raises:
        ImportError: no ezc3d.
        OSError: it could not be written whole.
        ValueError: more frames than the format can count.
    """
    try:
        import ezc3d
    except ImportError as error:
        raise ImportError(_PIP) from error
    motion = motion.steady()
    frames, count = motion.points.shape[:2]
    if frames > _LONGEST:
        raise ValueError(f"C3D holds at most {_LONGEST} frames. Received: {frames}; cut the recording")
    known = np.isfinite(motion.points).all(axis=-1).T  # (K, T)
    points = np.ones((4, count, frames))
    points[:3] = np.where(known[None], motion.points.transpose(2, 1, 0), 0.0)
    file = ezc3d.c3d()
    parameters = file["parameters"]["POINT"]
    parameters["RATE"]["value"] = [motion.rate]
    parameters["LABELS"]["value"] = list(motion.names)
    parameters["UNITS"]["value"] = ["m" if motion.unit == METRES else "px"]
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = np.where(known, 0.0, -1.0)[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, count, frames), bool)
    file.write(str(path))
    _require_whole(path, 16 * count * frames)  # x, y, z and residual of a point, four bytes each


def _require_whole(path: Path, data: int) -> None:
    """ezc3d says nothing of a write that failed; the header tells in which block of 512 bytes the data begin."""
    content = path.read_bytes()
    start = 512 * (int.from_bytes(content[16:18], "little") - 1)
    if start <= 0 or len(content) < start + data:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
