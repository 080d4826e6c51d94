"""Conversion: selection by the paper's rule, alignment, rims, sizes, and the two outputs."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.converters import conversion, interchange, selection
from blazepose_tf.converters.annotations import Damage, Person, Picture, Source
from blazepose_tf.media import headers

LSP = topology.KEYPOINT_SETS["lsp_14"]
WIDTH, HEIGHT = 200, 160


def body(**points):
    """(14, 3) LSP joints; by default a standing torso: shoulders at y 40, hips at y 80, the rest unlabelled."""
    torso = {"left_shoulder": (110, 40), "right_shoulder": (90, 40), "left_hip": (106, 80), "right_hip": (94, 80)}
    out = np.zeros((14, 3))
    for name, value in (torso | points).items():
        if value is not None:
            out[LSP.index(name)] = (*value, 2)[:3]
    return out


def encode(path, width=WIDTH, height=HEIGHT):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def convert(folder, pictures, names=LSP, **options):
    encode(folder / "a.png")
    tally = conversion.Tally()
    source = Source(names, pictures, len(pictures), folder)
    target, result = conversion.convert(source, conversion.ConversionConfig(**options), tally)
    return target, list(result), tally


def picture(*people, name="a.png", **more):
    return Picture(name, f"test: {name}", tuple(people), **more)


def test_reasons_of_the_paper_rule():
    assert selection.drop_reason(body(), LSP) is None
    assert selection.drop_reason(body(left_hip=None), LSP) == selection.NO_HIPS
    assert selection.drop_reason(body(right_shoulder=None), LSP) == selection.NO_SHOULDERS
    assert selection.drop_reason(body(left_hip=None, left_shoulder=None), LSP) == selection.NO_TORSO
    assert selection.drop_reason(np.zeros((14, 3)), LSP) == selection.NO_POINTS
    assert selection.drop_reason(np.array([[1, 2, 1.0]]), ("ball",)) is None
    occluded = body(left_hip=(106, 80, 1))
    assert selection.drop_reason(occluded, LSP) is None  # labelled, though hidden


def test_the_head_top_sizes_the_circle_though_the_33_lack_it(tmp_path):
    person = Person(body(head_top=(100, 10), left_ankle=(100, 140), right_ankle=(100, 140)))
    target, (result,), tally = convert(tmp_path, [picture(person)])
    assert target == topology.KEYPOINTS and tally.people_kept == 1
    # mid-hip (100, 80); farthest is the head's top, 70 above: radius 1.15 * 70 = 80.5, straight up
    assert np.allclose(result.people[0].alignment, [[100, 80], [100, -0.5]])
    assert result.people[0].keypoints[topology.KEYPOINTS.index("left_ankle")].tolist() == [100, 140, 2]
    # box: labelled points x 90..110, y 10..140 with a margin of 0.08 * 80.5 = 6.44
    assert np.allclose(result.people[0].box, [83.56, 3.56, 116.44, 146.44])


def test_feet_do_not_change_the_circle_of_labelled_ankles(tmp_path):
    names = topology.KEYPOINTS
    points = topology.remap(body(left_ankle=(100, 140), right_ankle=(100, 140)), LSP)
    without = selection.align(points, names, None)
    points[names.index("left_foot_index")] = (100, 150, 2)
    assert np.array_equal(selection.align(points, names, None), without)
    # 60 from the mid-hip (100, 80) to an ankle: radius 1.15 * 60 = 69
    assert np.allclose(without, [[100, 80], [100, 11]])
    points[names.index("left_ankle")] = 0
    # without that ankle the toes count: 1.15 * 70 = 80.5
    assert np.allclose(selection.align(points, names, None), [[100, 80], [100, -0.5]])


def test_without_ankles_the_torso_bounds_the_circle(tmp_path):
    _, (result,), _ = convert(tmp_path, [picture(Person(body()))])
    # torso 40: radius at least 1.8 * 40 = 72; the farthest point is a shoulder, 1.15 * sqrt(10^2 + 40^2) = 47.4
    assert np.allclose(result.people[0].alignment, [[100, 80], [100, 8]])


def test_dropped_people_stay_as_ignored_regions(tmp_path):
    lost = Person(body(left_hip=None), box=(1, 2, 30, 40))
    crowd = Person(np.zeros((14, 3)), box=(5, 5, 9, 9), ignore=True)
    _, (result,), tally = convert(tmp_path, [picture(Person(body()), lost, crowd), picture(lost)])
    assert [p.ignore for p in result.people] == [False, True, True]
    assert result.people[1].box == (1, 2, 30, 40) and not result.people[1].keypoints.any()
    assert tally.dropped == {selection.NO_HIPS: 2} and tally.ignored_by_source == 1
    assert (tally.pictures, tally.pictures_kept, tally.pictures_without_usable_person) == (2, 1, 1)
    _, kept, _ = convert(tmp_path, [picture(lost), picture()], negatives=True)
    assert len(kept) == 2


def test_points_just_outside_move_to_the_rim_and_far_ones_go(tmp_path):
    person = Person(body(left_wrist=(202, 100), right_wrist=(204, 100), head_top=(100, -3)))
    _, (result,), tally = convert(tmp_path, [picture(person)], target="source")
    points = dict(zip(LSP, result.people[0].keypoints.tolist(), strict=True))
    assert points["left_wrist"] == [200, 100, 2] and points["head_top"] == [100, 0, 2]
    assert points["right_wrist"] == [0, 0, 0]
    assert (tally.points_moved_to_edge, tally.points_outside_removed) == (2, 1)


def test_small_and_sourceless_bodies(tmp_path):
    flat = body(left_shoulder=(100, 80), right_shoulder=(100, 80), left_hip=(100, 80), right_hip=(100, 80))
    _, _, tally = convert(tmp_path, [picture(Person(body()), Person(flat))], min_diameter=145)
    assert tally.dropped == {selection.TOO_SMALL: 1, selection.NO_SIZE: 1}  # diameter 144 < 145


def test_own_set_is_kept_and_aligned_by_its_box(tmp_path):
    names = ("ball", "paw")
    points = np.array([[10, 20, 2], [40, 60, 1.0]])
    people = Person(points, box=(0, 0, 60, 80)), Person(points)
    target, (result,), _ = convert(tmp_path, [picture(*people)], names=names)
    assert target == names
    # half the diagonal of 60 x 80 is 50; of 30 x 40 with the margin of 1.15, 28.75
    assert np.allclose(result.people[0].alignment, [[30, 40], [30, -10]])
    assert np.allclose(result.people[1].alignment, [[25, 40], [25, 11.25]])


def test_own_names_remap_to_the_33_by_renaming(tmp_path):
    rename = {"hipL": "left_hip", "hipR": "right_hip", "shL": "left_shoulder", "shR": "right_shoulder"}
    points = np.array([[106, 80, 2], [94, 80, 2], [110, 40, 2], [90, 40, 1], [5, 5, 2.0]])
    names = (*rename, "ball")
    people = [picture(Person(points))]
    own, _, _ = convert(tmp_path, people, names=names, rename=rename)
    assert own == (*rename.values(), "ball")  # by itself nothing is invented, and nothing lost
    target, (result,), tally = convert(tmp_path, people, names=names, rename=rename, target="blazepose_33")
    assert target == topology.KEYPOINTS and (result.people[0].keypoints[:, 2] > 0).sum() == 4
    assert any("ball" in line for line in conversion.summary(tally, names, target, rename))
    with pytest.raises(ValueError, match="no keypoint of the source"):
        convert(tmp_path, [], names=("ball",), target="coco_17")


def test_weight_and_stored_alignment(tmp_path):
    stored = np.array([[100.0, 80], [100, 20]])
    person = Person(body(), weight=0.5, alignment=stored)
    _, (result,), _ = convert(tmp_path, [picture(person)], weight=0.4)
    assert result.people[0].weight == pytest.approx(0.2) and np.array_equal(result.people[0].alignment, stored)
    _, (again,), _ = convert(tmp_path, [picture(person)], recompute_alignment=True)
    assert np.allclose(again.people[0].alignment, [[100, 80], [100, 8]])


def test_bad_pictures_are_skipped_with_a_reason(tmp_path):
    jpeg = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    (tmp_path / "turned.jpg").write_bytes(with_orientation(jpeg, 6))
    names = ["none.jpg", "cut.jpg", "text.jpg", "turned.jpg"]
    pictures = [picture(Person(body()), name=name) for name in names]
    pictures += [picture(Person(body()), width=WIDTH, height=HEIGHT + 1), picture(Person(body())), Damage("x", "y")]
    _, result, tally = convert(tmp_path, pictures)
    assert [(p.file_name, p.width, p.height) for p in result][:1] == [("turned.jpg", HEIGHT, WIDTH)]
    assert len(result) == 2 and len(tally.damaged) == 5
    expected = ["no picture", "cut off", "not a picture", "is 200x160", "y"]
    for damage, text in zip(tally.damaged, expected, strict=True):
        assert text in damage.problem


def with_orientation(jpeg, value, order="<"):
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    tiff += struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, value, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def test_turned_pictures_are_stored_upright_in_shards(tmp_path):
    stored = np.zeros((WIDTH, HEIGHT, 3), np.uint8)  # 160 wide, 200 high as stored
    stored[:20, :20] = 255  # its top left corner is at the top right once turned by a quarter to the right
    tmp_path.joinpath("t.jpg").write_bytes(with_orientation(cv2.imencode(".jpg", stored)[1].tobytes(), 6))
    entry = picture(Person(body()), name="t.jpg", width=WIDTH, height=HEIGHT)
    names, pictures, tally = convert(tmp_path, [entry])
    assert not tally.damaged
    from blazepose_tf.data import records, shards

    shards.write_shards(tmp_path / "s", pictures, names, images=tmp_path, name="t")
    example = records.open_records(tmp_path / "s").example(0)
    upright = cv2.imdecode(np.frombuffer(example.image, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert upright.shape == (HEIGHT, WIDTH, 3) and (example.width, example.height) == (WIDTH, HEIGHT)
    assert upright[:16, -16:].min() > 200 and upright[:16, :16].max() < 50
    assert headers.read_header(example.image).orientation == 1


def test_json_round_trip_and_paths(tmp_path):
    person = Person(body(head_top=(100, 10)), weight=0.5)
    _, pictures, _ = convert(tmp_path / "pics", [picture(person, split="train")], target="source", dataset="own")
    path = tmp_path / "labels" / "out.json"
    assert interchange.write_json(path, pictures, LSP, images=tmp_path / "pics") == 1
    content = json.loads(path.read_text())
    assert content["images"] == [
        {"id": 1, "file_name": "../pics/a.png", "width": WIDTH, "height": HEIGHT, "split": "train"}
    ]
    (annotation,) = content["annotations"]
    assert annotation["center"] == [100, 80] and annotation["scale_point"] == [100, -0.5]
    assert (annotation["num_keypoints"], annotation["weight"], annotation["dataset"]) == (5, 0.5, "own")
    assert content["categories"][0]["keypoints"] == list(LSP)
    from blazepose_tf import converters

    (again,) = converters.open_source("coco", path).pictures
    assert np.array_equal(again.people[0].keypoints, pictures[0].people[0].keypoints)
    assert [p.name for p in path.parent.iterdir()] == ["out.json"]  # nothing temporary is left


def test_shards_hold_the_same_labels(tmp_path):
    lost = Person(body(left_hip=None), box=(1, 2, 30, 40))
    people = Person(body()), Person(body(head_top=(100, 10))), lost
    names, pictures, _ = convert(tmp_path / "pics", [picture(*people)], dataset="own")
    from blazepose_tf.data import records, shards

    report = shards.write_shards(tmp_path / "s", pictures, names, images=tmp_path / "pics", name="own")
    assert report.written == 1
    stored = records.open_records(tmp_path / "s").example(0)
    assert stored.names == topology.KEYPOINTS and (stored.width, stored.height) == (WIDTH, HEIGHT)
    assert np.allclose(stored.keypoints, [p.keypoints for p in pictures[0].people[:2]])
    assert np.allclose(stored.alignment[0], [[100, 80], [100, 8]]) and stored.dataset == "own"
    assert stored.ignore_boxes.tolist() == [[1, 2, 30, 40]]
    options = {"images": tmp_path / "pics", "name": "own", "every_person": True}
    assert shards.write_shards(tmp_path / "each", pictures, names, **options).written == 2
    second = records.open_records(tmp_path / "each").example(1)
    assert np.allclose(second.keypoints[0], pictures[0].people[1].keypoints)
    assert shards.write_shards(tmp_path / "each", pictures, names, **options).reused_shards == 1
