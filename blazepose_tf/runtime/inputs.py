"""What a user calls input: files, folders, patterns, a camera's number, addresses; each becomes a list of items."""

from __future__ import annotations

import base64
import glob
import os
import shutil
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from blazepose_tf.media.containers import VIDEO_SUFFIXES, is_video
from blazepose_tf.media.headers import PICTURE_SUFFIXES, is_picture

Read = TypeVar("Read")
IMAGE, VIDEO, CAMERA, STREAM = "image", "video", "camera", "stream"
RESULT_SUFFIX = "_pose"
_TIMEOUT_SECONDS = 30
_STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt")
_STREAM_TYPES = ("multipart/", "application/vnd.apple.mpegurl", "application/x-mpegurl", "application/dash+xml")
_NAMED = 5  # files left out that are named, the others are counted


@dataclass(frozen=True)
class Item:
    """One thing to read.

    Attributes:
        kind: "image", "video", "camera" or "stream".
        location: path, camera index or address.
        label: what messages and results call it; never holds a password, always printable.
        stem: name of its results, without suffix.
    """

    kind: str
    location: str | int
    label: str
    stem: str

    @property
    def path(self) -> str:
        """Where a file lies, or the address; of everything but a camera."""
        if not isinstance(self.location, str):
            raise TypeError(f"{self.label}: a camera has a number, no path")
        return self.location

    @property
    def waits(self) -> bool:
        """Whether reading waits until somebody writes (a named pipe)."""
        return self.kind == VIDEO and _is_pipe(Path(self.path))

    @property
    def lasts(self) -> bool:
        """Whether it is a file, which can be read again."""
        return self.kind in (IMAGE, VIDEO) and not self.waits


def find_items(
    text: str, *, downloads: str | os.PathLike, on_note: Callable[[str], None] = lambda line: None
) -> list[Item]:
    """Items behind one input.

    Args:
        text: path of a file, named pipe or folder, a glob pattern (`**` included), digits for a camera, or an address.
        downloads: existing folder for what an http(s) or ftp address delivers.
        on_note: called with a line about what a folder holds beside pictures and videos.

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
        return _folder_items(path, on_note)
    if path.exists():
        return [_file_item(path)]
    if text.isdecimal():
        return [Item(CAMERA, int(text), f"camera {text}", f"camera{text}")]
    if "://" in text:
        return [_address_item(text, Path(downloads))]
    if glob.has_magic(text):
        found = [Path(p) for p in sorted(glob.glob(text, recursive=True)) if os.path.isfile(p)]
        if not found:
            raise FileNotFoundError(f"{printable(text)}: no file matches")
        return [_file_item(p) for p in found]
    raise FileNotFoundError(f"{printable(text)}: no such file")


def distinct_stem(item: Item, taken: dict[str, int]) -> str:
    """A name for an item's results that no other one has; `taken` learns it, and the last number it was given.

    Names differ in more than case: A.jpg and a.jpg are one file's name on many disks.
    """
    stem, name = item.stem, item.stem.casefold()
    number = taken.get(name, 1)
    while stem.casefold() in taken:
        number += 1
        stem = f"{item.stem}_{number}"
    taken[name] = number
    taken.setdefault(stem.casefold(), 1)
    return stem


def printable(text: str | os.PathLike) -> str:
    """A file's name as text that can be printed and written; what is no UTF-8 in it becomes a question mark."""
    return os.fsencode(text).decode("utf-8", "replace")


def _folder_items(folder: Path, on_note: Callable[[str], None]) -> list[Item]:
    """Pictures and videos of a folder by name and content; whatever else is there is counted aloud."""
    kinds = ("neither pictures nor videos", "results of an earlier run", "subfolders")
    items: list[Item] = []
    left_out: dict[str, list[Path]] = {kind: [] for kind in kinds}
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            left_out["subfolders"].append(path)
        elif _is_result(path):
            left_out["results of an earlier run"].append(path)
        elif not path.name.startswith(".") and path.is_file() and _is_media(path):
            items.append(_file_item(path))
        else:
            left_out["neither pictures nor videos"].append(path)
    parts = []
    for reason, paths in left_out.items():
        if paths:
            names = ", ".join(printable(p.name) for p in paths[:_NAMED])
            parts.append(f"{len(paths)} {reason} ({names}{', ...' if len(paths) > _NAMED else ''})")
    if not items:
        there = f", only {'; '.join(parts)}" if parts else ""
        raise ValueError(f"{printable(folder)}: the folder holds no pictures or videos{there}")
    if parts:
        on_note(f"{printable(folder)}: not read: {'; '.join(parts)}")
    return items


