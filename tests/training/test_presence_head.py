"""The head that says whether somebody is there: read beside the points, taught alone without moving them."""

from __future__ import annotations

import keras
import numpy as np

from blazepose_tf import specs, synthetic
from blazepose_tf.models import build_tracker
from blazepose_tf.models.saving import infer_description
from blazepose_tf.models.weights import describe, save_weights
from blazepose_tf.training import heads


def _pictures(count: int) -> np.ndarray:
    pictures = [synthetic.render_sample(9, i, persons=1, size=(128, 128)).image for i in range(count)]
    return np.stack(pictures).astype(np.float32) / 255.0


def test_what_the_backbone_saw_has_no_say_before_training():
    model = build_tracker(specs.TrackerSpec(128), variant="tiny")
    both = keras.Model(model.input, [model.output[specs.POSE_PRESENCE], model.get_layer("presence_0_conv").output])
    model.get_layer("presence_0_conv").bias.assign([0.7])
    presence, alone = both(_pictures(2))
    np.testing.assert_array_equal(np.ravel(presence), np.ravel(alone))
    np.testing.assert_allclose(np.ravel(presence), 0.7)


def test_mediapipes_head_has_no_second_opinion():
    model = build_tracker(specs.TrackerSpec(128, mediapipe_head=True), variant="tiny")
    assert not [layer for layer in model.layers if layer.name.startswith("presence_1")]


def test_taught_presence_leaves_everything_else_as_it_was(taught, tmp_path):
    before = build_tracker(specs.TrackerSpec(128, depth=True), variant="tiny", world=True, offsets=False)
    save_weights(before, tmp_path / "before.npz", description=infer_description(before))
    made = heads.presence(*describe(tmp_path / "before.npz"))
    assert made.depth and made.world and not made.mask and made.stages[0].input_size == 128
    after, _ = taught(made, before, steps=4)
    old, new = (model.predict_on_batch(_pictures(2)) for model in (before, after))
    assert np.abs(new.pop(specs.POSE_PRESENCE) - old.pop(specs.POSE_PRESENCE)).min() > 0.01
    assert set(new) == set(old)
    for name, values in old.items():
        np.testing.assert_allclose(new[name], values, rtol=0.0, atol=5e-4, err_msg=name)
