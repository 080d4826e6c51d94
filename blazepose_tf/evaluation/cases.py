"""Best, worst and most different cases of an evaluation, drawn: the picture, the truth, the prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blazepose_tf.evaluation import svg
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.evaluation.markup import Element, element
from blazepose_tf.evaluation.measure import FEWER, Arrays
from blazepose_tf.evaluation.predictions import Paired, Prediction
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.metrics import keypoints
from blazepose_tf.runtime.warp import warp

SIDE = 190  # pixels of a drawn case
VIEW = 1.35  # side of the view / diameter of the body circle


@dataclass(frozen=True, eq=False)
class Scores:
    """Per person of a run: ids, share of the 17 points within 0.2 torsos (nan without any), mean capped error."""

    ids: np.ndarray
    shares: np.ndarray
    errors: np.ndarray


def scores(paired: Paired, *, sources: str = "h") -> Scores:
    """Scores by which cases are chosen."""
    a = Arrays(paired, sources)
    error = keypoints.normalized_errors(a.points, a.truth, a.scored, a.torso)[:, a.indices[FEWER]]
    known = ~np.isnan(error)
    count = np.maximum(known.sum(axis=1), 1)
    share = np.where(known.any(axis=1), (error < 0.2).sum(axis=1) / count, np.nan)
    mean = np.where(known, np.minimum(error, 1.0), 0.0).sum(axis=1) / count
    return Scores(np.array([p.id for p in a.people]), share, mean)


def extremes(found: Scores, count: int) -> tuple[list[int], list[int]]:
    """Positions of the `count` worst (largest mean error first) and best people."""
    known = np.flatnonzero(np.isfinite(found.shares))
    order = known[np.argsort(found.errors[known], kind="stable")]
    return order[::-1][:count].tolist(), order[:count].tolist()


def most_different(first: Scores, second: Scores, count: int) -> list[tuple[int, int]]:
    """Positions (in first, in second) of the people on whom two runs differ most, largest difference first."""
    position = {person_id: i for i, person_id in enumerate(second.ids.tolist())}
    common = [(i, position[p]) for i, p in enumerate(first.ids.tolist()) if p in position]
    common = [(i, j) for i, j in common if np.isfinite(first.shares[i]) and np.isfinite(second.shares[j])]
    return sorted(common, key=lambda ij: -abs(first.errors[ij[0]] - second.errors[ij[1]]))[:count]


def draw(
    annotations: Annotations, person: Person, prediction: Prediction | None, *, caption: str, sources: str = "h"
) -> Element:
    """A figure: the person's surroundings, truth dashed in green, prediction left orange and right cyan."""
    image = annotations.picture(person.image_id)
    region = roi_lib.from_alignment(person.alignment, VIEW)
    region[3] = 0.0  # people are shown as they lie in the picture
    matrix = roi_lib.crop_matrix(region, SIDE)
    crop = warp(image, matrix, SIDE, border="zero")
    back = affine.invert(np.asarray(matrix, np.float64))
    names = person.names
    truth = svg.skeleton(affine.apply(back, person.points), person.scored(sources), names, truth=True, width=1.0)
    if prediction is not None and prediction.points is not None:
        drawn = svg.skeleton(affine.apply(back, prediction.points), np.ones(len(names), bool), names)
    else:
        drawn = element("text", "nobody found", x=SIDE / 2, y=SIDE - 8, text_anchor="middle", class_="lost")
    view = {"viewBox": f"0 0 {SIDE} {SIDE}", "width": SIDE, "height": SIDE}
    picture = element("image", href=svg.embedded_jpeg(crop), width=SIDE, height=SIDE)
    return element("figure", element("svg", picture, truth, drawn, **view), element("figcaption", caption))
