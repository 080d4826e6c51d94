"""OKS against its definition and against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.metrics import oks


def test_one_sigma_by_hand():
    # One labelled nose, area 10,000 (100 x 100), error 2 sigma sqrt(area) = 5.2 px: exp(-1/2).
    truth, labelled = np.zeros((1, 33, 2)), np.zeros((1, 33))
    labelled[0, 0] = 2
    predicted = truth.copy()
    predicted[0, 0, 0] = 2 * 0.026 * 100
    assert oks.oks(predicted, truth, labelled, np.array([10_000.0]))[0] == pytest.approx(np.exp(-0.5))


def test_coco_sigmas_are_pycocotools():
    params = pytest.importorskip("pycocotools.cocoeval").Params(iouType="keypoints")
    np.testing.assert_allclose(oks.sigmas(topology.COCO_17), params.kpt_oks_sigmas)
    assert oks.sigmas().shape == (33,)


def test_equal_to_pycocotools():
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    from pycocotools.coco import COCO

    rng = np.random.default_rng(3)
    truth = rng.uniform(0, 300, (6, 17, 2))
    state = rng.integers(0, 3, (6, 17))
    state[:, 0] = 2
    predicted = truth + rng.normal(0, 12, truth.shape)
    area = rng.uniform(2_000, 30_000, 6)
    annotations, results = [], []
    for i in range(6):
        flat = np.concatenate([truth[i] * (state[i] > 0)[:, None], state[i][:, None]], axis=1).ravel()
        annotations.append(
            {
                "id": i + 1, "image_id": i + 1, "category_id": 1, "iscrowd": 0, "area": float(area[i]),
                "bbox": [0, 0, 300, 300], "keypoints": flat.tolist(), "num_keypoints": int((state[i] > 0).sum()),
            }
        )  # fmt: skip
        flat = np.concatenate([predicted[i], np.ones((17, 1))], axis=1).ravel()
        results.append({"image_id": i + 1, "category_id": 1, "keypoints": flat.tolist(), "score": 1.0})
    coco = COCO()
    coco.dataset = {
        "info": {}, "images": [{"id": i + 1} for i in range(6)], "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }  # fmt: skip
    coco.createIndex()
    evaluation = cocoeval.COCOeval(coco, coco.loadRes(results), "keypoints")
    evaluation.evaluate()
    theirs = [float(evaluation.ious[i + 1, 1][0, 0]) for i in range(6)]
    ours = oks.oks(predicted, truth, state, area, topology.COCO_17)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_missing_points_count_as_zero_and_nobody_is_nan():
    truth = np.zeros((2, 33, 2))
    predicted = np.full_like(truth, np.nan)
    labelled = np.zeros((2, 33))
    labelled[0] = 1
    result = oks.oks(predicted, truth, labelled, np.ones(2))
    assert result[0] == 0.0 and np.isnan(result[1])


def test_an_unknown_point_is_named():
    with pytest.raises(ValueError, match="belly"):
        oks.sigmas(("nose", "belly"))
