"""The verbs about models, as real processes."""

from __future__ import annotations

import subprocess
import sys

from blazepose_tf.models import load_model


def blazepose(*arguments: object):
    return subprocess.run(
        [sys.executable, "-m", "blazepose_tf", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def errors(result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error:")]


def test_summary_prints_stages_and_totals():
    result = blazepose("summary", "--model=blazeface", "--input_size=128")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "detector_blazeface, input 128 x 128 x 3"
    assert any(line.split()[:6] == ["f2", "64", "x", "64", "x", "16"] for line in lines)
    assert lines[-1] == "outputs: regressors 512 x 8, logits 512 x 1"


def test_import_of_a_published_file(shared_dir, tmp_path):
    output = tmp_path / "lite.keras"
    result = blazepose(
        "import-weights", f"--tflite={shared_dir}/peers/pose_landmark_lite_2021_03.tflite", f"--output={output}"
    )
    assert result.returncode == 0, result.stderr
    assert "lite_2021_03" in result.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["lite.keras"]
    model, description = load_model(output)
    assert description.variant == "lite"
    assert model.output["landmarks"].shape == (None, 195)


def test_import_of_a_file_that_is_no_model(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"not a model at all")
    result = blazepose("import-weights", f"--tflite={tmp_path}/x.tflite", f"--output={tmp_path}/x.keras")
    assert result.returncode == 1
    (line,) = errors(result)
    assert "x.tflite: not a LiteRT model" in line
    assert "det_2021" in line
    assert not (tmp_path / "x.keras").exists()


def test_import_needs_one_source():
    result = blazepose("import-weights", "--output=x.keras")
    assert result.returncode == 1
    assert errors(result) == ["error: give either --tflite=FILE or --from_mediapipe"]
