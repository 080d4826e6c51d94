"""The dispatcher, as a real process."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blazepose_tf import __version__
from blazepose_tf.cli import main as cli_main
from blazepose_tf.cli.main import summaries


def blazepose(*arguments: str):
    return subprocess.run(
        [sys.executable, "-m", "blazepose_tf", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_verb_on_one_screen():
    result = blazepose("--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) <= 30 and max(map(len, result.stdout.splitlines())) <= 120
    for verb, text in summaries().items():
        assert f"  {verb} " in result.stdout and text and text in result.stdout


def test_version():
    assert blazepose("--version").stdout.strip() == __version__


def test_no_verb_is_wrong_usage():
    assert blazepose().returncode == 2


def test_an_unknown_verb_names_the_nearest():
    result = blazepose("predcit")
    assert result.returncode == 2 and "did you mean 'predict'" in result.stderr and result.stderr.count("\n") == 1


def test_a_missing_package_names_the_pip_line(tmp_path):
    # A process that finds no keras, as after an installation of the runtime alone.
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "from blazepose_tf.cli.main import main\n"
        f"sys.exit(main(['train', '--workdir={tmp_path}']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.strip() == "error: blazepose train needs keras: pip install 'blazepose_tf[train]'"


def test_an_unknown_flag_names_the_nearest():
    result = blazepose("predict", "--inptu=x")
    assert result.returncode == 2 and "did you mean --input" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.json"), "a.json: No space left on device"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", Path("x")), "x: No such file or directory"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("a.json: cannot be written"), "a.json: cannot be written"),
        (ValueError("two\n  lines"), "two lines"),
        (ValueError(), "ValueError"),
        (MemoryError("9 GiB"), "not enough memory (9 GiB)"),
        (
            ModuleNotFoundError("x", name="tf2onnx.convert"),
            "blazepose v needs tf2onnx: pip install 'blazepose_tf[onnx]'",
        ),
        (ModuleNotFoundError("x", name="cv2"), "blazepose v needs cv2: pip install opencv-python-headless"),
    ],
)
def test_errors_are_one_line(error, told):
    assert cli_main._told(error, "v") == told


def test_a_server_without_libgl_is_told_what_to_install():
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert "pip install opencv-python-headless, or on Debian apt-get install libgl1" in cli_main._told(error, "predict")


def test_two_builds_of_opencv_are_told(tmp_path, monkeypatch, capsys):
    for name in ("opencv_python-5.0.0.93", "opencv_contrib_python-4.11.0.86"):
        (tmp_path / f"{name}.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    cli_main._prepare_libraries(quiet=False)
    assert "opencv-contrib-python and opencv-python are installed side by side" in capsys.readouterr().err


def test_every_extra_brings_its_package():
    """The hints name extras of setup.py that hold the package."""
    text = (Path(__file__).resolve().parents[2] / "setup.py").read_text(encoding="utf-8")
    lists = dict(re.findall(r"^([A-Z]+) = \[(.*?)\]", text, re.M | re.S))
    extras = {name: set(re.findall(r"[A-Z]+", parts)) for name, parts in re.findall(r'"(\w+)": ([A-Z+ ]+),', text)}
    for package, extra in cli_main.EXTRAS.items():
        if package == "h5py":  # Keras needs it
            continue
        assert any(package.replace("_", "-") + ">" in lists[name] for name in extras[extra]), (package, extra)


def test_ctrl_c_is_one_line_from_the_first_moment_on(testdata_dir, tmp_path):
    for delay in (0.15, 0.3, 0.45):
        process = subprocess.Popen(
            [sys.executable, "-c", "from blazepose_tf.cli.main import run; print('up', flush=True); run()",
             "predict", f"--input={testdata_dir / 'person.mp4'}", f"--output={tmp_path}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        process.stdout.readline()
        time.sleep(delay / 10)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert "Traceback" not in told and told.count("\n") <= 1, told


def test_a_closed_pipe_is_no_error():
    result = subprocess.run(
        f"{sys.executable} -m blazepose_tf --help | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert result.stderr == "" and result.stdout.startswith("blazepose")
