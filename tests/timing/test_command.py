"""`blazepose benchmark` as a user runs it, and the build of benchmark_model for phones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blazepose_tf.timing import duty_cycle, schema

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--rounds=3", "--runs=3", "--warmup=1")


def blazepose(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "blazepose_tf", "benchmark", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_host_table_document_trace_and_comparison(tiny_file, tmp_path):
    output, trace, evaluation = tmp_path / "new.json", tmp_path / "trace.json", tmp_path / "eval.json"
    duty_cycle.save_trace(duty_cycle.Trace(((True, True), (False, True)), 0.1, "test"), trace)
    evaluation.write_text(json.dumps({"model": "tiny.tflite", "pck_torso@0.2": 0.75}))
    common = (f"--model={tiny_file}", *QUICK, f"--trace={trace}", f"--detector={tiny_file}", f"--tracker={tiny_file}")
    first = blazepose(*common, "--profile", "--table1", f"--evaluation={evaluation}", f"--output={output}")
    assert first.returncode == 0, first.stderr
    for text in (
        "| tiny ",
        "ESTIMATED, not measured",
        "Whole pipeline",
        "each operation alone",
        "75.00",
        "BlazePose Lite",
    ):
        assert text in first.stdout
    assert schema.load(output)["pipeline"][0]["method"] == "replayed"
    shown = blazepose(f"--document={output}", f"--compare={output}", "--fail_if_slower")
    assert shown.returncode == 0 and "same within the spread" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=absent.tflite"], "no such model file: absent.tflite"),
        (["--device=usb", "--model=MODEL"], "--device must be host, adb or adb:SERIAL"),
        (["--gpu", "--model=MODEL"], "--gpu and --fp16 need a phone"),
        (["--threads=0", "--model=MODEL"], "--threads must be positive numbers"),
        (["--device=adb", "--model=MODEL"], "--device=adb needs --benchmark_model=PATH"),
        (["--device=adb", "--model=MODEL", "--benchmark_model=absent"], "no such file: absent"),
        (["--device=adb", "--model=MODEL", "--benchmark_model=MODEL", "--adb=/absent/adb"], "apt-get install adb"),
        (["MODEL"], "models are given as --model=FILE"),
        (["--compare=MODEL", "--model=MODEL"], "error: "),
        (["--model=MODEL", "--output=absent/new.json"], "no folder 'absent' to write 'new.json' to"),
        (["--model=MODEL", "--output=."], "expected the name of a file; it is a folder"),
        (["--model=MODEL", "--plot=plot.txt"], "a plot's name must end in one of .png, .svg, .pdf"),
        (["--model=MODEL", "--evaluation=absent.json"], "absent.json"),
    ],
)
def test_mistakes_are_one_line(tiny_file, arguments, message):
    result = blazepose(*(a.replace("MODEL", str(tiny_file)) for a in arguments))
    assert result.returncode == 1 and message in result.stderr and "Traceback" not in result.stderr
    assert not result.stdout and len(result.stderr.splitlines()) == 1  # nothing was measured before


def test_phone_end_to_end(adb, make_device, program, tiny_file, tmp_path):
    device, output = make_device(), tmp_path / "phone.json"
    flags = (f"--model={tiny_file}", f"--benchmark_model={program}", "--rounds=1", "--runs=3", "--threads=1")
    result = blazepose(f"--device=adb:{device.serial}", f"--adb={adb}", *flags, f"--output={output}")
    assert result.returncode == 0, result.stderr
    assert "Measured on adb: Loopback Phone, x86_64, Android 11" in result.stdout
    assert len(schema.load(output)["results"]) == 2 and list(device.storage.iterdir()) == []


def test_build_script_of_benchmark_model():
    folder = ROOT / "tools" / "android"
    command = ["sh", str(folder / "build_benchmark_model_test.sh"), str(folder / "build_benchmark_model.sh")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0 and result.stdout.endswith("PASS\n"), result.stdout + result.stderr


@pytest.mark.slow
def test_bazel_query_without_network(tmp_path):
    # Debian's `bazel` obeys .bazelversion and refuses; its 4.2.3 itself is bazel-4.
    bazel = shutil.which("bazel-4") or shutil.which("bazel-7.7.0") or shutil.which("bazelisk")
    if not bazel:
        pytest.skip("no Bazel (apt-get install bazel-bootstrap)")
    command = [bazel, f"--output_user_root={tmp_path}", "--batch", "query", "//..."]
    environment = os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert "//tools/android:build_benchmark_model" in result.stdout.split()
