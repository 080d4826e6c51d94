"""blazepose label: whom it finds beside those that are labelled, and which looks count as the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.labelling import agreement, people
from blazepose_tf.metrics.keypoints import torso_size
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.weights import model_file

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ROOT / "testdata" / "people"
LEFT, RIGHT = topology.indices(("left_wrist", "right_wrist"))


@pytest.fixture(scope="module")
def rendered() -> list[tuple[np.ndarray, dict]]:
    """Pictures of one rendered person each, and their annotations."""
    content = json.loads((PEOPLE / "people.json").read_text())
    of_image = {a["image_id"]: a for a in content["annotations"]}
    return [
        (cv2.imread(str(PEOPLE / "images" / image["file_name"])), of_image[image["id"]]) for image in content["images"]
    ]


def distance(labelled: dict, truth: dict, shift: float = 0.0) -> float:
    """Median distance of shared points in torsos."""
    a, b = (np.array(person["keypoints"], np.float64).reshape(-1, 3) for person in (labelled, truth))
    b[:, 0] += shift
    shared = (a[:, 2] > 0) & (b[:, 2] > 0)
    return float(
        np.median(np.linalg.norm(a[shared, :2] - b[shared, :2], axis=1)) / torso_size(b[None, :, :2], b[None, :, 2])[0]
    )


def exchanged(person: dict) -> dict:
    """The person with left and right exchanged."""
    points = np.array(person["keypoints"], np.float64).reshape(-1, 3)[topology.mirror_permutation()]
    return person | {"keypoints": points.ravel().tolist()}


def test_everybody_in_a_folder_is_labelled(blazepose, rendered, tmp_path, capsys):
    output = tmp_path / "made" / "labelled.json"
    output.parent.mkdir()
    flags = [f"--images={PEOPLE / 'images'}", "--tracker=full", f"--output={output}", "--dataset=own", "--weight=0.5"]
    assert blazepose("label", *flags) == 0, capsys.readouterr().err
    content = json.loads(output.read_text())
    assert content["categories"][0]["keypoints"] == list(topology.KEYPOINTS)
    truths = json.loads((PEOPLE / "people.json").read_text())
    truth_of = {image["file_name"]: a for image, a in zip(truths["images"], truths["annotations"], strict=True)}
    assert len(content["annotations"]) >= 3
    names = {image["id"]: image["file_name"] for image in content["images"]}
    right = []
    for annotation in content["annotations"]:
        path = output.parent / names[annotation["image_id"]]
        assert path.exists()
        truth = truth_of[path.name]
        right.append(distance(annotation, truth) < 0.1)
        # All looks may take the back of a rendered figure, which has no face to tell, for its front.
        assert right[-1] or distance(exchanged(annotation), truth) < 0.3
        states = np.array(annotation["keypoints"]).reshape(-1, 3)[:, 2]
        assert annotation["keypoint_source"] == "".join("t" if state else "-" for state in states)
        assert (annotation["dataset"], annotation["weight"]) == ("own", 0.5)
    assert sum(right) >= 3


def test_who_is_labelled_already_stays_out(blazepose, rendered, tmp_path, capsys):
    """Two people side by side, the left one labelled; then both."""
    teachers = people.Teachers.open("full", "blazeface")
    labels = [people.people(np.ascontiguousarray(picture[..., ::-1]), [], teachers)[0] for picture, _ in rendered]
    surest = sorted((i for i, found in enumerate(labels) if found), key=lambda i: labels[i][0].distance)
    (first, first_truth), (second, second_truth) = (rendered[i] for i in surest[:2])
    height = max(first.shape[0], second.shape[0])
    both = np.zeros((height, first.shape[1] + second.shape[1], 3), np.uint8)
    both[: first.shape[0], : first.shape[1]] = first
    both[: second.shape[0], first.shape[1] :] = second
    cv2.imwrite(str(tmp_path / "both.png"), both)
    shift = first.shape[1]
    moved = np.array(second_truth["keypoints"], np.float64).reshape(-1, 3)
    moved[moved[:, 2] > 0, 0] += shift
    other = second_truth | {"id": 99, "image_id": 1, "keypoints": moved.ravel().tolist()}
    for key in ("center", "scale_point"):
        other[key] = [second_truth[key][0] + shift, second_truth[key][1]]
    document = {
        "images": [{"id": 1, "file_name": "both.png", "width": both.shape[1], "height": height}],
        "annotations": [first_truth | {"image_id": 1}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(topology.KEYPOINTS)}],
    }
    (tmp_path / "data.json").write_text(json.dumps(document))
    flags = [f"--data={tmp_path / 'data.json'}", "--tracker=full", f"--output={tmp_path / 'others.json'}"]
    assert blazepose(*["label", *flags, "--threshold=0.2"]) == 0, capsys.readouterr().err
    (annotation,) = json.loads((tmp_path / "others.json").read_text())["annotations"]
    assert distance(annotation, second_truth, shift) < 0.1
    assert annotation["dataset"] == first_truth["dataset"]
    document["annotations"].append(other)
    (tmp_path / "data.json").write_text(json.dumps(document))
    assert blazepose(*["label", *flags, "--threshold=0.2"]) == 1
    assert "nobody in 1 pictures was seen the same way three times" in capsys.readouterr().err


def test_a_mirrored_look_is_the_look_at_a_mirrored_picture(rendered):
    picture, truth = rendered[0]
    picture = np.ascontiguousarray(picture[..., ::-1])
    circle = np.array([truth["center"], truth["scale_point"]])
    width = picture.shape[1]
    tracker = Tracker(model_file("lite"))
    turned = people.look(tracker, picture, circle, mirror=True)
    other = people.look(
        tracker, np.ascontiguousarray(picture[:, ::-1]), np.array([width, 0.0]) + circle * [-1.0, 1.0], mirror=False
    )
    expected = other.points[topology.mirror_permutation()]
    expected[:, 0] = width - expected[:, 0]
    np.testing.assert_allclose(turned.points, expected, atol=0.6)
    # Had the sides not been exchanged back, nearly every point would lie on the other side of the body.
    plain = people.look(tracker, picture, circle, mirror=False)
    apart = np.linalg.norm(plain.points - turned.points, axis=1)
    assert np.median(apart) < 0.05 * np.hypot(*(circle[1] - circle[0]))


def track(shift: float = 0.0, presence: float = 0.95) -> Track:
    """Somebody upright: a torso of 100 pixels, hips at (200, 300), a circle of 200."""
    rng = np.random.default_rng(0)
    points = rng.uniform((150.0, 150.0), (250.0, 480.0), (33, 2))
    points[topology.indices(("left_shoulder", "right_shoulder"))] = (220.0, 200.0), (180.0, 200.0)
    points[topology.indices(("left_hip", "right_hip"))] = (215.0, 300.0), (185.0, 300.0)
    points += np.array([shift, 0.0])
    return Track(
        points=points, z=None, visibility=np.full(33, 0.8), presence=None, pose_presence=presence,
        alignment=np.array([[200.0 + shift, 300.0], [200.0 + shift, 100.0]]), world=None,
    )  # fmt: skip


def test_two_looks_make_a_label_only_where_they_agree():
    size = (400, 600)
    plain = track()
    label = agreement.agreed(plain, track(shift=4.0), size)
    np.testing.assert_allclose(label.points[:, :2], plain.points + np.array([2.0, 0.0]))
    assert (label.points[:, 2] == 2).all() and label.radius == pytest.approx(200.0)
    wrist = plain.points.copy()
    wrist[LEFT] += 15.0  # more than a tenth of the torso
    label = agreement.agreed(plain, dataclasses.replace(plain, points=wrist), size)
    assert not label.points[LEFT].any() and label.points[RIGHT, 2] == 2
    hidden = dataclasses.replace(plain, visibility=np.full(33, 0.1))
    assert (agreement.agreed(hidden, hidden, size).points[:, 2] == 1).all()
    label = agreement.agreed(plain, track(shift=12.0), size)  # more than a tenth of the torso, less than a fifth
    assert set(np.flatnonzero(label.points[:, 2])) == set(topology.indices(topology.GROUPS["torso"]))
    assert agreement.agreed(plain, track(shift=21.0), size) is None  # 0.105 radii
    assert agreement.agreed(plain, track(presence=0.65), size) is None
    assert agreement.agreed(plain, plain, (400, 290)) is None  # the hips are outside


def test_a_torso_bent_towards_the_camera_is_no_smaller():
    """Shoulders just above the hips: a tenth of what is seen of the torso would be one pixel."""
    bent = track()
    bent.points[topology.indices(("left_shoulder", "right_shoulder"))] = (220.0, 290.0), (180.0, 290.0)
    label = agreement.agreed(bent, dataclasses.replace(bent, points=bent.points + np.array([4.0, 0.0])), (400, 600))
    assert (label.points[:, 2] == 2).all()
    assert label.distance == pytest.approx(0.04)  # of half the circle's radius


def test_who_is_seen_late_is_looked_for_backwards(rendered, tmp_path, monkeypatch):
    """A film of one person whom the detector sees in its last frame only."""
    picture = rendered[0][0]
    sources = []
    for i in range(3):
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), picture)
        sources.append(people.Source(path, str(path), None, [], follows=i > 0))
    teachers = people.Teachers.open("full", "blazeface")
    proposals, asked = teachers.proposals, []

    def late(self, frame, before=()):
        asked.append(len(before))
        return proposals(frame, before) if len(asked) == 3 else []

    monkeypatch.setattr(people.Teachers, "proposals", late)
    seen = list(people.labelled(sources, teachers, pytest.fail))
    assert asked == [0, 0, 0]
    assert [(source.path.name, len(found)) for source, _, found, _ in seen] == [
        ("0.png", 1),
        ("1.png", 1),
        ("2.png", 1),
    ]
    (first,), (last,) = seen[0][2], seen[2][2]
    assert np.median(np.linalg.norm(first.points - last.points, axis=1)) < 0.05 * last.radius
    apart = [dataclasses.replace(source, follows=False) for source in sources]
    asked.clear()
    assert [source.path.name for source, *_ in people.labelled(apart, teachers, pytest.fail)] == ["2.png"]


def test_one_person_in_two_crops_of_a_photograph_is_one():
    label = agreement.agreed(track(), track(), (400, 600))
    points = label.points.copy()
    points[:, :2] = points[:, :2] * 0.5 + (30.0, -40.0)
    assert agreement.same_pose(label, agreement.Label(points, label.alignment * 0.5 + (30.0, -40.0)))
    points[:, :2] += 40.0  # 0.4 radii beside the circle: another pose
    assert not agreement.same_pose(label, agreement.Label(points, label.alignment * 0.5 + (30.0, -40.0)))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "give either --images or --data"),
        (("--images=empty",), "no pictures in empty"),
        (("--data=none.json",), "No such file"),
        (("--data=no_circle.json",), "has a body circle"),
        (("--images=grey", "--tracker=blazeface"), "expected a tracker"),
        (("--images=grey",), "nobody in 1 pictures"),
    ],
)
def test_what_cannot_be_done_is_said(blazepose, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "grey").mkdir()
    cv2.imwrite("grey/a.png", np.full((100, 100, 3), 128, np.uint8))
    category = {"id": 1, "name": "person", "keypoints": list(topology.KEYPOINTS)}
    person = {"id": 1, "image_id": 1, "keypoints": [1.0] * 99}
    image = {"id": 1, "file_name": "grey/a.png", "width": 100, "height": 100}
    document = {"images": [image], "annotations": [person], "categories": [category]}
    (tmp_path / "no_circle.json").write_text(json.dumps(document))
    assert blazepose(*["label", "--tracker=lite", "--output=out.json", *flags]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
