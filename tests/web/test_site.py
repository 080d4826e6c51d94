"""The folder of the page: what is in it, and one clear line when it cannot be made."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.weights import weight_file
from blazepose_tf.web import site


@pytest.fixture
def package(tmp_path):
    """A folder laid out as npm lays out LiteRT.js."""
    core, utilities = tmp_path / "@litertjs/core", tmp_path / "@litertjs/wasm-utils"
    for folder in (core / "dist", core / "wasm", utilities / "dist"):
        folder.mkdir(parents=True)
    (core / "package.json").write_text('{"name": "@litertjs/core", "version": "9.8.7"}')
    for path in (core / "dist/index.js", utilities / "dist/index.js", *(core / "wasm" / name for name in site._WASM)):
        path.write_text(path.name)
    return core


def _write(folder, package, **changed):
    files = {"detector": weight_file("blazeface.tflite"), "tracker": weight_file("lite.tflite"), **changed}
    return site.write_site(folder / "site", litert_js=package, **files)


def test_a_site_is_complete(tmp_path, package):
    written = _write(tmp_path, package, score_threshold=0.25)
    folder = tmp_path / "site"
    assert written.litert_js == "9.8.7"
    assert written.size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert {path.name for path in site.PAGE.iterdir()} <= set(written.files)
    document = json.loads((folder / "contract.json").read_text())
    assert document["files"] == {"detector": "models/detector.tflite", "tracker": "models/tracker.tflite"}
    assert document["models"] == {"detector": "blazeface", "tracker": "lite"}
    assert document["detector"]["score_threshold"] == 0.25
    assert (folder / document["files"]["tracker"]).read_bytes() == weight_file("lite.tflite").read_bytes()
    # Every module and style that the page names is there.
    page = (folder / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r'"\./(litert/[^"]+)"', page)
    for module in folder.glob("*.js"):
        named += re.findall(r'from "\./([^"]+)"', module.read_text())
    assert len(named) > 8
    assert set(named) <= set(written.files)


def test_the_page_may_ask_its_own_origin_only():
    page = (site.PAGE / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    script = re.search(r'<script type="importmap">(.*?)</script>', page).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy, "the policy must name the import map's hash"


def test_mistakes_are_told_and_leave_nothing(tmp_path, package):
    whole = weight_file("lite.tflite").read_bytes()
    spec = metadata.spec_of(metadata.read_metadata(whole))
    other = tmp_path / "depth.tflite"
    other.write_bytes(metadata.write_metadata(whole, metadata.metadata_of(spec, model="x", presence_is_logit=False)))
    cases = [
        ({"tracker": weight_file("blazeface.tflite")}, ValueError, "expected a tracker"),
        ({"detector": weight_file("lite.tflite")}, ValueError, "expected a detector"),
        ({"tracker": tmp_path / "lite.keras"}, ValueError, "a page takes .tflite files"),
        ({"tracker": tmp_path / "none.tflite"}, FileNotFoundError, "none.tflite"),
        ({"tracker": other}, ValueError, "probabilities"),
    ]
    before = sorted(tmp_path.iterdir())
    for changed, kind, message in cases:
        with pytest.raises(kind, match=message):
            _write(tmp_path, package, **changed)
    with pytest.raises(FileNotFoundError, match="not the npm package"):
        _write(tmp_path, tmp_path)
    (package / "wasm/litert_wasm_internal.wasm").unlink()
    with pytest.raises(FileNotFoundError, match=r"litert_wasm_internal.wasm: not in this version"):
        _write(tmp_path, package)
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "site").mkdir()
    with pytest.raises(FileExistsError, match="a page needs a new folder"):
        _write(tmp_path, package)


def test_the_command_writes_a_page_of_the_shipped_models(blazepose, package, tmp_path, capsys):
    flags = ["--format=web", f"--output={tmp_path / 'site'}/"]
    assert blazepose("export", *flags, f"--litert_js={package}") == 0
    assert "LiteRT.js 9.8.7" in capsys.readouterr().out
    assert (tmp_path / "site/index.html").is_file()
    for mistake, message in (
        ([], "needs LiteRT.js: npm install"),
        ([f"--litert_js={package}"], "exists already"),
        ([f"--litert_js={package}", "--precision=int8"], "takes .tflite files as they are"),
    ):
        assert blazepose("export", *flags, *mistake) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
