#!/usr/bin/env bash
# A missing point of a predicted pose makes COCO's scores too good: NaN is a hit, 0 0 0 a large person.
#
# The guess: a point that a system does not give, as NaN (what numpy, DeepLabCut's and SLEAP's tables hold) or as 0, 0, 0 (what
# COCO's own labels hold), has no similarity to the labelled one, and changes nothing else.
# Seen: with pycocotools 2.0.11
#   - one NaN among 17 points makes the whole object keypoint similarity NaN, which is not below any threshold: two poses
#     250 pixels away from everybody, and nobody else, score an AP, AP50 and AP75 of 1.000; with a number there, 0.000.
#     faster-coco-eval 1.8.0 says 0.000 of the same list. No warning from either;
#   - the size of a prediction is the extent of all its triples, those of 0, 0, 0 included: a false alarm with one such
#     point is large, and the AP of medium people rises from 0.500 to 1.000. faster-coco-eval does the same.
# What the product does: average precision is asked for with missing points far outside and without sizes of predictions
# (`evaluation/coco_ap.py`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0
cat > see.py <<'SCRIPT'
import contextlib
import copy
import io
import math
from importlib.metadata import version

import faster_coco_eval
import pycocotools.coco
import pycocotools.cocoeval


def points(x, y, first=None):
    """17 points, 60 pixels wide and 84 high, as COCO's triples."""
    triples = [(x + 20 * (k % 4), y + 21 * (k // 4), 2) for k in range(17)]
    return [value for triple in [first or triples[0], *triples[1:]] for value in triple]


def pose(image, score, *where):
    return {"image_id": image, "category_id": 1, "keypoints": points(*where), "score": score}


pictures = [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.jpg"} for i in (1, 2)]
people = [
    {
        "id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "area": 3000.0, "bbox": [400, 300, 60, 84],
        "num_keypoints": 17, "keypoints": points(400, 300),
    }
    for i in (1, 2)
]
labels = {"images": pictures, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def average_precision(package, results):
    with contextlib.redirect_stdout(io.StringIO()):
        if package == "pycocotools":
            truth = pycocotools.coco.COCO()
            truth.dataset = copy.deepcopy(labels)
            truth.createIndex()
            evaluate = pycocotools.cocoeval.COCOeval
        else:
            truth = faster_coco_eval.COCO(copy.deepcopy(labels))
            evaluate = faster_coco_eval.COCOeval_faster
        task = evaluate(truth, truth.loadRes(copy.deepcopy(results)), "keypoints")
        task.evaluate()
        task.accumulate()
        task.summarize()
    return [round(float(value), 3) for value in task.stats[:4]]  # all, 50, 75, medium


right = [pose(i, 0.9, 400, 300) for i in (1, 2)]
cases = {
    "elsewhere": [pose(i, 0.95, 150, 150) for i in (1, 2)],
    "elsewhere, one point NaN": [pose(i, 0.95, 150, 150, (math.nan, math.nan, 0)) for i in (1, 2)],
    "right, and false alarms": [*right, *(pose(i, 0.95, 330, 200) for i in (1, 2))],
    "the same, one point 0 0 0": [*right, *(pose(i, 0.95, 330, 200, (0, 0, 0)) for i in (1, 2))],
}
seen = {}
for package in ("pycocotools", "faster-coco-eval"):
    print(f"{package} {version(package)}: AP, AP50, AP75, AP of medium people")
    for name, results in cases.items():
        seen[package, name] = average_precision(package, results)
        print(f"  {name}: {seen[package, name]}")
expected = {
    "elsewhere": [0.0, 0.0, 0.0, 0.0],
    "elsewhere, one point NaN": [1.0, 1.0, 1.0, 1.0],
    "right, and false alarms": [0.5, 0.5, 0.5, 0.5],
    "the same, one point 0 0 0": [0.5, 0.5, 0.5, 1.0],
}
as_seen = all(
    values == ([0.0] * 4 if package == "faster-coco-eval" and "NaN" in name else expected[name])
    for (package, name), values in seen.items()
)
raise SystemExit(0 if as_seen else "not as it was seen")
SCRIPT
environment/bin/python see.py
