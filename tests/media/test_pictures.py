"""Pictures as cameras and editors write them, pictures that are broken, and files that appear whole or not at all."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from blazepose_tf.media import headers
from blazepose_tf.media import pictures as images
from blazepose_tf.media.moving import MovingPicture

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
    assert np.array_equal(images.read_picture(_save(tmp_path / f"x{suffix}", picture, *options)), picture)


def test_sixteen_bits_grey_and_float(tmp_path, picture):
    deep = picture.astype(np.uint16) * 257
    assert np.array_equal(images.read_picture(_save(tmp_path / "deep.png", deep)), picture)
    assert np.array_equal(images.read_picture(_save(tmp_path / "deep.tiff", deep)), picture)
    grey = picture[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=-1)
    assert np.array_equal(images.read_picture(_save(tmp_path / "grey.png", grey)), expected)
    assert np.array_equal(images.read_picture(_save(tmp_path / "deepgrey.png", grey.astype(np.uint16) * 257)), expected)
    real = picture.astype(np.float32) / 255
    assert np.array_equal(images.read_picture(_save(tmp_path / "real.tiff", real)), picture)


@pytest.mark.parametrize("factor", [1, 257])
def test_transparency_becomes_white(tmp_path, picture, factor):
    dtype = np.uint8 if factor == 1 else np.uint16
    alpha = np.zeros((48, 64, 1), dtype)
    alpha[:, :20], alpha[:, 20:40] = 255 * factor, 51 * factor
    bgra = np.concatenate([picture[..., ::-1].astype(dtype) * factor, alpha], axis=-1)
    found = images.read_picture(_save(tmp_path / "x.png", bgra)).astype(int)
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
    found = images.read_picture(path).astype(int)
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
        images.read_picture(path)
    assert capfd.readouterr().err == ""  # the decoders' own complaints stay away


def test_a_thumbnail_does_not_hide_truncation(tmp_path, picture):
    """The end mark of an embedded thumbnail is not the picture's."""
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    body = b"thumb" + jpeg
    whole = jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
    assert not headers.is_truncated(whole) and not headers.is_truncated(whole + b"trailing bytes")
    assert headers.is_truncated(whole[:-40])


def test_damaged_inside(tmp_path, picture, capfd):
    content = bytearray(cv2.imencode(".png", picture)[1].tobytes())
    content[12:30] = b"\0" * 18
    path = tmp_path / "x.png"
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged"):
        images.read_picture(path)
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
            images.read_picture(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such file"):
        images.read_picture(tmp_path / "none.jpg")
    with pytest.raises(OSError, match="cannot be read"):
        images.read_picture(tmp_path)


def test_written_pictures_read_back(tmp_path, picture):
    images.write_picture(tmp_path / "x.png", picture)
    assert np.array_equal(images.read_picture(tmp_path / "x.png"), picture)
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_failed_writes_leave_nothing(tmp_path, picture):
    with pytest.raises(FileNotFoundError, match="no folder"):
        images.write_picture(tmp_path / "none" / "x.png", picture)
    (tmp_path / "x.png").mkdir()
    (tmp_path / "x.png" / "inside").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match=r"x\.png: cannot be written \("):
        images.write_picture(tmp_path / "x.png", picture)
    with pytest.raises(ValueError, match="encoded"):
        images.write_picture(tmp_path / "x.what", picture)
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_suffix_of_drawings():
    names = ("a.JPG", "b.gif", "c", "d.tiff", "e.HEIC")
    assert [images.drawn_suffix(n) for n in names] == [".jpg", ".png", ".png", ".tiff", ".jpg"]


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF's eight orientations by their definition: where the stored first row and column are shown."""
    mirror = {2: np.fliplr, 4: np.flipud, 5: lambda a: a.swapaxes(0, 1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1)}
    turns = {1: 0, 3: 2, 6: -1, 8: 1}
    return mirror[orientation](picture) if orientation in mirror else np.rot90(picture, turns[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".avif", ".heic"])
