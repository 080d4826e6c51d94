"""Parameters and multiply-adds of all presets, against the published files.

The numbers were counted on the LiteRT files that MediaPipe published in 2020 and 2021 (weights of every operator;
output size x kernel for every convolution).
"""

from __future__ import annotations

import dataclasses

import pytest

from blazepose_tf.models import build_detector, build_tracker
from blazepose_tf.models.cost import by_stage, layer_costs, total
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.specs import TrackerSpec

MEDIAPIPE = TrackerSpec(mediapipe_head=True)


@pytest.mark.parametrize(
    ("variant", "parameters", "macs"),
    [("full", 3_457_636, 410_605_056), ("lite", 1_337_716, 155_383_296)],
)
def test_trackers_of_the_paper(variant, parameters, macs):
    cost = total(layer_costs(build_tracker(MEDIAPIPE, variant=variant, training_heads=False)))
    # The published files carry a bias of zeros for each depthwise convolution.
    assert cost.parameters + cost.zero_biases == parameters
    assert cost.macs == macs


@pytest.mark.parametrize(
    ("variant", "parameters", "macs", "cut"),
    [
        ("ghum_lite", 1_363_089, 197.8, 155.5),
        ("ghum_full", 3_169_489, 386.1, 331.8),
        pytest.param("ghum_heavy", 13_751_073, 1927, 1883, marks=pytest.mark.slow),
    ],
)
def test_trackers_of_2021(variant, parameters, macs, cut):
    cost = total(layer_costs(build_tracker(MEDIAPIPE, variant=variant, world=True, segmentation=True)))
    assert (cost.parameters, cost.zero_biases) == (parameters, 0)
    digits = 0 if macs > 1000 else 1
    assert round(cost.macs / 1e6, digits) == macs
    without = total(layer_costs(build_tracker(MEDIAPIPE, variant=variant, world=True, training_heads=False)))
    assert round(without.macs / 1e6, digits) == cut


def test_detector_of_2020():
    cost = total(layer_costs(build_detector(variant="det_2020")))
    assert cost.parameters + cost.zero_biases == 763_288
    assert round(cost.macs / 1e6, 1) == 468.9


def test_detector_of_2021():
    costs = layer_costs(build_detector(variant="det_2021"))
    # The file stores the zero biases of its linear depthwise convolutions once per width.
    assert total(costs).parameters + sum({c.zero_biases for c in costs}) == 2_965_026
    assert round(total(costs).macs / 1e6, 1) == 429.9


def test_blazeface_is_light():
    cost = total(layer_costs(build_detector()))
    assert cost.parameters + cost.zero_biases <= 500_000
    assert cost.macs <= 130_000_000
    spec = DETECTORS["blazeface"].spec
    small = total(layer_costs(build_detector(dataclasses.replace(spec, input_size=128))))
    # Every convolution shrinks by the area, but for those that see the means over the picture.
    whole = (88 + 128 + 192) * 48 + 48
    assert (small.macs - whole) * 49 == (cost.macs - whole) * 16
    assert small.parameters == cost.parameters


def test_stages_sum_to_the_total():
    costs = layer_costs(build_tracker(TrackerSpec(128), variant="tiny"))
    stages = by_stage(costs)
    assert [name for name, _, _ in stages][:5] == ["f2", "f4", "f8", "f16", "f32"]
    assert sum(c.macs for _, _, c in stages) == total(costs).macs
    # Stem at 64x64: 3x3x3 to 8 channels; block: 3x3 depthwise and 8x8 pointwise. Kernels plus two folded biases.
    name, shape, first = stages[0]
    assert (name, shape) == ("f2", (64, 64, 8))
    assert first.macs == 64 * 64 * (27 * 8 + 9 * 8 + 64)
    assert first.parameters == 27 * 8 + 9 * 8 + 64 + 2 * 8
