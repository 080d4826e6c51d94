"""Logs of several versions of benchmark_model, and broken ones."""

from __future__ import annotations

import pytest

from blazepose_tf.timing import benchmark_model


@pytest.fixture
def read(testdata_dir):
    return lambda name: (testdata_dir / "benchmark_model_logs" / name).read_bytes().decode()


def test_before_2020(read):
    log = benchmark_model.parse(read("2019_tflite_1_14.log"))
    assert (log.warmup, log.init, log.mean) == (27.9174, 21528.106, 23.3135)
    assert log.median is None and log.first is None and log.profile == ()


def test_2020_with_memory_and_profile(read):
    log = benchmark_model.parse(read("2020_tflite_2_3_android.log"))
    assert (log.count, log.mean, log.minimum, log.maximum, log.std) == (50, 33.2094, 32.641, 34.005, 0.45)
    assert (log.init, log.first, log.footprint_mb) == (0.855, 49.06, 12.8672)
    assert log.p5 is None and log.delegate is None and log.peak_memory_mb is None
    conv, depthwise = log.profile
    assert (conv.kind, conv.ms, conv.percent, conv.calls, conv.name) == ("CONV_2D", 22.957, 69.066, 1, "[conv/Relu6]:0")
    assert depthwise.name == "[depthwise/Relu6, depthwise/bias]:1" and depthwise.ms == 10.282


def test_exponents_and_carriage_returns(read):
    log = benchmark_model.parse(read("2021_tflite_2_5_slow_crlf.log"))
    assert (log.count, log.mean, log.warmup, log.footprint_mb) == (50, 2950.34, 3512.39, 46.0859)


def test_single_run_has_only_its_own_time():
    times = "Inference timings in us: Init: 1, First inference: 2, Warmup (avg): 2, Inference (avg): 3"
    text = f"count=1 curr=3512391\n{times}"
    log = benchmark_model.parse(text)
    assert (log.count, log.minimum, log.maximum, log.std) == (1, 3512.391, 3512.391, 0.0)


def test_logcat_and_partial_delegation(read):
    log = benchmark_model.parse(read("2022_tflite_2_9_logcat.log"))
    assert (log.count, log.mean, log.delegate, log.partitions) == (75, 12.1676, "NNAPI", 44)


def test_2025_percentiles_partitions_and_profile(read):
    log = benchmark_model.parse(read("2025_litert_percentiles.log"))
    assert (log.count, log.p5, log.median, log.p95, log.minimum) == (25, 140.545, 141.253, 187.533, 140.071)
    assert (log.delegate, log.partitions, log.delegate_refused) == ("TfLiteXNNPackDelegate", 2, False)
    assert (log.peak_memory_mb, log.footprint_mb) == (81.75, 73.4102)
    assert [(op.kind, op.calls) for op in log.profile] == [
        ("QUANTIZE", 1),
        ("Convolution (NHWC, QC8) IGEMM", 1),
        ("Convolution (NHWC, QC8) DWConv", 13),
    ]


def test_refused_delegate_is_told(read):
    assert benchmark_model.parse(read("gpu_refused.log")).delegate_refused


def test_crash_is_quoted(read):
    with pytest.raises(benchmark_model.LogError, match=r"Inference timings.*Didn't find op.*Benchmarking failed"):
        benchmark_model.parse(read("crash.log"))


@pytest.mark.parametrize("text", ["", "Segmentation fault", "\x00\xff\x7fELF garbage"])
def test_garbage(text):
    with pytest.raises(benchmark_model.LogError, match="Its output ends with"):
        benchmark_model.parse(text)


def test_every_truncation_is_read_or_refused(read):
    """A connection may break anywhere: no cut of a log may give numbers that the whole does not have."""
    text = read("2025_litert_percentiles.log")
    end = text.index("Inference (avg): 145528") + len("Inference (avg): 145528")
    for cut in range(0, len(text), 7):
        try:
            log = benchmark_model.parse(text[:cut])
        except benchmark_model.LogError:
            continue
        assert cut > end - 6  # the last number itself may lack digits; adb.Device.shell refuses cut output
        assert log.count == 25 and log.median == 141.253


def test_broken_profile_line_is_named(read):
    text = read("2020_tflite_2_3_android.log").replace("22.957", "oops")
    with pytest.raises(benchmark_model.LogError, match=r"op profile.*oops"):
        benchmark_model.parse(text)
