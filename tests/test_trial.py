"""What happens in a process of its own, happens there."""

from __future__ import annotations

import sys

import pytest

from blazepose_tf import trial


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("assert content == b'abc'", ""),
        ("raise ValueError('two\\n lines')", "two lines"),
        ("raise KeyError", "KeyError"),
        ("import os\nos.abort()", "it ends the process: SIGABRT"),
        ("import os\nos._exit(7)", "it ends the process: exit code 7"),
    ],
)
def test_how_a_process_ends_is_told_in_one_line(code, told):
    assert trial.attempt(code, b"abc") == told


def test_time_and_memory_are_limited():
    assert trial.attempt("import time\ntime.sleep(60)", b"", seconds=1) == "it takes more than 8 s"
    if sys.platform == "linux":
        told = trial.attempt("while True:\n    pass", b"", seconds=1)
        assert told in (
            "it takes more than 1 s of a processor",
            "it takes more than 8 s",
        )  # the latter on a busy machine
        assert "MemoryError" in trial.attempt("bytearray(3 << 30)", b"", memory=1 << 30)
