"""What phones of several makes print, as numbers; programs for several processors; flags of benchmark_model."""

from __future__ import annotations

import pytest

from blazepose_tf.timing import benchmark_model, phone, phone_session
from blazepose_tf.timing.adb import AdbError
from blazepose_tf.timing.host import Configuration, Plan

PIXEL_2 = """cpu 0 1900800 1900800 1900800
cpu 4 2457600 1728000 2457600
cpu 5
zone pm8998_tz 37500
zone battery 312
zone skin 45
zone broken
Thermal Status: 1
  level: 97
  temperature: 312
  USB powered: true
"""


def test_state_of_a_pixel_2():
    state = phone.parse_state(PIXEL_2)
    assert state["frequency_mhz"] == {"0": 1900, "4": 2457} and state["limit_mhz"]["4"] == 1728
    # Millidegrees, tenths of a degree, degrees.
    assert state["temperature_c"] == {"pm8998_tz": 37.5, "battery": 31.2, "skin": 45}
    assert state["thermal_status"] == 1
    assert state["battery"] == {"level": "97", "temperature": "312", "USB powered": "true"}


def test_throttling_looks_at_the_used_cores():
    state = phone.parse_state(PIXEL_2)
    assert phone.throttling(state, "0f") is None
    assert phone.throttling(state, "f0") == phone.throttling(state, "") == "core 4 limited to 1728 of 2457 MHz"
    assert phone.throttling(state | {"thermal_status": 2}, "0f") == "thermal status 2"


def test_a_phone_that_shows_nothing_does_not_throttle():
    state = phone.parse_state("cpu 0\n/system/bin/sh: dumpsys: Permission denied\n")
    assert state == {"frequency_mhz": {}, "limit_mhz": {}, "built_mhz": {}, "temperature_c": {}}
    assert phone.throttling(state, "f0") is None


@pytest.mark.parametrize(("mask", "cores"), [("f0", [4, 5, 6, 7]), ("1", [0]), ("0x90", [4, 7])])
def test_cores_of_a_mask(mask, cores):
    assert phone.cores_of_mask(mask) == cores


@pytest.mark.parametrize("mask", ["", "0", "-1", "big"])
def test_no_mask(mask):
    with pytest.raises(ValueError, match="hexadecimal mask such as f0"):
        phone.cores_of_mask(mask)


@pytest.mark.parametrize(
    ("output", "free"),
    [
        (
            "Filesystem     1K-blocks     Used Available Use% Mounted on\n/dev/dm-4 54000 1 2048 45% /data\n",
            2048 * 1024,
        ),
        # A long device name wraps.
        ("Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/a/b/c\n 54000 1 7 45% /data\n", 7 * 1024),
        ("df: /data/local/tmp: Permission denied\n", None),
    ],
)
def test_free_storage(output, free):
    assert phone._free_bytes(output) == free


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(44)


def test_programs_for_processors(tmp_path):
    path = tmp_path / "program"
    path.write_bytes(elf(183))
    phone.check_abi(path, ["arm64-v8a", "armeabi-v7a"])
    with pytest.raises(AdbError, match="built for arm64-v8a, the phone runs armeabi-v7a: build it for that"):
        phone.check_abi(path, ["armeabi-v7a"])
    path.write_bytes(elf(243))
    with pytest.raises(AdbError, match="built for machine 243"):
        phone.check_abi(path, ["arm64-v8a"])
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(AdbError, match=r"no Android program.*tools/android"):
        phone.check_abi(path, ["arm64-v8a"])


@pytest.mark.parametrize(
    ("configuration", "wanted", "unwanted"),
    [
        (Configuration(4, "xnnpack"), ["--num_threads=4", "--use_xnnpack=true"], ["gpu", "fp16"]),
        (Configuration(1, "none"), ["--use_xnnpack=false"], ["gpu", "fp16"]),
        (Configuration(1, "xnnpack", True), ["--use_xnnpack=true", "--xnnpack_force_fp16=true"], ["gpu"]),
        (Configuration(1, "gpu"), ["--use_gpu=true", "--gpu_precision_loss_allowed=false"], ["fp16"]),
        (Configuration(1, "gpu", True), ["--use_gpu=true", "--gpu_precision_loss_allowed=true"], ["xnnpack_force"]),
    ],
)
def test_flags(configuration, wanted, unwanted):
    flags = phone_session.program_flags(configuration, Plan(1, 50, 5))
    assert {*wanted, "--num_runs=50", "--warmup_runs=5"} <= set(flags)
    assert not any(word in flag for word in unwanted for flag in flags)


def test_rounds_are_pooled_by_hand(testdata_dir):
    text = (testdata_dir / "benchmark_model_logs" / "2025_litert_percentiles.log").read_text()
    old = (testdata_dir / "benchmark_model_logs" / "2020_tflite_2_3_android.log").read_text()
    first, second = benchmark_model.parse(text), benchmark_model.parse(old)
    pooled = phone_session.pool([first, second])
    # The older log has no median: its mean counts. Mean weighted by 25 and 50 runs. No percentiles without all.
    assert pooled["rounds"] == [141.253, 33.2094] and pooled["median"] == pytest.approx(87.2312)
    assert pooled["mean"] == pytest.approx((25 * 145.528 + 50 * 33.2094) / 75)
    assert (pooled["min"], pooled["count"], pooled["p5"]) == (32.641, 75, None)
    assert phone_session.pool([first, first])["p95"] == 187.533
