"""The same maths under numpy, in a tf.data graph and with keras.ops."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.codecs import anchors, detection, heatmaps, landmarks
from blazepose_tf.geometry import affine, alignment, roi
from blazepose_tf.specs import DetectorSpec

SPEC = DetectorSpec()
RNG = np.random.default_rng(5)
POINTS = RNG.uniform(-20, 280, (3, 33, 2)).astype(np.float32)
LABELLED = (RNG.random((3, 33)) > 0.3).astype(np.float32)
ALIGNMENT = RNG.uniform(50, 250, (3, 2, 2)).astype(np.float32)
FACES = np.float32([[40, 40, 60, 60], [100, 90, 104, 94]])
IGNORED = np.float32([[150, 150, 192, 192]])
A = SPEC.num_anchors

CASES = {
    "roi": (roi.from_alignment, ALIGNMENT),
    "crop_matrix": (lambda a: roi.crop_matrix(roi.from_alignment(a), 256, 1.0), ALIGNMENT),
    "invert": (lambda a: affine.invert(roi.crop_matrix(roi.from_alignment(a), 256)), ALIGNMENT),
    "apply": (lambda a, p: affine.apply(roi.crop_matrix(roi.from_alignment(a), 256), p), ALIGNMENT, POINTS),
    "corners": (lambda a: roi.corners(roi.from_alignment(a)), ALIGNMENT),
    "alignment": (
        lambda p, w: alignment.from_keypoints(p, w, **topology.alignment_indices()),
        POINTS, LABELLED,
    ),
    "heatmaps": (lambda p, w: heatmaps.encode(p, w, size=16, stride=16), POINTS, LABELLED),
    "landmarks": (lambda p, w: landmarks.encode(p, w * 2), POINTS, LABELLED),
    "detection": (lambda f, a, i: detection.encode(f, a, i, spec=SPEC), FACES, ALIGNMENT[:2], IGNORED),
    "detections": (
        lambda r, s: detection.decode(r, s, anchors=anchors.grid_anchors(SPEC)),
        RNG.normal(0, 30, (2, A, 8)).astype(np.float32), RNG.normal(0, 4, (2, A, 1)).astype(np.float32),
    ),
}  # fmt: skip


def _flat(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("name", CASES)
def test_numpy_graph_and_keras_agree(name):
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    function, *arguments = CASES[name]
    reference = _flat(function(*arguments))
    dataset = tf.data.Dataset.from_tensors(tuple(map(tf.constant, arguments))).map(lambda *xs: function(*xs))
    graph = _flat(next(iter(dataset)))
    backend = _flat(function(*map(keras.ops.convert_to_tensor, arguments)))
    for expected, in_graph, in_keras in zip(reference, graph, backend, strict=True):
        assert expected.shape == in_graph.shape == in_keras.shape
        # float32 with coordinates of a few hundred pixels, inverted matrices included
        np.testing.assert_allclose(in_graph, expected, rtol=2e-4, atol=2e-3)
        np.testing.assert_allclose(in_keras, expected, rtol=2e-4, atol=2e-3)
