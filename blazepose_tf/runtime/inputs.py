"""What a user calls input: files, folders, patterns, a camera's number, addresses; each becomes a list of items."""

from __future__ import annotations

import glob
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf.runtime.images import IMAGE_SUFFIXES, is_image
from blazepose_tf.runtime.videos import VIDEO_SUFFIXES

IMAGE, VIDEO, CAMERA, STREAM = "image", "video", "camera", "stream"
_TIMEOUT_SECONDS = 30
_STREAM_SCHEMES = ("rtsp", "rtmp", "rtp", "udp", "srt")
_STREAM_TYPES = ("multipart/", "application/vnd.apple.mpegurl", "application/x-mpegurl", "application/dash+xml")


@dataclass(frozen=True)
class Item:
    """One thing to read.

    Attributes:
        kind: "image", "video", "camera" or "stream".
        location: path, camera index or address.
        label: what messages and results call it.
        stem: name of its results, without suffix.
    """

    kind: str
    location: str | int
    label: str
    stem: str


def find_items(text: str, *, downloads: str | os.PathLike) -> list[Item]:
    """Items behind one input.

    Args:
        text: path of a file or folder, a glob pattern (`**` included), digits for a camera, or an address.
        downloads: existing folder for what an http(s) or ftp address delivers.

    Returns:
        At least one item; folders and patterns in the order of their names.

    Raises:
        OSError: nothing there, or the address cannot be read.
        ValueError: an empty input, or a folder without pictures and videos.
    """
    if not text:
        raise ValueError("the input is empty; expected a file, folder, pattern, camera number or address")
    path = Path(text)
    if path.is_dir():
        found = [p for p in sorted(path.iterdir()) if p.is_file() and _media_suffix(p)]
        if not found:
            raise ValueError(f"{path}: the folder holds no pictures or videos")
        return [_file_item(p) for p in found]
    if path.exists():
        return [_file_item(path)]
    if text.isdecimal():
        return [Item(CAMERA, int(text), f"camera {text}", f"camera{text}")]
    if "://" in text:
        return [_address_item(text, Path(downloads))]
    if glob.has_magic(text):
        found = [Path(p) for p in sorted(glob.glob(text, recursive=True)) if os.path.isfile(p)]
        if not found:
            raise FileNotFoundError(f"{text}: no file matches")
        return [_file_item(p) for p in found]
    raise FileNotFoundError(f"{text}: no such file")


def _media_suffix(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES and not path.name.startswith(".")


def _file_item(path: Path, label: str | None = None) -> Item:
    """Content decides; the name only where the content is neither (the reader then says what is wrong)."""
    try:
        with open(path, "rb") as file:
            head = file.read(32)
    except OSError:
        head = b""  # reading it properly will explain itself
    image = is_image(head) or (path.suffix.lower() in IMAGE_SUFFIXES)
    return Item(IMAGE if image else VIDEO, str(path), str(path) if label is None else label, path.stem or "input")


def _address_item(address: str, downloads: Path) -> Item:
    parts = urllib.parse.urlsplit(address)
    stem = Path(urllib.parse.unquote(parts.path)).stem or parts.netloc.replace(":", "_") or "stream"
    if parts.scheme in _STREAM_SCHEMES:
        return Item(STREAM, address, address, stem)
    if parts.scheme not in ("http", "https", "ftp", "file"):
        raise ValueError(f"{address}: unknown kind of address {parts.scheme!r}")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as response:
            kind = (response.headers.get("Content-Type") or "").lower()
            if kind.startswith(_STREAM_TYPES):
                return Item(STREAM, address, address, stem)
            name = Path(urllib.parse.unquote(parts.path)).name or "download"
            target = downloads / f"{len(list(downloads.iterdir()))}_{name}"
            with open(target, "wb") as file:
                shutil.copyfileobj(response, file)
            expected = response.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        raise OSError(f"{address}: the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise OSError(f"{address}: cannot be reached ({error.reason})") from error
    except (OSError, ValueError) as error:
        raise OSError(f"{address}: cannot be downloaded ({error})") from error
    if expected is not None and expected.isdecimal() and target.stat().st_size != int(expected):
        raise OSError(f"{address}: the download ended after {target.stat().st_size} of {expected} bytes")
    item = _file_item(target, label=address)
    return Item(item.kind, item.location, item.label, stem)
