"""Model files timed in this process: several models and settings in interleaved rounds.

Each round runs every model once, in an order drawn anew, so that a disturbance of the machine meets all of them and the
ratios stay true when the times do not. Peak memory is taken in a process of its own per model, because a process only
remembers one peak.
"""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import interpreter as litert

from blazepose_tf import files
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.tflite import graph, opening
from blazepose_tf.tflite.delegates import delegate_partitions
from blazepose_tf.timing import latencies, machine
from blazepose_tf.timing.energy import EnergyMeter
from blazepose_tf.timing.profile import profile_operations, resolver_type

_MEMORY_PROBE = """
import resource, sys
import numpy as np
from ai_edge_litert import interpreter as litert
def hwm():
    try:
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1024)
path, threads, delegate = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if delegate in ("xnnpack", "none"):
    before = hwm()
    kinds = litert.OpResolverType
    kind = kinds.AUTO if delegate == "xnnpack" else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    model = litert.Interpreter(model_path=path, num_threads=threads, experimental_op_resolver_type=kind)
    model.allocate_tensors()
    run = model.invoke
else:
    import importlib
    importlib.import_module(delegate)
    from blazepose_tf.runtime.interpreter import load_model
    before = hwm()
    model = load_model(path, num_threads=threads)
    values = np.zeros((1, model.input_size, model.input_size, 3), np.float32)
    run = lambda: model.infer(values)
for _ in range(3):
    run()
print(hwm() - before)
"""


DELEGATES = ("xnnpack", "none", "gpu")
# What runs models that are not LiteRT's, by the name of the Python package.
ENGINES = ("onnxruntime", "openvino", "ncnn")


@dataclass(frozen=True)
class Configuration:
    """How a model is run: threads, delegate (DELEGATES, or the engine of ENGINES), fp16 arithmetic in the delegate."""

    threads: int = 1
    delegate: str = "xnnpack"
    fp16: bool = False

    def __post_init__(self):
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1. Received: threads={self.threads}")
        if self.delegate not in DELEGATES + ENGINES:
            raise ValueError(f"delegate must be one of {DELEGATES + ENGINES}. Received: delegate={self.delegate!r}")

    def to_dict(self) -> dict:
        return {"threads": self.threads, "delegate": self.delegate, "fp16": self.fp16}


@dataclass(frozen=True)
class Plan:
    """How long to measure: rounds of `runs` timed inferences, after `warmup` inferences; `seed` draws the order."""

    rounds: int = 10
    runs: int = 10
    warmup: int = 3
    seed: int = 0

    def __post_init__(self):
        for name in ("rounds", "runs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {name}={getattr(self, name)}")
        if self.warmup < 0:
            raise ValueError(f"warmup must not be negative. Received: warmup={self.warmup}")


def is_litert(path: Path | str) -> bool:
    """Whether a model is a LiteRT file; .onnx files and folders are other engines'."""
    return Path(path).suffix != ".onnx" and not Path(path).is_dir()


def settings_of(path: Path | str, configurations: Sequence[Configuration]) -> list[Configuration]:
    """The settings that mean something to a model: of other engines' each number of threads once.

    Raises:
        OSError, ValueError: no model, or a damaged one.
        ImportError: its engine is not installed.
    """
    if is_litert(path):
        return list(configurations)
    engine = load_model(path).engine
    return [Configuration(threads, engine) for threads in dict.fromkeys(c.threads for c in configurations)]


class Runner:
    """One file, loaded and fed with random input of its own range (seeded)."""

    def __init__(self, path: Path | str, configuration: Configuration, *, seed: int = 0):
        if configuration.delegate == "gpu" or configuration.fp16:
            raise ValueError(f"the host runs the CPU kernels in full precision only. Received: {configuration}")
        if configuration.delegate in ENGINES:
            importlib.import_module(configuration.delegate)  # not a part of opening a file
            start = time.perf_counter_ns()
            model = load_model(path, num_threads=configuration.threads)
            self.init_ms = (time.perf_counter_ns() - start) / 1e6
            values = np.random.default_rng(seed).random((1, model.input_size, model.input_size, 3), np.float32)
            self._invoke = lambda: model.infer(values)
            return
        start = time.perf_counter_ns()
        self._interpreter = litert.Interpreter(
            model_path=str(path),
            num_threads=configuration.threads,
            experimental_op_resolver_type=resolver_type(configuration.delegate == "xnnpack"),
        )
        self._interpreter.allocate_tensors()
        self.init_ms = (time.perf_counter_ns() - start) / 1e6
        random_numbers = np.random.default_rng(seed)
        for detail in self._interpreter.get_input_details():
            self._interpreter.set_tensor(detail["index"], _random_input(random_numbers, detail))
        self._invoke = self._interpreter.invoke

    def run(self) -> float:
        """One inference; its time in ms."""
        start = time.perf_counter_ns()
        self._invoke()
        return (time.perf_counter_ns() - start) / 1e6


