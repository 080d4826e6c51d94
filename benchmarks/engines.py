"""Every precision of the shipped models in every engine that is installed: opens, same numbers, time against LiteRT.

    python benchmarks/engines.py --files=DIR [--model=lite,full,blazeface] [--engine=NAME,...] [--picture=FILE]
        [--rounds=4] [--write=docs/export.md]

Nothing is installed; what is missing is named. Each engine gets each file in a process of its own: one that dies costs
a cell. Cells are kept under --files, in a folder for each model and its weights, and are made anew only when weights,
engine or rounds are others (or when the folder is deleted): an interrupted run goes on. Files are exported as
`blazepose export` does, calibrated on rendered people.

The reference is LiteRT's Interpreter on the same file, one thread, in the same process: the two take turns, a turn
counts by its fastest run in processor time, so that other work on the machine disturbs little. A cell is time against
LiteRT and the mean difference of landmarks (crop pixels) or of regressors (input pixels). --write replaces the block of
that document between its markers. The exit code is 1 when an engine computes something else, or does not take a file
and nobody has found out why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import blocks
import engine_programs
from engine_adapters import Adapter
from tqdm import tqdm

from blazepose_tf import files
from blazepose_tf.runtime.weights import model_file

MODELS = ("lite", "full", "blazeface")
PRECISIONS = ("float32", "float16", "dynamic", "int8")
PICTURE = Path(__file__).resolve().parents[1] / "testdata" / "people" / "images" / "people_000000.jpg"
PATIENCE = 900  # seconds for one engine and file, on a busy machine


def main() -> int:
    options = _parse()
    adapters = [a for a in engine_programs.ALL if not options.engine or a.name in options.engine]
    missing = {a.name: reason for a in adapters if (reason := a.missing())}
    adapters = [a for a in adapters if a.name not in missing]
    versions = {a.name: a.version() for a in adapters}
    lines = [f"{'; '.join(versions.values())}. Not installed: {', '.join(missing) or 'none'}."]
    print(f"Not installed: {'; '.join(f'{name} ({how})' for name, how in missing.items()) or 'none'}.", file=sys.stderr)
    notes: list[str] = []
    faults: list[str] = []
    trials = [(model, p, a) for model in options.model for p in PRECISIONS for a in adapters if _meant(a, model)]
    cells: dict[tuple[str, str, str], str] = {}
    for model, precision, adapter in tqdm(trials, desc="engines", unit="cell", disable=None):
        record = _record(options, model, precision, adapter, versions[adapter.name])
        cell, fault = _cell(adapter, precision, record, notes)
        cells[model, precision, adapter.name] = cell
        if fault:
            faults.append(f"{model} {precision} in {adapter.name}: {fault}")
    for model in options.model:
        lines += ["", f"| {model} | {' | '.join(PRECISIONS)} |", f"|{'---|' * (len(PRECISIONS) + 1)}"]
        lines += [
            f"| {a.name} | {' | '.join(cells[model, p, a.name] for p in PRECISIONS)} |"
            for a in adapters
            if _meant(a, model)
        ]
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, 1))]
    text = "\n".join(lines).rstrip()
    print(text)
    if options.write:
        blocks.replace(options.write, "engines", text)
    for line in faults:
        print(f"error: {line}", file=sys.stderr)
    return 1 if faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [a.name for a in engine_programs.ALL]
    parser.add_argument("--files", type=Path, required=True, help="folder of exported files and finished cells")
    parser.add_argument("--model", type=lambda text: text.split(","), default=MODELS)
    parser.add_argument("--engine", action="append", choices=names, help="may be repeated; all without it")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="a picture of a person, in a folder of such")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--write", type=Path, help="document with the block `engines`")
    options = parser.parse_args()
    if unknown := set(options.model) - set(MODELS):
        parser.error(f"--model must be of {MODELS}. Received: {sorted(unknown)}")
    if options.write:
        blocks.require(options.write, "engines")
    return options


def _meant(adapter: Adapter, model: str) -> bool:
    return model != "blazeface" or not adapter.trackers_only


def _record(options, model: str, precision: str, adapter: Adapter, version: str) -> dict:
    """What an engine makes of a file: from an earlier run, or tried now."""
    if adapter.own_files and precision in adapter.limits:
        return {}
    digest = hashlib.sha256(model_file(model).read_bytes()).hexdigest()[:12]
    path = options.files.absolute() / f"{model}-{digest}" / f"{adapter.instead.get(precision, precision)}.tflite"
    kept = path.with_name(f"{path.stem}.{adapter.name.replace(' ', '_').strip('.')}.json")
    about = {"version": version, "rounds": options.rounds}
    if kept.exists() and (record := json.loads(kept.read_text(encoding="utf-8"))).get("about") == about:
        return record
    _export(path, model)
    try:
        adapter.prepare(path, model)
    except (ValueError, ImportError) as error:
        record = {"stage": "converting", "refused": str(error)}
    else:
        record = _try(path, adapter, options)
    files.write_text(kept, json.dumps(record | {"about": about}))
    return record


def _export(path: Path, model: str) -> None:
    if path.exists():
        return
    from blazepose_tf.export import exporting, litert, sources

    path.parent.mkdir(parents=True, exist_ok=True)
    network, description = sources.open_source(model)
    choice = exporting.Options(precision=path.stem, calibration_crops=24)
    files.write_bytes(path, exporting.convert(litert.deployed(network), description, choice, progress=lambda _: None))


def _try(path: Path, adapter: Adapter, options) -> dict:
    program = Path(__file__).with_name("engine_trial.py")
    with tempfile.TemporaryDirectory(prefix="blazepose_engine_") as scratch:
        result = Path(scratch) / "result.json"
        arguments = [adapter.name, path, options.picture.absolute(), str(options.rounds), result]
        try:
            done = subprocess.run(
                [sys.executable, program, *arguments],
                capture_output=True,
                cwd=scratch,
                env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _known(result) | {"died": f"no end after {PATIENCE} s"}
        record = _known(result)
        if done.returncode < 0:
            return record | {"died": signal.Signals(-done.returncode).name}
        if done.returncode:
            return record | {"died": f"exit code {done.returncode}"}
        return record


def _known(result: Path) -> dict:
    return json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"stage": "starting"}


def _cell(adapter: Adapter, precision: str, record: dict, notes: list[str]) -> tuple[str, str]:
    """(cell of the table, what nobody has explained)."""
    why = adapter.limits.get(precision, "")
    if not record:
        return f"no ({_number(notes, f'{adapter.name}: {why}.')})", ""
    if "text" in record and "died" not in record:
        about = adapter.notes.get(precision)
        cell = record["text"] + (f" ({_number(notes, f'{adapter.name}: {about}.')})" if about else "")
        return cell, f"other numbers: {cell}" if record["wrong"] else ""
    died = "died" in record
    what = f"the process ends ({record['died']})" if died else record["refused"]
    seen = f"{what} while {record.get('stage', 'ending')}"
    note = (
        f"{adapter.name}: {why}"
        if why and not died
        else f"{adapter.name}, {precision}: {why or 'not explained'} ({seen})"
    )
    number = _number(notes, note.replace("|", "/") + ".")
    return f"{'died' if died else 'no'} ({number})", "" if why else f"not explained: {seen}"


def _number(notes: list[str], note: str) -> int:
    if note not in notes:
        notes.append(note)
    return notes.index(note) + 1


if __name__ == "__main__":
    raise SystemExit(main())
