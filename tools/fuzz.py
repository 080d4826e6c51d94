"""Damages files of every kind, gives them to the command line, and judges how that ends.

    python tools/fuzz.py --count=200
    python tools/fuzz.py --kinds=litert,annotations --minutes=5
    python tools/fuzz.py --kinds=litert --seed=3217 --only=41 --keep=odd     (one file again, kept)
    python tools/fuzz.py --whole     (the undamaged files: all must be read)
    python tools/fuzz.py --count=500 --tally=counts.json     (adds to what earlier runs counted)

Each run damages afresh; its seed is printed, and a seed gives the same files again. Faults are: a traceback, a crash of
our process, 20 s of a processor (or a minute of waiting), more than 2 GiB, a file that is half written or left under a
temporary name, JSON that is none, no error line, and exit code 0 of a conversion that lost people without a word. Every
verb runs in a process forked from one that has imported what is slow.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import mutations
from fuzz_corpus import KINDS, OTHERS
from fuzz_makers import things

from blazepose_tf import files

SECONDS, BYTES = 20, 2 << 30
TRACEBACK, WAITED = 70, -1
BATCH = 10  # files of one kind before the next kind has its turn
_LOSS = ("skipped", "damaged", "dropped", "left out", "warning", "note:", "error", "missing", "ignored", "no ", "not ")


def _forked(
    work: Callable[[], int], folder: Path, patience: float, processor: int = SECONDS, interrupt: float = 0.0
) -> tuple[int, str, object]:
    """Runs `work` in a forked process: wait status, what it printed, its use of resources."""
    out, error = folder / "stdout", folder / "stderr"
    child = os.fork()
    if child == 0:
        if interrupt:
            _interrupt_after(interrupt)
        _become(work, out, error, processor)
    deadline = time.monotonic() + patience
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
            status = WAITED
            break
        time.sleep(0.01)
    printed = "".join(p.read_text(encoding="utf-8", errors="replace") for p in (out, error) if p.exists())
    return status, printed, usage


def _interrupt_after(seconds: float) -> None:
    """Ctrl-C as the console command meets it, before its verb is imported as well as later."""
    from blazepose_tf.cli import main

    signal.signal(signal.SIGINT, main._leave)
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _become(work: Callable[[], int], out: Path, error: Path, processor: int) -> None:
    """The child: its work, and nothing of this program after it."""
    os.setpgid(0, 0)
    for number, path in ((1, out), (2, error)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # a child's crash is a result, not to be told where the parent tells its own
    code = TRACEBACK
    try:
        code = work()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code or 0)


def faults(status: int, printed: str, usage, out: Path, people: int, damaged: Path | None = None) -> list[str]:
    """Names of what is wrong with how a command ended; nothing when it is right.

    Args:
        status: as of `os.wait4`, or WAITED.
        printed: the command's line, and what it printed.
        usage: its use of resources.
        out: the folder that it wrote to.
        people: how many the undamaged file holds.
        damaged: a file in that folder that is as it is.
    """
    if status == WAITED:
        return ["hang"]
    code, found = os.waitstatus_to_exitcode(status), []
    if code == -signal.SIGXCPU:
        found.append("hang")
    elif code < 0:
        found.append("crash")
    if code == TRACEBACK or "Traceback (most recent call last)" in printed or "--- Logging error ---" in printed:
        found.append("traceback")
    elif code > 0 and "error: " not in printed:
        # Findings of a validation are its result.
        found += [] if "validate-dataset" in printed.split("\n")[0] else ["no error line"]
    if usage.ru_maxrss * 1024 > BYTES:
        found.append("memory")
    for path in out.rglob("*"):
        if path == damaged:
            continue
        if path.is_file() and (path.name.startswith(".") or path.stat().st_size == 0):
            found.append("half-written file")
        elif path.suffix == ".json" and not _is_json(path):
            found.append("JSON that is none")
    if code == 0 and "convert-dataset" in printed.split("\n")[0] and _count(out / "o.json") < people:
        told = printed.split("\n", 1)[1].lower()
        found += [] if any(word in told for word in _LOSS) else ["silent loss"]
    return sorted(set(found))


def _refuse(constant: str):
    raise ValueError(constant)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes(), parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _count(path: Path) -> int:
    """Annotations in a file; 0 where it has none."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        return len(json.loads(path.read_bytes()).get("annotations", ()))
    return 0


