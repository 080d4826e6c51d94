"""Benchmarks of several models and settings on a phone, with the same rows as on the host.

One run of benchmark_model is one round. Rounds of all models and settings are interleaved in an order drawn anew, and
each starts only when the phone does not throttle (or after the longest wait, and then says so). Profile and peak memory
come from a run of their own, because both slow the program down.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blazepose_tf.timing import benchmark_model, latencies
from blazepose_tf.timing.adb import CommandError, ConnectionLostError
from blazepose_tf.timing.host import Configuration, Plan, describe_model
from blazepose_tf.timing.phone import Phone, throttling

_MAX_S = 60  # of one phase of benchmark_model


def run_phone(
    phone: Phone,
    models: Sequence[Path | str],
    configurations: Sequence[Configuration],
    *,
    plan: Plan,
    cores: str = "",
    profile: bool = False,
    cooldown_s: float = 300,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[list[dict], str | None]:
    """Measures every model in every configuration on an entered phone.

    Args:
        phone: inside its `with` block, with the same models.
        models: .tflite files.
        configurations: settings.
        plan: rounds (runs of the program), runs per round, warm-up, seed.
        cores: hexadecimal mask for taskset; empty: no pinning.
        profile: also profile operations.
        cooldown_s: longest wait for a throttling phone, per round.
        report: receives lines for the user.

    Returns:
        The `results` of a document, and why the session ended early (None: it did not). A setting that fails has its
        message in `error`; the others go on. If the phone goes away for good, what was measured until then is kept.

    Raises:
        AdbError: the phone went away for good before anything was measured.
    """
    series = [_Series(model, configuration) for model in range(len(models)) for configuration in configurations]
    order, stopped = random.Random(plan.seed), None
    try:
        for number in range(plan.rounds):
            report(f"round {number + 1} of {plan.rounds}")
            for one in order.sample(series, len(series)):
                if one.error:
                    continue
                state = phone.wait_until_cool(cores=cores, limit_s=cooldown_s)
                one.before = one.before or state
                _one_round(phone, one, plan, cores, profile=profile, report=report)
                one.after = phone.state()
                one.throttled |= any(throttling(s, cores) for s in (state, one.after))
    except ConnectionLostError as error:
        if not any(one.logs for one in series):
            raise
        stopped = f"ended early: {error}"
        for one in series:
            one.error = one.error or (None if one.logs else stopped)
    described = [describe_model(model) for model in models]
    rows = [_row(described[one.model], one) for one in series]
    for one, row in zip(series, rows, strict=True):
        shared = min(len(one.logs), len(series[0].logs))  # an early end leaves some with a round less
        if rows[0]["latency_ms"] and row["latency_ms"] and shared:
            centres = [r["latency_ms"]["rounds"][:shared] for r in (row, rows[0])]
            row["ratio"] = latencies.ratio(*centres)
    return rows, stopped


@dataclass
class _Series:
    """What is known about one model in one configuration, while it is measured."""

    model: int
    configuration: Configuration
    logs: list[benchmark_model.Log] = field(default_factory=list)
    extra: benchmark_model.Log | None = None
    profiled: bool = False
    error: str | None = None
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    throttled: bool = False


def _one_round(phone: Phone, one: _Series, plan: Plan, cores: str, *, profile: bool, report) -> None:
    try:
        one.logs.append(_measure(phone, one, plan, cores))
    except (CommandError, benchmark_model.LogError) as error:
        one.error = str(error)
        report(f"model {one.model}, {one.configuration}: {error}")
        return
    if len(one.logs) > 1:
        return
    extra = ["--report_peak_memory_footprint=true", *(["--enable_op_profiling=true"] if profile else [])]
    try:
        one.extra = _measure(phone, one, Plan(1, min(plan.runs, 10), plan.warmup), cores, extra=extra)
        one.profiled = profile
    except (CommandError, benchmark_model.LogError) as error:
        # An old program may not know these flags; the times are good all the same.
        report(f"no profile and no peak memory of model {one.model}, {one.configuration}: {error}")


def program_flags(configuration: Configuration, plan: Plan) -> list[str]:
    """Flags of benchmark_model for a setting."""
    flags = [
        f"--num_threads={configuration.threads}",
        f"--warmup_runs={plan.warmup}",
        "--warmup_min_secs=0",
        f"--num_runs={plan.runs}",
        "--min_secs=0",
        f"--max_secs={_MAX_S}",
        f"--use_xnnpack={'true' if configuration.delegate == 'xnnpack' else 'false'}",
    ]
    if configuration.delegate == "gpu":
        flags.append("--use_gpu=true")
    if configuration.fp16:
        # The GPU's own switch allows fp16 already; it only has to stay on.
        flags.append(
            "--gpu_precision_loss_allowed=true" if configuration.delegate == "gpu" else "--xnnpack_force_fp16=true"
        )
    elif configuration.delegate == "gpu":
        flags.append("--gpu_precision_loss_allowed=false")
    return flags


def _measure(phone: Phone, one: _Series, plan: Plan, cores: str, *, extra: Sequence[str] = ()) -> benchmark_model.Log:
    flags = [*program_flags(one.configuration, plan), *extra]
    log = benchmark_model.parse(phone.run(one.model, flags, cores=cores, timeout=3 * _MAX_S))
    if log.delegate_refused:
        raise CommandError(f"the {one.configuration.delegate} delegate refused the graph; the times would be the CPU's")
    return log


def _row(model: dict, one: _Series) -> dict:
    """A result (without ratio) from the logs of its rounds."""
    delegated = next((log for log in one.logs if log.partitions is not None), None)
    operations = [_operation(op) for op in one.extra.profile] if one.extra is not None and one.profiled else []
    return {
        "model": model,
        "configuration": one.configuration.to_dict(),
        "latency_ms": None if one.error else pool(one.logs),
        "init_ms": float(np.median([log.init for log in one.logs])) if one.logs else None,
        "first_ms": next((log.first for log in one.logs), None),
        "ratio": None,
        "peak_memory_mb": None if one.extra is None else one.extra.peak_memory_mb or one.extra.footprint_mb,
        "energy_mj": None,  # a phone on USB is being charged: its battery says nothing
        "partitions": None if delegated is None else {"count": delegated.partitions, "left_over": None},
        "profile": {"method": "benchmark_model", "operations": operations} if one.profiled else None,
        "state": {"before": one.before, "after": one.after, "throttled": one.throttled},
        "error": one.error,
    }


def _operation(op: benchmark_model.Profiled) -> dict:
    return {"kind": op.kind, "name": op.name, "ms": op.ms, "percent": op.percent, "calls": op.calls}


def pool(logs: Sequence[benchmark_model.Log]) -> dict:
    """The `latency_ms` entry of several rounds, of which only summaries are known.

    Median and percentiles are the medians of the rounds' own; a program too old to print a median counts with its mean.
    """
    centres = [log.mean if log.median is None else log.median for log in logs]

    def middle(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.median(known)) if known and len(known) == len(values) else None

    counts = np.array([log.count for log in logs], dtype=float)
    minima = [log.minimum for log in logs if log.minimum is not None]
    return {
        "median": float(np.median(centres)),
        "p5": middle([log.p5 for log in logs]),
        "p95": middle([log.p95 for log in logs]),
        "min": None if len(minima) < len(logs) else min(minima),
        "mean": float(np.average([log.mean for log in logs], weights=counts)),
        "std": middle([log.std for log in logs]),
        "count": int(counts.sum()),
        "rounds": centres,
    }
