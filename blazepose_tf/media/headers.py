"""What a picture's file says of itself before a pixel is decoded: kind, size, orientation, pictures, its end."""

from __future__ import annotations

import io
import re
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import Image, TiffImagePlugin

pillow_heif.register_heif_opener()
# Pillow warns of what it then reads all the same; what matters we say ourselves.
warnings.filterwarnings("ignore", module="PIL")

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".jp2",
    ".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm", ".hdr",
)  # fmt: skip
# Nothing that starts another program (EPS) or is no picture of a camera or an editor.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM")
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"#?",
    b"\xff\x4f\xff\x51",
)
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx")
ORIENTATION = 0x0112
_DAMAGED = "the picture is damaged or of an unsupported kind"  # Pillow's plug-ins raise whatever damage makes of them
MAX_MEGAPIXELS = 200.0
_open_lock = threading.Lock()


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded.

    Attributes:
        kind: "JPEG", "PNG", "HEIF", ... (Pillow's names, and "Radiance", "PNM").
        width: pixels, as they are stored.
        height: pixels, as they are stored.
        orientation: 1 to 8 as in EXIF: what the stored pixels still need to be upright.
        frames: pictures in the file.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    frames: int = 1

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once the orientation is applied; 5 to 8 exchange them."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def moving(self) -> bool:
        """Whether the pictures follow each other in time."""
        return self.frames > 1 and self.kind in _MOVING


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these (at least 32) bytes is a picture, still or moving."""
    return (
        head.startswith(_SIGNATURES)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[:12] == b"\0\0\0\x0cjP  \r\n\x87\n"
        or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)
        or re.match(rb"P([1-7]|[fF])\s", head) is not None
    )


def check_size(width: int, height: int, *, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """Raises ValueError when a declared size is beyond the limit."""
    if width * height > 1e6 * max_megapixels:
        raise ValueError(f"declares {width}x{height} pixels; at most {max_megapixels:g} megapixels are read")


def read_header(content: bytes) -> Header:
    """Header of an encoded picture; no pixel is decoded.

    Raises:
        ValueError: damaged before the size is known, or of an unsupported kind.
    """
    other = _other_header(content)
    if other is not None:
        return other
    with open_pillow(content) as image:
        kind = "JPEG" if image.format == "MPO" else "BMP" if image.format == "DIB" else image.format
        try:
            # Pillow turns a TIFF itself, its size is already the upright one.
            orientation = 1 if image.format == "TIFF" else _exif(image, content).get(ORIENTATION, 1)
        except Exception as error:
            raise ValueError(_DAMAGED) from error
        orientation = orientation if orientation in range(2, 9) else 1
        # What a JPEG or HEIC has beside its picture (depth, another exposure, thumbnails) is no second picture.
        width, height = image.size
        return Header(kind, width, height, orientation, _frames(image) if kind in (*_MOVING, "TIFF") else 1)


def _frames(image: Image.Image) -> int:
    """Pictures in a file, a damaged one included: who reads them finds it."""
    try:
        return getattr(image, "n_frames", 1)
    except Exception:
        return image.tell() + 2


def _exif(image: Image.Image, content: bytes) -> Image.Exif:
    """What Pillow's `getexif` gives; of a PNG without decoding it, although it may stand behind the pixels there."""
    if image.format != "PNG":
        return image.getexif()
    position = 8
    while "exif" not in image.info and position + 12 <= len(content):
        length, kind = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        if kind == b"eXIf":
            image.info["exif"] = b"Exif\0\0" + content[position + 8 : position + 8 + length]
        position += 12 + length
    return Image.Image.getexif(image)


def open_pillow(content: bytes) -> Image.Image:
    """Pillow's picture before decoding; ValueError when it is damaged or of an unsupported kind."""
    with _open_lock:
        # Pillow's own limit is lower than ours and cannot be set per call.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(content), formats=_FORMATS)
        except Exception as error:
            raise ValueError(_DAMAGED) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


BY_OPENCV = ("Radiance", "PNM", "TIFF floats")


def _other_header(content: bytes) -> Header | None:
    """Header of what OpenCV has to decode; None for what Pillow reads."""
    if content.startswith(b"#?"):
        size = re.search(rb"\n[-+]Y\s+(\d{1,9})\s+[-+]X\s+(\d{1,9})\n", content[:65536])
        kind = "Radiance"
    elif content.startswith(b"P7"):
        height = re.search(rb"\bHEIGHT\s+(\d{1,9})\b", content[:65536])
        width = re.search(rb"\bWIDTH\s+(\d{1,9})\b", content[:65536])
        return Header("PNM", int(width[1]), int(height[1])) if width and height else None
    elif content.startswith(b"PF"):
        found = re.match(rb"PF\s+(\d{1,9})\s+(\d{1,9})\s", content)
        return Header("PNM", int(found[1]), int(found[2])) if found else None
    elif content.startswith((b"II*\0", b"MM\0*")):
        return _float_tiff(content)
    else:
        return None
    return Header(kind, int(size[2]), int(size[1])) if size else None


def _float_tiff(content: bytes) -> Header | None:
    """Header of a TIFF with several floating channels, which Pillow does not know."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        stream = io.BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
        if 3 in np.atleast_1d(tags.get(339, 1)) and tags.get(277, 1) > 1:
            turn = tags.get(274, 1)
            return Header("TIFF floats", int(tags[256]), int(tags[257]), turn if turn in range(2, 9) else 1)
    except Exception:  # whoever decodes it will say what is wrong
        return None
    return None


def is_truncated(content: bytes) -> bool:
    """Whether a JPEG, PNG, GIF or WebP ends before its own end mark. Decoders would fill the rest with grey."""
    if content.startswith(b"\x89PNG"):
        return b"IEND" not in content[-4096:] and b"IEND" not in content
    if content.startswith(b"GIF8"):
        return not _gif_ends(content)
    if content.startswith(b"RIFF"):
        return int.from_bytes(content[4:8], "little") + 8 > len(content)
    if content.startswith(b"\xff\xd8"):
        return not _jpeg_ends(content)
    return False


def _jpeg_ends(content: bytes) -> bool:
    """Walks the segments of a JPEG to its end mark; an embedded thumbnail's own mark does not count."""
    marker = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
    position = 2
    while found := marker.search(content, position):
        kind = found.group(1)[0]
        position = found.end()
        if kind == 0xD9:
            return True
        if kind not in (0x01, 0xD8):
            length = int.from_bytes(content[position : position + 2], "big")
            position += max(length, 2)
    return False


def _gif_ends(content: bytes) -> bool:
    """Walks the blocks of a GIF to its end mark."""

    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    try:
        position = 13 + table(content[10])
        while content[position] != 0x3B:
            if content[position] == 0x2C:
                position += 11 + table(content[position + 9])
            elif content[position] == 0x21:
                position += 2
            else:  # no block: whatever fills the file up
                return b"\x3b" in content[position:]
            while content[position]:
                position += 1 + content[position]
            position += 1
    except IndexError:
        return False
    return True
