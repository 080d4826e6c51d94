"""Validation: each kind of damage in a small dataset, hand-made bodies for the swap test, real pictures when there."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.converters import selection
from blazepose_tf.converters.annotations import Person
from blazepose_tf.data import contact_sheet, duplicates, side_swaps, validation

K = topology.KEYPOINTS
WIDTH, HEIGHT = 120, 160
# Seen from the front: the person's left is on the viewer's right.
FRONT = {
    "nose": (60, 30), "left_eye": (63, 27), "right_eye": (57, 27), "mouth_left": (62, 34), "mouth_right": (58, 34),
    "left_shoulder": (73, 50), "right_shoulder": (47, 50), "left_hip": (68, 90), "right_hip": (52, 90),
    "left_knee": (68, 120), "right_knee": (52, 120),
}  # fmt: skip


def keypoints(points=FRONT, *, state=2):
    out = np.zeros((33, 3))
    for name, point in points.items():
        out[K.index(name)] = (*point, state)
    return out


def exchanged(array, names):
    out = array.copy()
    for name in names:
        out[K.index(name)] = array[K.index(topology.mirrored_name(name))]
    return out


def sided(*parts):
    return [f"{side}_{part}" for part in parts for side in ("left", "right")]


def test_a_body_from_the_front_is_plausible_at_any_angle():
    body = keypoints()
    for angle in np.linspace(0, 2 * math.pi, 7):
        turned = body.copy()
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        turned[:, :2] = body[:, :2] @ rotation.T
        assert set(side_swaps.swap_probabilities(turned, K)) == set(side_swaps.SLOPES)
        assert max(side_swaps.swap_probabilities(turned, K).values()) < 0.01


@pytest.mark.parametrize(
    "names, comparisons",
    [
        ([*sided("eye"), "mouth_left", "mouth_right"], {"face", "face/shoulders"}),
        (sided("shoulder"), {"face/shoulders", "shoulders/hips"}),
        (sided("hip", "knee"), {"shoulders/hips"}),
        (sided("knee"), {"hips/knees"}),
    ],
)
def test_exchanged_parts_are_found(names, comparisons):
    found = side_swaps.swap_probabilities(exchanged(keypoints(), names), K)
    assert {name for name, probability in found.items() if probability > 0.5} == comparisons


def test_the_probability_is_the_formula():
    # agreement +1 with prior 1/2: sigmoid(-k)
    found = side_swaps.swap_probabilities(keypoints(), K, prior=0.5)
    assert found["shoulders/hips"] == pytest.approx(1 / (1 + math.exp(6.1)), rel=0.01)
    with pytest.raises(ValueError, match="prior"):
        side_swaps.swap_probabilities(keypoints(), K, prior=0)


def test_a_profile_and_a_hidden_face_say_nothing():
    narrow = {name: (60 + 0.05 * (x - 60), y) for name, (x, y) in FRONT.items()}
    assert max(side_swaps.swap_probabilities(exchanged(keypoints(narrow), sided("shoulder")), K).values()) < 0.2
    behind = {name: (120 - x, y) for name, (x, y) in FRONT.items()}
    hidden = keypoints(behind)
    hidden[:11, 2] = np.where(hidden[:11, 2] > 0, 1, 0)
    assert set(side_swaps.swap_probabilities(hidden, K)) == {"shoulders/hips", "hips/knees"}
    assert side_swaps.swap_probabilities(np.zeros((2, 3)), ("ball", "paw")) == {}


def texture(seed, height=HEIGHT, width=WIDTH):
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def gray(seed, **size):
    return cv2.cvtColor(texture(seed, **size), cv2.COLOR_BGR2GRAY)


def test_difference_hash_of_a_ramp():
    ramp = np.tile(np.arange(0, 252, 7, dtype=np.uint8), (32, 1))  # 36 columns brightening to the right
    mark = duplicates.fingerprint(ramp)
    assert mark.bits == 2**64 - 1 and mark.mirrored_bits == 0
    assert np.linalg.norm(mark.thumbnail) == pytest.approx(1.0)
    assert not duplicates.fingerprint(np.full((32, 32), 7, np.uint8)).thumbnail.any()


def test_duplicates_are_found_resized_recompressed_and_mirrored():
    original = gray(1)
    smaller = cv2.resize(original, (60, 80), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE)
    flat = np.full((50, 50), 128, np.uint8)
    pictures = [original, gray(2), smaller, gray(3), np.ascontiguousarray(original[:, ::-1]), jpeg, flat, flat]
    pairs = {(p.first, p.second): p for p in duplicates.find_pairs([duplicates.fingerprint(p) for p in pictures])}
    assert set(pairs) == {(0, 2), (0, 4), (0, 5), (2, 4), (2, 5), (4, 5)}  # flat pictures are alike by chance only
    assert pairs[0, 4].mirrored and pairs[4, 5].mirrored and not pairs[0, 5].mirrored
    assert duplicates.find_pairs([]) == []


def write_dataset(folder, seeds, *, points=None, change=None):
    """One person per picture; `change(content)` edits the json before it is written."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i, seed in enumerate(seeds, 1):
        cv2.imwrite(str(folder / "images" / f"{i}.jpg"), texture(seed))
        images.append({"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT})
        flat = keypoints().reshape(-1).tolist()
        annotations.append({"id": i, "image_id": i, "category_id": 1, "keypoints": flat, "bbox": [40, 20, 40, 110]})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "keypoints": list(K)}]}
    if change:
        change(content)
    path = folder / "d.json"
    path.write_text(json.dumps(content))
    return path


def check(path):
    dataset = validation.open_dataset(path)
    return dataset, validation.validate(dataset)


