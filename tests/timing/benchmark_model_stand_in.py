"""What the loopback device runs in place of LiteRT's benchmark_model: same flags, same output, a real interpreter.

It runs the file with ai_edge_litert and prints what was measured, in the format of LiteRT 2.x. Without per-op profiling
in the interpreter, a profile has the one line of the delegate.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from ai_edge_litert import interpreter as litert


def main(argv: list[str]) -> int:
    flags = dict(word.removeprefix("--").split("=", 1) for word in argv if "=" in word)
    runs, warmup = int(flags.get("num_runs", 50)), int(flags.get("warmup_runs", 1))
    threads, path = int(flags.get("num_threads", 1)), flags["graph"]
    print("STARTING!\nLog parameter values verbosely: [0]")
    for flag, name in (("num_runs", "Min num runs"), ("num_threads", "Num threads"), ("graph", "Graph")):
        print(f"{name}: [{flags.get(flag, '')}]")
    if flags.get("use_gpu") == "true":
        print("ERROR: GPU delegate is not available.\nFailed to apply GPU delegate.\nBenchmarking failed.")
        return 1
    xnnpack = flags.get("use_xnnpack") != "false"
    kinds = litert.OpResolverType
    at_start = peak_mb()
    start = time.perf_counter()
    try:
        interpreter = litert.Interpreter(
            model_path=path,
            num_threads=threads,
            experimental_op_resolver_type=kinds.AUTO if xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        print(f"ERROR: {error}\nFailed to initialize the interpreter\nBenchmarking failed.")
        return 1
    init, loaded = time.perf_counter() - start, peak_mb() - at_start
    print(f"Loaded model {path}")
    if xnnpack:
        print("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.")
        print(
            "Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate "
            "w/ 1 delegate kernels."
        )
    print(f"Initialized session in {1e3 * init:g}ms.")
    warm = measure(interpreter, max(warmup, 1))
    timed = measure(interpreter, runs)
    print(
        f"Inference timings in us: Init: {1e6 * init:.0f}, First inference: {warm[0]:.0f}, "
        f"Warmup (avg): {np.mean(warm):g}, Inference (avg): {np.mean(timed):g}"
    )
    print(f"Memory footprint delta from the start of the tool (MB): init={loaded:g} overall={peak_mb() - at_start:g}")
    if flags.get("report_peak_memory_footprint") == "true":
        print(f"Overall peak memory footprint (MB) via periodic monitoring: {peak_mb():g}")
    if flags.get("enable_op_profiling") == "true":
        profile(float(np.mean(timed)) / 1e3)
    return 0


def measure(interpreter: litert.Interpreter, count: int) -> list[float]:
    times = []
    print(f"Running benchmark for at least {count} iterations and at least 0 seconds.")
    for _ in range(count):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(1e6 * (time.perf_counter() - start))
    p5, median, p95 = np.percentile(times, (5, 50, 95))
    print(
        f"count={count} first={times[0]:.0f} curr={times[-1]:.0f} min={min(times):.0f} max={max(times):.0f} "
        f"avg={np.mean(times):g} std={np.std(times):.0f} p5={p5:.0f} median={median:.0f} p95={p95:.0f}\n"
    )
    return times


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def profile(ms: float) -> None:
    print("Operator-wise Profiling Info for Regular Benchmark Runs:")
    print("============================== Run Order ==============================")
    print("\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]")
    print(f"\t   TfLiteXNNPackDelegate\t {ms:.3f}\t {ms:.3f}\t100.000%\t100.000%\t     0.000\t        1\t[sum]:3")
    print("\n============================== Top by Computation Time ==============================")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
