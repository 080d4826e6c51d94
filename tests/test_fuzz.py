"""Twenty seconds of `tools/fuzz.py`: fresh damage at every run; a failure's output names the seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIGHT = "jpeg,png,annotations,predictions,kept,cutouts,recording,set_out,table,onnx,film"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked")
def test_damaged_files_end_in_one_line():
    command = [sys.executable, str(ROOT / "tools" / "fuzz.py"), f"--kinds={LIGHT}", "--count=3", "--minutes=0.3"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr[-2000:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked")
def test_undamaged_files_are_read():
    """Damage to a file that is refused anyhow would show nothing."""
    command = [sys.executable, str(ROOT / "tools" / "fuzz.py"), "--kinds=kept,cutouts,tasks,labelme,gif", "--whole"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr[-2000:]
    assert result.stdout.count(": read") == 6


def test_the_judge_sees_each_fault(tmp_path, tool, monkeypatch):
    """A judge that finds nothing proves nothing: each fault once, made by a process of its own."""
    fuzz = tool("fuzz")
    out = tmp_path / "out"

    def judged(work, command="predict") -> list[str]:
        out.mkdir(exist_ok=True)
        status, printed, usage = fuzz._forked(work, tmp_path, 60)
        found = fuzz.faults(status, f"{command}\n{printed}", usage, out, 3)
        for path in out.iterdir():
            path.unlink()
        return found

    def write(name: str, content: str) -> int:
        (out / name).write_text(content)
        return 0

    def complain(line: str) -> int:
        os.write(2, line.encode())
        return 1

    assert judged(lambda: 0) == [] and judged(lambda: complain("error: x")) == []
    assert judged(lambda: 1 // 0) == ["traceback"]
    assert judged(os.abort) == ["crash"]
    assert judged(lambda: complain("oh")) == ["no error line"]
    with monkeypatch.context() as patch:
        # From what a process of this size takes that does nothing: this one's own peak may lie far behind it.
        _, _, usage = fuzz._forked(lambda: 0, tmp_path, 60)
        patch.setattr(fuzz, "BYTES", 1024 * usage.ru_maxrss + (100 << 20))
        assert judged(lambda: len(b"x" * (200 << 20)) * 0) == ["memory"]
    assert judged(lambda: write(".a.part", "x")) == ["half-written file"]
    assert judged(lambda: write("a.json", "[NaN]")) == ["JSON that is none"]
    assert judged(lambda: write("o.json", '{"annotations": [1]}'), "convert-dataset") == ["silent loss"]
    assert judged(lambda: write("o.json", '{"annotations": [1, 2, 3]}'), "convert-dataset") == []