def _fill(command: str, file: Path, room: Path, out: Path, good: dict[str, Path]) -> list[str]:
    places = {"FILE": file, "FOLDER": file.parent, "ROOM": room, "OUT": out, **good}
    words = []
    for word in command.split():
        for name, path in places.items():
            word = word.replace(name, str(path))
        words.append(word)
    return words


class Session:
    """A run of the program: its folder, its good files, its seed."""

    def __init__(self, work: Path, seed: int, patience: float, keep: Path | None):
        self.seed, self.patience, self.keep = seed, patience, keep
        self._work, self._files = work, {}
        folder = work / "good"
        folder.mkdir()
        theirs = KINDS["predictions"].make(folder)
        image = folder / "images" / "people_000001.jpg"
        self._good = {"PEOPLE": folder / "people.json", "IMAGE": image, "THEIRS": theirs, "PHOTOS": image.parent}
        self._good["THINGS"] = things(work / "things")

    def prepare(self, kind: str) -> None:
        """Makes the good files that the commands of a kind need beside the damaged one."""
        for name, other in OTHERS.items():
            if name not in self._good and any(f"={name}" in command for command in KINDS[kind].commands):
                kept = self._work / f"other_{other}"
                kept.mkdir()
                self._good[name] = Path(shutil.copy(self._file(other), kept))

    def _file(self, kind: str) -> Path:
        """The good file of a kind. Its maker may compute, which no process does that is forked again."""
        if kind not in self._files:
            folder, note = self._work / kind, self._work / "made"
            folder.mkdir()
            make = lambda: note.write_text(str(KINDS[kind].make(folder)), encoding="utf-8") * 0  # noqa: E731
            status, printed, _ = _forked(make, self._work, 1200, 600)
            if status:
                raise RuntimeError(f"no good file of kind {kind}: {printed[-800:]}")
            self._files[kind] = Path(note.read_text(encoding="utf-8"))
        return self._files[kind]

    def whole(self, kind: str) -> int:
        """Gives the undamaged file to every command of a kind: how many end otherwise than they should."""
        self.prepare(kind)
        wrong, content = 0, self._file(kind).read_bytes()
        for command in KINDS[kind].commands:
            status, printed, found = self._judged(kind, command, content)
            found += ["refused"] * bool(status)
            wrong += bool(found)
            print(f"{kind}: {command.split()[0]}: {', '.join(found) or 'read'}", flush=True)
            if found:
                print("   ", printed.strip().splitlines()[-1][:300], flush=True)
        return wrong

    def _judged(self, kind: str, command: str, content: bytes) -> tuple[int, str, list[str]]:
        """Runs a command on a file with this content: wait status, what it printed, its faults."""
        from blazepose_tf.cli.main import main as blazepose

        good, inside, out = self._file(kind), KINDS[kind].inside, self._work / "out"
        room = out if inside else self._work / kind
        file, whole, people = room / good.relative_to(self._work / kind), good.read_bytes(), _count(good)
        shutil.rmtree(out, ignore_errors=True)
        if inside:
            shutil.copytree(self._work / kind, out)
        else:
            out.mkdir()
        file.write_bytes(content)
        arguments = _fill(command, file, room, out, self._good)
        status, printed, usage = _forked(
            lambda: blazepose(arguments), self._work, self.patience, interrupt=KINDS[kind].interrupt
        )
        good.write_bytes(whole)
        printed = f"{command}\n{printed}"
        return status, printed, faults(status, printed, usage, out, people, file)

    def run(self, kind: str, numbers: range, tally: collections.Counter) -> None:
        """Damages a file and has it read; prints each fault and counts outcomes."""
        self.prepare(kind)
        file = self._file(kind)
        content = file.read_bytes()
        for number in numbers:
            chance = random.Random(f"{self.seed} {kind} {number}")
            damage, command = chance.choice(KINDS[kind].damage), chance.choice(KINDS[kind].commands)
            try:
                damaged = damage(content, chance)
            except (ValueError, UnicodeError, KeyError, IndexError):  # nothing there to damage in this way
                damaged = mutations.flip(content, chance)
            status, printed, found = self._judged(kind, command, damaged)
            tally.update(["runs", "refused" if status else "accepted", *found])
            if found:
                last = printed.strip().splitlines()[-1][:160]
                verb = command.split()[0]
                print(
                    f"{kind} {self.seed} {number} ({damage.__name__}, {verb}): {', '.join(found)}: {last}", flush=True
                )
                self._put_aside(f"{kind}_{self.seed}_{number}", damaged, file.suffix, printed)

    def _put_aside(self, name: str, content: bytes, suffix: str, printed: str) -> None:
        if self.keep:
            self.keep.mkdir(exist_ok=True)
            (self.keep / f"{name}{suffix}").write_bytes(content)
            (self.keep / f"{name}.txt").write_text(printed, encoding="utf-8")