def _is_result(path: Path) -> bool:
    """Whether a file is ours: a drawing beside its JSON, beside the picture it was drawn on, or beside COCO results."""
    if not path.stem.endswith(RESULT_SUFFIX):
        return False
    if path.suffix == ".json":
        return True
    if path.with_suffix(".json").exists() or (path.parent / "results.json").exists():
        return True
    source = path.stem.removesuffix(RESULT_SUFFIX)
    return any(p.suffix and not p.stem.endswith(RESULT_SUFFIX) for p in path.parent.glob(f"{glob.escape(source)}.*"))


def _is_media(path: Path) -> bool:
    if path.suffix.lower() in PICTURE_SUFFIXES + VIDEO_SUFFIXES:
        return True
    head = _head(path)
    return is_picture(head) or is_video(head)


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except OSError:
        return b""  # reading it properly will explain itself


def _file_item(path: Path, label: str | None = None) -> Item:
    """Content decides; the name only where the content is neither (the reader then says what is wrong)."""
    label = printable(path) if label is None else label
    # Looking into a pipe would take its first bytes away.
    head = b"" if _is_pipe(path) else _head(path)
    image = not _is_pipe(path) and (is_picture(head) or (path.suffix.lower() in PICTURE_SUFFIXES))
    return Item(IMAGE if image else VIDEO, str(path), label, path.stem or "input")


def _without_password(address: str) -> tuple[str, str, str | None]:
    """An address as it may be shown, as it is asked for over http, and the login for it."""
    parts = urllib.parse.urlsplit(address)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, address, None
    user, colon, _ = login.partition(":")
    shown = parts._replace(netloc=f"{user}:***@{host}" if colon else f"***@{host}").geturl()
    return shown, parts._replace(netloc=host).geturl(), urllib.parse.unquote(login)


def _address_item(address: str, downloads: Path) -> Item:
    shown, bare, login = _without_password(address)
    parts = urllib.parse.urlsplit(bare)
    stem = Path(urllib.parse.unquote(parts.path)).stem or parts.netloc.replace(":", "_") or "stream"
    if parts.scheme in _STREAM_SCHEMES:
        return Item(STREAM, address, shown, stem)
    if parts.scheme not in ("http", "https", "ftp", "file"):
        raise ValueError(f"{shown}: unknown kind of address {parts.scheme!r}")
    request = urllib.request.Request(address if parts.scheme == "ftp" else bare)
    if login is not None and parts.scheme in ("http", "https"):
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            kind = (response.headers.get("Content-Type") or "").lower()
            if kind.startswith(_STREAM_TYPES):
                return Item(STREAM, address, shown, stem)
            name = Path(urllib.parse.unquote(parts.path)).name or "download"
            target = downloads / f"{len(list(downloads.iterdir()))}_{name}"
            with open(target, "wb") as file:
                shutil.copyfileobj(response, file)
            expected = response.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        raise OSError(f"{shown}: the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise OSError(f"{shown}: cannot be reached ({_reason(error.reason, address)})") from error
    except (OSError, ValueError) as error:
        raise OSError(f"{shown}: cannot be downloaded ({_reason(error, address)})") from error
    if expected is not None and expected.isdecimal() and target.stat().st_size != int(expected):
        raise OSError(f"{shown}: the download ended after {target.stat().st_size} of {expected} bytes")
    item = _file_item(target, label=shown)
    return Item(item.kind, item.location, item.label, stem)


def _reason(error: object, address: str) -> str:
    """What went wrong, without the login."""
    login = urllib.parse.urlsplit(address).netloc.rpartition("@")[0]
    text = str(error)
    for secret in {login, login.partition(":")[2], urllib.parse.unquote(login.partition(":")[2])} - {""}:
        text = text.replace(secret, "***")
    return text


def labelled(item: Item, read: Callable[[], Read]) -> Read:
    """Runs `read`; its messages name what the user gave, not the temporary file of a download."""
    try:
        return read()
    except (OSError, ValueError) as error:
        if item.label == str(item.location):
            raise
        raise type(error)(str(error).replace(str(item.location), item.label)) from error
