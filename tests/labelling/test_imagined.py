"""blazepose label --imagined: where a detector sees somebody in pictures without people."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf.converters.coco_document import read_document
from blazepose_tf.geometry import alignment
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.weights import model_file

PEOPLE = Path(__file__).resolve().parents[2] / "testdata" / "people"


def test_what_the_detector_fires_on_is_kept(blazepose, tmp_path, capsys):
    """A rendered person stands for a thing that looks like one."""
    folder = tmp_path / "nobody"
    folder.mkdir()
    content = json.loads((PEOPLE / "people.json").read_text(encoding="utf-8"))
    shutil.copy(PEOPLE / "images" / content["images"][0]["file_name"], folder / "a.jpg")
    cv2.imwrite(str(folder / "b.png"), np.full((60, 90, 3), 128, np.uint8))
    (folder / "c.png").write_bytes(b"no picture")
    output = tmp_path / "nobody.json"
    flags = ["--imagined", "--min_radius=5", f"--output={output}"]
    assert blazepose("label", f"--images={folder}", *flags) == 0, capsys.readouterr().err
    assert "in 1 of 2 pictures, 1 not read" in capsys.readouterr().out
    first, second = read_document(output)["images"]
    assert (first["file_name"], second["file_name"]) == ("nobody/a.jpg", "nobody/b.png")
    assert "imagined" not in second
    picture = cv2.imread(str(folder / "a.jpg"))[..., ::-1]
    best = Detector(model_file("blazeface"))(np.ascontiguousarray(picture))[0]
    assert alignment.distance(np.reshape(first["imagined"][0], (2, 2)), best.alignment) < 0.1


@pytest.mark.parametrize(("flags", "message"), [([], "needs --images"), (["--images=nowhere"], "no pictures in")])
def test_what_cannot_be_looked_at(blazepose, tmp_path, capsys, flags, message):
    output = tmp_path / "nobody.json"
    assert blazepose("label", "--imagined", f"--output={output}", *flags) in (1, 2)
    assert message in capsys.readouterr().err
    assert not output.exists()
