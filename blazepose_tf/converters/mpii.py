"""MPII Human Pose: the release file `mpii_human_pose_v1_u12_1.mat`, or the json lists made from it.

The release: `RELEASE.annolist(i)` with `image.name` and `annorect(j)`, whose `annopoints.point(k)` carry `id` (0-15),
`x`, `y` and `is_visible` (1 visible, 0 occluded, empty for neck and head top: taken as visible). People without points
are ignored regions, sized by `objpos` and `scale` (body height / 200 px). The test half has no points.

The json (`train.json`, `valid.json`): one entry per person with `image`, `joints` (16 x 2) and `joints_vis`, which is 1
for every labelled joint, occluded or not, so all of them count as visible.

Both are 1-based: half a pixel is taken off. Reference: Andriluka et al., CVPR 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.converters import matlab
from blazepose_tf.converters.annotations import (
    MALFORMED,
    Damage,
    Person,
    Picture,
    Source,
    image_folder,
    keypoint_array,
)

ONE_BASED_OFFSET = -0.5
NAMES = topology.KEYPOINT_SETS["mpii_16"]
_HEIGHT_PER_SCALE = 200.0


def read(path: Path, *, images: str | None = None, offset: float | None = None) -> Source:
    """Opens the release file (.mat) or a json list.

    Args:
        path: file.
        images: folder of the pictures; `images` beside the file by default.
        offset: added to coordinates, -0.5 by default.

    Raises:
        ValueError: another layout.
    """
    offset = ONE_BASED_OFFSET if offset is None else offset
    folder = image_folder(images, path.parent)
    if path.suffix.lower() == ".json":
        return _read_json(path, folder, offset)
    release = matlab.load(path, "RELEASE")
    entries = _items(getattr(release, "annolist", None))
    if not entries:
        raise ValueError(f"{path}: RELEASE has no annolist")
    train = np.atleast_1d(getattr(release, "img_train", np.ones(len(entries))))

    def pictures() -> Iterator[Picture | Damage]:
        for i, entry in enumerate(entries):
            where = f"{path}: annolist({i + 1})"
            name = getattr(getattr(entry, "image", None), "name", None)
            if not isinstance(name, str) or not name:
                yield Damage(where, "has no image name")
                continue
            people, problems = [], []
            for j, rect in enumerate(_items(getattr(entry, "annorect", None))):
                try:
                    person = _person(rect, offset)
                except MALFORMED as error:
                    problems.append(Damage.of(f"{where}.annorect({j + 1})", error))
                    continue
                if person is not None:
                    people.append(person)
            split = "train" if i < len(train) and train[i] else "test"
            yield Picture(name, where, tuple(people), dataset="mpii", split=split, problems=tuple(problems))

    return Source(NAMES, pictures(), len(entries), folder)


def _items(value) -> list:
    """A struct array that MATLAB and SciPy may have squeezed to one struct or to nothing."""
    if value is None:
        return []
    return list(np.atleast_1d(np.asarray(value, object)).reshape(-1)) if np.size(value) else []


def _number(value) -> float | None:
    """A scalar field; None when it is empty."""
    return float(np.asarray(value, np.float64).reshape(-1)[0]) if np.size(value) else None


def _person(rect, offset: float) -> Person | None:
    points = _items(getattr(getattr(rect, "annopoints", None), "point", None))
    if not points:
        position, scale = getattr(rect, "objpos", None), getattr(rect, "scale", None)
        if not hasattr(position, "x") or _number(scale) is None:
            return None  # only a head box: not enough to mask the person
        x, y, half = float(position.x), float(position.y), 0.5 * _HEIGHT_PER_SCALE * float(scale)
        return Person(np.zeros((16, 3)), box=(x - half, y - half, x + half, y + half), ignore=True)
    array = np.zeros((16, 3))
    for point in points:
        index = int(point.id)
        if not 0 <= index < 16:
            raise ValueError(f"joint id must lie in 0..15. Received: {index}")
        seen = _number(getattr(point, "is_visible", np.empty(0)))
        array[index] = (float(point.x), float(point.y), 1.0 if seen == 0 else 2.0)
    return Person(keypoint_array(array, offset=offset, count=16))


def _read_json(path: Path, folder: Path, offset: float) -> Source:
    content = documents.read(path)
    if not isinstance(content, list) or not content:
        raise ValueError(f"{path}: expected a list of people with image, joints and joints_vis")
    groups: dict[str, list[tuple[int, dict]]] = {}
    strays = []
    for i, entry in enumerate(content):
        if isinstance(entry, dict) and entry.get("image"):
            groups.setdefault(str(entry["image"]), []).append((i, entry))
        else:
            strays.append(Damage(f"{path}: [{i}]", "has no image"))

    def pictures() -> Iterator[Picture | Damage]:
        yield from strays
        for name, entries in groups.items():
            people, problems = [], []
            for i, entry in entries:
                try:
                    joints = np.asarray(entry.get("joints"), np.float64)
                    flags = np.asarray(entry.get("joints_vis"), np.float64).reshape(-1)
                    if joints.shape != (16, 2) or flags.shape != (16,):
                        raise ValueError(
                            f"expected 16 joints with flags. Received: shapes={joints.shape}, {flags.shape}"
                        )
                    missing = (joints <= 0).all(axis=1)  # absent joints are (-1, -1) or (0, 0)
                    states = np.where(missing, 0.0, np.where(flags > 0, 2.0, 1.0))
                    people.append(Person(keypoint_array(np.column_stack([joints, states]), offset=offset)))
                except MALFORMED as error:
                    problems.append(Damage.of(f"{path}: [{i}] ({name})", error))
            where = f"{path}: [{entries[0][0]}]"
            yield Picture(name, where, tuple(people), dataset="mpii", problems=tuple(problems))

    return Source(NAMES, pictures(), len(groups) + len(strays), folder)
