#!/usr/bin/env bash
# Label Studio's COCO export names keypoints in one order and stores them in another, and makes one person of several.
#
# The guess: the exporter writes COCO keypoints: one annotation per person, its triples in the order of the category's
# `keypoints`, coordinates as they were set, flags that tell visible points from others.
# Seen: with label-studio-sdk 2.1.2, its own converter, a labelling set-up whose labels have a `model_index` (which is
# what its guide asks for where a model labels beforehand)
#   - the category's names stand in the order of the set-up, the triples in that of `model_index`: whoever reads by name
#     gets a nose where a hip is, in every picture, and no number looks wrong;
#   - the points of all people of a picture become one annotation, the later ones written over the earlier;
#   - coordinates are whole pixels, and every flag is 2.
# What the product does: `convert-dataset --from=label-studio` reads the JSON export, which has names, people and
# fractions; given a COCO export of Label Studio it says so and takes the order from `--keypoints` (`converters/label_studio.py`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet label-studio-sdk==2.1.2
cat > see.py <<'SCRIPT'
import json
from importlib.metadata import version
from pathlib import Path

from label_studio_sdk.converter import Converter

SETUP = """<View><Image name="image" value="$image"/><KeyPointLabels name="points" toName="image">
<Label value="nose" model_index="2"/><Label value="left_hip" model_index="0"/><Label value="right_hip" model_index="1"/>
</KeyPointLabels></View>"""
FIRST = {"nose": (10.3, 20.7), "left_hip": (30.3, 40.7), "right_hip": (50.3, 60.7)}  # percent of 200 x 100 pixels
SECOND = {"nose": (70.3, 20.7), "left_hip": (80.3, 40.7)}


def result(person: int, name: str, x: float, y: float) -> dict:
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}
    return {
        "id": f"{person}{name}", "type": "keypointlabels", "from_name": "points", "to_name": "image",
        "original_width": 200, "original_height": 100, "value": value,
    }


def exported(*people: dict) -> tuple[list, list]:
    """Names of the category, and all annotations."""
    results = [result(i, name, *at) for i, person in enumerate(people) for name, at in person.items()]
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": results}]}
    Path("tasks.json").write_text(json.dumps([task]))
    converter = Converter(config=SETUP, project_dir=None, download_resources=False)
    converter.convert_to_coco("tasks.json", "out", is_dir=False)
    document = json.loads(Path("out/result.json").read_text())
    (names,) = [c["keypoints"] for c in document["categories"] if "keypoints" in c]
    return names, [a["keypoints"] for a in document["annotations"]]


names, (alone,) = exported(FIRST)
_, together = exported(FIRST, SECOND)
print(f"label-studio-sdk {version('label-studio-sdk')}: names {names}, one person {alone}, two people {together}")
as_seen = (
    names == ["nose", "left_hip", "right_hip"]
    and alone == [61, 41, 2, 101, 61, 2, 21, 21, 2]  # left hip, right hip, nose
    and together == [[161, 41, 2, 101, 61, 2, 141, 21, 2]]
)
raise SystemExit(0 if as_seen else "not as it was seen")
SCRIPT
environment/bin/python see.py 2> errors || { tail -3 errors; exit 1; }
