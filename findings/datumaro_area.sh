#!/usr/bin/env bash
# Datumaro writes the box's area over a person's, which makes OKS twice as lenient, and rounds every point.
#
# The guess: a COCO keypoint file that Datumaro imports and exports keeps its numbers: points, visibility, box, area.
# Seen: with datumaro 1.13.12
#   - `area` becomes width x height of the box where the file holds no outline; object keypoint similarity and average
#     precision by that file are too good, since both measure distances in square roots of the area;
#   - coordinates are rounded to hundredths of a pixel, as single-precision numbers with their tails;
#   - visibility and box stay, the order of the skeleton's bones turns round.
# What the product does: an area that is the box's own counts as unknown wherever a COCO file is read, and 0.53 of the
# box is taken (docs/data.md, "What a COCO file means"; `converters/coco_person.py`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet datumaro==1.13.12 pillow==12.0.0
cat > see.py <<'SCRIPT'
import json
from importlib.metadata import version
from pathlib import Path

import datumaro
from PIL import Image

names = ["nose", "left_hip", "right_hip"]
person = {
    "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "num_keypoints": 2,
    "keypoints": [20.123456, 20.987654, 2, 30.5, 60.25, 1, 0, 0, 0],
    "bbox": [10.5, 10.0, 40.0, 60.0], "area": 1200.5,
}
document = {
    "info": {}, "licenses": [], "annotations": [person],
    "images": [{"id": 1, "width": 100, "height": 100, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "person", "supercategory": "", "keypoints": names, "skeleton": [[1, 2], [2, 3]]}],
}
for part in ("annotations", "images/train"):
    (Path("before") / part).mkdir(parents=True)
Image.new("RGB", (100, 100)).save("before/images/train/a.jpg")
Path("before/annotations/person_keypoints_train.json").write_text(json.dumps(document))
datumaro.Dataset.import_from("before", "coco_person_keypoints").export("after", "coco_person_keypoints")
after = json.loads(Path("after/annotations/person_keypoints_train.json").read_text())
(back,) = after["annotations"]
points = [round(v, 4) for v in back["keypoints"]]
print(f"datumaro {version('datumaro')}: area {person['area']} becomes {back['area']}, the box {back['bbox']}")
print(f"points {person['keypoints']} become {points}; bones {after['categories'][0]['skeleton']}")
as_seen = (
    back["area"] == 2400.0
    and back["bbox"] == person["bbox"]
    and points == [20.12, 20.99, 2, 30.5, 60.25, 1, 0, 0, 0]
    and after["categories"][0]["skeleton"] == [[2, 3], [1, 2]]
)
raise SystemExit(0 if as_seen else "not as it was seen")
SCRIPT
environment/bin/python see.py
