"""Pictures as cameras and editors write them, pictures that are broken, and files that appear whole or not at all."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from blazepose_tf.runtime import images

JPEG_TOLERANCE = 6  # grey levels, quality 95 on smooth content


@pytest.fixture
def picture():
    """(48, 64, 3) RGB, smooth, different in every corner and channel."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 4, 255 - rows * 2 - columns * 2], axis=-1).astype(np.uint8)


def _save(path, rgb, *options):
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 and rgb.shape[2] == 3 else rgb, *options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".ppm"])
def test_lossless_formats(tmp_path, picture, suffix):
    options = ([cv2.IMWRITE_WEBP_QUALITY, 101],) if suffix == ".webp" else ()
    assert np.array_equal(images.read_image(_save(tmp_path / f"x{suffix}", picture, *options)), picture)


def test_sixteen_bits_grey_and_float(tmp_path, picture):
    deep = picture.astype(np.uint16) * 257
    assert np.array_equal(images.read_image(_save(tmp_path / "deep.png", deep)), picture)
    assert np.array_equal(images.read_image(_save(tmp_path / "deep.tiff", deep)), picture)
    grey = picture[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=-1)
    assert np.array_equal(images.read_image(_save(tmp_path / "grey.png", grey)), expected)
    assert np.array_equal(images.read_image(_save(tmp_path / "deepgrey.png", grey.astype(np.uint16) * 257)), expected)
    real = picture.astype(np.float32) / 255
    assert np.array_equal(images.read_image(_save(tmp_path / "real.tiff", real)), picture)


@pytest.mark.parametrize("factor", [1, 257])
def test_transparency_becomes_white(tmp_path, picture, factor):
    dtype = np.uint8 if factor == 1 else np.uint16
    alpha = np.zeros((48, 64, 1), dtype)
    alpha[:, :20], alpha[:, 20:40] = 255 * factor, 51 * factor
    bgra = np.concatenate([picture[..., ::-1].astype(dtype) * factor, alpha], axis=-1)
    found = images.read_image(_save(tmp_path / "x.png", bgra)).astype(int)
    assert np.array_equal(found[:, :20], picture[:, :20])
    assert np.abs(found[:, 20:40] - (picture[:, 20:40] * 0.2 + 255 * 0.8)).max() <= 1
    assert (found[:, 40:] == 255).all()


def _with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Puts an EXIF segment with the orientation tag (0x0112) behind the start mark."""
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + tiff + struct.pack("<I", 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("orientation, turn", [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_exif_rotation(tmp_path, picture, orientation, turn):
    jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    path = tmp_path / "x.jpg"
    path.write_bytes(_with_orientation(jpeg, orientation))
    found = images.read_image(path).astype(int)
    expected = np.rot90(picture, turn).astype(int)  # 6: the camera was turned, the picture needs a clockwise turn
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < JPEG_TOLERANCE


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_truncated(tmp_path, picture, suffix, share, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    content = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="truncated"):
        images.read_image(path)
    assert capfd.readouterr().err == ""  # the decoders' own complaints stay away


def test_a_thumbnail_does_not_hide_truncation(tmp_path, picture):
    """The end mark of an embedded thumbnail is not the picture's."""
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    body = b"thumb" + jpeg
    whole = jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
    assert not images.is_truncated(whole) and not images.is_truncated(whole + b"trailing bytes")
    assert images.is_truncated(whole[:-40])


def test_damaged_inside(tmp_path, picture, capfd):
    content = bytearray(cv2.imencode(".png", picture)[1].tobytes())
    content[12:30] = b"\0" * 18
    path = tmp_path / "x.png"
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged"):
        images.read_image(path)
    assert capfd.readouterr().err == ""


def test_other_bad_files(tmp_path, picture):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("I am not a picture, whatever my name says")
    _save(tmp_path / "dot.png", picture[:1, :1])
    _save(tmp_path / "strip.png", np.zeros((10, 30000, 3), np.uint8))
    for name, words in (
        ("empty.jpg", "empty"),
        ("text.jpg", "not a picture"),
        ("dot.png", "1x1 pixels"),
        ("strip.png", "30000x10 pixels"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            images.read_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such file"):
        images.read_image(tmp_path / "none.jpg")
    with pytest.raises(OSError, match="cannot be read"):
        images.read_image(tmp_path)


def test_written_pictures_read_back(tmp_path, picture):
    images.write_image(tmp_path / "x.png", picture)
    assert np.array_equal(images.read_image(tmp_path / "x.png"), picture)
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_failed_writes_leave_nothing(tmp_path, picture):
    with pytest.raises(OSError, match="cannot be written"):
        images.write_image(tmp_path / "none" / "x.png", picture)
    (tmp_path / "x.json").mkdir()
    (tmp_path / "x.json" / "inside").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        images.write_json(tmp_path / "x.json", {})
    with pytest.raises(ValueError, match="encoded"):
        images.write_image(tmp_path / "x.what", picture)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_suffix_of_drawings():
    assert [images.drawn_suffix(n) for n in ("a.JPG", "b.gif", "c", "d.tiff")] == [".jpg", ".png", ".png", ".tiff"]
