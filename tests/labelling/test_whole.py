"""blazepose label --everybody: whole pictures for a detector."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.labelling import parts, whole
from blazepose_tf.labelling.agreement import Label
from blazepose_tf.labelling.peers import Seen
from blazepose_tf.labelling.people import Teachers

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ROOT / "testdata" / "people"
COMMON = topology.indices(topology.COCO_17)


class Told:
    """A second teacher that says what it is told."""

    multi = True

    def __init__(self, *seen: Seen):
        self.seen = list(seen)

    def suspects(self, picture: np.ndarray) -> list[Seen]:
        return self.seen


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, Label]:
    """A rendered person whom detector and tracker find, and the truth."""
    content = json.loads((PEOPLE / "people.json").read_text())
    teachers = Teachers.open("full", "blazeface")
    for image, annotation in zip(content["images"], content["annotations"], strict=True):
        picture = cv2.imread(str(PEOPLE / "images" / image["file_name"]))[..., ::-1]
        truth = Label.of(annotation)
        found = teachers.detector(np.ascontiguousarray(picture))
        if found and alignment_lib.distance(found[0].alignment, truth.alignment) < 0.2:
            return np.ascontiguousarray(picture), truth
    raise AssertionError("no rendered person is found")


def seen(truth: Label, *, sure: bool = True, shift: float = 0.0) -> Seen:
    points = truth.points[COMMON, :2] + shift
    return Seen(points, np.concatenate([points.min(axis=0), points.max(axis=0)]), sure)


def teachers(*told: Seen) -> Teachers:
    opened = Teachers.open("full", "blazeface", threshold=whole.THRESHOLD, min_radius=10.0)
    return Teachers(opened.detector, opened.tracker, Told(*told), opened.min_radius)


def test_whom_the_second_teacher_sees_is_labelled(scene):
    picture, truth = scene
    result = whole.everybody(picture, teachers(seen(truth)))
    (label,) = result.labels
    assert alignment_lib.distance(label.alignment, truth.alignment) < 0.2
    assert not any(whole._covered(box, []) for box in result.ignored)
    assert len(result.ignored) == 0


def test_whom_it_does_not_see_is_a_region_to_ignore(scene):
    picture, truth = scene
    result = whole.everybody(picture, teachers())
    assert not result.labels
    x0, y0, x1, y1 = result.ignored[0]
    x, y = truth.alignment[0]
    assert x0 < x < x1 and y0 < y < y1


def test_somebody_suspected_elsewhere_is_a_region_to_ignore(scene):
    picture, truth = scene
    elsewhere = Seen(np.full((17, 2), np.nan), np.array([-5.0, 2.0, 9.0, 12.0]), sure=False)
    result = whole.everybody(picture, teachers(seen(truth), elsewhere))
    assert len(result.labels) == 1
    entries = result.annotations(picture.shape[1::-1])
    assert [entry["iscrowd"] for entry in entries] == [0, 1]
    assert entries[1]["bbox"] == [0.0, 2.0, 9.0, 10.0]


def test_a_face_that_is_turned_away_is_not_taught(scene):
    """Rendered backs have no face that a tracker would call visible."""
    picture, truth = scene
    (label,) = whole.everybody(picture, teachers(seen(truth))).labels
    face = topology.indices(topology.GROUPS["face"])
    states = label.points[face, 2]
    assert set(states) <= {0.0, 2.0}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "a MultiPose file"),
        (["--doubtful=d.json"], "leave out --doubtful"),
    ],
)
def test_what_cannot_be_said_of_whole_pictures(blazepose, tmp_path, capsys, flags, message):
    output = tmp_path / "whole.json"
    assert blazepose("label", f"--images={PEOPLE / 'images'}", "--everybody", f"--output={output}", *flags) == 1
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_the_people_of_a_file_are_known(tmp_path):
    options = parts.Options(tmp_path / "whole.json", data=PEOPLE / "people.json", everybody=True)
    with pytest.raises(ValueError, match="--images"):
        parts.write(options)


def test_pictures_without_anybody_are_kept(blazepose, tmp_path, capsys, scene, monkeypatch):
    """Through the command, with a second teacher that sees the one rendered person."""
    picture, truth = scene
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture[..., ::-1])
    cv2.imwrite(str(folder / "b.png"), np.full_like(picture, 90))
    (folder / "c.png").write_bytes(b"no picture")
    monkeypatch.setattr(parts, "_teachers", lambda *args: teachers(seen(truth)))
    output = tmp_path / "whole.json"
    options = ["--everybody", "--min_radius=10", f"--output={output}"]
    assert blazepose("label", f"--images={folder}", *options) == 0, capsys.readouterr().err
    document = json.loads(output.read_text())
    assert [image["file_name"] for image in document["images"]] == ["pictures/a.png", "pictures/b.png"]
    of = {
        image["id"]: [a["iscrowd"] for a in document["annotations"] if a["image_id"] == image["id"]]
        for image in document["images"]
    }
    # In the second picture nobody is seen where the second teacher suspects somebody.
    assert list(of.values()) == [[0], [1]]
    assert "1 people and 1 regions to ignore in 2 of 3 pictures, 1 not read" in capsys.readouterr().out
