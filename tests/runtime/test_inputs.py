"""What an input can be: files, folders, patterns, cameras, addresses."""

from __future__ import annotations

import functools
import http.server
import threading

import cv2
import numpy as np
import pytest

from blazepose_tf.runtime.inputs import Item, find_items


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.png", "deep/c.JPG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes())
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (tmp_path / "notes.txt").write_text("no media")
    (tmp_path / "empty").mkdir()
    return tmp_path


def _names(items):
    return [(item.kind, item.stem) for item in items]


def test_files_folders_patterns(folder, tmp_path):
    find = functools.partial(find_items, downloads=tmp_path)
    assert _names(find(str(folder / "b.jpg"))) == [("image", "b")]
    assert _names(find(str(folder))) == [("image", "a"), ("image", "b"), ("video", "clip")]
    assert _names(find(str(folder / "**" / "*.[jJ]*"))) == [("image", "b"), ("image", "c")]
    # The content decides, not the name: a text is offered to the video reader, which will say what is wrong.
    assert _names(find(str(folder / "notes.txt"))) == [("video", "notes")]
    (folder / "odd[1].jpg").write_bytes((folder / "b.jpg").read_bytes())
    assert _names(find(str(folder / "odd[1].jpg"))) == [("image", "odd[1]")]


def test_camera_and_streams(tmp_path):
    assert find_items("2", downloads=tmp_path) == [Item("camera", 2, "camera 2", "camera2")]
    assert _names(find_items("rtsp://host/live/door", downloads=tmp_path)) == [("stream", "door")]


def test_nothing_there(folder, tmp_path):
    for text, error, words in (
        (str(folder / "none.jpg"), FileNotFoundError, "no such file"),
        (str(folder / "*.gif"), FileNotFoundError, "no file matches"),
        (str(folder / "empty"), ValueError, "no pictures or videos"),
        ("", ValueError, "empty"),
        ("gopher://x/y", ValueError, "gopher"),
        ("http://127.0.0.1:9/x.jpg", OSError, "cannot be reached"),
    ):
        with pytest.raises(error, match=words):
            find_items(text, downloads=tmp_path)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_addresses_are_downloaded(folder, tmp_path):
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        downloads = tmp_path / "downloads"
        downloads.mkdir()
        (item,) = find_items(f"{base}/a.png?size=2", downloads=downloads)
        assert (item.kind, item.stem, item.label) == ("image", "a", f"{base}/a.png?size=2")
        with open(item.location, "rb") as file:
            assert file.read() == (folder / "a.png").read_bytes()
        with pytest.raises(OSError, match="answers 404"):
            find_items(f"{base}/gone.png", downloads=downloads)
        server.shutdown()


def test_folders_say_what_they_leave_out(folder, tmp_path):
    notes = []
    (folder / "a_pose.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "a_pose.json").write_text("{}", encoding="utf-8")
    (folder / "yoga_pose.png").write_bytes((folder / "a.png").read_bytes())  # somebody's picture, not ours
    (folder / "film").write_bytes(b"\x1aE\xdf\xa3" + bytes(600))
    (folder / "cast.ts2").write_bytes((b"G" + bytes(187)) * 4)
    found = find_items(str(folder), downloads=tmp_path, on_note=notes.append)
    assert _names(found) == [
        ("image", "a"), ("image", "b"), ("video", "cast"), ("video", "clip"), ("video", "film"), ("image", "yoga_pose"),
    ]  # fmt: skip
    assert notes == [
        f"{folder}: not read: 1 neither pictures nor videos (notes.txt); "
        "2 results of an earlier run (a_pose.json, a_pose.png); 2 subfolders (deep, empty)"
    ]


@pytest.mark.parametrize(
    "address, shown",
    [
        ("rtsp://user:pass%20word@host:554/live?x=1", "rtsp://user:***@host:554/live?x=1"),
        ("rtsp://token@host/live", "rtsp://***@host/live"),
        ("rtsp://a:b@c@host/live", "rtsp://a:***@host/live"),
        ("rtsp://host/live", "rtsp://host/live"),
    ],
)
def test_addresses_are_shown_without_passwords(tmp_path, address, shown):
    (item,) = find_items(address, downloads=tmp_path)
    assert (item.location, item.label, item.stem) == (address, shown, "live")


def test_a_password_goes_to_the_server_and_nowhere_else(tmp_path):
    asked = []

    class Locked(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Authorization"))
            self.send_error(403)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(OSError, match="answers 403") as caught:
            find_items(f"http://user:sesame@127.0.0.1:{server.server_port}/x.jpg", downloads=tmp_path)
        server.shutdown()
    assert asked == ["Basic dXNlcjpzZXNhbWU="] and "sesame" not in str(caught.value)