def run_host(
    models: Sequence[Path | str],
    configurations: Sequence[Configuration],
    *,
    plan: Plan | None = None,
    profile: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[dict]:
    """Measures every model in every configuration.

    Args:
        models: .tflite and .onnx files and folders of other engines; the first, in the first configuration, is what
            ratios refer to.
        configurations: settings; gpu and fp16 are for phones, of other engines' models only the threads count.
        plan: rounds, runs, warm-up and seed.
        profile: also time each operation of LiteRT files alone.
        report: receives lines for the user.

    Returns:
        The `results` of a document (see `schema`), in the order models x configurations.

    Raises:
        OSError, ValueError: a file is missing or no model, or a setting is impossible here.
        RuntimeError: the interpreter refuses a file.
        ImportError: another engine is not installed.
    """
    plan = plan or Plan()
    for path in dict.fromkeys(Path(model) for model in models if is_litert(model)):
        opening.check(path.read_bytes(), name=str(path))
    pairs = [(Path(model), setting) for model in models for setting in settings_of(model, configurations)]
    if not pairs:
        raise ValueError("at least one model and one configuration are needed. Received: none")
    described = {path: describe_model(path) for path, _ in pairs}
    runners = [Runner(path, configuration, seed=plan.seed) for path, configuration in pairs]
    first = [runner.run() for runner in runners]
    meter, before = EnergyMeter(), machine.host_state()
    rounds: list[list[list[float]]] = [[] for _ in pairs]
    joules = [0.0] * len(pairs)
    order = random.Random(plan.seed)
    for number in range(plan.rounds):
        report(f"round {number + 1} of {plan.rounds}")
        for i in order.sample(range(len(pairs)), len(pairs)):
            for _ in range(plan.warmup if number == 0 else 1):  # later rounds only refill the caches
                runners[i].run()
            start = meter.read()
            rounds[i].append([runners[i].run() for _ in range(plan.runs)])
            joules[i] += meter.joules(start, meter.read())
    state = {"before": before, "after": machine.host_state(), "throttled": False}
    results = []
    for i, (path, configuration) in enumerate(pairs):
        latency = latencies.summarize(rounds[i])
        if i == 0:
            reference = latency["rounds"]
        partitions = _partitions(path, configuration)
        report(f"memory and graph of {path.name}")
        results.append(
            {
                "model": described[path],
                "configuration": configuration.to_dict(),
                "latency_ms": latency,
                "init_ms": runners[i].init_ms,
                "first_ms": first[i],
                "ratio": latencies.ratio(latency["rounds"], reference),
                "peak_memory_mb": peak_memory_mb(path, configuration),
                "energy_mj": 1e3 * joules[i] / latency["count"] if meter.available else None,
                "partitions": partitions,
                "profile": profile_operations(
                    path, num_threads=configuration.threads, xnnpack=configuration.delegate == "xnnpack"
                )
                if profile and is_litert(path)
                else None,
                "state": state,
                "error": None,
            }
        )
    return results


def describe_model(path: Path | str) -> dict:
    """The `model` entry of a result: name, hash, size, precision and cost of a file."""
    path = Path(path)
    if is_litert(path):
        contents = graph.read_graph(path)
        precision, macs, size = contents.precision, contents.macs, path.stat().st_size
    else:
        precision, macs = (load_model(path).metadata or {}).get("precision", "unknown"), None
        size = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
    entry = {"name": path.stem, "file": path.name, "sha256": files.sha256(path), "bytes": size}
    return entry | {"precision": precision, "macs": macs}


def peak_memory_mb(path: Path | str, configuration: Configuration) -> float | None:
    """Growth of a fresh process's peak resident memory by loading and running a file; None where it cannot be read."""
    command = [sys.executable, "-c", _MEMORY_PROBE, str(path), str(configuration.threads), configuration.delegate]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        return float(output.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _partitions(path: Path, configuration: Configuration) -> dict | None:
    if configuration.delegate in ENGINES:
        return None
    if configuration.delegate == "none":
        return {"count": 0, "left_over": None}
    found = delegate_partitions(path, num_threads=configuration.threads)
    return {"count": found.count, "left_over": found.left_over}


def _random_input(numbers: np.random.Generator, detail: dict) -> np.ndarray:
    shape, kind = detail["shape"], np.dtype(detail["dtype"])
    if kind.kind == "f":
        return numbers.random(shape, dtype=np.float32).astype(kind)
    if kind.kind == "b":
        return np.zeros(shape, kind)
    limits = np.iinfo(kind)
    return numbers.integers(max(limits.min, -128), min(limits.max, 255), shape, dtype=kind, endpoint=True)
