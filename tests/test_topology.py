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
    permutation = topology.mirror_permutation(names)
    assert (permutation[permutation] == np.arange(len(names))).all()
    assert len(topology.pairs(names)) * 2 + (permutation == np.arange(len(names))).sum() == len(names)


SPELLINGS = [
    "left_{}|right_{}", "{}_left|{}_right", "Left {}|Right {}", "LEFT-{}|RIGHT-{}", "{} (left)|{} (right)", "L{}|R{}",
    "l_{}|r_{}", "{}_l|{}_r", "{}L|{}R", "{}Left|{}Right", "left{}|right{}", "L_{}|R_{}", "l.{}|r.{}", "{}-LT|{}-RT",
    "{} links|{} rechts", "{} gauche|{} droite", "{} izquierda|{} derecha", "{} sx|{} dx", "mc_left_{}|mc_right_{}",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("part", ["Glove", "knee_pad", "Foot2"])
def test_sides_pair_by_any_usual_spelling(spelling, part):
    left, right = (name.format(part) for name in spelling.split("|"))
    names = ("nose", left, "ball", right, "left_hip", "right_hip")
    assert topology.counterparts(names, names) == ("nose", right, "ball", left, "right_hip", "left_hip")
    np.testing.assert_array_equal(topology.mirror_permutation(names), [0, 3, 2, 1, 5, 4])
    assert topology.pairs(names) == ((1, 3), (4, 5))
    assert topology.mirror_remarks(names) == [
        "mirrored pictures keep in its place what says neither left nor right: ball"
    ]


def test_spellings_may_be_mixed_and_the_sides_of_others_asked_for():
    assert topology.counterparts(("Left Glove", "rKnee"), ("right_glove", "knee-L", "LHip")) == (
        "right_glove",
        "knee-L",
    )
    assert topology.counterparts(("left_wrist",), ("left_wrist", "nose")) == (None,)
    assert topology.counterparts(("vitamin_l",), ("vitamin_l", "nose")) == ("vitamin_l",)  # a letter alone says little
    assert topology.counterparts(("light", "sight"), ("light", "sight")) == ("light", "sight")
    both = ("left_eye_right_corner", "right_eye_left_corner", "left_eye_left_corner", "right_eye_right_corner")
    assert topology.counterparts(both, both) == (both[1], both[0], both[3], both[2])
    told = topology.mirror_remarks(("nose", "Left Glove"))
    assert told == ["mirrored pictures leave out Left Glove: the other side is not among the keypoints"]
    assert topology.mirror_remarks(topology.KEYPOINTS) == []


def test_points_of_the_face_without_a_side_in_their_name_are_exchanged_too():
    wholebody = topology.KEYPOINT_SETS["coco_wholebody_133"]
    other = dict(zip(wholebody, topology.counterparts(wholebody, wholebody), strict=True))
    # iBUG's numbers run along the jaw from ear to ear, and up the bridge of the nose.
    assert (other["face_0"], other["face_8"], other["face_19"], other["face_30"]) == (
        "face_16",
        "face_8",
        "face_24",
        "face_30",
    )
    assert (other["face_37"], other["face_41"], other["face_50"], other["face_61"], other["face_65"]) == (
        "face_44", "face_46", "face_52", "face_63", "face_67",
    )  # fmt: skip
    assert other["left_eye_outer"] == "right_eye_outer" and other["left_hand_4"] == "right_hand_4"


def test_mirror_permutation_names_the_missing_side():
    with pytest.raises(ValueError, match="'left_hip' has no counterpart"):
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
