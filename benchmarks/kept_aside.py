"""Pictures that no training and no decision has seen, with labels by humans: everyday people of COCO, sport of Leeds.

    python benchmarks/kept_aside.py --coco_images=images/val2017 --coco_labels=labels/val2017 \
        --lsp_images=lsp/images --lsp_joints=lsp/joints.mat --seen=tracker/train.json,tracker/val.json,... --output=kept

--coco_images are pictures of COCO's val2017 that show a single person, --coco_labels their keypoints as text files of
YOLO's form (class, box, 17 points in shares of the sides with COCO's flags); of Leeds Sports Pose the second half is
taken. What a file of --seen holds or names as its source stays out, and people with an unlabelled hip or shoulder or a
body circle below 45 pixels. Of the rest the first --count in the order of a hash of their names are kept: all get
the same. Written are everyday.json and sport.json, which name the pictures where they lie; `blazepose evaluate` and
`benchmarks/peers.py` read them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf import files, topology
from blazepose_tf.converters import leeds
from blazepose_tf.converters.annotations import Picture
from blazepose_tf.converters.coco_document import coco_document
from blazepose_tf.converters.conversion import labelled_box
from blazepose_tf.converters.selection import align
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.media.headers import read_header

SMALLEST = 45.0  # radius of the body circle, pixels
_NUMBER = re.compile(r"(?<!\d)(\d{12}|im\d{4})(?!\d)")


def seen(paths: list[Path]) -> set[str]:
    """Numbers of the pictures that COCO files hold or name as the source of a picture or a person."""
    found: set[str] = set()
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry in (*content["images"], *content["annotations"]):
            of_leeds = entry.get("dataset") == "lsp"
            for text in (entry.get("source_image"), entry.get("file_name")):
                found |= {n for n in _NUMBER.findall(text or "") if of_leeds or not n.startswith("im")}
    return found


def coco_people(images: Path, labels: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """Pictures with exactly one labelled person: path, (17, 3) points in pixels and states."""
    for path in sorted(images.glob("*.jpg")):
        text = labels / f"{path.stem}.txt"
        rows = [line.split() for line in text.read_text(encoding="utf-8").splitlines()] if text.is_file() else []
        if len(rows) != 1 or len(rows[0]) != 56:
            continue
        points = np.array(rows[0][5:], float).reshape(17, 3)
        width, height = read_header(path.read_bytes()).upright_size
        points[:, :2] = points[:, :2] * (width, height) + 0.5  # from COCO's indices of pixels
        points[points[:, 2] == 0] = 0.0
        yield path, points


def leeds_people(images: Path, joints: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """The test half of Leeds Sports Pose, as `coco_people` with its 14 points."""
    for picture in leeds.read(joints, extended=False, images=str(images)).pictures:
        if isinstance(picture, Picture) and picture.split == "test":
            yield images / picture.file_name, picture.people[0].keypoints


def kept(people, names: tuple[str, ...], left_out: set[str], count: int, dataset: str, output: Path) -> int:
    """Writes one file; returns how many people it has."""
    chosen = []
    torso = topology.indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"), names)
    for path, points in people:
        if path.stem in left_out or not (points[torso, 2] > 0).all():
            continue
        alignment = align(points, names, None)
        if alignment is not None and float(alignment_lib.radius(alignment)) >= SMALLEST:
            chosen.append((hashlib.sha256(path.stem.encode()).hexdigest(), path, points, alignment))
    images, annotations = [], []
    for number, (_, path, points, alignment) in enumerate(sorted(chosen, key=lambda entry: entry[0])[:count], 1):
        size = read_header(path.read_bytes()).upright_size
        name = os.path.relpath(path, output.parent)
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        points = topology.remap(points, names, topology.KEYPOINTS)
        left, top, right, bottom = labelled_box(points, alignment, size)
        center, scale_point = (np.asarray(alignment).round(2)).tolist()
        annotations.append({
            "id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "dataset": dataset,
            "keypoints": points.round(2).ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum()),
            "keypoint_source": "".join("h" if state else "-" for state in points[:, 2]),
            "center": center, "scale_point": scale_point, "bbox": [left, top, right - left, bottom - top],
        })  # fmt: skip
    document = coco_document(images, annotations, topology.KEYPOINTS, description=f"{dataset}, kept aside")
    files.write_text(output, json.dumps(document))
    return len(annotations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("coco_images", "coco_labels", "lsp_images", "lsp_joints", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seen", type=lambda text: [Path(part) for part in text.split(",")], default=[])
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    left_out = seen(options.seen)
    everyday = coco_people(options.coco_images, options.coco_labels)
    sport = leeds_people(options.lsp_images, options.lsp_joints)
    for people, names, dataset, name in (
        (everyday, topology.COCO_17, "coco2017", "everyday"),
        (sport, leeds.NAMES, "lsp", "sport"),
    ):
        path = options.output / f"{name}.json"
        print(f"{path}: {kept(people, tuple(names), left_out, options.count, dataset, path)} people")


if __name__ == "__main__":
    main()
