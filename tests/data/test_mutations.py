"""Files of annotations and predictions spoilt at random, anew at every run: read, or refused in one line."""

from __future__ import annotations

import copy
import json
import random

import cv2
import numpy as np
import pytest

from blazepose_tf import converters, topology
from blazepose_tf.converters import conversion, holdout, interchange
from blazepose_tf.data import contact_sheet, validation
from blazepose_tf.evaluation import annotations as evaluation
from blazepose_tf.evaluation import predictions

ROUNDS = 60
SIZE = (48, 64)
NAMES = topology.COCO_17
FLAT = [v for i in range(17) for v in (10 + i % 4 * 9, 5 + 2 * i, 2 - i % 2)]
ODD = [
    None, True, -1, 3, 0, 0.5, 1e300, -1e12, float("nan"), float("inf"), "", "1", "x" * 300, "\u202e", [], {}, [[]],
    [None], {"a": {}}, [1, 2], "NaN", 10**30, "../a.png", "a\0b", "a\\b",
]  # fmt: skip
BYTES = [
    b"[",
    b"{",
    b'"',
    b",",
    b"NaN",
    b"1e999",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\0",
    b"9" * 50,
    b";",
    b"\n",
    b"}",
]


def coco():
    person = {"category_id": 1, "iscrowd": 0, "keypoints": FLAT, "bbox": [5, 5, 40, 40], "area": 900.0, "dataset": "a"}
    return {
        "info": {"description": "d", "coordinates": "continuous"},
        "images": [{"id": i, "file_name": f"{'ab'[i - 1]}.png", "width": 64, "height": 48} for i in (1, 2)],
        "annotations": [{**person, "id": i, "image_id": i, "center": [30, 30], "scale_point": [30, 5]} for i in (1, 2)],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(NAMES)},
            {"id": 2, "name": "bar", "keypoints": ["left_end", "right_end"]},
        ],
    }


def label_studio():
    base = {"original_width": 64, "original_height": 48, "image_rotation": 0}
    point = {**base, "id": "k", "type": "keypointlabels", "value": {"x": 9.0, "y": 9.0, "keypointlabels": ["nose"]}}
    box = {"x": 1, "y": 1, "width": 90, "height": 90, "rectanglelabels": ["person"]}
    regions = [{**base, "id": "r", "type": "rectanglelabels", "value": box}, {**point, "parentID": "r"}]
    regions.append({"id": "k", "type": "choices", "value": {"choices": ["occluded"]}})
    return [
        {"id": i, "data": {"image": f"/data/{i}-{'ab'[i - 1]}.png"}, "annotations": [{"result": regions}]}
        for i in (1, 2)
    ]


def labelme():
    shapes = [{"shape_type": "point", "label": n, "points": [[9, 9]], "flags": {"occluded": True}} for n in ("a", "b")]
    shapes.append({"shape_type": "rectangle", "label": "person", "points": [[1, 1], [40, 40]], "group_id": None})
    return {"shapes": shapes, "imagePath": "a.png", "imageWidth": 64, "imageHeight": 48}


def mpii():
    return [{"image": f"{name}.png", "joints": [[9, 9]] * 16, "joints_vis": [1] * 16} for name in "ab"]


def predicted():
    record = {
        "image_id": 1,
        "annotation_id": 1,
        "keypoints": FLAT,
        "score": 0.5,
        "alignment": [1, 2, 3, 4],
        "ms": [1, 2],
    }
    return {"keypoint_names": list(NAMES), "predictions": [record, {**record, "image_id": 2, "annotation_id": 2}]}


CSV = (
    "image,nose_x,nose_y,nose_v,box_x0,box_y0,box_x1,box_y1,width,height,weight\n"
    + "a.png,9.5,8,2,1,1,40,40,64,48,1\nb.png,,,,1,1,40,40,64,48,\n"
)


def places(value, path=()):
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


def spoilt(whole, source) -> bytes:
    """A document with values exchanged, taken out or doubled, or its text with bytes changed."""
    if isinstance(whole, str):
        data = bytearray(whole.encode())
    else:
        document = json.loads(json.dumps(whole))
        for _ in range(source.randint(1, 3)):
            found = list(places(document))
            if not found:
                break
            *parents, last = source.choice(found)
            node = document
            for step in parents:
                node = node[step]
            action = source.random()
            if action < 0.15:
                del node[last]
            elif action < 0.25 and isinstance(node, list):
                node.append(copy.deepcopy(node[last]))
            else:
                node[last] = copy.deepcopy(source.choice(ODD))  # a value set into itself would be a circle
        data = bytearray(json.dumps(document).encode())
        if source.random() < 0.7:
            return bytes(data)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(data))
        data[at : at + source.choice((0, 1, 3))] = source.choice(BYTES)
    return bytes(data)


def convert(kind):
    def read(path):
        source = converters.open_source(kind, path)
        for target in ("auto", "source"):
            source = converters.open_source(kind, path)
            config = conversion.ConversionConfig(target=target, negatives=True)
            names, pictures = conversion.convert(source, config, tally := conversion.Tally())
            pictures = list(pictures)
            assert all("\n" not in str(damage) for damage in tally.damaged)
            assert tally.pictures == source.count
            conversion.summary(tally, source.names, names, {})
            out = path.with_name("out.json")
            if interchange.write_json(out, pictures, names, images=source.images):
                json.loads(out.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
            if len(pictures) > 1:
                holdout.split(pictures, 0.4)

    return read


def validate(path):
    dataset = validation.open_dataset(path)
    report = validation.validate(dataset, workers=1)
    validation.summary(report)
    json.dumps(report.as_dict())
    cells = validation.sheet_cells(dataset, report, count=4)
    if cells:
        contact_sheet.encode(cells, dataset.names)


def evaluate(path):
    data = evaluation.load(path)
    predictions.main_people(data)
    for person in data.people_with_alignment():
        assert np.isfinite(person.alignment).all()


def predict(path):
    whole = path.with_name("whole.json")
    whole.write_text(json.dumps(coco()))
    data = evaluation.load(whole)
    found = predictions.read(path, data)
    predictions.pair(found, data.people)
    for prediction in found:
        json.dumps(prediction.to_json(), allow_nan=False)


READERS = {
    "coco": (coco, convert("coco")),
    "validate": (coco, validate),
    "evaluate": (coco, evaluate),
    "label-studio": (label_studio, convert("label-studio")),
    "labelme": (labelme, convert("labelme")),
    "mpii": (mpii, convert("mpii")),
    "csv": (lambda: CSV, convert("csv")),
    "predictions": (predicted, predict),
}


@pytest.mark.parametrize("name", READERS)
def test_read_or_refused_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation.log, "disabled", True)
    make, read = READERS[name]
    for seed, image in enumerate(("a.png", "b.png")):
        cv2.imwrite(str(tmp_path / image), np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8))
    path = tmp_path / ("d.csv" if name == "csv" else "d.json")
    whole = make()
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    read(path)  # as it is
    seed = random.randrange(10**9)
    source = random.Random(seed)
    for i in range(ROUNDS):
        path.write_bytes(spoilt(whole, source))
        try:
            read(path)
        except (ValueError, OSError) as error:
            assert "\n" not in str(error) and len(str(error)) < 600, (seed, i)
        except BaseException as error:
            raise AssertionError(f"seed {seed}, round {i}: {path.read_bytes()!r:.2000}") from error
