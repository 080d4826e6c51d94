"""A disk that fills up while any of the formats is written: one line with the file's name, and nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from blazepose_tf.formats import writing

resource = pytest.importorskip("resource", reason="the size of files is limited in the place of the disk's")
# A library that the extra brings: format -> its name.
LIBRARIES = {"c3d": "ezc3d", "nwb": "pynwb"}


def _limit() -> None:
    """Beyond it writing fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize("name", writing.FORMATS)
def test_a_full_disk_leaves_no_part_of_a_file(native, tmp_path, name):
    """In a process of its own: the limit would meet everything else that this one writes, its last words included."""
    pytest.importorskip(LIBRARIES.get(name, "numpy"))
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "blazepose_tf", "convert-poses", native, f"--to={name}", f"--output={out}"]
    command += ["--session_start=2026-05-01T00:00:00+00:00"] if name == "nwb" else []
    result = subprocess.run(command, preexec_fn=_limit, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert re.search(rf"{os.sep}clip.*: cannot be written \(", result.stderr), result.stderr
    assert "Traceback" not in result.stderr
    assert not list(out.iterdir())
