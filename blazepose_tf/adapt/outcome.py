"""What an adaptation brought: how much of it is kept, a proven file, a table of before and after, and a model card.

A model that has learned a few clips has unlearned something. The weights between the two models lose little of what
either knows (Wortsman et al., 2022, "Robust fine-tuning of zero-shot models"): kept is the largest share of the way
that costs no more than the given points on any of the checks, and that is better than nothing of it on own pictures
which it has not learned from. If there is none, the model stays as it was.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
import time
from pathlib import Path

from blazepose_tf import documents, files, synthetic
from blazepose_tf.adapt.steps import BEFORE, CHOOSE, TEST, TRAIN, Options
from blazepose_tf.converters.coco_document import read_document
from blazepose_tf.evaluation import evaluate, model_card, report, systems, tables
from blazepose_tf.export import accuracy
from blazepose_tf.export.exporting import Options as ExportOptions
from blazepose_tf.export.exporting import export
from blazepose_tf.export.litert import FLOAT16, FLOAT32, deployed, to_litert
from blazepose_tf.models.saving import save_model
from blazepose_tf.models.weights import load_described
from blazepose_tf.runtime.weights import model_file
from blazepose_tf.training import plan
from blazepose_tf.training.averaging import averaged
from blazepose_tf.training.loop import MODEL

log = logging.getLogger(__name__)
SHARES = (1.0, 0.75, 0.5, 0.25)
CHOICE = "shares.json"
_CHOICE = documents.Part({
    "share": documents.NUMBER, "checks": documents.ListOf(documents.TEXT), "before": documents.ListOf(documents.NUMBER)
})  # fmt: skip
START = "start.json"
_START = documents.Part({
    "before": documents.ListOf(documents.NUMBER), "own": documents.NUMBER, "seconds": documents.NUMBER
})  # fmt: skip
REPORT, CARD = "report.md", "card.md"
_RENDERED, _SEED = 96, 3_000_000  # a series that no training draws from
_LIMIT = 400  # people of a check


def checks(options: Options) -> list[Path]:
    """Annotation files on which old skills are measured: rendered people, made here, and what the user names."""
    folder = options.workdir / "rendered"
    path = folder / "train.json"
    if not path.exists():
        synthetic.write_dataset(folder, _RENDERED, _SEED, persons=1)
    return [path, *map(Path, options.check_data)]


def _figures(model, description, data: Path) -> float:
    """PCK@0.2 of the torso, percent, in the aligned protocol."""
    content = to_litert(deployed(model), description.spec, name=description.variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        return accuracy.figures(path, description.spec, data, limit=_LIMIT)[accuracy.PCK]


def _own(options: Options) -> Path:
    own = options.workdir / CHOOSE
    return own if read_document(own)["annotations"] else options.workdir / TRAIN  # of a few pictures only


def measure_start(options: Options) -> dict:
    """What the model knows before: percent on every check and on own pictures, and the seconds that finding out took.

    Before the training, so that it can be told how long all that follows takes.
    """
    path = options.workdir / START
    if path.exists():
        return documents.check(documents.read(path), _START, str(path))
    began = time.monotonic()
    model, description = load_described(model_file(options.model, suffix=".npz"))
    before = [_figures(model, description, d) for d in checks(options)]
    start = {"before": before, "own": _figures(model, description, _own(options))}
    start["seconds"] = round(time.monotonic() - began, 1)
    files.write_text(path, json.dumps(start) + "\n")
    return start


def forecast(options: Options) -> str | None:
    """How long everything takes from here on, in words; None when the training is done.

    After it each share of the way that is tried costs what `measure_start` has cost, one to four of them; file and
    report cost as much as two or three.
    """
    if (options.workdir / "run" / MODEL).exists():
        return None
    seconds = measure_start(options)["seconds"]
    training = f"{options.steps:,} steps" if options.steps else plan.duration(60.0 * options.minutes)
    later = f"{plan.duration(3 * seconds)} to {plan.duration(7 * seconds)}"
    return f"plan: training, {training}; then checks, file and report, {later}"


def choose_share(options: Options) -> dict:
    """Chooses how much of the fine-tuning is kept and writes `model.keras`; returns what `shares.json` holds."""
    path = options.workdir / CHOICE
    if path.exists() and (options.workdir / MODEL).exists():
        return documents.check(documents.read(path), _CHOICE, str(path))
    source = model_file(options.model, suffix=".npz")
    _, description = load_described(source)
    data, own, begun = checks(options), _own(options), measure_start(options)
    start, own_before = begun["before"], begun["own"]
    tried, kept = [], 0.0
    for share in SHARES:
        model, _ = averaged([source, options.workdir / "run" / MODEL], [1.0 - share, share])
        after = [_figures(model, description, d) for d in data]
        gained = _figures(model, description, own) - own_before
        tried.append({"share": share, "after": after, "gained": gained})
        lost = max(b - a for b, a in zip(start, after, strict=True))
        log.info(
            "%.0f %% of the way: %+.2f points on own pictures, at most %.2f lost on %d checks",
            100 * share, gained, lost, len(data),
        )  # fmt: skip
        if lost <= options.max_loss and gained > 0:
            kept = share
            break
    else:
        log.warning("no part of the fine-tuning is kept: train for longer (--minutes), or along with --more_data")
        model = load_described(source)[0]
    save_model(model, options.workdir / MODEL, description)
    choice = {"share": kept, "checks": [str(d) for d in data], "before": start, "tried": tried}
    files.write_text(path, json.dumps(choice, indent=1) + "\n")
    return choice


def write_file(options: Options) -> Path:
    """The proven LiteRT file of the adapted model; float16 where int8 loses more than a point."""
    model, description = load_described(options.workdir / MODEL)
    output = options.workdir / f"{description.variant}.tflite"
    if not (options.workdir / BEFORE).exists():
        before, _ = load_described(model_file(options.model, suffix=".npz"))
        content = to_litert(deployed(before), description.spec, name=description.variant, precision=FLOAT16)
        files.write_bytes(options.workdir / BEFORE, content)
    if output.exists():
        return output
    wanted = ExportOptions(
        precision=options.precision,
        calibration=str(options.workdir / TRAIN),
        data=str(options.workdir / TEST),
        max_drop=1.0,
    )
    try:
        export(model, description, output, wanted, progress=log.info)
    except ValueError as error:
        if options.precision in (FLOAT16, FLOAT32):
            raise
        log.info("%s; float16 instead", error)
        wanted = dataclasses.replace(wanted, precision=FLOAT16)
        export(model, description, output, wanted, progress=log.info)
    return output


def tell(options: Options, output: Path, choice: dict) -> str:
    """Measures before and after on the clips kept aside, writes report and card, and returns the table."""
    path = options.workdir / REPORT
    if path.exists():
        return path.read_text(encoding="utf-8")
    detector = str(model_file(options.detector))
    pair = [
        systems.System(str(file), detector=detector, name=name)
        for name, file in (("before", options.workdir / BEFORE), ("after", output))
    ]
    folder = options.workdir / "report"
    result = evaluate.evaluate(
        evaluate.Options(
            data=str(options.workdir / TEST),
            systems=tuple(pair),
            protocols=(systems.ALIGNED, systems.PIPELINE),
            sources="ht",
            folder=str(folder / "predictions"),
        )
    )
    text = evaluate.to_json(result.document)
    document = json.loads(text)
    evaluate.write(folder / "evaluation.json", text)
    evaluate.write(folder / "report.html", report.render(document, result.pairs, result.data))
    rows = []
    for protocol in (systems.ALIGNED, systems.PIPELINE):
        for points in ("17", "33"):
            values = [
                run["metrics"]["pck_torso@0.2"][points] for run in document["runs"] if run["protocol"] == protocol
            ]
            rows.append(_row(f"kept aside, {protocol}, {points} points", *(100.0 * (v or 0.0) for v in values)))
    for name, before in zip(choice["checks"], choice["before"], strict=True):
        content = load_described(options.workdir / MODEL)[1]
        after = accuracy.figures(output, content.spec, name, limit=_LIMIT)[accuracy.PCK]
        rows.append(_row(f"check: {Path(name).parent.name}/{Path(name).name}", before, after))
    table = tables.grid(["PCK_torso@0.2, percent", "before", "after", "difference"], rows)
    people = document["data"]["people"]
    note = (
        f"{people} people of own clips kept aside; {choice['share']:.0%} of the fine-tuning kept; file: {output.name}"
    )
    card = model_card.render(
        model_card.collect(
            model_card.Sources(
                model=str(output),
                evaluations=(str(folder / "evaluation.json"),),
                config=str(options.workdir / "run" / "config.json"),
                training_data=(str(options.workdir / TRAIN),),
            )
        )
    )
    files.write_text(options.workdir / CARD, card)
    files.write_text(path, f"```\n{table}\n```\n\n{note}\n")
    return path.read_text(encoding="utf-8")


def _row(title: str, before: float, after: float) -> list[str]:
    return [title, f"{before:.1f}", f"{after:.1f}", f"{after - before:+.1f}"]
