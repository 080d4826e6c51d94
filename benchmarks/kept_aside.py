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
import re
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import coco, conversion, interchange, leeds
from blazepose_tf.converters.annotations import Person, Picture, Source, keypoint_array
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


def coco_people(images: Path, labels: Path) -> Source:
    """Pictures with exactly one labelled person, 17 points."""
    pictures = []
    for path in sorted(images.glob("*.jpg")):
        text = labels / f"{path.stem}.txt"
        rows = [line.split() for line in text.read_text(encoding="utf-8").splitlines()] if text.is_file() else []
        if len(rows) != 1 or len(rows[0]) != 56:
            continue
        points = np.array(rows[0][5:], float).reshape(17, 3)
        points[:, :2] *= read_header(path.read_bytes()).upright_size
        people = (Person(keypoint_array(points, offset=coco.PIXEL_INDEX_OFFSET)),)
        pictures.append(Picture(path.name, str(path), people, dataset="coco2017", split="test"))
    return Source(tuple(topology.COCO_17), pictures, len(pictures), images)


def kept(source: Source, left_out: set[str], count: int, output: Path) -> int:
    """Writes one file of the source's test half; returns how many people it has."""
    config = conversion.ConversionConfig(target="blazepose_33", min_diameter=2.0 * SMALLEST)
    names, converted = conversion.convert(source, config, conversion.Tally())
    usable = [p for p in converted if p.split == "test" and Path(p.file_name).stem not in left_out]
    usable.sort(key=lambda picture: hashlib.sha256(Path(picture.file_name).stem.encode()).hexdigest())
    return interchange.write_json(output, usable[:count], names, images=source.images, description="kept aside")


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
    sport = leeds.read(options.lsp_joints, extended=False, images=str(options.lsp_images))
    for name, source in (("everyday", everyday), ("sport", sport)):
        path = options.output / f"{name}.json"
        print(f"{path}: {kept(source, left_out, options.count, path)} people")


if __name__ == "__main__":
    main()
