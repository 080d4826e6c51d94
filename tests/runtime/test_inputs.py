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
