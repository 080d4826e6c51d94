"""JHMDB: `joint_positions/CLASS/CLIP/joint_positions.mat` with `pos_img` (2, 15, F), one file per clip.

Coordinates are 1-based (half a pixel is taken off). The puppet model gives every joint a position in every frame, seen
or not and inside the frame or not; whether it was seen is not recorded, so joints inside the frame count as visible.
Frames are `CLASS/CLIP/00001.png` in the pictures' folder.

Reference: Jhuang et al., ICCV 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import matlab
from blazepose_tf.converters.annotations import Damage, Person, Picture, Source, image_folder, keypoint_array

ONE_BASED_OFFSET = -0.5
NAMES = topology.KEYPOINT_SETS["jhmdb_15"]


def read(path: Path, *, images: str | None = None, offset: float | None = None, every: int = 1) -> Source:
    """Opens all clips below a folder (or one `joint_positions.mat`).

    Args:
        path: folder or file.
        images: folder with the frames; `Rename_Images` beside the folder when it is there.
        offset: added to coordinates, -0.5 by default.
        every: takes every n-th frame only: neighbours differ little.

    Raises:
        ValueError: no clip found.
    """
    root = path if path.is_dir() else path.parent
    clips = sorted(root.rglob("joint_positions.mat"))
    if not clips:
        raise ValueError(f"{root}: no joint_positions.mat below it")
    offset = ONE_BASED_OFFSET if offset is None else offset
    frames = images or next(
        (str(p) for p in (root.parent / "Rename_Images", root / "Rename_Images") if p.is_dir()), None
    )
    loaded: list[tuple[Path, np.ndarray | str]] = []
    for clip in clips:
        try:
            positions = np.asarray(matlab.load(clip, "pos_img"), np.float64)
            positions = positions[..., None] if positions.ndim == 2 else positions
            if positions.ndim != 3 or positions.shape[:2] != (2, 15):
                raise ValueError(f"pos_img must be (2, 15, frames). Received: shape={positions.shape}")
            loaded.append((clip, positions[:, :, ::every]))
        except ValueError as error:
            loaded.append((clip, str(error)))

    def pictures() -> Iterator[Picture | Damage]:
        for clip, positions in loaded:
            if isinstance(positions, str):
                yield Damage(str(clip), positions.removeprefix(f"{clip}:").strip())
                continue
            for i in range(positions.shape[2]):
                frame = i * every + 1
                where = f"{clip}: frame {frame}"
                points = np.column_stack([positions[:, :, i].T, np.full(15, 2.0)])
                points[~np.isfinite(points).all(axis=1)] = 0.0
                try:
                    person = Person(keypoint_array(points, offset=offset, count=15))
                except ValueError as error:
                    yield Damage(where, str(error))
                    continue
                name = (clip.parent.relative_to(root) / f"{frame:05d}.png").as_posix()
                yield Picture(name, where, (person,), dataset="jhmdb")

    count = sum(1 if isinstance(p, str) else p.shape[2] for _, p in loaded)
    return Source(NAMES, pictures(), count, image_folder(frames, root))