def test_upright_in_every_format(tmp_path, picture, suffix, orientation):
    """AVIF and HEIC are written with `irot` and `imir`, the others with EXIF."""
    path = tmp_path / f"x{suffix}"
    Image.fromarray(picture).save(path, exif=_exif(orientation), quality=98)
    if suffix in (".avif", ".heic") and orientation not in (1,):
        assert b"irot" in path.read_bytes() or b"imir" in path.read_bytes()
    found = images.read_picture(path).astype(int)
    expected = _turned(picture, orientation)
    assert found.shape == expected.shape and np.abs(found - expected).mean() < JPEG_TOLERANCE
    header = headers.read_header(path.read_bytes())
    assert header.upright_size == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("orientation", [2, 6])
def test_transparency_with_orientation(tmp_path, picture, orientation):
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:10, :10] = 0  # the stored top left corner
    for suffix in (".png", ".webp"):
        rgba = Image.fromarray(np.concatenate([picture, alpha], axis=-1))
        rgba.save(tmp_path / f"x{suffix}", exif=_exif(orientation), lossless=True)
        expected = picture.copy()
        expected[:10, :10] = 255
        assert np.array_equal(images.read_picture(tmp_path / f"x{suffix}"), _turned(expected, orientation))


def test_heic_of_several_tiles(tmp_path, monkeypatch):
    big = np.kron(np.random.default_rng(0).integers(40, 216, (20, 30, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    monkeypatch.setattr(pillow_heif.options, "GRID_TILE_SIZE", 128)
    Image.fromarray(big).save(tmp_path / "x.heic", quality=90)
    assert b"grid" in (tmp_path / "x.heic").read_bytes()
    found = images.read_picture(tmp_path / "x.heic").astype(int)
    assert found.shape == big.shape and np.abs(found - big)[-64:, -64:].mean() < 12


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_grey_levels_are_those_of_the_files_maximum(tmp_path, top):
    levels = np.linspace(0, top, 64).round()
    stored = np.repeat(levels[None], 48, axis=0).astype(">u2")
    expected = np.round(levels / top * 255)
    for magic, values in ((b"P5", stored), (b"P6", np.repeat(stored[..., None], 3, axis=-1))):
        (tmp_path / "x.pnm").write_bytes(magic + b"\n64 48\n%d\n" % top + values.tobytes())
        found = images.read_picture(tmp_path / "x.pnm")
        assert found.shape == (48, 64, 3) and np.abs(found[5, :, 1] - expected).max() <= 1


def test_ten_bits_of_heic(tmp_path, picture):
    deep = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=(picture.astype(np.uint16) * 257).tobytes())
    deep.save(tmp_path / "x.heic", quality=98)
    assert np.abs(images.read_picture(tmp_path / "x.heic").astype(int) - picture).mean() < JPEG_TOLERANCE


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("top", [1, 255, 65535])
def test_floating_tiff_in_its_own_scale(tmp_path, picture, top, channels):
    bright = 128 + picture // 2  # above the middle, as the scale is told from it
    values = bright.astype(np.float32) / 255 * top
    _save(tmp_path / "x.tiff", values if channels == 3 else values[..., 0])
    expected = bright if channels == 3 else np.repeat(bright[..., :1], 3, axis=-1)
    assert np.abs(images.read_picture(tmp_path / "x.tiff").astype(int) - expected).max() <= 1


def test_other_modes_of_pillow(tmp_path, picture):
    """CMYK, palettes, one bit and grey with alpha: compared with Pillow's own conversion to RGB."""
    source = Image.fromarray(picture)
    for mode, suffix in (
        ("CMYK", ".jpg"),
        ("CMYK", ".tiff"),
        ("P", ".png"),
        ("P", ".gif"),
        ("1", ".png"),
        ("L", ".jp2"),
    ):
        path = tmp_path / f"{mode}{suffix}"
        source.convert(mode).save(path)
        expected = np.asarray(Image.open(path).convert("RGB"))
        assert np.array_equal(images.read_picture(path), expected), path
        limit = 60 if mode in "P1" else 20
        assert mode in "1L" or np.abs(expected.astype(int) - picture).mean() < limit
    grey = np.stack([picture[..., 0], np.where(np.arange(64) < 32, 0, 255) + np.zeros((48, 1))], -1).astype(np.uint8)
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    found = images.read_picture(tmp_path / "la.png")
    assert (found[:, :32] == 255).all() and np.array_equal(found[:, 32:, 0], picture[:, 32:, 0])


def test_a_size_beyond_the_limit_is_refused_undecoded(tmp_path):
    """A PNG of 100 bytes that declares 60000x60000, and honest pictures on both sides of a small limit."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(ValueError, match=r"bomb\.png: declares 60000x60000 pixels; at most 200 megapixels"):
        images.read_picture(tmp_path / "bomb.png")
    for suffix in (".jpg", ".tiff", ".webp", ".hdr", ".pam"):
        path = _save(tmp_path / f"x{suffix}", np.zeros((100, 100, 3), np.float32 if suffix == ".hdr" else np.uint8))
        assert images.read_picture(path, max_megapixels=0.01).shape == (100, 100, 3)
        with pytest.raises(ValueError, match="declares 100x100"):
            images.read_picture(path, max_megapixels=0.0099)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".heic"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_records_hold_what_tensorflow_shows_right(tmp_path, picture, suffix, orientation):
    tf = pytest.importorskip("tensorflow")
    Image.fromarray(picture).save(tmp_path / f"x{suffix}", exif=_exif(orientation), quality=95, lossless=True)
    content = (tmp_path / f"x{suffix}").read_bytes()
    stored, width, height = images.for_records(content)
    assert (stored == content) == (orientation == 1 and suffix in (".jpg", ".png"))
    shown = tf.io.decode_image(stored, channels=3, expand_animations=False).numpy().astype(int)
    expected = images.decode(content)
    assert (height, width, 3) == shown.shape == expected.shape
    assert np.abs(shown - expected).mean() < (1e-9 if suffix == ".png" else 3)


def test_records_of_transparent_and_deep_pictures(picture):
    tf = pytest.importorskip("tensorflow")
    clear = np.concatenate([picture, np.zeros((48, 64, 1), np.uint8)], axis=-1)
    for pixels in (clear, picture.astype(np.uint16) * 257):
        content = cv2.imencode(".png", pixels)[1].tobytes()
        stored, *_ = images.for_records(content)
        shown = tf.io.decode_image(stored, channels=3, expand_animations=False).numpy()
        assert stored != content and np.array_equal(shown, images.decode(content))


def test_headers(tmp_path, picture):
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert headers.read_header(jpeg) == headers.Header("JPEG", 64, 48)
    assert headers.read_header(_with_orientation(jpeg, 8)).orientation == 8
    assert headers.read_header(_with_orientation(jpeg, 99)).orientation == 1
    with pytest.raises(ValueError, match="damaged or of an unsupported kind"):
        headers.read_header(b"\xff\xd8\xff and nothing more")
    frames = [Image.fromarray(picture), Image.fromarray(picture[::-1].copy())]
    for suffix, moving in ((".gif", True), (".png", True), (".webp", True), (".avif", True), (".tiff", False)):
        frames[0].save(tmp_path / f"x{suffix}", save_all=True, append_images=frames[1:])
        header = headers.read_header((tmp_path / f"x{suffix}").read_bytes())
        assert header.frames == 2 and header.moving is moving is images.is_moving(tmp_path / f"x{suffix}")


def test_a_moving_picture_cut_anywhere_is_refused_or_ends_early(tmp_path, picture):
    """Whatever Pillow's reader makes of the last byte that is there."""
    frames = [Image.fromarray(np.roll(picture, 9 * i, axis=1)) for i in range(3)]
    for suffix in (".gif", ".png", ".webp", ".avif"):
        path = tmp_path / f"whole{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
        content = path.read_bytes()
        ends = {*range(1, 64), *range(64, len(content), 97), *range(len(content) - 64, len(content))}
        if suffix == ".gif":  # where a picture ends and the next one begins
            ends |= {at + step for at in range(len(content)) if content[at] == 0x2C for step in range(-12, 13)}
        for end in sorted(e for e in ends if e < len(content)):
            cut = tmp_path / f"cut{suffix}"
            cut.write_bytes(content[:end])
            try:
                with MovingPicture(cut) as reader:
                    count = sum(1 for _ in reader)
            except ValueError as error:
                assert "\n" not in str(error)
            else:
                assert count == 3 or reader.damage or not images.is_moving(cut), (suffix, end)
