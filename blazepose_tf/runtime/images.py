"""Still pictures and small files: reading whatever a camera or an editor wrote, writing all or nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blazepose_tf import files
from blazepose_tf.console import silent_libraries

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".jp2", ".avif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".hdr", ".exr",
)  # fmt: skip
# What a drawn picture can be written as; the rest becomes .png.
_WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"#?", b"v/1\x01", b"\0\0\0\x0cjP")
# A shorter side holds no body that could be read.
MIN_SIDE = 16


def is_image(head: bytes) -> bool:
    """Whether a file that begins with these (at least 16) bytes is a picture."""
    return (
        head.startswith(_SIGNATURES)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))
        or re.match(rb"P[1-7]\s", head) is not None
    )


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture of any bit depth, grey or colour, upright as its EXIF says; transparency becomes white.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, truncated, damaged, no picture, or too small to hold a person.
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
    if not is_image(content[:32]):
        raise ValueError(f"{path}: not a picture in a known format")
    if is_truncated(content):
        raise ValueError(f"{path}: the picture is truncated")
    image = _decode(content)
    if image is None:
        raise ValueError(f"{path}: the picture is damaged or of an unsupported kind")
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"{path}: {width}x{height} pixels cannot hold a person (at least {MIN_SIDE} a side)")
    return image


def _decode(content: bytes) -> np.ndarray | None:
    data = np.frombuffer(content, np.uint8)
    with silent_libraries():
        try:
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if image is None or image.ndim != 3 or image.shape[2] != 4:
                # This path turns the picture as its EXIF orientation says; the other ignores it.
                image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            return None
    if image is None or image.size == 0:
        return None
    image = _to_uint8(image)
    if image.shape[2] == 4:
        opacity = image[..., 3:].astype(np.uint16)
        blended = image[..., :3] * opacity + 255 * (255 - opacity)
        image = ((blended + 127) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _to_uint8(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.round(np.clip(np.nan_to_num(image), 0.0, 1.0) * 255.0).astype(np.uint8)


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
    return suffix if suffix in _WRITABLE else ".png"


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a (H, W, 3) uint8 RGB picture, all or nothing.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix is unknown to the encoder.
    """
    try:
        ok, content = cv2.imencode(Path(path).suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ValueError(f"{path}: cannot be encoded as {Path(path).suffix!r}") from error
    if not ok:
        raise ValueError(f"{path}: a picture of {image.shape[1]}x{image.shape[0]} cannot be encoded so")
    write_bytes(path, content.tobytes())


def write_json(path: str | os.PathLike, document: Any) -> None:
    """Writes JSON, all or nothing."""
    write_bytes(path, (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8"))


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        OSError: the folder is not writable, or the disk is full; nothing is left behind.
    """
    try:
        files.write_bytes(path, content)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror or error})") from error
