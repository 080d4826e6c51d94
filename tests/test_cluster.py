"""Work in parts gives the same files here, on a cluster, after a stop, and when a machine is lost on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blazepose_tf import cluster
from blazepose_tf.runtime import parts
from blazepose_tf.runtime.batch import Batch, Options
from blazepose_tf.runtime.inputs import find_items
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.weights import model_file

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "testdata" / "people" / "images"


def double(value: int, log: str) -> dict:
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{value}\n")
    if value < 0:
        raise ValueError(f"{value} is negative")
    return {"twice": 2 * value}


def test_results_come_in_order_and_leave_nothing_behind(tmp_path):
    wanted = [(value, str(tmp_path / "log")) for value in (3, 1, 2)]
    assert [r["twice"] for r in cluster.kept(double, wanted, folder=tmp_path / "parts")] == [6, 2, 4]
    assert not (tmp_path / "parts").exists()


def test_what_is_done_is_not_done_again(tmp_path):
    log = tmp_path / "log"
    wanted = [(value, str(log)) for value in (3, 1, -1)]
    with pytest.raises(ValueError, match="-1 is negative"):
        list(cluster.kept(double, wanted, folder=tmp_path / "parts"))
    found = list(cluster.kept(double, [*wanted[:2], (4, str(log))], folder=tmp_path / "parts"))
    assert [r["twice"] for r in found] == [6, 2, 8]
    assert log.read_text().split() == ["3", "1", "-1", "4"]


def label(folder: Path, *more: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable, "-m", "blazepose_tf", "label", f"--images={folder / 'pictures'}", "--tracker=lite",
        f"--output={folder / 'labels.json'}", f"--doubtful={folder / 'drafts.json'}", *more,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of rendered people and one damaged file."""
    shutil.copytree(PICTURES, tmp_path / "pictures")
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return tmp_path


def test_a_bad_file_costs_a_line(pictures):
    done = label(pictures)
    assert done.returncode == 0, done.stderr
    assert "broken.jpg" in done.stderr and "1 not read" in done.stdout
    assert sorted(p.name for p in pictures.iterdir()) == ["drafts.json", "labels.json", "pictures"]


def plain(folder: Path) -> dict:
    """Documents of `blazepose predict` by name, without times."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        for frame in content["frames"]:
            frame.pop("milliseconds")
        found[path.name] = content
    return found


def test_prediction_in_parts_writes_what_a_batch_writes(pictures, tmp_path_factory):
    """Two folders hold pictures of the same names; one file is damaged."""
    others = tmp_path_factory.mktemp("others")
    for picture in sorted(PICTURES.iterdir())[:2]:
        shutil.copyfile(picture, others / picture.name)
    items = [item for folder in (pictures / "pictures", others) for item in find_items(str(folder), downloads=others)]
    models = {"detector": str(model_file("blazeface")), "tracker": str(model_file("lite"))}
    options = Options(draw=False)
    batch = Batch(lambda: PosePipeline(model_file("blazeface"), model_file("lite")), others / "whole", options)
    whole = batch.run(items)
    models |= {"threshold": None, "threads": 1, "mask": False}
    found = parts.run(items, models, {}, others / "parts", options, "")
    assert plain(others / "parts") == plain(others / "whole")
    assert (found.items, found.frames, found.errors) == (whole.items, whole.frames, whole.errors)
    assert whole.items == len(items) - 1 and "broken.jpg" in whole.errors[0]
    assert not (others / "parts" / ".parts").exists()


def many(folder: Path, copies: int = 8) -> Path:
    """A folder with `pictures`, two films, and a COCO file of the pictures' people."""
    source = json.loads((PICTURES.parent / "people.json").read_text())
    images, annotations = [], []
    (folder / "pictures").mkdir()
    for copy in range(copies):
        for image in source["images"]:
            name = f"{copy}_{image['file_name']}"
            shutil.copyfile(PICTURES / image["file_name"], folder / "pictures" / name)
            images.append({**image, "id": 1000 * copy + image["id"], "file_name": f"pictures/{name}"})
        for person in source["annotations"]:
            number = 1000 * copy
            annotations.append({**person, "id": number + person["id"], "image_id": number + person["image_id"]})
    (folder / "people.json").write_text(json.dumps({**source, "images": images, "annotations": annotations}))
    for name in ("a.mp4", "b.mp4"):
        shutil.copyfile(ROOT / "testdata" / "person.mp4", folder / "pictures" / name)
    return folder


# Verb -> its arguments, and the files that parts leave while it runs; all it writes goes to `out`.
JOBS = {
    "label": (
        ("--images=pictures", "--tracker=lite", "--output=out/o.json", "--doubtful=out/d.json"),
        ".o.json.parts/*",
    ),
    "predict": (("--input=pictures", "--output=out", "--nodraw"), ".parts/*"),
    "convert-dataset": (
        ("--from=coco", "--input=people.json", "--images=.", "--output=out", "--shards=16"),
        "*.tfrecord",
    ),
}


def outcome(folder: Path) -> dict:
    """What lies in a folder, without times."""
    found = plain(folder) if any(folder.glob("*_pose.json")) else {}
    return {p.name: found.get(p.name, p.read_bytes()) for p in sorted(folder.iterdir())}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.parametrize("verb", JOBS)
def test_a_cluster_that_loses_a_machine_ends_with_the_same_files(verb, tmp_path, monkeypatch):
    """Two machines of one processor each on the loopback interface; one goes while parts are under way."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    arguments, left = JOBS[verb]
    command = [sys.executable, "-m", "blazepose_tf", verb, *arguments]
    out = many(tmp_path) / "out"
    out.mkdir()
    alone = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert alone.returncode == 0, alone.stderr
    expected = outcome(out)
    shutil.rmtree(out)
    out.mkdir()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [machines.add_node(num_cpus=1) for _ in range(2)]
        command.append(f"--cluster={machines.address}")
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, env=os.environ)
        while process.poll() is None and not any(out.glob(left)):
            time.sleep(0.02)
        assert any(out.glob(left)), process.communicate()
        machines.remove_node(nodes[0], allow_graceful=False)
        _, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
    finally:
        machines.shutdown()
    assert len(expected) >= 2 and outcome(out) == expected
