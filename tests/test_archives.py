"""Archives from outside: whole members, or one line; whatever is wrong with them."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest

from blazepose_tf import archives


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _with_fields(content: bytes, *, flags: int | None = None, method: int | None = None) -> bytes:
    """Sets the flags or the method of the first member, in its own header and in the directory."""
    data = bytearray(content)
    directory = data.index(b"PK\1\2")
    for at, value in ((6, flags), (8, method)):
        if value is not None:
            struct.pack_into("<H", data, at, value)
            struct.pack_into("<H", data, directory + at + 2, value)
    return bytes(data)


GOOD = _zip({"a.txt": b"abc" * 100, "b.bin": bytes(range(256))}, zipfile.ZIP_DEFLATED)


def test_whole_and_chosen_members(tmp_path):
    (tmp_path / "a.zip").write_bytes(GOOD)
    assert archives.read_members(tmp_path / "a.zip") == archives.read_members(GOOD)
    assert archives.read_members(GOOD, lambda name: name == "b.bin") == {"b.bin": bytes(range(256))}
    assert archives.is_archive(GOOD) and archives.is_archive(_zip({}))
    assert not archives.is_archive(b"\x1c\0\0\0TFL3" + _zip({"labels.txt": b"x"})) and not archives.is_archive(b"")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a zip file"),
        (b"no archive", "not a zip file"),
        (GOOD[:-30], "not a zip file"),
        (_with_fields(GOOD, method=99), "compression method"),
        (_with_fields(GOOD, flags=1), "encrypted"),
        (GOOD.replace(GOOD[35:38], b"\xff\xff\xff", 1), ""),
        (_zip({"a": b"abcdef"}).replace(b"abcdef", b"abcdeg"), "CRC"),
    ],
)
def test_what_cannot_be_unpacked_is_one_line(content, told):
    with pytest.raises(ValueError, match=rf"^x\.task: damaged or not a bundle \(.*{told}") as caught:
        archives.read_members(content, name="x.task", what="a bundle")
    assert "\n" not in str(caught.value)


def test_sizes_are_limited(monkeypatch):
    monkeypatch.setattr(archives, "_MAX_BYTES", 300)
    with pytest.raises(ValueError, match="it unpacks to"):
        archives.read_members(GOOD)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: no such file"):
        archives.read_arrays(tmp_path / "none.npz")
    with pytest.raises(IsADirectoryError, match="a folder"):
        archives.read_arrays(tmp_path)


def _npy(array) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=True)
    return stream.getvalue()


def test_arrays_are_those_of_numpy(tmp_path):
    arrays = {"a/b": np.arange(6.0).reshape(2, 3), "text": np.array("größer"), "empty": np.zeros((0, 2), np.int8)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **arrays)
        read = archives.read_arrays(tmp_path / "x.npz")
        assert list(read) == list(arrays) and all(np.array_equal(read[k], v) for k, v in arrays.items())
    assert list(archives.read_arrays(tmp_path / "x.npz", lambda name: name == "text")) == ["text"]


@pytest.mark.parametrize(
    ("member", "content", "told"),
    [
        ("a.txt", b"abc", "no array"),
        ("a.npy", b"abc", "a.npy"),
        ("a.npy", _npy([{}]), "[Oo]bject"),
        ("a.npy", _npy(np.zeros(9))[:-8], "a.npy"),
        ("a.npy", _npy(np.zeros(9)).replace(b"(9,)", b"(-9,"), "a.npy"),
        ("a.npy", _npy(np.zeros(9)).replace(b"'<f8'", b"'<q9'"), "a.npy"),
        ("a.npy", _npy(np.zeros(9)).replace(b"(9,), }          ", b"(99999999999,),}"), "a.npy"),
    ],
)
def test_members_that_are_no_arrays(tmp_path, member, content, told):
    (tmp_path / "x.npz").write_bytes(_zip({member: content}))
    with pytest.raises(ValueError, match=rf"x\.npz: damaged or not weights \(.*{told}") as caught:
        archives.read_arrays(tmp_path / "x.npz", what="weights")
    assert "\n" not in str(caught.value)


def test_whatever_is_damaged_ends_in_one_line(tmp_path):
    """Fresh damage at every run; the seed is in the message of a failure."""
    seed = int.from_bytes(os.urandom(4), "little")
    numbers = np.random.default_rng(seed)
    np.savez_compressed(tmp_path / "good.npz", a=np.arange(50.0), b=np.array("text"))
    good = np.frombuffer((tmp_path / "good.npz").read_bytes(), np.uint8)
    for number in range(300):
        data = good.copy()
        data[numbers.integers(0, len(data), numbers.integers(1, 9))] = numbers.integers(0, 256)
        (tmp_path / "x.npz").write_bytes(data[: numbers.integers(1, len(data)) if number % 3 == 0 else None].tobytes())
        try:
            archives.read_arrays(tmp_path / "x.npz")
        except ValueError as error:
            assert "\n" not in str(error)
        except Exception as error:
            raise AssertionError(f"seed {seed}, file {number}: {error!r}") from error


def test_keras_files_with_code_are_refused(tmp_path):
    keras = pytest.importorskip("keras")
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Lambda(lambda v: v * 2)(x)).save(tmp_path / "lambda.keras")
    keras.Model(x, keras.layers.Dense(2)(x)).save(tmp_path / "good.keras")
    assert archives.load_keras(tmp_path / "good.keras")[0].count_params() == 8
    members = archives.read_members(tmp_path / "good.keras")
    config = json.loads(members["config.json"])
    layer = next(part for part in config["config"]["layers"] if part["class_name"] == "Dense")
    layer.update({"module": "subprocess", "class_name": "Popen", "registered_name": "Popen"})
    (tmp_path / "foreign.keras").write_bytes(_zip(members | {"config.json": json.dumps(config).encode()}))
    (tmp_path / "deep.keras").write_bytes(_zip(members | {"config.json": b"[" * 100_000}))
    (tmp_path / "list.keras").write_bytes(_zip(members | {"config.json": b"[]"}))
    (tmp_path / "h5.keras").write_bytes(_zip(members | {"model.weights.h5": b"no weights"}))
    for name in ("lambda", "foreign", "deep", "list", "h5"):
        with pytest.raises(ValueError, match=rf"{name}\.keras: damaged or not a Keras model") as caught:
            archives.load_keras(tmp_path / f"{name}.keras")
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
