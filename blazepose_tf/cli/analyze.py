"""Joint angles, repetitions, range of motion, symmetry of a recorded exercise: tables, one page.

blazepose predict --input=squats.mp4 --output=poses
blazepose analyze poses/squats_pose.json --output=analysis
blazepose analyze poses/squats_pose.json --output=analysis --example=2.1,4.0    (one repetition that is shown)

Writes NAME_angles.csv, NAME_repetitions.csv, NAME_analysis.json and NAME_analysis.html. docs/analysis.md says how
angles are defined and repetitions are counted.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from urllib.parse import quote

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_multi_string("input", [], "native JSON of predict; may be repeated, or given without a flag")
    flags.DEFINE_string("output", "analysis", "folder for tables and page")
    flags.DEFINE_integer("person", None, "id of the person; the first in each frame without it")
    flags.DEFINE_enum("space", "picture", ["picture", "world"], "angles in the picture's plane, or of world landmarks")
    flags.DEFINE_string("angle", None, "count by this angle, such as left_knee_flexion or knee_flexion (both sides)")
    flags.DEFINE_multi_string("example", [], "START,END in seconds of one repetition that is shown; may be repeated")


def _examples(texts: list[str]) -> list[tuple[float, float]]:
    out = []
    for text in texts:
        try:
            start, end = (float(part) for part in text.split(","))
        except ValueError:
            raise UserError(f"--example takes START,END in seconds, such as 2.1,4.0. Received: {text!r}") from None
        out.append((start, end))
    return out


def _csv(header, rows) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def main(argv: list[str]) -> int:
    """Runs the verb."""
    import numpy as np

    from blazepose_tf import files
    from blazepose_tf.analysis import angles, page, repetitions, summary
    from blazepose_tf.runtime.recording import Recording

    args = flags.FLAGS
    inputs = [*args.input, *argv]
    if not inputs:
        raise UserError("nothing to analyse: give the JSON files of blazepose predict")
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    for name in inputs:
        recording, stem = Recording.read(name), Path(name).stem
        times = recording.times_ms / 1000.0
        if len(times) < 2 or not (np.diff(times) > 0).all():
            raise UserError(f"{name}: expected the recording of a film, with times that rise")
        try:
            found = angles.recording_angles(recording, person=args.person, space=args.space)
            exercise = repetitions.count(found, times, angle=args.angle, examples=_examples(args.example))
        except ValueError as error:
            raise UserError(f"{name}: {error}") from error
        document = {"source": recording.head.get("source"), "space": args.space, "person": args.person}
        errors = angles.recording_errors(recording, person=args.person) if args.space == angles.PICTURE else {}
        document |= summary.document(found, times, exercise, errors)
        columns = found | {f"{name}_error": values for name, values in errors.items()}
        rows = ([f"{t:.6f}", *("" if np.isnan(v) else f"{v:.2f}" for v in row)]
                for t, row in zip(times, np.column_stack(list(columns.values())), strict=True))  # fmt: skip
        files.write_text(folder / f"{stem}_angles.csv", _csv(["time_s", *columns], rows))
        table = _csv(summary.REPETITION_COLUMNS, summary.repetition_rows(exercise))
        files.write_text(folder / f"{stem}_repetitions.csv", table)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        files.write_text(folder / f"{stem}_analysis.json", text + "\n")
        title = str(recording.head.get("source") or stem)
        film = Path(name).with_suffix(".mp4").resolve()
        address = quote(Path(os.path.relpath(film, folder.resolve())).as_posix()) if film.is_file() else None
        text = page.render(title, found, times, exercise, document, errors, film=address)
        files.write_text(folder / f"{stem}_analysis.html", text)
        counted = f"by {exercise.angle}" if exercise.angle else "no joint moves enough to count by"
        more = ", another one cut off by the end" if exercise.cut_off else ""
        print(f"{name}: {len(exercise.repetitions)} repetitions ({counted}{more}); written to {folder}")
    return 0
