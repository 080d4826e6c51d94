"""The whole way over the real adb client: push, run, parse, clean up, and every fault on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blazepose_tf.timing import adb as adb_client
from blazepose_tf.timing import benchmark_model, document, duty_cycle, phone, phone_session
from blazepose_tf.timing.host import Configuration, Plan

PLAN = Plan(rounds=2, runs=5, warmup=1)
XNNPACK = Configuration(1, "xnnpack")
REFERENCE = Configuration(1, "none")


def visit(adb, device, program, models, *, lines=None, **options):
    client = adb_client.select_device(adb, device.serial)
    client.reconnect_s = 3
    client.report = (lines if lines is not None else []).append
    return phone.Phone(client, program, models, report=client.report, **options)


def leftovers(device) -> list[str]:
    return sorted(path.name for path in device.storage.iterdir())


def wait_until_clean(device, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while leftovers(device) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert leftovers(device) == []


def test_two_settings_give_the_rows_of_the_host(adb, make_device, program, tiny_file):
    device = make_device()
    options = document.PhoneOptions(adb, device.serial, program)
    result = document.measure_phone([tiny_file], [XNNPACK, REFERENCE], options=options, plan=PLAN, profile=True)
    first, second = result["results"]
    assert result["device"]["model"] == "Loopback Phone" and result["device"]["abi"] == "x86_64"
    assert result["device"]["os"] == "Android 11 (TEST.1)" and device.serial not in str(result)
    assert first["latency_ms"]["count"] == 10 and len(first["latency_ms"]["rounds"]) == 2
    assert first["latency_ms"]["p5"] <= first["latency_ms"]["median"] <= first["latency_ms"]["p95"]
    assert first["ratio"]["median"] == 1 and second["ratio"]["median"] > 0
    assert first["peak_memory_mb"] > 1 and first["partitions"]["count"] == 1
    assert [op["kind"] for op in first["profile"]["operations"]] == ["TfLiteXNNPackDelegate"]
    assert leftovers(device) == []


def test_flags_reach_the_program(adb, make_device, program, tiny_file):
    device = make_device()
    with visit(adb, device, program, [tiny_file]) as session:
        phone_session.run_phone(session, [tiny_file], [Configuration(2, "none")], plan=Plan(1, 7, 2), cooldown_s=0)
    started = next(c for c in device.commands if "--graph=model_0.tflite" in c)
    for flag in ("--num_threads=2", "--num_runs=7", "--warmup_runs=2", "--use_xnnpack=false"):
        assert flag in started


def test_a_pixel_2_is_pinned_to_its_big_cores(adb, make_device, program, tiny_file):
    device = make_device(properties={"ro.product.model": "Pixel 2"})
    # The host has no eight cores: the stand-in notes the mask and runs the command.
    device.install("taskset", f'#!/bin/sh\necho "$1" >> {device.root}/masks\nshift\nexec "$@"\n')
    options = document.PhoneOptions(adb, device.serial, program)
    result = document.measure_phone([tiny_file], [XNNPACK], options=options, plan=Plan(1, 3, 1))
    assert set((device.root / "masks").read_text().split()) == {"f0"}
    assert result["device"]["affinity"] == [4, 5, 6, 7]


def test_pipeline_of_a_phone_is_composed(adb, make_device, program, tiny, tiny_file, tmp_path):
    other = tiny.write_tiny_model(tmp_path / "other.tflite", seed=1)
    trace = duty_cycle.Trace(((True, True), (False, True)), 0.0, "a test")
    options = document.PhoneOptions(adb, make_device().serial, program)
    settings = {"options": options, "plan": Plan(1, 3, 1), "pipeline": document.Pipeline(trace, tiny_file, other)}
    result = document.measure_phone([tiny_file, other], [XNNPACK], **settings)
    detector, tracker = (row["latency_ms"]["median"] for row in result["results"])
    (entry,) = result["pipeline"]
    assert entry["method"] == "composed" and entry["frame_ms"] == pytest.approx(detector / 2 + tracker)
    with pytest.raises(ValueError, match=r"other\.tflite of the pipeline must be one of the measured models"):
        document.measure_phone([tiny_file], [XNNPACK], **settings)


def test_a_device_without_shell_v2(adb, make_device, program, tiny_file):
    device = make_device(shell_v2=False)
    with visit(adb, device, program, [tiny_file]) as session:
        log = benchmark_model.parse(session.run(0, phone_session.program_flags(XNNPACK, PLAN)))
        with pytest.raises(adb_client.CommandError, match="exit code 3"):
            session.device.shell("exit 3")
    assert log.count == 5 and leftovers(device) == []


def test_a_setting_that_fails_does_not_stop_the_others(adb, make_device, program, tiny_file):
    device = make_device()
    options = document.PhoneOptions(adb, device.serial, program)
    gpu = Configuration(1, "gpu")
    result = document.measure_phone([tiny_file], [XNNPACK, gpu], options=options, plan=Plan(1, 3, 1))
    assert result["results"][0]["latency_ms"]
    (message,) = document.errors(result)
    assert "gpu" in message and "exit code 1" in message and "Failed to apply GPU delegate" in message


def test_garbage_output_is_quoted(adb, make_device, tiny_file, tmp_path):
    garbage = tmp_path / "garbage"
    garbage.write_text("#!/bin/sh\necho 'CANNOT LINK EXECUTABLE: library not found'\n")
    device = make_device()
    options = document.PhoneOptions(adb, device.serial, garbage)
    result = document.measure_phone([tiny_file], [XNNPACK], options=options, plan=PLAN)
    assert "Inference timings" in result["results"][0]["error"]
    assert "CANNOT LINK EXECUTABLE" in result["results"][0]["error"]
    assert leftovers(device) == []


def test_cable_pulled_once_in_mid_push_is_mended(adb, make_device, loopback, program, tiny_file, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(3_000_000))
    device, lines = make_device(faults=loopback.Faults(drop_push_after=1_000_000)), []
    with visit(adb, device, program, [tiny_file, big], lines=lines) as session:
        copied = device.storage / Path(session.folder).name / "model_1.tflite"
        assert copied.read_bytes() == big.read_bytes()
    assert any("went away while big.bin was copied" in line and "reconnecting (1 of 2)" in line for line in lines)
    assert leftovers(device) == []


def test_cable_pulled_for_good_in_mid_push(adb, make_device, loopback, program, tiny_file, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(3_000_000))
    device = make_device(faults=loopback.Faults(drop_push_after=1_000_000, gone_after_drop=True))
    with (
        pytest.raises(adb_client.ConnectionLostError, match=r"did not come back within 3 s.*check the cable"),
        visit(adb, device, program, [tiny_file, big]),
    ):
        pytest.fail("the phone cannot be ready")


def test_cable_pulled_in_mid_run_is_mended(adb, make_device, loopback, program, tiny_file):
    device, lines = make_device(faults=loopback.Faults(drop_shell="--graph")), []
    with visit(adb, device, program, [tiny_file], lines=lines) as session:
        log = benchmark_model.parse(session.run(0, phone_session.program_flags(XNNPACK, PLAN)))
    assert log.count == 5
    assert any("went away" in line and "reconnecting (1 of 2)" in line for line in lines), lines
    assert leftovers(device) == []


def test_an_abandoned_phone_cleans_up_by_itself(adb, make_device, loopback, program, tiny_file):
    device = make_device(faults=loopback.Faults(drop_shell="--graph", gone_after_drop=True))
    lines = []
    with (
        pytest.raises(adb_client.ConnectionLostError, match="deletes by itself"),
        visit(adb, device, program, [tiny_file], lines=lines, lease_s=1) as session,
    ):
        session.run(0, phone_session.program_flags(XNNPACK, PLAN), timeout=1)
    assert any("could not clean up" in line for line in lines)
    wait_until_clean(device, 90)  # the watchdog has a second of its own; a busy machine may take long to grant it


def test_a_phone_that_goes_away_keeps_what_was_measured(adb, make_device, loopback, program, tiny_file):
    device = make_device(faults=loopback.Faults(drop_shell="--num_threads=2", gone_after_drop=True))
    settings = [XNNPACK, Configuration(2, "xnnpack")]
    lines = []
    with visit(adb, device, program, [tiny_file], lines=lines, lease_s=1) as session:
        rows, stopped = phone_session.run_phone(session, [tiny_file], settings, plan=Plan(9, 3, 1, seed=1))
    assert "ended early" in stopped and "did not come back" in stopped
    assert rows[0]["latency_ms"] and rows[1]["latency_ms"] is None and rows[1]["error"] == stopped


def test_full_storage(adb, make_device, loopback, program, tiny_file):
    device = make_device(faults=loopback.Faults(storage_full_after=100))
    with (
        pytest.raises(adb_client.StorageFullError, match="has no room for benchmark_model: free some storage"),
        visit(adb, device, program, [tiny_file]),
    ):
        pytest.fail("nothing can be copied")
    assert leftovers(device) == []


def test_too_little_storage_shows_before_copying(adb, make_device, program, tiny_file):
    device = make_device()
    device.install(
        "df", "#!/bin/sh\necho 'Filesystem 1K-blocks Used Available Use% Mounted on'\necho '/d 9 9 1 99% /data'\n"
    )
    with (
        pytest.raises(adb_client.StorageFullError, match="has 0 MB free"),
        visit(adb, device, program, [tiny_file]),
    ):
        pytest.fail("nothing can be copied")


def test_wrong_processor(adb, make_device, tiny_file, tmp_path):
    arm = tmp_path / "benchmark_model"
    arm.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + (183).to_bytes(2, "little") + bytes(44))
    device = make_device()
    with (
        pytest.raises(adb_client.AdbError, match="built for arm64-v8a, the phone runs x86_64, x86"),
        visit(adb, device, arm, [tiny_file]),
    ):
        pytest.fail("the program cannot run")
    assert leftovers(device) == []


def test_remains_of_an_earlier_visit_are_swept(adb, make_device, program, tiny_file):
    device = make_device()
    old, busy = (device.storage / f"{phone.PREFIX}{name}" for name in ("old", "busy"))
    for folder, lease in ((old, 1), (busy, int(time.time()) + 1000)):
        folder.mkdir()
        (folder / "lease").write_text(f"{lease}\n")
    with visit(adb, device, program, [tiny_file]):
        pass
    assert leftovers(device) == [busy.name]


def test_waits_for_a_throttling_phone(adb, make_device, program, tiny_file):
    device, lines = make_device(), []
    for core in range(2):
        folder = f"/sys/devices/system/cpu/cpu{core}/cpufreq"
        device.write(f"{folder}/scaling_cur_freq", "900000")
        device.write(f"{folder}/scaling_max_freq", "1200000")
        device.write(f"{folder}/cpuinfo_max_freq", "2400000")
    device.write("/sys/class/thermal/thermal_zone0/type", "cpu big")
    device.write("/sys/class/thermal/thermal_zone0/temp", "81500")
    with visit(adb, device, program, [tiny_file], lines=lines) as session:
        hot = session.wait_until_cool(cores="1", limit_s=0)
        assert phone.throttling(hot, "1") == "core 0 limited to 1200 of 2400 MHz"
        assert hot["temperature_c"] == {"cpu_big": 81.5}
        device.write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "2400000")
        cool = session.wait_until_cool(cores="1", limit_s=10, poll_s=0.1)
    assert phone.throttling(cool, "1") is None and phone.throttling(cool, "2") is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_command_leaves_the_phone_clean(adb, make_device, program, tiny_file, tmp_path, number):
    endless = tmp_path / "benchmark_model"
    endless.write_text("#!/bin/sh\nexec sleep 600\n")
    device = make_device()
    command = [sys.executable, "-m", "blazepose_tf", "benchmark", f"--model={tiny_file}", f"--adb={adb}"]
    command += [f"--device=adb:{device.serial}", f"--benchmark_model={endless}", "--lease_s=1"]
    # A test run started in the background of a script has Ctrl-C ignored, and would hand that on.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not list(device.storage.glob("*/run.pid")) and time.monotonic() < deadline:
        time.sleep(0.05)
    (pid_file,) = device.storage.glob("*/run.pid")
    child = int(pid_file.read_text())
    if number == signal.SIGKILL:  # nobody is left to clean up; the lease of the command would last three minutes
        process.kill()
        process.wait(timeout=30)
        (pid_file.parent / "lease").write_text("1\n")
        wait_until_clean(device, 15)
    else:
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130 and "error: interrupted" in errors
        assert leftovers(device) == []
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]