def _import(heavy: bool) -> None:
    """What is slow to import, once, before the forks."""
    from blazepose_tf.cli.main import _prepare_libraries

    _prepare_libraries(quiet=True)
    packages = ["analysis", "cli", "converters", "evaluation", "formats", "labelling", "media", "runtime", "tflite"]
    packages += ["timing", *(("adapt", "data", "export", "models", "training") if heavy else ())]
    for package in packages:
        folder = Path(files.__file__).parent / package
        for path in folder.glob("*.py"):
            importlib.import_module(f"blazepose_tf.{package}.{path.stem}".removesuffix(".__init__"))
    for name in ("absl.flags", "csv", "tqdm", "onnxruntime", "http.server", "webbrowser", "blazepose_tf.adapt.page"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would copy all of it


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="files of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of " + ", ".join(KINDS))
    parser.add_argument("--minutes", type=float, default=0, help="stop after so long; 0 is never")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run")
    parser.add_argument("--only", type=int, default=None, help="only this number of each kind")
    parser.add_argument("--whole", action="store_true", help="give the undamaged files to every command, once")
    parser.add_argument("--patience", type=float, default=60, help="seconds that one command may wait")
    parser.add_argument("--tally", type=Path, default=None, help="JSON file that sums up several runs")
    parser.add_argument("--keep", type=Path, default=None, help="folder for files with faults; they may be harmful")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        parser.error(f"unknown kinds {unknown}")
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "little")
    first, count = (0, options.count) if options.only is None else (options.only, options.only + 1)
    print(f"seed {seed}", flush=True)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    _import(any(KINDS[kind].heavy for kind in kinds))
    end = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    totals: dict[str, collections.Counter] = {kind: collections.Counter() for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        session = Session(Path(folder), seed, options.patience, options.keep)
        if options.whole:
            return int(sum(session.whole(kind) for kind in kinds) > 0)
        with contextlib.suppress(KeyboardInterrupt):
            for step in range(first, count, BATCH):
                for kind in kinds:
                    if time.monotonic() < end:
                        session.run(kind, range(step, min(step + BATCH, count)), totals[kind])
                        if options.tally:
                            _sum_up(options.tally, kind, totals[kind])
                            totals[kind].clear()
    if options.tally:
        totals = {kind: collections.Counter(counts) for kind, counts in _summed_up(options.tally).items()}
    return _show(totals)


def _summed_up(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _sum_up(path: Path, kind: str, tally: collections.Counter) -> None:
    """Adds counts to those in a file: a run that is stopped loses none."""
    sums = _summed_up(path)
    sums[kind] = dict(collections.Counter(sums.get(kind, {})) + tally)
    files.write_text(path, json.dumps(sums, indent=1))


def _show(totals: dict[str, collections.Counter]) -> int:
    """Prints the table; 1 where there was a fault."""
    columns = ("runs", "refused", "accepted")
    names = sorted({name for tally in totals.values() for name in tally} - set(columns))
    print(" | ".join(("kind", *columns, *names)))
    for kind, tally in totals.items():
        print(" | ".join((kind, *(str(tally[name]) for name in (*columns, *names)))))
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
