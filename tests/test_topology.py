"""The keypoint sets: order, pairs, remaps by name."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology


def test_the_order_is_the_papers_appendix():
    index = {name: i for i, name in enumerate(topology.KEYPOINTS)}
    assert len(index) == 33
    # Appendix of the paper: a few numbers from every group.
    assert (index["nose"], index["left_ear"], index["mouth_right"]) == (0, 7, 10)
    assert (index["left_shoulder"], index["right_wrist"], index["left_pinky"]) == (11, 16, 17)
    assert (index["right_thumb"], index["left_hip"], index["right_foot_index"]) == (22, 23, 32)


def test_groups_cover_every_keypoint_once():
    members = [name for group in topology.GROUPS.values() for name in group]
    assert sorted(members) == sorted(topology.KEYPOINTS)


def test_the_33_are_the_superset_of_face_palm_and_coco():
    extra = set(topology.KEYPOINTS) - set(topology.BLAZEFACE) - set(topology.BLAZEPALM) - set(topology.COCO_17)
    # What only BlazePose has: the eyes' corners and the feet.
    assert extra == {
        *(f"{side}_eye_{end}" for side in ("left", "right") for end in ("inner", "outer")),
        *(f"{side}_{part}" for side in ("left", "right") for part in ("heel", "foot_index")),
    }


@pytest.mark.parametrize("name", topology.KEYPOINT_SETS)
def test_mirroring_twice_is_the_identity(name):
    names = topology.KEYPOINT_SETS[name]
    if name in ("coco_wholebody_133", "halpe_136"):
        # The unnamed face contour points have no side in their name; only the points that remap matter.
        names = tuple(n for n in names if n in topology.KEYPOINTS)
    permutation = topology.mirror_permutation(names)
    assert (permutation[permutation] == np.arange(len(names))).all()
    assert len(topology.pairs(names)) * 2 + (permutation == np.arange(len(names))).sum() == len(names)


def test_mirror_permutation_names_the_missing_side():
    with pytest.raises(ValueError, match="right_hip"):
        topology.mirror_permutation(("nose", "left_hip"))


@pytest.mark.parametrize(
    ("name", "size", "shared"),
    [
        ("coco_17", 17, 17),
        ("coco_wholebody_133", 133, 17 + 4 + 6 + 6),  # body, heels and toes, eye corners and mouth, knuckles
        ("halpe_26", 26, 21),
        ("halpe_136", 136, 33),
        ("mpii_16", 16, 12),
        ("lsp_14", 14, 12),
        ("jhmdb_15", 15, 12),
    ],
)
def test_sets_have_their_published_size_and_map_what_they_share(name, size, shared):
    names = topology.KEYPOINT_SETS[name]
    assert len(names) == len(set(names)) == size
    points = np.stack([np.arange(size), np.arange(size) + 0.5, np.full(size, 2)], axis=-1)
    mapped = topology.remap(points, names)
    assert mapped.shape == (33, 3) and (mapped[:, 2] == 2).sum() == shared
    for i, keypoint in enumerate(topology.KEYPOINTS):
        if keypoint in names:
            assert mapped[i, 0] == names.index(keypoint)
        else:
            assert (mapped[i] == 0).all()


def test_known_indices_of_other_sets():
    # COCO-WholeBody: foot 17..22, face 23..90, left hand 91..111, right hand 112..132.
    whole = topology.KEYPOINT_SETS["coco_wholebody_133"]
    assert whole.index("left_heel") == 19 and whole.index("right_foot_index") == 20
    assert whole.index("right_eye_outer") == 23 + 36 and whole.index("mouth_left") == 23 + 54
    assert whole.index("left_thumb") == 91 + 3 and whole.index("right_pinky") == 112 + 17
    assert topology.KEYPOINT_SETS["mpii_16"].index("left_ankle") == 5
    assert topology.KEYPOINT_SETS["lsp_14"].index("right_wrist") == 6
    assert topology.KEYPOINT_SETS["halpe_26"].index("left_heel") == 24


def test_remap_refuses_another_keypoint_count():
    with pytest.raises(ValueError, match=r"\(16, 3\)"):
        topology.remap(np.zeros((16, 3)), topology.COCO_17)


def test_edges_of_a_subset_stay_inside_it():
    names = topology.COCO_17
    found = {(names[a], names[b]) for a, b in topology.edges(names)}
    assert ("left_shoulder", "left_elbow") in found and ("left_hip", "right_hip") in found
    assert len(topology.edges()) == len(topology.EDGES) == 35
