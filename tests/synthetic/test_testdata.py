"""The rendered files of testdata/ are what the tool that makes them says they are."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf.synthetic import render_crossing, render_sample, render_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("render_testdata", ROOT / "tools" / "render_testdata.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_people_can_be_made_again(tool):
    content = json.loads((ROOT / "testdata" / "people" / "people.json").read_text())
    assert len(content["images"]) == len(content["annotations"]) == len(tool.PICTURES)
    for image, annotation, (index, size) in zip(content["images"], content["annotations"], tool.PICTURES, strict=True):
        sample = render_sample(tool.SEED, index, size=size, persons=1)
        stored = cv2.imread(str(ROOT / "testdata" / "people" / "images" / image["file_name"]))
        assert stored.shape == (*size, 3)
        assert np.abs(stored[..., ::-1].astype(int) - sample.image).mean() < 6  # grey levels, JPEG quality 85
        np.testing.assert_allclose(np.reshape(annotation["keypoints"], (33, 3)), sample.keypoints[0], atol=0.01)


def test_film_can_be_made_again(tool):
    content = json.loads((ROOT / "testdata" / "person.json").read_text())
    film = cv2.VideoCapture(str(ROOT / "testdata" / "person.mp4"))
    if not film.isOpened():
        pytest.skip("this OpenCV cannot read MPEG-4")
    assert len(content["frames"]) == tool.FILM_FRAMES == int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    expected = render_video(tool.FILM_SEED, 3, size=tool.FILM_SIZE)
    for frame, sample in zip(content["frames"][:3], expected, strict=True):
        readable, picture = film.read()
        assert readable
        assert np.abs(picture[..., ::-1].astype(int) - sample.image).mean() < 8
        np.testing.assert_allclose(np.reshape(frame["keypoints"], (33, 3)), sample.keypoints[0], atol=0.06)
    film.release()


def test_crossing_can_be_made_again(tool):
    content = json.loads((ROOT / "testdata" / "crossing.json").read_text())
    assert len(content["frames"]) == tool.FILM_FRAMES
    sample = next(render_crossing(tool.CROSSING_SEED, tool.FILM_FRAMES, size=tool.CROSSING_SIZE))
    for person, keypoints in zip(content["frames"][0]["people"], sample.keypoints, strict=True):
        np.testing.assert_allclose(np.reshape(person["keypoints"], (33, 3)), keypoints, atol=0.06)
    # They pass each other: who came from the left leaves to the right.
    places = np.array([[p["alignment"][0] for p in frame["people"]] for frame in content["frames"]])
    assert (np.diff(places[:, 0]) > 0).all() and (np.diff(places[:, 1]) < 0).all()
    assert places[0, 0] < places[0, 1] and places[-1, 0] > places[-1, 1]
