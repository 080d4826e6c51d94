"""The dispatcher, as a real process."""

from __future__ import annotations

import subprocess
import sys

from blazepose_tf import __version__
from blazepose_tf.cli.main import verbs


def blazepose(*arguments: str):
    return subprocess.run(
        [sys.executable, "-m", "blazepose_tf", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_verb_on_one_screen():
    result = blazepose("--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) <= 24 and max(map(len, result.stdout.splitlines())) <= 120
    for verb, text in verbs().items():
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
    assert result.stderr.strip() == "error: blazepose train needs keras: pip install 'blazepose_tf[all]'"


def test_an_unknown_flag_names_the_nearest():
    result = blazepose("predict", "--inptu=x")
    assert result.returncode == 2 and "did you mean --input" in result.stderr and result.stderr.count("\n") == 1
