"""Putting a benchmark document together: measured rows, pipeline and estimates of one session, on host or phone."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.tflite import graph
from blazepose_tf.timing import adb, compare, cost_model, duty_cycle, machine, phone, phone_session, schema
from blazepose_tf.timing.host import Configuration, Plan, is_litert, run_host, settings_of


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """What the whole-pipeline figure needs: a trace and which of the models is the detector and the tracker."""

    trace: duty_cycle.Trace
    detector: Path
    tracker: Path

    @classmethod
    def load(
        cls, trace: str, models: Sequence[Path], *, detector: Path | str = "", tracker: Path | str = ""
    ) -> Pipeline:
        """From a trace file; the detector is the first of the models and the tracker the second unless named.

        Raises:
            OSError, ValueError: the trace cannot be read, or there are too few models.
        """
        if len(models) < 2 and not (detector and tracker):
            raise ValueError("a pipeline needs a detector and a tracker: two --model, or --detector and --tracker")
        return cls(duty_cycle.load_trace(trace), Path(detector or models[0]), Path(tracker or models[1]))


@dataclasses.dataclass(frozen=True)
class PhoneOptions:
    """How to use a phone.

    Attributes:
        adb: adb program, searched in PATH if empty.
        serial: the phone, if there are several.
        program: benchmark_model on this computer.
        cores: hexadecimal taskset mask; None: the big cores where the phone's model is known; empty: no pinning.
        cooldown_s: longest wait for a throttling phone.
        lease_s: when an abandoned phone cleans up.
    """

    adb: str
    serial: str
    program: Path
    cores: str | None = None
    cooldown_s: float = 300
    lease_s: int = 60


def expand(threads: Sequence[int], *, xnnpack: str, gpu: bool = False, fp16: bool = False) -> list[Configuration]:
    """The settings to run.

    Args:
        threads: thread counts.
        xnnpack: "on", "off" or "both".
        gpu: also on the GPU (one row, threads do not matter there).
        fp16: also with fp16 arithmetic, for XNNPACK and the GPU.

    Raises:
        ValueError: no setting, or an unknown word.
    """
    if xnnpack not in ("on", "off", "both"):
        raise ValueError(f"xnnpack must be 'on', 'off' or 'both'. Received: xnnpack={xnnpack!r}")
    delegates = {"on": ["xnnpack"], "off": ["none"], "both": ["xnnpack", "none"]}[xnnpack]
    found = [Configuration(count, delegate) for delegate in delegates for count in threads]
    if fp16:
        found += [Configuration(c.threads, c.delegate, True) for c in found if c.delegate == "xnnpack"]
    if gpu:
        found += [Configuration(1, "gpu", half) for half in ([False, True] if fp16 else [False])]
    if not found:
        raise ValueError(f"at least one thread count is needed. Received: threads={list(threads)}")
    return found


def measure_host(
    models: Sequence[Path],
    configurations: Sequence[Configuration],
    *,
    plan: Plan,
    profile: bool = False,
    pipeline: Pipeline | None = None,
    cores: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> dict:
    """Benchmarks on this host; returns a validated document.

    Args:
        models: files and folders as `host.run_host` takes them.
        configurations: settings.
        plan: rounds, runs, warm-up, seed.
        profile: also time each operation.
        pipeline: also replay a trace.
        cores: hexadecimal mask of the cores to stay on, as taskset's; empty: where the process may run already.
        report: receives lines for the user.

    Raises:
        OSError, ValueError: as `host.run_host`, or no such core; an interpreter's refusal becomes a ValueError.
    """
    with _pinned(cores):
        return _measure_here(models, configurations, plan, profile, pipeline, report)


def _measure_here(models, configurations, plan: Plan, profile: bool, pipeline: Pipeline | None, report) -> dict:
    try:
        results = run_host(models, configurations, plan=plan, profile=profile, report=report)
        entries = [] if pipeline is None else _replayed(pipeline, configurations, report)
    except RuntimeError as error:
        raise ValueError(f"LiteRT refuses a model: {error}") from error
    return _document(machine.describe_host(), machine.describe_tool(), plan, results, entries, models)


def measure_phone(
    models: Sequence[Path],
    configurations: Sequence[Configuration],
    *,
    options: PhoneOptions,
    plan: Plan,
    profile: bool = False,
    pipeline: Pipeline | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict:
    """Benchmarks on a phone; returns a validated document.

    Raises:
        AdbError: no adb, no phone, or the phone went away for good.
        OSError, ValueError: a file is missing or no model.
    """
    if foreign := [model.name for model in models if not is_litert(model)]:
        raise ValueError(f"a phone runs LiteRT files. Received: {', '.join(foreign)}")
    for model in models:
        graph.load_model(model)  # a wrong file shows before anything is copied
    for path in (pipeline.detector, pipeline.tracker) if pipeline else ():
        if path.name not in {model.name for model in models}:
            raise ValueError(f"{path.name} of the pipeline must be one of the measured models")
    device = adb.select_device(adb.find_adb(options.adb), options.serial)
    device.report = report
    with phone.Phone(device, options.program, models, lease_s=options.lease_s, report=report) as visit:
        cores = visit.default_cores if options.cores is None else options.cores
        described = visit.describe(cores)
        report(f"{described['model']}, {described['os']}, {described['abi']}, cores {described['affinity'] or 'all'}")
        results, stopped = phone_session.run_phone(
            visit,
            models,
            configurations,
            plan=plan,
            cores=cores,
            profile=profile,
            cooldown_s=options.cooldown_s,
            report=report,
        )
    entries = [] if pipeline is None else _composed(pipeline, configurations, results)
    tool = machine.describe_tool(benchmark_model_sha256=files.sha256(options.program))
    document = _document(described, tool, plan, results, entries, models)
    if stopped:
        document["settings"]["stopped"] = stopped
    return document


def _replayed(pipeline: Pipeline, configurations: Sequence[Configuration], report) -> list[dict]:
    entries = []
    for configuration in _shared(pipeline, configurations):
        report(f"replaying {len(pipeline.trace.frames)} frames")
        entry = duty_cycle.replay(pipeline.trace, pipeline.detector, pipeline.tracker, configuration=configuration)
        entries.append(_named(entry, pipeline, configuration))
    return entries


def _composed(pipeline: Pipeline, configurations: Sequence[Configuration], results: list[dict]) -> list[dict]:
    entries = []
    for configuration in configurations:
        detector_ms, tracker_ms = (_median(results, m, configuration) for m in (pipeline.detector, pipeline.tracker))
        if detector_ms is not None and tracker_ms is not None:
            entry = duty_cycle.compose(pipeline.trace, detector_ms=detector_ms, tracker_ms=tracker_ms)
            entries.append(_named(entry, pipeline, configuration))
    return entries


def _shared(pipeline: Pipeline, configurations: Sequence[Configuration]) -> list[Configuration]:
    """The settings in which one engine runs both models of a pipeline."""
    both = [settings_of(path, configurations) for path in (pipeline.detector, pipeline.tracker)]
    if both[0] != both[1]:
        raise ValueError(
            f"a pipeline is replayed in one engine. Received: {pipeline.detector.name}, {pipeline.tracker.name}"
        )
    return both[0]


@contextlib.contextmanager
def _pinned(mask: str) -> Iterator[None]:
    if not mask:
        yield
        return
    before, wanted = os.sched_getaffinity(0), set(phone.cores_of_mask(mask))
    if not wanted <= before:
        raise ValueError(f"cores must be among {sorted(before)} here. Received: {mask!r} = {sorted(wanted)}")
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def errors(document: dict) -> list[str]:
    """Messages of the rows that failed, and of a session that ended early."""
    stopped = [document["settings"]["stopped"]] if "stopped" in document["settings"] else []
    return stopped + [f"{compare.label(row)}: {row['error']}" for row in document["results"] if row["error"]]


def _median(results: list[dict], model: Path, configuration: Configuration) -> float | None:
    for row in results:
        if row["model"]["file"] == model.name and row["configuration"] == configuration.to_dict():
            return row["latency_ms"]["median"] if row["latency_ms"] else None
    return None


def _named(entry: dict, pipeline: Pipeline, configuration: Configuration) -> dict:
    names = {"detector": pipeline.detector.stem, "tracker": pipeline.tracker.stem}
    return entry | names | {"configuration": configuration.to_dict()}


def _document(device: dict, tool: dict, plan: Plan, results: list[dict], pipeline: list[dict], models) -> dict:
    estimates = []
    for model in filter(is_litert, models):
        contents = graph.read_graph(model)
        if contents.macs:
            estimates.append(cost_model.estimate_file(model))
    return schema.validate(
        {
            "schema": schema.NAME,
            "version": schema.VERSION,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "tool": tool,
            "device": device,
            "settings": dataclasses.asdict(plan),
            "results": results,
            "pipeline": pipeline,
            "estimates": estimates,
        }
    )
