"""A page of the shipped models, and the programs that it takes to look at it; tests skip and say so without them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
NPM = HERE.parents[1] / "tools" / "web" / "node_modules"


@pytest.fixture(scope="session")
def node() -> str:
    return shutil.which("node") or pytest.skip("node is not installed")


@pytest.fixture(scope="session")
def litert_js() -> Path:
    """Folder of the npm package, where tools/web/package.json puts it or where the variable says."""
    folder = Path(os.environ.get("BLAZEPOSE_LITERT_JS", NPM / "@litertjs" / "core"))
    if not (folder / "package.json").is_file():
        pytest.skip(f"no LiteRT.js in {folder}: npm install --prefix tools/web")
    return folder


@pytest.fixture(scope="session")
def site(litert_js, tmp_path_factory) -> Path:
    from blazepose_tf.runtime.weights import weight_file
    from blazepose_tf.web.site import write_site

    folder = tmp_path_factory.mktemp("web") / "site"
    write_site(folder, weight_file("blazeface.tflite"), weight_file("lite.tflite"), litert_js=litert_js)
    return folder


@pytest.fixture(scope="session")
def chromium(tool) -> ModuleType:
    """The module that drives a browser."""
    browser = tool("browser")
    if browser.program() is None:
        pytest.skip("Chromium is not installed (Debian's package: chromium)")
    return browser
