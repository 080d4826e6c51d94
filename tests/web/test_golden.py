"""One set of numbers for every port of the loop: Python made them, Python and the page's modules give them again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from blazepose_tf import specs
from blazepose_tf.web.contract import contract
from blazepose_tf.web.site import PAGE

HERE = Path(__file__).resolve().parent
# Android's org.json for the JVM, where Debian's package libandroid-json-java puts it.
JSON_JAR = Path("/usr/share/java/com.android.json.jar")
TSC = HERE.parents[1] / "tools" / "web" / "node_modules" / ".bin" / "tsc"


def _equal(actual, expected, where: str) -> None:
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), where
        for key in expected:
            _equal(actual[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), where
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _equal(a, e, f"{where}[{i}]")
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, abs=2e-3), where
    elif ".crop[" in where:
        # Other builds of OpenCV round the samples of a crop differently.
        assert abs(actual - expected) <= 2, where
    else:
        assert actual == expected, where


def test_python_gives_the_golden_numbers(tool, testdata_dir):
    """After a change of the runtime or of the shipped constants: python tools/loop_golden.py, then mend the ports."""
    made = json.loads(json.dumps(tool("loop_golden").documents()))
    assert sorted(made) == sorted(path.name for path in (testdata_dir / "golden" / "loop").iterdir())
    for name, document in made.items():
        stored = json.loads((testdata_dir / "golden" / "loop" / name).read_text(encoding="utf-8"))
        _equal(document, stored, name)


def test_film_and_pictures_visit_every_state(testdata_dir):
    def states(name, key):
        cases = json.loads((testdata_dir / "golden" / "loop" / name).read_text(encoding="utf-8"))[key]
        return {(c["expected"]["source"], "".join(call["kind"][0] for call in c["calls"])) for c in cases}

    # Which networks are asked: d is the detector, of the whole picture and then of parts, t the tracker.
    film = states("film.json", "frames")
    # Nobody; found with the first or the second candidate; followed; a face without a body; found in a part, or not.
    assert {("none", "dd"), ("detected", "dtt"), ("detected", "dtttt"), ("tracked", "t"), ("none", "dttd")} <= film
    assert {("detected", "ddtt"), ("none", "ddtt")} <= film
    # Lost, and found by the tracker where the motion leads; by the detector; by nobody.
    assert {("tracked", "tt"), ("detected", "ttdtt"), ("none", "ttdd")} <= film
    # Nobody in twice five parts; found at once or second; somebody whom the second look does not confirm; found in a
    # part of five or three, or in a smaller one.
    stills = {("none", "d" * 11), ("detected", "d" * 11 + "tt"), ("none", "dtt" + "d" * 10)}
    stills |= {("detected", calls) for calls in ("dtt", "dtttt", "ddddddtt", "ddddtt")}
    assert stills <= states("stills.json", "cases")


def test_the_page_gives_the_golden_numbers(node, testdata_dir):
    command = [node, HERE / "golden.mjs", PAGE, testdata_dir / "golden" / "loop"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[0]) > 5000


def test_the_pages_types_hold(node, litert_js, tmp_path):
    """Against LiteRT.js's own types, too."""
    if not TSC.exists():
        pytest.skip("no TypeScript: npm install --prefix tools/web")
    options = {
        **{"noEmit": True, "allowJs": True, "checkJs": True, "strict": True, "skipLibCheck": True, "types": []},
        **{"target": "es2022", "module": "es2022", "moduleResolution": "bundler"},
        "lib": ["es2022", "dom", "dom.iterable"],
        "paths": {"@litertjs/core": [str(litert_js)]},
    }
    project = tmp_path / "tsconfig.json"
    project.write_text(json.dumps({"compilerOptions": options, "include": [str(PAGE / "*.js")]}))
    result = subprocess.run([TSC, "-p", project], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
def test_the_phones_loop_gives_the_golden_numbers(testdata_dir, tmp_path):
    kotlinc, java = shutil.which("kotlinc"), shutil.which("java")
    if not (kotlinc and java and JSON_JAR.exists()):
        pytest.skip("no Kotlin compiler or org.json (Debian: kotlin, libandroid-json-java)")
    folder = HERE.parents[1] / "tools/android/sample/loop/src"
    sources = [*(folder / "main/kotlin/blazepose").glob("*.kt"), folder / "test/kotlin/blazepose/Golden.kt"]
    jar = tmp_path / "loop.jar"
    command = [kotlinc, "-nowarn", "-cp", JSON_JAR, *sources, "-include-runtime", "-d", jar]
    subprocess.run(command, capture_output=True, check=True)
    command = [java, "-cp", f"{jar}:{JSON_JAR}", "blazepose.GoldenKt", testdata_dir / "golden" / "loop"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[0]) > 5000


def test_a_contract_of_what_the_ports_cannot_read_is_refused():
    with pytest.raises(ValueError, match="reads trackers of this project"):
        contract(specs.DetectorSpec(), specs.TrackerSpec(mediapipe_head=True))


def test_a_contract_follows_the_specs():
    document = contract(specs.DetectorSpec(192, (8, 16), (2, 6)), specs.TrackerSpec(), detector_threshold=0.3, extra=1)
    assert document["detector"]["anchors_per_cell"] == (2, 6)
    assert document["detector"]["score_threshold"] == 0.3
    assert document["extra"] == 1
    assert len(document["tracker"]["prior_sigmas"]) == 33
