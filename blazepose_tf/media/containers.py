"""Files of films from outside: how one is recognised, and whether it is whole.

Whole is what has the bytes that its outermost boxes declare. Frame counts and durations cannot tell: they are estimates
in some containers, absent in others, and longer than the picture where the sound is. A transport stream has no boxes:
it is as long as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m2v", ".vob", ".wmv", ".asf", ".flv",
    ".ts", ".mts", ".m2ts", ".mxf", ".dv", ".3gp", ".3g2", ".ogv", ".ogm", ".mjpeg", ".mjpg", ".h264", ".hevc",
)  # fmt: skip
_SIGNATURES = (b"\x1aE\xdf\xa3", b"FLV\x01", b"0&\xb2u", b"OggS", b"\0\0\x01\xba", b"\0\0\x01\xb3", b".RMF")
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def is_video(head: bytes) -> bool:
    """Whether a file that begins with these (at least 512) bytes is a video."""
    return (
        head.startswith(_SIGNATURES)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or head[4:8] in _BOXES
        # Packets of a transport stream, of 188 bytes or with 4 bytes of time before each.
        or any(head[at::step][:3] == b"GGG" for at, step in ((0, 188), (4, 192)))
    )


def is_cut(path: str | os.PathLike) -> bool:
    """Whether an MP4, MOV, AVI, Matroska or WebM file declares more bytes than it has; False for other kinds."""
    path = Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[:4] == b"RIFF":
            return _riff(file, size)
        if head[:4] == _EBML.to_bytes(4, "big"):
            return _matroska(file, size)
        if head[4:8] in _BOXES:
            return _boxes(file, size)
    return False


def _riff(file: BinaryIO, size: int) -> bool:
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(8)
        if head[:4] != b"RIFF":
            return False
        length = int.from_bytes(head[4:], "little")
        position += 8 + length + length % 2
        # The byte that fills an odd length up may be missing.
        if position - length % 2 > size:
            return True
    return False


def _boxes(file: BinaryIO, size: int) -> bool:
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not head[4:8].isascii():
            return False  # 0: up to the end; else no box
        position += length
    return position > size


def _matroska(file: BinaryIO, size: int) -> bool:
    first = _element(file)
    if first is None or first[1] is None:
        return False
    file.seek(first[1], os.SEEK_CUR)
    segment = _element(file)
    if segment is None or segment[0] != _SEGMENT or segment[1] is None:
        return False
    return file.tell() + segment[1] > size


def _element(file: BinaryIO) -> tuple[int, int | None] | None:
    """Id and length of the element at the file's position; the length of a live recording is unknown (None)."""
    numbers: list = []
    for keep_marker in (True, False):
        first = file.read(1)
        if not first or not first[0]:
            return None
        width = 9 - first[0].bit_length()
        value = first[0] if keep_marker else first[0] & (0xFF >> width)
        rest = file.read(width - 1)
        unknown = not keep_marker and value == 0xFF >> width and all(b == 0xFF for b in rest)
        numbers.append(None if unknown else int.from_bytes(bytes([value]) + rest, "big"))
    return numbers[0], numbers[1]
