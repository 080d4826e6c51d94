"""Puts trained models into the package: float16 LiteRT file, Keras weights, checksums, and the run's records.

    python tools/ship_weights.py RUN [RUN ...] [--score_threshold=0.4] [--weights=DIR] [--records=DIR]
        [--training_data=train.json ... --provenance=docs/provenance.json] [--data=val.json] [--name=lite_3d]

RUN is a working folder of `blazepose train` that has finished. The files are called as the model's variant, or
--name. The run's config.json, train.csv and validation.csv go to docs/results/NAME/. --score_threshold is where the
detections of a detector begin. The files name the data sets of --training_data with their licences, and their
accuracy on --data. The name of a model that ships already, instead of a RUN, adds these two to its files, whose
weights stay as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.export import accuracy, facts
from blazepose_tf.export.exporting import Options, export
from blazepose_tf.export.litert import FLOAT16
from blazepose_tf.models.saving import load_model
from blazepose_tf.models.weights import load_described, save_weights
from blazepose_tf.runtime.metadata import read_metadata, write_metadata
from blazepose_tf.runtime.weights import FOLDER, SUMS
from blazepose_tf.specs import DETECTOR

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ("config.json", "train.csv", "validation.csv")


def ship(
    run: Path,
    weights: Path,
    records: Path,
    score_threshold: float | None,
    *,
    name: str = "",
    training_data: list[dict] | None = None,
    data: str | None = None,
) -> str:
    """Writes the files of one run and returns their name: the model's variant without another one."""
    model, description = load_model(run / "model.keras")
    if training_data:
        description = description.with_facts(training_data=training_data)
    if score_threshold is not None and description.kind == DETECTOR:
        description = description.with_score_threshold(score_threshold)
    name = name or description.variant
    export(model, description, weights / f"{name}.tflite", Options(precision=FLOAT16, data=data), progress=print)
    litert = weights / f"{name}.tflite"
    save_weights(model, litert.with_suffix(".npz"), half=True, description=description, beside=litert)
    (records / name).mkdir(parents=True, exist_ok=True)
    for record in RECORDS:
        files.write_bytes(records / name / record, (run / record).read_bytes())
    return name


def tell(name: str, weights: Path, *, training_data: list[dict] | None = None, data: str | None = None) -> str:
    """Adds what is known about its making to the files of a model in the folder; outputs stay, bit for bit."""
    litert = weights / f"{name}.tflite"
    model, description = load_described(litert.with_suffix(".npz"))
    told = {"training_data": training_data} if training_data else {}
    content = litert.read_bytes()
    document = read_metadata(content, name=litert.name) | told
    if data:
        options = Options(precision=FLOAT16, data=data)
        found = accuracy.figures(litert, description.spec, data, limit=options.limit)
        rows = [accuracy.Row(metric, value, value) for metric, value in found.items()]
        document["accuracy"] = facts.accuracy(rows, options)
    files.write_bytes(litert, write_metadata(content, document))
    description = description.with_facts(**told)
    save_weights(model, litert.with_suffix(".npz"), half=True, description=description, beside=litert)
    return name


def write_sums(weights: Path) -> None:
    """SHA256SUMS of every model and weight file in the folder."""
    paths = sorted(p for p in weights.iterdir() if p.suffix in (".tflite", ".npz"))
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in paths]
    files.write_text(weights / SUMS, "".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a finished run, or the name of what ships")
    parser.add_argument("--score_threshold", type=float)
    parser.add_argument("--training_data", nargs="+", default=[], metavar="ANNOTATIONS")
    parser.add_argument("--provenance", help="JSON: data set -> title and licence")
    parser.add_argument("--data", help="annotations for the accuracy that the files state")
    parser.add_argument("--name", default="", help="of the files, instead of the variant")
    parser.add_argument("--weights", type=Path, default=FOLDER)
    parser.add_argument("--records", type=Path, default=ROOT / "docs" / "results")
    options = parser.parse_args()
    options.weights.mkdir(parents=True, exist_ok=True)
    known = {"training_data": facts.training_data(options.training_data, options.provenance), "data": options.data}
    for run in options.runs:
        if (options.weights / f"{run}.tflite").is_file() and not run.is_dir():
            print(f"told: {tell(str(run), options.weights, **known)}")
        else:
            threshold, name = options.score_threshold, options.name
            print(f"{run}: {ship(run, options.weights, options.records, threshold, name=name, **known)}")
    write_sums(options.weights)
    total = sum(p.stat().st_size for p in options.weights.iterdir())
    print(f"{options.weights}: {total / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
