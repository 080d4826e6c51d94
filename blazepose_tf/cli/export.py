"""Turn a trained model into a file that ships, proven before it gets its name.

    blazepose export --model=lite.npz --output=lite.tflite
    blazepose export --model=lite.npz --output=lite8.tflite --precision=int8 --calibration=train.json --data=val.json
    blazepose export --model=full.keras --output=full.onnx --format=onnx --dynamic_batch
    blazepose export --model=full.keras --detector=det.keras --output=pose.task --format=task
    blazepose export --format=web --output=site --litert_js=node_modules/@litertjs/core
    blazepose export --model=lite --output=lite_openvino --format=openvino --precision=float16

--model takes .keras, .npz, the name of a shipped model, or one of MediaPipe's .tflite files. The file is compared with
the Keras model on crops of --data (COCO-style annotations), or of rendered people without it; --data also gives an
accuracy table against float32, and --max_drop makes a loss an error.

--format=web writes a folder that any web server can serve: a page that runs two .tflite files (the shipped ones unless
--model and --detector name others) with LiteRT.js (npm install @litertjs/core). It needs no TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FORMATS = {".tflite": "tflite", ".onnx": "onnx", ".task": "task", "": "saved_model"}
WEB = "web"


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_string("model", None, "what to export")
    flags.DEFINE_string("detector", None, "detector of a --format=task bundle or a --format=web page")
    flags.DEFINE_string("output", None, "file to write; a new folder for saved_model, openvino, ncnn and web")
    flags.DEFINE_enum(
        "format", None, [*FORMATS.values(), "openvino", "ncnn", WEB], "by the suffix of --output without it"
    )
    flags.DEFINE_string("litert_js", None, "web: folder of the npm package @litertjs/core")
    flags.DEFINE_enum(
        "precision", "float32", ["float32", "float16", "dynamic", "int8", "int8_float_io"], "how it stores and computes"
    )
    flags.DEFINE_bool("float_biases", False, "float16: biases stay float32, a tenth of the error for 1 % of the size")
    flags.DEFINE_list("training_data", None, "annotations that the model was trained on, to be named in the file")
    flags.DEFINE_string("provenance", None, 'JSON: data set -> {"title": ..., "licence": ...}, for --training_data')
    flags.DEFINE_bool(
        "refine", False, "refine landmarks inside the graph, without heatmaps outside (bundles always do)"
    )
    flags.DEFINE_list("outputs", None, "only these outputs; all but the offsets without it")
    flags.DEFINE_float("score_threshold", None, "where the file's detections begin; as in the model without it")
    flags.DEFINE_string("calibration", None, "annotations whose crops calibrate int8; rendered people without it")
    flags.DEFINE_integer("calibration_crops", 200, "crops to calibrate on", lower_bound=1)
    flags.DEFINE_float("percentile", 99.99, "share of activations within the int8 ranges; 100 is min/max", 50.1, 100.0)
    flags.DEFINE_string("data", None, "annotations with pictures, for parity and accuracy")
    flags.DEFINE_integer("crops", 16, "crops for parity", lower_bound=1)
    flags.DEFINE_integer("limit", 400, "people or pictures for accuracy", lower_bound=1)
    flags.DEFINE_float("max_drop", None, "points of any accuracy figure that may be lost", lower_bound=0.0)
    flags.DEFINE_bool("dynamic_batch", False, "ONNX: any number of pictures")
    flags.DEFINE_integer("opset", 17, "ONNX: version of the operator set", lower_bound=17)
    flags.mark_flag_as_required("output")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    flag = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    output = Path(flag.output)
    kind = flag.format or FORMATS.get(output.suffix)
    if kind is None:
        raise UserError(f"the suffix of {output.name!r} names no format: give --format")
    if not output.parent.is_dir():
        raise UserError(f"no folder {str(output.parent)!r} to write {output.name!r} to")
    if kind == WEB:
        return _web(output)
    if flag.model is None:
        raise UserError("--model is needed for every format but web")
    if flag.provenance and not flag.training_data:
        raise UserError("--provenance names the licences of --training_data: give both")
    if (kind == "task") != bool(flag.detector):
        raise UserError("--format=task needs --detector, and only it does")

    from blazepose_tf.export import exporting, facts, sources

    def progress(text: str) -> None:
        print(f"... {text}", flush=True)

    def opened(source: str, *, holds_threshold: bool) -> tuple:
        model, description = sources.open_source(source)
        if holds_threshold and flag.score_threshold is not None:
            description = description.with_score_threshold(flag.score_threshold)
        return model, description

    model, description = opened(flag.model, holds_threshold=kind != "task")
    if flag.training_data:
        description = description.with_facts(training_data=facts.training_data(flag.training_data, flag.provenance))
    names = "precision float_biases refine outputs calibration calibration_crops percentile data crops limit max_drop"
    chosen = {name: getattr(flag, name) for name in (*names.split(), "dynamic_batch", "opset")}
    if kind == "task":
        from blazepose_tf.export import task_bundle

        detector = opened(flag.detector, holds_threshold=True)
        members = task_bundle.write(output, (model, description), detector, precision=flag.precision)
        print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, {', '.join(members)}")
        return 0
    options = exporting.Options(format=kind, **chosen)
    proof = exporting.export(model, description, output, options, progress=progress)
    print(f"{output}: {description.kind} {description.variant}, {options.precision}, {proof.size / 1e6:.2f} MB")
    if proof.inspection is not None:
        print("operations: all on the list; partitions: 1 (XNNPACK), nothing left over")
    for line in proof.parities:
        print(f"parity {line.name}: max {line.max:.3g}, mean {line.mean:.3g}")
    for row in proof.rows:
        print(f"{row.metric}: float32 {row.reference:.2f} %, this file {row.value:.2f} % (drop {row.drop:+.2f})")
    return 0


def _web(output: Path) -> int:
    flag = flags.FLAGS
    if flag.litert_js is None:
        raise UserError(
            "--format=web needs LiteRT.js: npm install @litertjs/core, then --litert_js=node_modules/@litertjs/core"
        )
    if flag.precision != "float32":
        raise UserError(
            "a page takes .tflite files as they are: export with --precision to one first, and name it as --model"
        )

    from blazepose_tf.runtime.weights import DETECTORS, TRACKERS, default_file, model_file
    from blazepose_tf.web.site import write_site

    site = write_site(
        output,
        model_file(flag.detector) if flag.detector else default_file(DETECTORS),
        model_file(flag.model) if flag.model else default_file(TRACKERS),
        litert_js=flag.litert_js,
        score_threshold=flag.score_threshold,
    )
    print(f"{output}: {len(site.files)} files, {site.size / 1e6:.1f} MB, LiteRT.js {site.litert_js}")
    print(f"to look at it: python -m http.server --directory {output} 8000, then http://localhost:8000")
    return 0
