"""How long a newcomer takes: from a clone to a skeleton, a page, OpenSim's files, and a trained model.

    python benchmarks/newcomer.py [--python=python3.11] [--litert_js=node_modules/@litertjs/core] [--markdown]

Runs the commands of docs/tutorials in a temporary folder, in an environment of its own, one after the other: wall time
and processor time of each. Packages come from the index (or its cache) that pip uses.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from blazepose_tf.evaluation import tables

ROOT = Path(__file__).resolve().parents[1]


def steps(python: str, litert_js: Path | None) -> list[tuple[str, list[str]]]:
    """(what, command) in the order of the tutorials; {bin} is the environment's folder of programs."""
    blazepose = "{bin}/blazepose"
    page = [blazepose, "export", "--format=web", "--output=site", f"--litert_js={litert_js}"]
    recording = "poses/person_pose.json"
    return [
        ("clone", ["git", "clone", "--quiet", str(ROOT), "clone"]),
        ("environment", [python, "-m", "venv", "environment"]),
        ("pip install .", ["{bin}/pip", "install", "--quiet", "./clone"]),
        ("first skeleton (60 frames)", [blazepose, "predict", "--input=clone/testdata/person.mp4", "--output=poses"]),
        ("OpenSim: markers", [blazepose, "convert-poses", recording, "--to=trc", "--output=opensim"]),
        ("OpenSim: angles", [blazepose, "convert-poses", recording, "--to=mot", "--output=opensim"]),
        *([("page for a browser", page)] if litert_js else []),
        ("pip install '.[train]'", ["{bin}/pip", "install", "--quiet", "./clone[train]"]),
        ("train smoke", [blazepose, "train", "--experiment=smoke", "--workdir=run", "--data=synthetic"]),
        ("export", [blazepose, "export", "--model=run/model.keras", "--output=smoke.tflite"]),
        ("skeleton of the own model", [blazepose, "predict", "--input=clone/testdata/person.mp4", "--output=own",
                                       "--tracker=smoke.tflite"]),
    ]  # fmt: skip


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = [word.replace("{bin}", str(folder / "environment" / "bin")) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    parser.add_argument("--litert_js", type=Path, help="folder of LiteRT.js; without it no page is made")
    parser.add_argument("--markdown", action="store_true", help="a table for documents")
    options = parser.parse_args()
    if options.litert_js and not (options.litert_js / "package.json").is_file():
        parser.error(f"{options.litert_js}: no npm package @litertjs/core")
    rows, total, cpu_total = [], 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="newcomer") as folder:
        for name, command in steps(options.python, options.litert_js and options.litert_js.resolve()):
            wall, cpu = measured(command, Path(folder))
            total, cpu_total = total + wall, cpu_total + cpu
            rows.append([name, f"{wall:.0f}", f"{total:.0f}", f"{cpu:.1f}", f"{cpu_total:.0f}"])
            print("  ".join(rows[-1]), flush=True)
    header = ["step", "seconds", "since the start", "processor seconds", "since the start"]
    if options.markdown:
        print("\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]))
    else:
        print("\n" + tables.grid(header, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
