"""The page for corrections: what its server takes and refuses, and points dragged in a browser without a window."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.adapt import corrections
from blazepose_tf.adapt.page import Correction, checked

WRIST = topology.KEYPOINTS.index("left_wrist")


@pytest.fixture
def server(tmp_path):
    """Two pictures of one person each, served."""
    pictures = []
    for i in (1, 2):
        path = tmp_path / f"{i:06d}.jpg"
        cv2.imwrite(str(path), np.full((240, 200, 3), 90, np.uint8))
        points = np.column_stack([np.linspace(60, 140, 33), np.linspace(40, 200, 33), np.full(33, 2)])
        person = {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [60, 40, 80, 160]}
        pictures.append((path, [person | {"keypoints": points.ravel().tolist()}]))
    corrections.set_out(pictures, tmp_path / "correct")
    with Correction(tmp_path / "correct") as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def ask(server, method: str, path: str, body=None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"} | headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_page_its_frames_and_nothing_else_are_served(server):
    assert server.server_address[0] == "127.0.0.1"
    assert b"<title>Correct poses</title>" in ask(server, "GET", "/")[1]
    frames = json.loads(ask(server, "GET", "/frames")[1])
    assert len(frames["images"]) == 2 and frames["seen"] == []
    status, content = ask(server, "GET", f"/images/{frames['images'][0]['file_name']}")
    assert status == 200 and content.startswith(b"\xff\xd8")
    for path in ("/images/../frames.json", "/images/%2e%2e/frames.json", "/frames.json", "/images/"):
        assert ask(server, "GET", path)[0] == 404
    assert ask(server, "GET", "/frames", Host="example.org")[0] == 403


def test_what_was_looked_at_is_saved_and_shown_again(server):
    frames = json.loads(ask(server, "GET", "/frames")[1])
    frames["annotations"][0]["keypoints"][3 * WRIST : 3 * WRIST + 3] = [10.5, 20.5, 1]
    assert ask(server, "POST", "/corrected", {"annotations": frames["annotations"], "seen": [1]})[0] == 200
    written = json.loads((server.folder / "corrected.json").read_text())
    assert [i["id"] for i in written["images"]] == [1] and [a["image_id"] for a in written["annotations"]] == [1]
    assert written["annotations"][0]["bbox"][0] == 10.5
    again = json.loads(ask(server, "GET", "/frames")[1])
    assert again["seen"] == [1] and len(again["annotations"]) == 2
    assert again["annotations"][0]["keypoints"][3 * WRIST] == 10.5 and server.saved() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 9}, "not set out"),
        ({"keypoints": [1.0] * 98}, "expected 99 numbers"),
        ({"keypoints": ["1"] * 99}, "finite numbers"),
        ({"keypoints": [float("nan")] * 99}, "finite numbers"),
        ({"keypoints": [1000.0, 1.0, 2.0] * 33}, "outside the picture"),
        ({"keypoints": [1.0, 1.0, 3.0] * 33}, "unknown state"),
    ],
)
def test_what_the_page_cannot_have_sent_is_refused(server, change, message):
    frames = server.document()
    with pytest.raises(ValueError, match=message):
        checked({"annotations": [frames["annotations"][0] | change]}, frames)
    assert ask(server, "POST", "/corrected", {"annotations": [frames["annotations"][0] | change]})[0] == 400
    assert ask(server, "POST", "/corrected", [])[0] == 400
    assert ask(server, "POST", "/corrected", {"annotations": []}, **{"Content-Type": "text/plain"})[0] == 400
    assert not (server.folder / "corrected.json").exists()


# Drags the wrist of the first picture by 30 screen pixels to the right, goes on, and says so in the title.
DRAG = """
<script>
window.addEventListener("load", async () => {
  const mark = () => document.querySelector('circle[data-name="left_wrist"]');
  while (!mark()) await new Promise(done => setTimeout(done, 20));
  const at = mark().getBoundingClientRect(), x = at.x + at.width / 2, y = at.y + at.height / 2;
  const send = (kind, target, dx) => target.dispatchEvent(
    new PointerEvent(kind, { clientX: x + dx, clientY: y, pointerId: 1, bubbles: true }));
  SVGSVGElement.prototype.setPointerCapture = () => {};
  send("pointerdown", mark(), 0); send("pointermove", svg, 30); send("pointerup", svg, 30);
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "h" }));
  await go(1);
  document.title = document.getElementById("state").textContent + " / " + svg.getScreenCTM().a;
});
</script>
"""


def test_a_point_is_dragged_in_a_browser(server, tmp_path, monkeypatch):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium to drag a point in")
    from blazepose_tf.adapt import page

    driven = tmp_path / "page.html"
    driven.write_text(page.PAGE.read_text(encoding="utf-8") + DRAG, encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", driven)
    before = server.document()["annotations"][0]["keypoints"]
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1000,800", "--virtual-time-budget=60000", "--dump-dom", server.address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith("1 saved / "), done.stderr[-2000:]
    after = json.loads((server.folder / "corrected.json").read_text())["annotations"][0]["keypoints"]
    moved = 3 * WRIST
    scale = float(title.partition(" / ")[2])
    assert after[moved] == pytest.approx(before[moved] + 30 / scale, abs=0.2)
    assert after[moved + 1] == pytest.approx(before[moved + 1], abs=0.2)
    assert after[moved + 2] == 1  # hidden, by the key
    assert after[:moved] == before[:moved] and after[moved + 3 :] == before[moved + 3 :]


def test_corrections_of_another_tool_are_not_gone_on_with(server):
    (server.folder / "corrected.json").write_text('[{"data": {"image": "a.jpg"}, "annotations": []}]')
    with pytest.raises(ValueError, match="expected an object"):
        Correction(server.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["images"][0].update(file_name="../frames.json"), "expected pictures in its images folder"),
        (lambda d: d["images"][0].pop("width"), r"images\[0\]: missing fields \['width'\]"),
        (lambda d: d["categories"].clear(), "categories: expected a list of 1"),
        (lambda d: d["annotations"][1].update(keypoints="x"), r"annotations\[1\]: keypoints: expected a list"),
    ],
)
def test_a_folder_that_was_not_set_out_is_not_served(server, change, message):
    frames = json.loads((server.folder / "frames.json").read_text())
    change(frames)
    (server.folder / "frames.json").write_text(json.dumps(frames))
    with pytest.raises(ValueError, match=message):
        Correction(server.folder)


def test_a_picture_that_is_gone_is_an_answer(server, capfd):
    name = server.document()["images"][0]["file_name"]
    (server.folder / "images" / name).unlink()
    assert ask(server, "GET", f"/images/{name}") == (404, b"the picture is gone")
    assert capfd.readouterr().err == ""


def test_the_page_ships_with_the_package():
    assert "adapt/*.html" in (Path(__file__).resolve().parents[2] / "setup.py").read_text()
