"""Whole files or none."""

from __future__ import annotations

import os

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
