"""Size and orientation of an encoded picture from its first bytes, without decoding it.

Labelling tools show a picture turned by its EXIF orientation while `tf.image.decode_jpeg` does not turn it, so labels
and pixels would disagree: whoever reads annotations has to know.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# JPEG start-of-frame markers: C0-CF without the tables C4, C8 (reserved) and CC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class ImageHeader:
    """Kind (`jpeg` or `png`), stored size in pixels, EXIF orientation (1 = as stored), and whether the end is there."""

    kind: str
    width: int
    height: int
    orientation: int = 1
    complete: bool = True

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once the orientation is applied; 5 to 8 exchange them."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def _orientation(segment: bytes) -> int:
    """Orientation tag of an APP1 segment's content; 1 when it has none."""
    if segment[:6] != b"Exif\0\0" or segment[6:8] not in (b"II", b"MM"):
        return 1
    tiff = segment[6:]
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, start)
        for i in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * i)
            if tag == _EXIF_ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _jpeg(data: bytes) -> ImageHeader:
    at, orientation = 2, 1
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f"broken JPEG: no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without content
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and orientation == 1:
            orientation = _orientation(data[at + 4 : at + 2 + length])
        if marker in _FRAMES:
            if at + 9 > len(data):
                break
            height, width = struct.unpack_from(">HH", data, at + 5)
            if not width or not height:
                raise ValueError("broken JPEG: no size in the frame header")
            return ImageHeader("jpeg", width, height, orientation, data.rfind(b"\xff\xd9") > at)
        at += 2 + length
    raise ValueError("broken JPEG: ends before its frame header")


def read_header(data: bytes) -> ImageHeader:
    """Header of a JPEG or PNG.

    Args:
        data: the whole encoded picture.

    Raises:
        ValueError: neither JPEG nor PNG, or broken before the size is known.
    """
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        if len(data) < 24:
            raise ValueError("broken PNG: ends before its size")
        width, height = struct.unpack_from(">II", data, 16)
        return ImageHeader("png", width, height, 1, b"IEND" in data[-64:])
    raise ValueError(f"neither JPEG nor PNG. Received: {len(data)} bytes starting with {data[:4]!r}")
