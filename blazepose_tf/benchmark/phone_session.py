"""Benchmarks of several models and settings on a phone, with the same rows as on the host.

One run of benchmark_model is one round. Rounds of all models and settings are interleaved in an order drawn anew, and
each starts only when the phone does not throttle (or after the longest wait, and then says so). Profile and peak memory
come from a run of their own, because both slow the program down.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from blazepose_tf.benchmark import benchmark_model, timing
from blazepose_tf.benchmark.adb import CommandError
from blazepose_tf.benchmark.host import Configuration, Plan, describe_model
from blazepose_tf.benchmark.phone import Phone, throttling

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
) -> list[dict]:
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
        The `results` of a document. A setting that fails has its message in `error`; the others go on.

    Raises:
        AdbError: the phone went away for good.
    """
    pairs = [(i, configuration) for i in range(len(models)) for configuration in configurations]
    logs: list[list[benchmark_model.Log]] = [[] for _ in pairs]
    errors: list[str | None] = [None] * len(pairs)
    before: list[dict | None] = [None] * len(pairs)
    after: list[dict] = [{} for _ in pairs]
    throttled = [False] * len(pairs)
    extras: list[benchmark_model.Log | None] = [None] * len(pairs)
    order = random.Random(plan.seed)
    for number in range(plan.rounds):
        report(f"round {number + 1} of {plan.rounds}")
        for k in order.sample(range(len(pairs)), len(pairs)):
            if errors[k]:
                continue
            model, configuration = pairs[k]
            state = phone.wait_until_cool(cores=cores, limit_s=cooldown_s)
            before[k] = before[k] or state
            try:
                logs[k].append(_measure(phone, model, configuration, plan, cores, extra=()))
                if number == 0:
                    extra = ("--enable_op_profiling=true",) if profile else ()
                    extra += ("--report_peak_memory_footprint=true",)
                    short = Plan(1, max(1, min(plan.runs, 10)), plan.warmup)
                    extras[k] = _measure(phone, model, configuration, short, cores, extra=extra)
            except (CommandError, benchmark_model.LogError) as error:
                errors[k] = str(error)
                report(f"{Path(models[model]).name}: {error}")
            after[k] = phone.state()
            throttled[k] = throttled[k] or any(throttling(s, cores) for s in (state, after[k]))
    described = [describe_model(model) for model in models]
    rows = []
    for k, (model, configuration) in enumerate(pairs):
        row = _row(described[model], configuration, logs[k], extras[k], errors[k], profile)
        row["state"] = {"before": before[k] or {}, "after": after[k], "throttled": throttled[k]}
        rows.append(row)
    reference = rows[0]["latency_ms"]
    for row in rows:
        if row["latency_ms"] and reference and len(row["latency_ms"]["rounds"]) == len(reference["rounds"]):
            row["ratio"] = timing.ratio(row["latency_ms"]["rounds"], reference["rounds"])
    return rows


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


def _measure(phone, model, configuration, plan, cores, *, extra) -> benchmark_model.Log:
    output = phone.run(model, [*program_flags(configuration, plan), *extra], cores=cores, timeout=3 * _MAX_S)
    log = benchmark_model.parse(output)
    if log.delegate_refused:
        raise CommandError(f"the {configuration.delegate} delegate refused the graph; the times would be the CPU's")
    return log


def _row(model: dict, configuration: Configuration, logs, extra, error: str | None, profile: bool) -> dict:
    """A result row (without ratio and state) from the logs of its rounds."""
    partitions = next((log for log in logs if log.partitions is not None), None)
    wanted = extra is not None and profile and error is None
    return {
        "model": model,
        "configuration": configuration.to_dict(),
        "latency_ms": None if error else pool(logs),
        "init_ms": float(np.median([log.init for log in logs])) if logs else None,
        "first_ms": next((log.first for log in logs), None),
        "ratio": None,
        "peak_memory_mb": None if extra is None else extra.peak_memory_mb or extra.footprint_mb,
        "energy_mj": None,  # a phone on USB is being charged: its battery says nothing
        "partitions": None if partitions is None else {"count": partitions.partitions, "left_over": None},
        "profile": {"method": "benchmark_model", "operations": [_operation(op) for op in extra.profile]}
        if wanted
        else None,
        "error": error,
    }


def _operation(op: benchmark_model.Profiled) -> dict:
    return {"kind": op.kind, "name": op.name, "ms": op.ms, "percent": op.percent, "calls": op.calls}


def pool(logs: Sequence[benchmark_model.Log]) -> dict:
    """The `latency_ms` entry of several rounds, of which only summaries are known.

    Median and percentiles are the medians of the rounds' own; a program too old to print a median counts with its mean.
    """
    centres = [log.mean if log.median is None else log.median for log in logs]

    def middle(values: list[float | None]) -> float | None:
        return float(np.median(values)) if values and None not in values else None

    counts = np.array([log.count for log in logs], dtype=float)
    minima = [log.minimum for log in logs]
    return {
        "median": float(np.median(centres)),
        "p5": middle([log.p5 for log in logs]),
        "p95": middle([log.p95 for log in logs]),
        "min": None if None in minima else min(minima),
        "mean": float(np.average([log.mean for log in logs], weights=counts)),
        "std": middle([log.std for log in logs]),
        "count": int(counts.sum()),
        "rounds": centres,
    }
