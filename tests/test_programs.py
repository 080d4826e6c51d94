"""Programs of tools/ and benchmarks/ answer --help with help: they neither measure nor write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# These act when nothing is asked of them, so that a --help which is not understood would overwrite files.
ACTING = ("benchmarks/synthetic.py", "tools/make_golden.py", "tools/render_testdata.py", "tools/loop_golden.py")
SCRIPTS = ("tools/android/build_benchmark_model.sh", "tools/android/qemu_check.sh", "tools/android/qemu_outputs.py")


def _programs() -> list[str]:
    files = [*ROOT.glob("tools/*.py"), *ROOT.glob("benchmarks/*.py")]
    return sorted(p.relative_to(ROOT).as_posix() for p in files if '__name__ == "__main__"' in p.read_text("utf-8"))


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


def _help(program: str, folder: Path) -> str:
    before = _stamps(ROOT / "testdata")
    interpreter = "sh" if program.endswith(".sh") else sys.executable
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [interpreter, str(ROOT / program), "--help"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())
    assert _stamps(ROOT / "testdata") == before
    return done.stdout


@pytest.mark.parametrize("program", (*ACTING, *SCRIPTS))
def test_help_of_programs_that_act_by_themselves(program, tmp_path):
    assert _help(program, tmp_path).startswith("usage: ")


@pytest.mark.slow
@pytest.mark.parametrize("program", [p for p in _programs() if p not in ACTING])
def test_help_of_all_others(program, tmp_path):
    assert _help(program, tmp_path).startswith("usage: ")


def test_every_program_parses_its_command_line():
    """Whoever reads `sys.argv` by hand takes --help for an argument."""
    by_hand = [p for p in _programs() if "argparse" not in (ROOT / p).read_text("utf-8")]
    assert not by_hand
