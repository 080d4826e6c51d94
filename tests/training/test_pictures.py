"""Pictures with drawn points."""

from __future__ import annotations

import numpy as np

from blazepose_tf.training.pictures import PREDICTED_COLOR, TRUE_COLOR, draw


def test_points_lie_where_they_belong():
    images = np.zeros((2, 20, 20, 3), np.float32)
    truth = np.full((2, 2, 2), np.nan, np.float32)
    truth[0, 0] = [5.5, 12.5]
    predicted = np.full((2, 2, 2), -50.0, np.float32)
    predicted[1] = [[3.5, 3.5], [15.5, 3.5]]
    sheet = draw(images, truth, predicted, ((0, 1),))
    assert sheet.shape == (20, 40, 3) and sheet.dtype == np.uint8
    np.testing.assert_allclose(sheet[12, 5], np.multiply(TRUE_COLOR, 255), atol=1)
    np.testing.assert_allclose(sheet[3, 20 + 9], np.multiply(PREDICTED_COLOR, 255), atol=1)
    assert not sheet[:, :20][np.r_[0:11, 14:20]].any()


def test_infinite_predictions_are_not_drawn():
    sheet = draw(np.zeros((1, 8, 8, 3)), np.full((1, 1, 2), np.nan), np.full((1, 1, 2), np.inf), ())
    assert not sheet.any()