def test_a_sound_dataset_has_no_findings(tmp_path):
    dataset, report = check(write_dataset(tmp_path, [1, 2, 3]))
    assert validation.find_duplicates([report], [dataset]) == []
    assert report.findings == [] and not report.failed(strict=True)
    assert (report.pictures, report.people, report.usable) == (3, 3, 3)
    assert report.as_dict()["labelled_share"]["left_knee"] == 1.0
    assert report.as_dict()["labelled_share"]["left_ankle"] == 0.0


def test_every_kind_of_damage_is_named(tmp_path):
    def change(content):
        annotations = content["annotations"]
        content["images"][3]["width"] = 121
        content["images"].append({"id": 6, "file_name": "none.jpg", "width": 1, "height": 1})
        annotations[0]["keypoints"][0:3] = [130, 5, 2]  # nose right of a picture 120 wide
        annotations[1]["bbox"] = [100, 20, 60, 20]
        annotations[2]["keypoints"] = exchanged(keypoints(), sided("shoulder")).reshape(-1).tolist()
        annotations[3]["keypoints"] = [50, 50, 2] * 33
        annotations[4]["keypoints"] = annotations[4]["keypoints"][:90]
        annotations.append({"id": 5, "image_id": 9, "category_id": 1, "keypoints": [1, 1, 2] * 33})

    path = write_dataset(tmp_path, [1, 2, 3, 4, 5], change=change)
    image = tmp_path / "images" / "5.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    _, report = check(path)
    assert report.kinds() == {
        "keypoint outside": 1,
        "box outside": 1,
        "probable swap, shoulders/hips": 1,
        "probable swap, face/shoulders": 1,
        "coinciding keypoints": 1,
        "wrong size": 1,
        "broken picture": 1,
        "damaged person": 1,
        "missing picture": 1,
        "repeated id": 1,
        "damaged entry": 1,
    }
    assert report.errors == 6 and report.failed()
    text = "\n".join(validation.summary(report))
    assert "images[3]: 4.jpg: is 120x160, annotated as 121x160" in text and "90 numbers, expected 99" in text


def test_dropped_people_are_counted_by_reason(tmp_path):
    def change(content):
        flat = content["annotations"][0]["keypoints"]
        flat[3 * K.index("left_hip") + 2] = 0
        content["annotations"][1]["keypoints"] = [0] * 99

    _, report = check(write_dataset(tmp_path, [1, 2], change=change))
    assert report.dropped == {selection.NO_HIPS: 1, selection.NO_POINTS: 1}
    assert report.usable == 0 and report.failed()  # nobody to train on


def test_duplicates_within_and_across(tmp_path):
    one, one_report = check(write_dataset(tmp_path / "a", [1, 2, 1]))
    two, two_report = check(write_dataset(tmp_path / "b", [4, 2]))
    found = validation.find_duplicates([one_report, two_report], [one, two])
    assert {finding.kind for finding, _ in found} == {validation.WITHIN, validation.ACROSS}
    assert one_report.duplicate_pairs == {validation.WITHIN: 1, validation.ACROSS: 1}
    (leak,) = [finding for finding, _ in found if finding.kind == validation.ACROSS]
    assert leak.text.startswith("2.jpg like 2.jpg of") and leak.picture == 1
    assert not one_report.failed() and one_report.failed(strict=True)


def test_record_shards_are_checked_too(tmp_path):
    from blazepose_tf.data import coco_reader

    path = write_dataset(tmp_path / "a", [1, 2])
    coco_reader.write_records(path, tmp_path / "shards")
    dataset, report = check(tmp_path / "shards")
    assert (report.pictures, report.usable, report.findings) == (2, 2, [])
    original, original_report = check(path)
    assert len(validation.find_duplicates([original_report, report], [original, dataset])) == 2


def test_contact_sheet_size_and_place_of_the_points(tmp_path):
    image = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    person = Person(keypoints(), alignment=np.array([[60.0, 90], [60, 10]]))
    cells = [contact_sheet.Cell(image, person, "one")] * 5
    sheet = contact_sheet.contact_sheet(cells, K, columns=3, size=200)
    assert sheet.shape == (2 * 216, 3 * 200, 3)
    # circle radius 80, window 200 px at scale 1 around (60, 90): the left hip (68, 90) is drawn at (108, 100), orange
    assert sheet[100, 107].tolist() == [0, 140, 255] and sheet[100, 92].tolist() == [255, 150, 0]
    assert contact_sheet.encode(cells, K).startswith(b"\x89PNG")
    assert contact_sheet.draw_cell(contact_sheet.Cell(b"", person, "none"), K).shape == (216, 200, 3)
    with pytest.raises(ValueError, match="at least one cell"):
        contact_sheet.contact_sheet([], K)


def test_remarks_come_first_on_the_sheet(tmp_path):
    def change(content):
        content["annotations"][2]["keypoints"] = exchanged(keypoints(), sided("shoulder")).reshape(-1).tolist()

    dataset, report = check(write_dataset(tmp_path, [1, 2, 3, 4], change=change))
    cells = validation.sheet_cells(dataset, report, count=3)
    assert cells[0].caption.startswith("2: probable swap") and [c.caption[0] for c in cells[1:]] == ["0", "3"]


def test_real_validation_pictures_are_sound(shared_dir):
    dataset = validation.open_dataset(shared_dir / "data" / "tracker" / "val.json")
    report = validation.validate(dataset)
    assert report.errors == 0 and report.usable == 667
    swaps = sum(count for kind, count in report.kinds().items() if kind.startswith(validation.SWAP))
    assert swaps <= 0.03 * report.usable
