"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Where one trains it may be set (docs/training.md); what tests compare in float32 is computed in float32.
os.environ.pop("ONEDNN_DEFAULT_FPMATH_MODE", None)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with real pictures and the official model files; its tests skip where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared/ folder beside the checkout (real pictures and official model files)")
    return folder


@pytest.fixture(scope="session")
def testdata_dir() -> Path:
    return ROOT / "testdata"


@pytest.fixture
def blazepose() -> Callable[..., int]:
    """Runs a command line of `blazepose` in this process and returns its exit code."""
    from absl import flags

    from blazepose_tf.cli.main import main

    def call(*arguments: str) -> int:
        before = set(flags.FLAGS)
        try:
            return main(list(map(str, arguments)))
        finally:
            for name in set(flags.FLAGS) - before:
                delattr(flags.FLAGS, name)
            flags.FLAGS.unparse_flags()

    return call


@pytest.fixture(scope="session")
def tool() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a program of tools/ by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """Writer of .tflite files with three operations, whose counts are known."""
    spec = importlib.util.spec_from_file_location("tiny_model", ROOT / "tests" / "tiny_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_file(tiny, tmp_path_factory) -> Path:
    return tiny.write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.tflite")
