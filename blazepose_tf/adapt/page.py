"""A page on this machine on which the points of set-out frames are dragged to where they belong.

It listens on the loopback address alone, knows the pictures of one folder, and writes one file, whole or not at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import threading
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from blazepose_tf import files, topology
from blazepose_tf.adapt.corrections import CORRECTED, read_frames
from blazepose_tf.converters.coco_document import read_document

LOOPBACK = "127.0.0.1"
PAGE = Path(__file__).with_name("page.html")
_LARGEST = 16 << 20  # bytes of a document


def _policy() -> str:
    """What the page may do: its own scripts and nothing that a label's text could smuggle in."""
    scripts = re.findall(rb"<script>(.*?)</script>", PAGE.read_bytes(), re.DOTALL)
    own = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    return f"default-src 'self'; script-src {own}; style-src 'unsafe-inline'; frame-ancestors 'none'"


def checked(document: object, frames: dict) -> dict:
    """A document that came from the page, reduced to what may change; ValueError for anything else."""
    if not isinstance(document, dict) or not isinstance(document.get("annotations"), list):
        raise ValueError("expected an object with annotations")
    known = {a["id"]: a for a in frames["annotations"]}
    values = 3 * len(topology.KEYPOINTS)
    sizes = {image["id"]: (image["width"], image["height"]) for image in frames["images"]}
    people = []
    for entry in document["annotations"]:
        draft = known.get(entry.get("id")) if isinstance(entry, dict) else None
        if draft is None:
            raise ValueError("an annotation that was not set out")
        points = entry.get("keypoints")
        if not isinstance(points, list) or len(points) != values:
            raise ValueError(f"annotation {draft['id']}: expected {values} numbers")
        if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in points):
            raise ValueError(f"annotation {draft['id']}: keypoints must be finite numbers")
        width, height = sizes[draft["image_id"]]
        for x, y, state in zip(*[iter(points)] * 3, strict=True):
            if state not in (0, 1, 2) or not (0 <= x <= width and 0 <= y <= height):
                raise ValueError(f"annotation {draft['id']}: a point outside the picture, or of an unknown state")
        labelled = [i for i in range(0, values, 3) if points[i + 2]]
        xs, ys = [points[i] for i in labelled] or [0], [points[i + 1] for i in labelled] or [0]
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        kept = {key: draft[key] for key in ("id", "image_id", "category_id") if key in draft}
        people.append({**kept, "iscrowd": 0, "keypoints": points, "num_keypoints": len(labelled), "bbox": box})
    seen = document.get("seen")
    seen = {i for i in seen if i in sizes} if isinstance(seen, list) else set(sizes)
    people = [person for person in people if person["image_id"] in seen]
    images = [image for image in frames["images"] if image["id"] in seen]
    return {**frames, "images": images, "annotations": people}


class _Handler(BaseHTTPRequestHandler):
    server: Correction

    def do_GET(self) -> None:
        if not self._own():
            return
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path == "/":
            self._answer(PAGE.read_bytes(), "text/html; charset=utf-8")
        elif path == "/frames":
            self._answer(json.dumps(self.server.document()).encode(), "application/json")
        elif path.startswith("/images/") and path.removeprefix("/images/") in self.server.pictures:
            name = path.removeprefix("/images/")
            try:
                content = (self.server.folder / "images" / name).read_bytes()
            except OSError:
                self._answer(b"the picture is gone", "text/plain", HTTPStatus.NOT_FOUND)
                return
            self._answer(content, "image/jpeg")
        else:
            self._answer(b"no such page", "text/plain", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if not self._own():
            return
        length = self.headers.get("Content-Length", "")
        json_only = self.headers.get_content_type() == "application/json"  # no other site's form can send that
        if self.path != "/corrected" or not length.isdecimal() or int(length) > _LARGEST or not json_only:
            self._answer(b"expected corrected points as JSON", "text/plain", HTTPStatus.BAD_REQUEST)
            return
        try:
            self.server.save(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError) as error:
            self._answer(str(error).encode(), "text/plain", HTTPStatus.BAD_REQUEST)
            return
        except OSError as error:
            self._answer(str(error).encode(), "text/plain", HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self._answer(b"{}", "application/json")

    def _own(self) -> bool:
        """Whether the request was made to this address: a name that somebody else lets point here is refused."""
        host = self.headers.get("Host", "")
        if host in (f"{LOOPBACK}:{self.server.server_port}", f"localhost:{self.server.server_port}"):
            return True
        self._answer(b"unknown host", "text/plain", HTTPStatus.FORBIDDEN)
        return False

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", _policy())
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args) -> None:
        """Quiet: the terminal is for the person who corrects."""


class Correction(ThreadingHTTPServer):
    """The page's server.

    Attributes:
        folder: of `corrections.set_out`.
        pictures: names of the files that it shows.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0):
        """Listens on the loopback address.

        Args:
            folder: of `corrections.set_out`.
            port: 0 for any that is free.

        Raises:
            OSError: no such folder, or the port is taken.
            ValueError: `corrected.json` is there and was not written by this page.
        """
        self.folder = folder
        self._frames = read_frames(folder)
        self.pictures = {image["file_name"] for image in self._frames["images"]}
        self._lock = threading.Lock()
        self.document()  # corrections of another tool are not gone on with here: said now
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    def document(self) -> dict:
        """All frames; those that were corrected before as they were left."""
        path = self.folder / CORRECTED
        frames = self._frames
        if not path.exists():
            return {**frames, "seen": []}
        done = read_document(path, needs=("keypoints",), names=topology.KEYPOINTS)
        seen = [image["id"] for image in done["images"]]
        rest = [a for a in frames["annotations"] if a["image_id"] not in seen]
        return {**frames, "annotations": [*done["annotations"], *rest], "seen": seen}

    def saved(self) -> int:
        """How many pictures were looked at."""
        path = self.folder / CORRECTED
        return len(self.document()["seen"]) if path.exists() else 0

    def save(self, document: object) -> None:
        """Writes what the page sent; ValueError for what it cannot have sent."""
        with self._lock:
            files.write_text(self.folder / CORRECTED, json.dumps(checked(document, self._frames)))
