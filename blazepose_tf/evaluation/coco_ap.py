"""COCO average precision of keypoints, computed by pycocotools itself (extra `[evaluate]`)."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Iterable, Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation.annotations import Person
from blazepose_tf.evaluation.predictions import Paired, Prediction
from blazepose_tf.metrics import oks

_FAR = -1e6  # pixels
PIP = "COCO AP needs pycocotools: pip install 'blazepose_tf[evaluate]'"


def average_precision(paired: Paired, *, sources: str = "h") -> dict:
    """AP, AP50 and AP75 over the 17 common points and over all; without points whose falloff is unknown, nothing.

    Every person counts as the only one of a picture of its own: predictions are paired with people already, so that
    a second person in a picture is neither found nor missed by accident.

    Args:
        paired: people and predictions.
        sources: see `Person.scored`.

    Returns:
        {"AP_17": ..., "AP50_17": ..., "AP75_17": ..., "AP_33": ...}; empty without pycocotools or without people.
    """
    if not _installed():
        return {}
    out = {}
    own = paired.people[0].names if paired.people else topology.KEYPOINTS
    common = topology.COCO_17 if set(topology.COCO_17) <= set(own) else own
    for label, names in (("17", common), ("33", own)):
        if not oks.known(names):
            continue  # nobody has measured how exactly people place such a point
        chosen = topology.indices(names, own)
        annotations, results = _documents(paired, chosen, sources)
        if not annotations:
            continue
        if not results:  # pycocotools refuses an empty list
            out |= {f"AP_{label}": 0.0, f"AP50_{label}": 0.0, f"AP75_{label}": 0.0}
            continue
        stats = _stats(annotations, results, range(1, len(paired.people) + 1), names)
        out |= {f"AP_{label}": stats[0], f"AP50_{label}": stats[1], f"AP75_{label}": stats[2]}
    return out


def people_precision(
    pictures: Sequence[tuple[Sequence[Person], Sequence[Prediction]]], names: tuple[str, ...], *, sources: str = "h"
) -> dict:
    """AP, AP50, AP75 and AR of COCO's keypoint task: all people of a picture against all predictions for it.

    People who are ignored, or of whom none of the points is scored, take up predictions that lie on them.

    Args:
        pictures: (people, predictions) of each picture.
        names: the points that count.
        sources: see `Person.scored`.

    Returns:
        {"AP_17", "AP50_17", "AP75_17", "AR_17"}; empty without pycocotools or without anybody labelled.
    """
    annotations, results = [], []
    for image_id, (people, predictions) in enumerate(pictures, 1):
        for person in people:
            chosen = topology.indices(names, person.names)
            annotations.append(_annotation(person, chosen, sources, image_id, len(annotations) + 1))
        for prediction in predictions:
            chosen = topology.indices(names)
            results.append(_result(prediction, chosen, image_id))
    if not _installed() or not any(a["num_keypoints"] for a in annotations):
        return {}
    if not results:
        return dict.fromkeys(("AP_17", "AP50_17", "AP75_17", "AR_17"), 0.0)
    stats = _stats(annotations, results, range(1, len(pictures) + 1), names)
    return {"AP_17": stats[0], "AP50_17": stats[1], "AP75_17": stats[2], "AR_17": stats[5]}


def _installed() -> bool:
    return importlib.util.find_spec("pycocotools") is not None


def _stats(
    annotations: list[dict], results: list[dict], image_ids: Iterable[int], names: tuple[str, ...]
) -> list[float]:
    """pycocotools' summary: AP, AP50, AP75, APm, APl, AR, ..."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i} for i in image_ids],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        coco.createIndex()
        found = coco.loadRes(results)
        # It sizes a result by the extent of its points and leaves out, instead of counting as false, what is larger
        # than any picture, as a pose with a missing point is: no result is to be left out for its size.
        for result in found.dataset["annotations"]:
            result["area"] = 1.0
        evaluation = COCOeval(coco, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = oks.sigmas(names)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def _annotation(person: Person, chosen: np.ndarray, sources: str, image_id: int, number: int) -> dict:
    state = np.zeros(len(chosen), int) if person.ignore else np.where(person.scored(sources), person.state, 0)[chosen]
    x0, y0, x1, y1 = person.box if np.isfinite(person.box).all() else (0.0, 0.0, 1.0, 1.0)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "area": person.area,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "keypoints": np.concatenate([person.points[chosen], state[:, None]], axis=1).ravel().tolist(),
        "num_keypoints": int((state > 0).sum()),
    }


def _result(prediction: Prediction, chosen: np.ndarray, image_id: int) -> dict:
    # pycocotools has no missing points, and takes a NaN for a hit: one that is far outside has no similarity.
    points = prediction.points[chosen]
    points = np.where(np.isfinite(points).all(axis=1, keepdims=True), points, _FAR)
    values = np.concatenate([points, np.ones((len(chosen), 1))], axis=1).ravel().tolist()
    return {"image_id": image_id, "category_id": 1, "keypoints": values, "score": prediction.score}


def _documents(paired: Paired, chosen: np.ndarray, sources: str) -> tuple[list[dict], list[dict]]:
    annotations, results = [], []
    for number, (person, prediction) in enumerate(zip(paired.people, paired.predictions, strict=True), 1):
        annotation = _annotation(person, chosen, sources, number, number)
        if not annotation["num_keypoints"]:
            continue  # pycocotools would let this person take up predictions: neither a hit nor a miss
        annotations.append(annotation)
        if prediction is not None and prediction.points is not None:
            results.append(_result(prediction, chosen, number))
    return annotations, results
