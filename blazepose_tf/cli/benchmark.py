"""Time model files on this host or on a phone over adb.

blazepose benchmark --model=a.tflite --model=b.tflite --profile --output=new.json
blazepose benchmark --model=lite --model=lite.onnx --model=lite_openvino --model=pose.task --model=mine.keras
blazepose benchmark --device=adb --benchmark_model=PATH --model=a.tflite
blazepose benchmark --compare=old.json
blazepose benchmark --table1 --evaluation=eval.json

A .task bundle is the two files in it, a .keras model the float32 .tflite file that export makes of it; .onnx files and
the folders of OpenVINO and ncnn run in their engines (host).
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from absl import flags

from blazepose_tf import files
from blazepose_tf.cli import UserError

_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"


def define_flags() -> None:
    flags.DEFINE_multi_string(
        "model",
        [],
        "shipped name, .tflite, .onnx, .task or .keras file, or exported folder; repeatable (default: all shipped)",
    )
    flags.DEFINE_string("device", "host", "host, adb, or adb:SERIAL")
    flags.DEFINE_list("threads", None, "thread counts (default: 1 on the host, 1,2,4 on a phone)")
    flags.DEFINE_enum("xnnpack", None, ["on", "off", "both"], "XNNPACK delegate (default: on; on a phone both)")
    flags.DEFINE_bool("gpu", False, "also the GPU delegate (phone)")
    flags.DEFINE_bool("fp16", False, "also fp16 arithmetic (phone)")
    flags.DEFINE_integer("rounds", 10, "interleaved rounds", lower_bound=1)
    flags.DEFINE_integer("runs", 10, "timed inferences per round (on a phone at least 50 are wise)", lower_bound=1)
    flags.DEFINE_integer("warmup", 3, "inferences before the first round", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "draws the order of the rounds and the input")
    flags.DEFINE_bool("profile", False, "also the time of each operation")
    flags.DEFINE_string("trace", None, "frames/s of the whole pipeline: a duty cycle, or JSON of predict")
    flags.DEFINE_string("detector", "", "which --model is the detector of the pipeline (default: the first)")
    flags.DEFINE_string("tracker", "", "which --model is the tracker of the pipeline (default: the second)")
    flags.DEFINE_string("adb", "", "adb program (default: from PATH)")
    flags.DEFINE_string("benchmark_model", None, "LiteRT's benchmark_model for the phone; tools/android builds it")
    flags.DEFINE_string("cores", None, "hexadecimal core mask (default: the big cores of known phones)")
    flags.DEFINE_float("cooldown_s", 300, "longest wait for a throttling phone, in seconds", lower_bound=0)
    flags.DEFINE_integer("lease_s", 60, "an abandoned phone cleans up after so many seconds", lower_bound=1)
    flags.DEFINE_string("document", None, "show this JSON document instead of measuring")
    flags.DEFINE_string("output", None, "write the JSON document here")
    flags.DEFINE_multi_string("evaluation", [], "evaluation JSON, or MODEL=JSON, for accuracy in table and plot")
    flags.DEFINE_string("accuracy_key", "", "dotted path of the accuracy figure (default: PCK@0.2)")
    flags.DEFINE_string("plot", None, "write latency against accuracy here (.png, .svg, .pdf)")
    flags.DEFINE_string("compare", None, "judge against this older JSON document")
    flags.DEFINE_bool("fail_if_slower", False, "with --compare: exit code 1 if anything became slower")
    flags.DEFINE_bool("table1", False, "also the columns of the paper's table 1 (FPS, PCK)")


def main(argv: list[str]) -> int:
    from blazepose_tf.timing import accuracy, compare, document, plot, report, schema

    values = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}; models are given as --model=FILE")
    if values.output:
        files.require_writable(values.output)
    if values.plot:
        plot.require_drawable(values.plot)
    for source in values.evaluation:
        accuracy.read(source, key=values.accuracy_key)
    old = schema.load(values.compare) if values.compare else None
    result = schema.load(values.document) if values.document else _measure()
    if values.output:
        schema.save(result, values.output)
    print("\n\n".join(filter(None, (report.results_table(result), report.profile_table(result)))))
    models = [row["model"] for row in result["results"]]
    figures = accuracy.load_accuracy(values.evaluation, models, key=values.accuracy_key)
    if values.table1:
        print("\n" + report.table1(result, figures))
    if values.plot:
        plot.save_plot(result, figures, values.plot)
    failed = document.errors(result)
    if old:
        comparison = compare.compare(old, result)
        print("\n" + report.comparison_table(comparison))
        if comparison.slower and values.fail_if_slower:
            failed.append(f"slower than {values.compare}")
    if failed:
        raise UserError("; ".join(failed))
    return 0


def _measure() -> dict:
    from blazepose_tf.export.runnable import runnable

    names = flags.FLAGS.model or sorted(map(str, _WEIGHTS.glob("*.tflite")))
    if not names:
        raise UserError("the package ships no models here; name files with --model=FILE")
    with runnable(names) as found:
        return _measure_files(found)


def _measure_files(found: dict[str, Path]) -> dict:
    """Measures models, by what the user calls them."""
    from blazepose_tf.timing import document, host

    values, models = flags.FLAGS, list(found.values())
    kind, _, serial = values.device.partition(":")
    if kind not in ("host", "adb") or (kind == "host" and serial):
        raise UserError(f"--device must be host, adb or adb:SERIAL. Received: {values.device}")
    on_phone = kind == "adb"
    if not on_phone and (values.gpu or values.fp16):
        raise UserError("--gpu and --fp16 need a phone: --device=adb")
    words = values.threads or (["1", "2", "4"] if on_phone else ["1"])
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise UserError(f"--threads must be positive numbers. Received: {','.join(words)}")
    xnnpack = values.xnnpack or ("both" if on_phone else "on")
    configurations = document.expand([int(w) for w in words], xnnpack=xnnpack, gpu=values.gpu, fp16=values.fp16)
    plan = host.Plan(values.rounds, values.runs, values.warmup, values.seed)
    pipeline = None
    if values.trace:
        parts = {role: found.get(name := getattr(values, role), name) for role in ("detector", "tracker")}
        pipeline = document.Pipeline.load(values.trace, models, **parts)
    common = {"plan": plan, "profile": values.profile, "pipeline": pipeline}
    common["report"] = lambda line: print(line, file=sys.stderr)
    if not on_phone:
        return document.measure_host(models, configurations, cores=values.cores or "", **common)
    if not values.benchmark_model or not Path(values.benchmark_model).is_file():
        given = f"; no such file: {values.benchmark_model}" if values.benchmark_model else ""
        raise UserError(f"--device=adb needs --benchmark_model=PATH (tools/android/README.md builds it){given}")
    program = Path(values.benchmark_model)
    options = document.PhoneOptions(values.adb, serial, program, values.cores, values.cooldown_s, values.lease_s)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # leave the phone clean, as after Ctrl-C
    return document.measure_phone(models, configurations, options=options, **common)
