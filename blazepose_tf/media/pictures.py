"""Still pictures: one reader for predictions, data sets, training and evaluation, whatever a camera or editor wrote.

Pillow decodes; OpenCV reads what Pillow lacks (Radiance, PAM, PFM, floats in colour). The size that a file declares is
looked at before a pixel is decoded, and everything comes out upright, as its EXIF, `irot` or `imir` says.
"""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps, TiffImagePlugin

from blazepose_tf import files
from blazepose_tf.console import silent_libraries

pillow_heif.register_heif_opener()
# Pillow warns of what it then reads all the same; what matters we say ourselves.
warnings.filterwarnings("ignore", module="PIL")

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".jp2", ".avif",
    ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm", ".hdr",
)  # fmt: skip
# Nothing that starts another program (EPS) or is no picture of a camera or an editor.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM")
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"#?", b"\xff\x4f\xff\x51")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx")
# What a drawn picture can be written as; the rest becomes .png, or .jpg where the source is compressed with loss.
_WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_LOSSY = (".jpe", ".jfif", ".heic", ".heif", ".hif", ".avif", ".jp2")
_ORIENTATION = 0x0112
# A shorter side holds no body that could be read.
MIN_SIDE = 16
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


def read_content(path: str | os.PathLike) -> bytes:
    """The bytes of a picture's file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is empty or no picture.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except OSError as error:
        raise OSError(f"{path}: cannot be read ({error.strerror})") from error
    if not content:
        raise ValueError(f"{path}: the file is empty")
    if not is_picture(content[:32]):
        raise ValueError(f"{path}: not a picture in a known format")
    return content


def read_picture(path: str | os.PathLike, *, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Reads a picture of any bit depth, grey, colour, CMYK or palette, upright; transparency becomes white.

    Args:
        path: the file.
        max_megapixels: a file that declares more is refused before it is decoded.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, truncated, damaged, no picture, too large, or too small to hold a person.
    """
    content = read_content(path)
    try:
        image = decode(content, max_megapixels=max_megapixels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"{path}: {width}x{height} pixels cannot hold a person (at least {MIN_SIDE} a side)")
    return image


def decode(content: bytes, *, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an encoded picture of any size, as `read_picture`; ValueError without a file's name."""
    if is_truncated(content):
        raise ValueError("the picture is truncated")
    header = read_header(content)
    check_size(header.width, header.height, max_megapixels=max_megapixels)
    if header.kind in _BY_OPENCV:
        return _decode_opencv(content)
    with open_pillow(content) as image:
        return to_rgb(image)


def check_size(width: int, height: int, *, max_megapixels: float) -> None:
    """Raises ValueError when a declared size is beyond the limit."""
    if width * height > 1e6 * max_megapixels:
        raise ValueError(
            f"declares {width}x{height} pixels; at most {max_megapixels:g} megapixels are read (--max_megapixels)"
        )


def read_header(content: bytes) -> Header:
    """Header of an encoded picture; no pixel is decoded.

    Raises:
        ValueError: damaged before the size is known, or of an unsupported kind.
    """
    other = _other_header(content)
    if other is not None:
        return other
    with open_pillow(content) as image:
        # Pillow turns a TIFF itself, its size is already the upright one.
        orientation = 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION, 1)
        orientation = orientation if orientation in range(2, 9) else 1
        kind = "JPEG" if image.format == "MPO" else "BMP" if image.format == "DIB" else image.format
        # What a JPEG or HEIC has beside its picture (depth, another exposure, thumbnails) is no second picture.
        frames = getattr(image, "n_frames", 1) if kind in (*_MOVING, "TIFF") else 1
        return Header(kind, *image.size, orientation, frames)


