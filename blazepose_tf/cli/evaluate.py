"""Measure models, or anyone's predictions, on annotated pictures: tables, JSON and an HTML report.

    blazepose evaluate --model=lite --data=val.json --report=report
    blazepose evaluate --model=mine.tflite --model=other.tflite@1.5 --data=val.json --protocol=aligned
    blazepose evaluate --model=a.task --detector=a.task --data=val.json --protocol=pipeline,video --videos=clips
    blazepose evaluate --detector=d.tflite --data=val.json --protocol=detector
    blazepose evaluate --predictions=theirs.json --data=val.json

--model takes .tflite, .onnx, .keras, .task or the name of a shipped model; FILE@1.5 sets the roi scale of that one.
Finished people are kept under REPORT/predictions: a run that was stopped goes on from there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_multi_string("model", [], "tracker to measure, FILE or FILE@ROI_SCALE; may be given several times")
    flags.DEFINE_multi_string("detector", [], "detector: one for all models, or one for each")
    flags.DEFINE_multi_string("name", [], "names of the models in tables, in their order")
    flags.DEFINE_multi_string("predictions", [], "JSON predictions of another system, FILE or NAME=FILE")
    flags.DEFINE_string("data", None, "COCO-style annotations (required)")
    flags.DEFINE_string("images", None, "folder of the pictures; images/ beside the annotations without it")
    flags.DEFINE_list("protocol", ["aligned"], "of aligned, pipeline, detector, video, people, attributes")
    flags.DEFINE_float(
        "roi_scale", None, "side of the region / diameter of the body circle; the model's own without it"
    )
    flags.DEFINE_enum("refine", "auto", ["auto", "on", "off"], "move landmarks to the heatmap's peaks")
    flags.DEFINE_enum("sources", "h", ["h", "ht"], "points that count: human ones of people that have any, or all")
    flags.DEFINE_string("group", "dataset", "field of the annotations for groups and fairness")
    flags.DEFINE_integer("limit", None, "at most this many people, evenly spread", lower_bound=1)
    flags.DEFINE_list("sweeps", [], "all, or of roll, shift, scale, brightness, blur, noise, jpeg, occlusion, distance")
    flags.DEFINE_integer("sweep_limit", None, "people per level of a sweep", lower_bound=1)
    flags.DEFINE_string("negatives", None, "annotations with pictures without people, for the presence figures")
    flags.DEFINE_string("videos", None, "folder of clips for the video protocol")
    flags.DEFINE_string("report", None, "folder for report.html, evaluation.json and kept predictions")
    flags.DEFINE_integer("workers", None, "processes; all cores without it", lower_bound=1)
    flags.mark_flag_as_required("data")


def _prediction_files(options) -> dict[str, str]:
    split = [text.partition("=") if "=" in text else (Path(text).stem, "", text) for text in options.predictions]
    return {name: path for name, _, path in split}


def main(argv: list[str]) -> int:
    """Runs the verb."""
    options = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    from tqdm import tqdm

    from blazepose_tf.evaluation import evaluate as evaluation
    from blazepose_tf.evaluation import report, tables
    from blazepose_tf.evaluation.disturb import KINDS
    from blazepose_tf.evaluation.systems import parse
    from blazepose_tf.runtime.weights import model_file

    if {"pipeline", "video", "detector", "people"} & set(options.protocol) and not (
        options.detector or options.predictions
    ):
        raise UserError("the pipeline, video, detector and people protocols need --detector")
    systems = parse(
        options.model,
        options.detector,
        names=options.name,
        roi_scale=options.roi_scale,
        refine={"auto": None, "on": True, "off": False}[options.refine],
    )
    detectors = [os.fspath(model_file(d)) for d in options.detector]
    if not systems and not detectors and not options.predictions:
        raise UserError("nothing to evaluate: give --model, --detector or --predictions")
    folder = Path(options.report) if options.report else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bars: list = []

    def progress(title: str, total: int):
        for bar in bars:
            bar.close()
        bars[:] = [tqdm(total=total, desc=title, unit="", leave=False, disable=None)]
        return bars[0].update

    with evaluation.scratch(folder) as predictions_folder:
        result = evaluation.evaluate(
            evaluation.Options(
                data=options.data,
                images=options.images,
                systems=tuple(systems),
                detectors=tuple(detectors),
                prediction_files=_prediction_files(options),
                protocols=tuple(options.protocol),
                sources=options.sources,
                group=options.group,
                limit=options.limit,
                sweeps=tuple(KINDS) if options.sweeps == ["all"] else tuple(options.sweeps),
                sweep_limit=options.sweep_limit,
                negatives=options.negatives,
                videos=options.videos,
                folder=os.fspath(predictions_folder),
                workers=options.workers or cores,
            ),
            progress=progress,
        )
    for bar in bars:
        bar.close()
    text = evaluation.to_json(result.document)
    document = json.loads(text)
    if folder:  # before the tables: a reader that closes the pipe must not cost the files
        evaluation.write(folder / "evaluation.json", text)
        evaluation.write(folder / "report.html", report.render(document, result.pairs, result.data))
    print(tables.terminal(document))
    if folder:
        print(f"\nwritten: {folder / 'evaluation.json'} and {folder / 'report.html'}")
    return 0
