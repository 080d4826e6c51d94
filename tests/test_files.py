"""Whole files or none."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from blazepose_tf import files


def test_content_arrives_under_the_final_name_with_ordinary_permissions(tmp_path):
    mask = os.umask(0o022)
    try:
        files.write_text(tmp_path / "a.json", "ä")
    finally:
        os.umask(mask)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "ä"
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "a.bin"
    files.write_bytes(target, b"old")

    def fail():
        with files.atomic_path(target) as temporary:
            assert temporary.suffix == ".bin" and temporary.parent == tmp_path
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.write_bytes(tmp_path / "nowhere" / "a", b"")


def test_a_folder_is_whole_or_absent_as_well(tmp_path):
    with files.atomic_path(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "a").write_text("a")
        assert not (tmp_path / "model").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["model"] and (tmp_path / "model" / "a").is_file()


def test_a_full_disk_names_the_file(tmp_path):
    def fill():
        with files.atomic_path(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"a\.bin: cannot be written \(No space left on device\)") as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())


def test_long_names_are_possible(tmp_path):
    name = "ä" * 123 + ".json"
    files.write_text(tmp_path / name, "{}")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    code = (
        "import os, signal, sys; from blazepose_tf import files\n"
        "with files.atomic_path(sys.argv[1] + '/a.npz') as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.blazepose-") and left.suffix == ".npz"
    # Nobody can know whether these are in use: a living process's, another machine's, another program's.
    host = left.name.split("-")[1]
    others = [
        files.temporary_name(tmp_path / "b.json").name,
        left.name.replace(host, "0" * 8),
        ".a.tmp",
        left.name.removeprefix("."),
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    files.sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(others)
