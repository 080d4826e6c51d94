"""The documentation's site in a real browser: complete, nothing from elsewhere, readable on a desk and on a phone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index.html",
    "tutorials/five_minutes.html",
    "deployment.html",
    "evaluation.html",
    "api.html",
    "reference/blazepose_tf.runtime.html",
    "model_card_lite.html",
    "model_card_lite_3d.html",
)
WIDTHS = ((1280, 900, False), (390, 780, True))
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = "Array.from(document.images).filter(i => i.complete && !i.naturalWidth).map(i => i.src)"


@pytest.fixture(scope="module")
def documentation(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs", reason="pip install 'blazepose_tf[docs]'")
    folder = tmp_path_factory.mktemp("documentation") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", f"--site-dir={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_pages_read_well_and_ask_nobody_else(documentation, chromium):
    with chromium.served(documentation) as address, chromium.Browser() as browser:
        for width, height, phone in WIDTHS:
            browser.look(width, height, phone=phone)
            for page in PAGES:
                browser.open(address + page)
                browser.wait("document.readyState === 'complete'")
                assert browser.run(WIDER) <= 0, f"{page} is wider than {width} px"
                assert not browser.run(BROKEN), page
                assert browser.run("document.querySelector('article h1').textContent.length") > 3
        assert browser.requests and all(request.startswith((address, "data:")) for request in browser.requests)
        assert not browser.console
    text = (documentation / "reference" / "blazepose_tf.runtime.html").read_text(encoding="utf-8")
    assert "detection_threshold" in text and "scores below it are nobody" in text  # signatures and docstrings
