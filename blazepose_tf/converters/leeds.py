"""Leeds Sports Pose: `joints.mat` of LSP (2,000 pictures) and of its extended training set LSPET (10,000).

Both hold x, y and a flag of 14 joints per picture, 1-based: half a pixel is taken off. They differ in everything else:

| | joints | flag | pictures |
|---|---|---|---|
| LSP | (3, 14, N) | 1 = occluded, 0 = visible; all joints placed | `im0001.jpg`, 1-1000 train, 1001-2000 test |
| LSPET | (14, 3, N) | 1 = visible, 0 = not annotated (no position) | `im00001.jpg`, train only |

Reference: Johnson and Everingham, BMVC 2010 and CVPR 2011. LSP's text calls its flag visibility; that it is the
opposite shows in the pictures (flagged joints are the hidden ones).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import matlab
from blazepose_tf.converters.annotations import Damage, Person, Picture, Source, image_folder, keypoint_array

ONE_BASED_OFFSET = -0.5
NAMES = topology.KEYPOINT_SETS["lsp_14"]
_LSP_TRAIN = 1000  # the first thousand pictures are the training half


def read(path: Path, *, extended: bool, images: str | None = None, offset: float | None = None) -> Source:
    """Opens `joints.mat` (or the folder that holds it).

    Args:
        path: file or folder.
        extended: LSPET instead of LSP.
        images: folder of the pictures; `images` beside the file by default.
        offset: added to coordinates, -0.5 by default.

    Raises:
        ValueError: no 14 joints of 3 numbers.
    """
    path = path / "joints.mat" if path.is_dir() else path
    joints = np.asarray(matlab.load(path, "joints"), np.float64)
    joints = joints[..., None] if joints.ndim == 2 else joints  # a single picture loses its last axis
    if joints.ndim != 3 or sorted(joints.shape[:2]) != [3, 14]:
        raise ValueError(f"{path}: joints must be (3, 14, N) or (14, 3, N). Received: shape={joints.shape}")
    people = joints.transpose(2, 0, 1) if joints.shape[0] == 14 else joints.transpose(2, 1, 0)
    offset = ONE_BASED_OFFSET if offset is None else offset

    def pictures() -> Iterator[Picture | Damage]:
        for i, raw in enumerate(people):
            where = f"{path}: joints of picture {i + 1}"
            try:
                if not np.isin(raw[:, 2], (0.0, 1.0)).all():
                    raise ValueError(f"flags must be 0 or 1. Received: {sorted(set(raw[:, 2].tolist()))[:5]}")
                states = 2.0 * raw[:, 2] if extended else 2.0 - raw[:, 2]
                points = keypoint_array(np.column_stack([raw[:, :2], states]), offset=offset, count=14)
            except ValueError as error:
                yield Damage(where, str(error))
                continue
            yield Picture(
                file_name=f"im{i + 1:05d}.jpg" if extended else f"im{i + 1:04d}.jpg",
                where=where,
                people=(Person(points),),
                dataset="lspet" if extended else "lsp",
                split="train" if extended or i < _LSP_TRAIN else "test",
            )

    return Source(NAMES, pictures(), len(people), image_folder(images, path.parent))
