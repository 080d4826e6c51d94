"""A disk that fills up while any of the formats is written: one line with the file's name, and nothing is left."""

from __future__ import annotations

import datetime
import os

import pytest

from blazepose_tf.formats import writing

resource = pytest.importorskip("resource", reason="the size of files is limited in the place of the disk's")
# A library that the extra brings: format -> its name.
LIBRARIES = {"c3d": "ezc3d", "nwb": "pynwb"}


@pytest.mark.parametrize("name", writing.FORMATS)
def test_a_full_disk_leaves_no_part_of_a_file(written, tmp_path, name):
    pytest.importorskip(LIBRARIES.get(name, "numpy"))
    options = writing.Options(session_start=datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))  # beyond it writing fails, as on a full disk
    try:
        with pytest.raises(OSError, match=rf"{os.sep}clip.*: cannot be written \("):
            written(name, options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not list(tmp_path.iterdir())
