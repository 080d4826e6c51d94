"""Still pictures: one reader for predictions, data sets, training and evaluation, whatever a camera or editor wrote.

Pillow decodes; OpenCV reads what Pillow lacks (Radiance, PAM, PFM, floats in colour). The size that a file declares is
looked at before a pixel is decoded, and everything comes out upright, as its EXIF, `irot` or `imir` says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
from PIL import Image, ImageOps

from blazepose_tf import files
from blazepose_tf.console import silent_libraries
from blazepose_tf.media import headers

__all__ = ["read_picture", "write_picture"]

# What a drawn picture can be written as; the rest becomes .png, or .jpg where the source is compressed with loss.
_WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_LOSSY = (".jpe", ".jfif", ".heic", ".heif", ".hif", ".avif", ".jp2")
# A shorter side holds no body that could be read.
MIN_SIDE = 16


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
    if not headers.is_picture(content[:32]):
        raise ValueError(f"{path}: not a picture in a known format")
    return content


@overload
def read_picture(path: str | os.PathLike, *, max_megapixels: float = ...) -> np.ndarray: ...


@overload
def read_picture(
    path: str | os.PathLike, *, max_megapixels: float = ..., with_header: Literal[True]
) -> tuple[np.ndarray, headers.Header]: ...


def read_picture(
    path: str | os.PathLike, *, max_megapixels: float = headers.MAX_MEGAPIXELS, with_header: bool = False
) -> np.ndarray | tuple[np.ndarray, headers.Header]:
    """Reads a picture of any bit depth, grey, colour, CMYK or palette, upright; transparency becomes white.

    Args:
        path: the file.
        max_megapixels: a file that declares more is refused before it is decoded.
        with_header: return what the file says of itself, too.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, truncated, damaged, no picture, too large, or too small to hold a person.
    """
    content = read_content(path)
    try:
        image, header = _decoded(content, max_megapixels=max_megapixels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"{path}: {width}x{height} pixels cannot hold a person (at least {MIN_SIDE} a side)")
    return (image, header) if with_header else image


def is_moving(path: str | os.PathLike) -> bool:
    """Whether a file is a moving picture; what cannot be read is none."""
    try:
        with open(path, "rb") as file:
            head = file.read(32)
            if not (head.startswith((b"GIF8", b"\x89PNG", b"RIFF")) or head[8:12] in (b"avis", b"avif")):
                return False
            return headers.read_header(head + file.read()).moving
    except (OSError, ValueError):
        return False


def decode(content: bytes, *, max_megapixels: float = headers.MAX_MEGAPIXELS) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an encoded picture of any size, as `read_picture`; ValueError without a file's name."""
    return _decoded(content, max_megapixels=max_megapixels)[0]


def _decoded(content: bytes, *, max_megapixels: float) -> tuple[np.ndarray, headers.Header]:
    if headers.is_truncated(content):
        raise ValueError("the picture is truncated")
    header = headers.read_header(content)
    headers.check_size(header.width, header.height, max_megapixels=max_megapixels)
    if header.kind in headers.BY_OPENCV:
        return _decode_opencv(content), header
    with headers.open_pillow(content) as image:
        return to_rgb(image), header


def to_rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a loaded Pillow picture, upright, over white.

    Raises:
        ValueError: it has an unknown mode or is damaged.
    """
    try:
        image.load()
        grey = _deep_grey(image)
        if grey is not None:
            turn = image.getexif().get(headers.ORIENTATION, 1)
            image = Image.fromarray(grey)
            image.getexif()[headers.ORIENTATION] = turn
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


def _decode_opencv(content: bytes) -> np.ndarray:
    with silent_libraries():
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None or image.size == 0:
        raise ValueError("the picture is damaged or of an unsupported kind")
    return cv2.cvtColor(to_uint8(image), cv2.COLOR_BGR2RGB)


def drawn_suffix(path: str | os.PathLike) -> str:
    """Suffix for the drawn version of a picture."""
    suffix = Path(path).suffix.lower()
    return suffix if suffix in _WRITABLE else ".jpg" if suffix in _LOSSY else ".png"


def encode(image: np.ndarray, suffix: str, *, quality: int = 95) -> bytes:
    """Encodes a (H, W, 3) uint8 RGB or (H, W, 4) RGBA picture in the format of a suffix; ValueError when impossible."""
    options = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".jpeg": cv2.IMWRITE_JPEG_QUALITY}.get(suffix.lower())
    try:
        order = cv2.COLOR_RGBA2BGRA if image.shape[-1] == 4 else cv2.COLOR_RGB2BGR
        ok, content = cv2.imencode(suffix, cv2.cvtColor(image, order), [options, quality] if options else [])
    except cv2.error as error:
        raise ValueError(f"a picture cannot be encoded as {suffix!r}") from error
    if not ok:
        raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be encoded as {suffix!r}")
    return content.tobytes()


def write_picture(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a (H, W, 3) uint8 RGB or (H, W, 4) RGBA picture whole or not at all.

    Raises:
        OSError: the file cannot be written.
        ValueError: its suffix or size is impossible.
    """
    try:
        content = encode(image, Path(path).suffix)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    files.write_bytes(path, content)


def for_records(content: bytes, *, max_megapixels: float = headers.MAX_MEGAPIXELS) -> tuple[bytes, int, int]:
    """A JPEG or PNG that every decoder shows as `decode` does, width and height.

    The content itself where it is such a file; else its upright pixels, as PNG where the source keeps every pixel and
    as JPEG where it does not. TensorFlow's decoders ignore orientation and drop transparency.

    Raises:
        ValueError: as `decode`.
    """
    header = headers.read_header(content)
    if header.orientation == 1 and header.frames == 1 and not headers.is_truncated(content):
        with headers.open_pillow(content) as image:
            plain = image.mode in ("RGB", "L") and not image.has_transparency_data
        if plain and (header.kind == "JPEG" or (header.kind == "PNG" and content[24] == 8)):
            headers.check_size(header.width, header.height, max_megapixels=max_megapixels)
            return content, header.width, header.height
    pixels = decode(content, max_megapixels=max_megapixels)
    suffix = ".jpg" if header.kind in ("JPEG", "HEIF", "AVIF", "WEBP", "JPEG2000") else ".png"
    return encode(pixels, suffix), pixels.shape[1], pixels.shape[0]
