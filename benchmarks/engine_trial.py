"""One engine with one file, in a process of its own: started by `engines.py`, which outlives what an engine does.

python benchmarks/engine_trial.py ENGINE PRECISION.tflite PICTURE ROUNDS RESULT.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_programs

from blazepose_tf.console import one_line


def main() -> None:
    """Writes what was found, or how far it came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("engine", "path", "picture", "rounds", "result"):
        parser.add_argument(name)
    engine, path, picture, rounds, result = vars(parser.parse_args()).values()
    adapter = next(a for a in engine_programs.ALL if a.name == engine)
    adapter.missing()
    last = "starting"

    def write(record: dict) -> None:
        Path(result).write_text(json.dumps(record), encoding="utf-8")

    def stage(name: str) -> None:
        nonlocal last
        last = name
        write({"stage": name})

    stage(last)
    try:
        write(adapter.trial(Path(path), Path(picture), int(rounds), stage))
    except Exception as error:  # every engine has types of its own
        write({"stage": last, "refused": one_line(error)[:100]})


if __name__ == "__main__":
    main()
