"""Frames of films and pictures, taken once; clips that are kept aside whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf.adapt.frames import MANIFEST, Clip, extract
from blazepose_tf.adapt.splitting import split


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Two seconds at 20 frames per second, 1200 x 300, brighter from frame to frame."""
    path = tmp_path_factory.mktemp("films") / "jump.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 20.0, (1200, 300))
    for i in range(40):
        writer.write(np.full((300, 1200, 3), 5 * i, np.uint8))
    writer.release()
    return path


def test_a_film_gives_as_many_frames_as_are_wanted(film, tmp_path):
    (clip,) = extract([str(film)], tmp_path / "a", fps=5.0)
    assert (clip.name, [p.stem for p in clip.pictures]) == ("jump", [f"{4 * i:06d}" for i in range(10)])
    picture = cv2.imread(str(clip.pictures[3]))
    assert picture.shape == (240, 960, 3) and abs(int(picture.mean()) - 60) < 6
    (few,) = extract([str(film)], tmp_path / "b", fps=5.0, limit=4)
    assert [p.stem for p in few.pictures] == ["000000", "000016", "000032"]  # every second one, twice


def test_what_is_there_is_not_taken_again(film, tmp_path):
    (clip,) = extract([str(film)], tmp_path, fps=5.0)
    before = [p.stat().st_mtime_ns for p in clip.pictures]
    assert extract([str(film)], tmp_path, fps=5.0) == [clip]
    assert [p.stat().st_mtime_ns for p in clip.pictures] == before


def test_a_damaged_list_of_frames_is_named(film, tmp_path):
    extract([str(film)], tmp_path, fps=5.0)
    for content, told in (("{", "not valid JSON"), ('{"frames": [3]}', r"frames\[0\]: expected text")):
        (tmp_path / "jump" / MANIFEST).write_text(content)
        with pytest.raises(ValueError, match=f"{MANIFEST}.*{told}"):
            extract([str(film)], tmp_path, fps=5.0)


def test_pictures_are_clips_of_their_own_and_names_stay_apart(film, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "jump.png"), np.zeros((40, 50, 3), np.uint8))
    clips = extract([str(film), str(tmp_path / "one"), str(tmp_path / "two")], tmp_path / "frames", fps=1.0)
    assert [(c.name, len(c.pictures)) for c in clips] == [("jump", 2), ("jump_", 1), ("jump__", 1)]


def test_a_camera_cannot_be_read_again(tmp_path):
    with pytest.raises(ValueError, match="that can be read again"):
        extract(["0"], tmp_path)


def clips(*lengths: int) -> list[Clip]:
    return [Clip(f"c{i}", tuple(Path(f"c{i}/{j:03d}.jpg") for j in range(n))) for i, n in enumerate(lengths)]


def test_every_fifth_clip_is_kept_aside_whole():
    first, choose, last = split(clips(*[4] * 10))
    assert {p.parent.name for p in last} == {"c2", "c7"} and len(last) == 8
    assert (
        len(first) == 24 and len(choose) == 8 and not {p.parent for p in (*first, *choose)} & {p.parent for p in last}
    )
    assert {p.parent.name for p in split(clips(3, 3, 3), aside=["c0", "c1"])[2]} == {"c0", "c1"}


def test_of_a_single_clip_the_end_is_kept_and_its_neighbours_are_left_out():
    first, choose, last = split(clips(100))
    assert [p.stem for p in last] == [f"{i:03d}" for i in range(80, 100)]
    # Of the 75 before it and its neighbours the last fifth chooses.
    assert [p.stem for p in choose] == [f"{i:03d}" for i in range(60, 75)]
    assert first[-1].stem == "055"


def test_what_cannot_be_split_is_said():
    with pytest.raises(ValueError, match="no clip 'cx' to keep aside"):
        split(clips(3, 3), aside=["cx"])
    with pytest.raises(ValueError, match="too few to split"):
        split(clips(1))