def open_pillow(content: bytes) -> Image.Image:
    """Pillow's picture before decoding; ValueError when it is damaged or of an unsupported kind."""
    with _open_lock:
        # Pillow's own limit is lower than ours and cannot be set per call.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(content), formats=_FORMATS)
        except Exception as error:  # plug-ins raise whatever the damage makes of their code
            raise ValueError("the picture is damaged or of an unsupported kind") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def to_rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a loaded Pillow picture, upright, over white.

    Raises:
        ValueError: it has an unknown mode or is damaged.
    """
    try:
        image.load()
        grey = _deep_grey(image)
        if grey is not None:
            turn = image.getexif().get(_ORIENTATION, 1)
            image = Image.fromarray(grey)
            image.getexif()[_ORIENTATION] = turn
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, (255, 255, 255, 255))
            image = Image.alpha_composite(white, image)
        return np.array(image.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:
        text = "truncated" if "truncated" in str(error) else "damaged or of an unsupported kind"
        raise ValueError(f"the picture is {text}") from error


def _deep_grey(image: Image.Image) -> np.ndarray | None:
    """(H, W) uint8 of a grey picture with more than 8 bits; None for all others."""
    if image.mode.startswith("I;16"):
        return to_uint8(np.asarray(image).astype(np.uint16))
    if image.mode == "I":
        # Pillow stretches a PGM to 16 bits whatever its maximum; else these are whole numbers of 32 bits.
        top = 65535.0 if image.format in ("PPM", "PNG") else 2.0**31 - 1
        return to_uint8(np.asarray(image).astype(np.float64) / top)
    return to_uint8(np.asarray(image)) if image.mode == "F" else None


def to_uint8(values: np.ndarray) -> np.ndarray:
    """8 bits of a channel with 8, 16 or floating ones.

    Floats are 0 to 1 and what is brighter is cut; a picture that lies mostly above 1 was written with the numbers of 8,
    one mostly above 255 with those of 16 bits.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float64), posinf=1.0, neginf=0.0)
    middle = float(np.median(values)) if values.size else 0.0
    top = 1.0 if middle <= 1.0 else 255.0 if middle <= 255.0 else 65535.0
    return np.round(np.clip(values / top, 0.0, 1.0) * 255.0).astype(np.uint8)


_BY_OPENCV = ("Radiance", "PNM", "TIFF floats")


def _other_header(content: bytes) -> Header | None:
    """Header of what OpenCV has to decode; None for what Pillow reads."""
    if content.startswith(b"#?"):
        size = re.search(rb"\n[-+]Y\s+(\d{1,9})\s+[-+]X\s+(\d{1,9})\n", content[:65536])
        kind = "Radiance"
    elif content.startswith(b"P7"):
        size = re.search(rb"\bHEIGHT\s+(\d{1,9})\b", content[:65536]), re.search(rb"\bWIDTH\s+(\d{1,9})\b", content[:65536])
        return Header("PNM", int(size[1][1]), int(size[0][1])) if all(size) else None
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


def _decode_opencv(content: bytes) -> np.ndarray:
    with silent_libraries():
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None or image.size == 0:
        raise ValueError("the picture is damaged or of an unsupported kind")
    return cv2.cvtColor(to_uint8(image), cv2.COLOR_BGR2RGB)


def is_truncated(content: bytes) -> bool:
    """Whether a JPEG, PNG, GIF or WebP ends before its own end mark. Decoders would fill the rest with grey."""
    if content.startswith(b"\x89PNG"):
        return b"IEND" not in content[-4096:] and b"IEND" not in content
    if content.startswith(b"GIF8"):
        return b"\x3b" not in content[-64:]
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


def drawn_suffix(path: str | os.PathLike) -> str:
    """Suffix for the drawn version of a picture."""
    suffix = Path(path).suffix.lower()
    return suffix if suffix in _WRITABLE else ".jpg" if suffix in _LOSSY else ".png"


def encode(image: np.ndarray, suffix: str, *, quality: int = 95) -> bytes:
    """Encodes a (H, W, 3) uint8 RGB picture in the format of a suffix; ValueError when that is impossible."""
    options = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".jpeg": cv2.IMWRITE_JPEG_QUALITY}.get(suffix.lower())
    try:
        ok, content = cv2.imencode(
            suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [options, quality] if options else []
        )
    except cv2.error as error:
        raise ValueError(f"a picture cannot be encoded as {suffix!r}") from error
    if not ok:
        raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be encoded as {suffix!r}")
    return content.tobytes()


def write_picture(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a (H, W, 3) uint8 RGB picture whole or not at all.

    Raises:
        OSError: the file cannot be written.
        ValueError: its suffix or size is impossible.
    """
    try:
        content = encode(image, Path(path).suffix)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    files.write_bytes(path, content)


def for_records(content: bytes, *, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[bytes, int, int]:
    """A JPEG or PNG that every decoder shows as `decode` does, width and height.

    The content itself where it is such a file; else its upright pixels, as PNG where the source keeps every pixel and
    as JPEG where it does not. TensorFlow's decoders ignore orientation and drop transparency.

    Raises:
        ValueError: as `decode`.
    """
    header = read_header(content)
    if header.orientation == 1 and header.frames == 1 and not is_truncated(content):
        with open_pillow(content) as image:
            plain = image.mode in ("RGB", "L") and not image.has_transparency_data
        if plain and (header.kind == "JPEG" or (header.kind == "PNG" and content[24] == 8)):
            check_size(header.width, header.height, max_megapixels=max_megapixels)
            return content, header.width, header.height
    pixels = decode(content, max_megapixels=max_megapixels)
    suffix = ".jpg" if header.kind in ("JPEG", "HEIF", "AVIF", "WEBP", "JPEG2000") else ".png"
    return encode(pixels, suffix), pixels.shape[1], pixels.shape[0]

