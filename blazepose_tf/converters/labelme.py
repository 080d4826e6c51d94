"""labelme: one json per picture with `shapes`; points are keypoints, rectangles are people's boxes.

`label` is the keypoint's name, `group_id` the person (needed where a picture has several people without boxes). A
point is occluded when it has a true flag `occluded` or `hidden`, or one of the words as its description. Coordinates
are continuous. Reference: labelme's own json (versions 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from blazepose_tf import documents
from blazepose_tf.converters.annotations import MALFORMED, OCCLUDED, VISIBLE, Damage, Picture, Source, image_folder
from blazepose_tf.converters.grouping import LoosePoint, people

OCCLUDED_WORDS = ("occluded", "hidden")


def read(
    path: Path, *, images: str | None = None, keypoints: Sequence[str] = (), offset: float | None = None
) -> Source:
    """Opens a folder of labelme files (or a single one).

    Args:
        path: folder or file.
        images: folder of the pictures; by default each lies where its json says (`imagePath`).
        keypoints: names to take, in order; by default all labels of points, in order of appearance.
        offset: added to coordinates, 0 by default.

    Raises:
        ValueError: no labelme file there, or no point in any of them.
    """
    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    loaded: list[tuple[Path, dict | str]] = []
    for file in files:
        try:
            content = documents.read(file)
            if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
                raise ValueError(f"{file}: not a labelme file: it has no list of shapes")
            loaded.append((file, {k: content.get(k) for k in ("shapes", "imagePath", "imageWidth", "imageHeight")}))
        except ValueError as error:
            loaded.append((file, str(error).removeprefix(f"{file}:").strip()))
    labels = dict.fromkeys(
        str(shape.get("label"))
        for _, content in loaded
        if isinstance(content, dict)
        for shape in content["shapes"]
        if isinstance(shape, dict) and shape.get("shape_type") == "point"
    )
    names = tuple(keypoints) or tuple(labels)
    if not names:
        reasons = [f"{file}: {content}" for file, content in loaded if isinstance(content, str)]
        raise ValueError(f"{path}: no labelme file with points" + (f" ({reasons[0]})" if reasons else ""))

    def pictures() -> Iterator[Picture | Damage]:
        for file, content in loaded:
            if isinstance(content, str):
                yield Damage(str(file), content)
                continue
            try:
                yield _picture(file, root, content, names, offset or 0.0, given=bool(images))
            except MALFORMED as error:
                yield Damage.of(str(file), error)

    return Source(names, pictures(), len(loaded), image_folder(images, root) if images else root)


def _picture(file: Path, root: Path, content: dict, names: Sequence[str], offset: float, *, given: bool) -> Picture:
    points, boxes = [], []
    for i, shape in enumerate(content["shapes"]):
        kind, label, spots = shape.get("shape_type"), str(shape.get("label")), shape.get("points") or []
        if kind == "point":
            if label not in names:
                continue
            if len(spots) != 1 or len(spots[0]) != 2:
                raise ValueError(f"shapes[{i}] ({label}): a point needs one x, y. Received: {spots}")
            flags, text = shape.get("flags") or {}, str(shape.get("description") or "").lower()
            hidden = any(flags.get(word) or word in text for word in OCCLUDED_WORDS)
            state = OCCLUDED if hidden else VISIBLE
            points.append(LoosePoint(label, float(spots[0][0]), float(spots[0][1]), state, shape.get("group_id")))
        elif kind == "rectangle":
            (xa, ya), (xb, yb) = spots
            corners = (min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))
            boxes.append((tuple(map(float, corners)), shape.get("group_id")))
    image = str(content.get("imagePath") or "").replace("\\", "/")
    if not image:
        raise ValueError("has no imagePath")
    name = image.rsplit("/", 1)[-1] if given else (file.parent.relative_to(root) / image).as_posix()
    return Picture(
        file_name=name,
        where=str(file),
        people=tuple(people(points, boxes, names, offset=offset)),
        width=int(content.get("imageWidth") or 0),
        height=int(content.get("imageHeight") or 0),
    )
