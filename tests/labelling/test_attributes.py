"""What two looks of a teacher say alike of a person beyond points."""

from __future__ import annotations

import dataclasses

import numpy as np

from blazepose_tf import synthetic, topology
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.labelling.attributes import agreed
from blazepose_tf.runtime.mask import Mask
from blazepose_tf.runtime.tracker import Track

_LEFT_WRIST, _NOSE = (topology.KEYPOINTS.index(name) for name in ("left_wrist", "nose"))


def look() -> Track:
    sample = synthetic.render_sample(2, 0, persons=1)
    points = sample.keypoints_unclipped[0, :, :2]
    mask = Mask(sample.masks[0].astype(np.uint8) * 255, np.array([[1.0, 0, 0], [0, 1, 0]]))
    return Track(
        points=points,
        z=sample.z[0],
        visibility=np.ones(33),
        presence=None,
        pose_presence=1.0,
        alignment=sample.alignment[0],
        world=sample.world[0],
        mask=mask,
    )


def test_looks_that_agree_are_the_label():
    plain = look()
    found = agreed(plain, plain, (256, 256))
    np.testing.assert_allclose(found.world[:, :3], plain.world, atol=1e-6)
    np.testing.assert_allclose(found.z[:, 0], plain.z, atol=1e-4)
    assert found.world[:, 3].all() and found.z[:, 1].all()
    np.testing.assert_array_equal(attributes_lib.decode(found.mask), plain.mask.crop > 0)


def test_what_they_say_differently_is_unknown():
    plain = look()
    world, z = plain.world.copy(), plain.z.copy()
    world[_LEFT_WRIST, 2] += 0.3
    z[_NOSE] += 1000.0
    empty = Mask(np.zeros_like(plain.mask.crop), plain.mask.matrix)
    found = agreed(plain, dataclasses.replace(plain, world=world, z=z, mask=empty), (256, 256))
    assert np.flatnonzero(found.world[:, 3] == 0).tolist() == [_LEFT_WRIST]
    assert np.flatnonzero(found.z[:, 1] == 0).tolist() == [_NOSE]
    assert found.mask is None
    assert attributes_lib.fields(found)["world"][_LEFT_WRIST] is None


def test_a_teacher_without_an_output_says_nothing_of_it():
    plain = dataclasses.replace(look(), world=None, z=None)
    found = agreed(plain, plain, (256, 256))
    assert found.world is None and found.z is None and found.mask is not None
