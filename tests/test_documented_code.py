"""Every code block of README.md and docs/ is run or checked, from the text itself.

The blocks of a document run one after the other in a folder of small files: Python blocks everywhere, `blazepose`
commands in the documents of COMMANDS_RUN, with smaller settings where they train. A block behind a comment `not run:
why` does not. All commands, run or not, name programs, verbs, flags, values and extras that exist.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import shlex
import shutil
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
from absl import flags

from blazepose_tf.cli.main import verbs

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS_RUN = ("README.md", "analysis.md", "deployment.md", "formats.md")  # and the tutorials
_BLOCK = re.compile(r"(?:<!-- not run: ([^>]+) -->\n)?^( *)```(\w*)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"\s*(?:[A-Z_]+=\S* )*blazepose\s")
LANGUAGES = ("bash", "python", "text")  # text: formats, messages, diagrams
# What makes training small enough for a test; everything else of the commands is as it is written.
SMALLER = {
    "train": (
        *("--set=data.synthetic_examples=16", "--set=data.mean_pose_examples=8"),
        *("--set=stages.heatmaps.steps=2", "--set=stages.heatmaps.batch_size=4"),
        *("--set=stages.joint.steps=2", "--set=stages.joint.batch_size=4"),
    )
}


class Block(NamedTuple):
    """A fenced block: its language, its text, and why it is not run (empty: it is)."""

    language: str
    code: str
    not_run: str


def blocks(text: str) -> list[Block]:
    return [Block(language, code, why or "") for why, _, language, code in _BLOCK.findall(text)]


def lines(block: Block) -> list[str]:
    """Command lines, continuations joined."""
    if block.language != "bash":
        return []
    return [line.strip() for line in block.code.replace("\\\n", " ").splitlines() if line.strip()]


def commands(text: str) -> list[str]:
    """Command lines that run `blazepose`."""
    return [line for block in blocks(text) for line in lines(block) if _COMMAND.match(line)]


def fault(command: str) -> str:
    """What is wrong with a command; empty when nothing is. `...` stands for words that are left out."""
    words = shlex.split(command, comments=True)
    words = words[words.index("blazepose") + 1 :]
    if not words or words[0] in ("--help", "--version"):
        return ""
    verb, *arguments = words
    if verb not in verbs():
        return f"no verb {verb!r}"
    values = flags.FlagValues()
    module = importlib.import_module(f"blazepose_tf.cli.{verb.replace('-', '_')}")
    for name, flag in _defined(module).items():
        flag = flag.__deepcopy__({})
        flag.validators = []  # a required flag may hide behind `...`
        values[name] = flag
    values.set_gnu_getopt(True)
    given = [word for word in arguments if word not in ("--help", "...") and not word.endswith("=...")]
    elided = [word.removesuffix("=...").lstrip("-") for word in arguments if word.endswith("=...")]
    placeholder = [word for word in given if re.fullmatch(r"--\w+=[A-Z]+", word)]
    elided += [word.split("=")[0].lstrip("-") for word in placeholder]
    unknown = [name for name in elided if name not in values]
    if unknown:
        return f"{verb}: no flag --{unknown[0]}"
    try:
        values([f"blazepose {verb}", *(word for word in given if word not in placeholder)])
    except flags.Error as error:
        return f"{verb}: {error}"
    return ""


# Programs of others, whose command lines are theirs to check.
OTHERS = ("npm install ", "apt-get ", "python -m http.server ", "pip uninstall ")


def other_fault(command: str) -> str:
    """What is wrong with a command of another program than `blazepose`; empty when nothing is."""
    words = shlex.split(command, comments=True)
    if not words or command.startswith(OTHERS):
        return ""
    if words[:2] == ["pip", "install"]:
        wanted = {extra for word in words for part in re.findall(r"\[(.+)\]", word) for extra in part.split(",")}
        known = set(re.findall(r'^        "(\w+)": ', (ROOT / "setup.py").read_text("utf-8"), re.MULTILINE))
        return "".join(f"no extra {extra!r}; " for extra in sorted(wanted - known))
    if words[0] == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        return "".join(f"no target {word!r}; " for word in words[1:] if word not in targets)
    if words[0] == "python" and len(words) > 1 and words[1].endswith(".py"):
        program = ROOT / words[1]
        if not program.is_file():
            return f"no program {words[1]}"
        text = program.read_text("utf-8")
        named = [word.split("=")[0] for word in words[2:] if word.startswith("--")]
        return "".join(f"{words[1]}: no flag {name}; " for name in named if f'"{name}"' not in text)
    return f"what program is {words[0]!r}?"


_DEFINED: dict[str, dict[str, flags.Flag]] = {}


def _defined(module) -> dict[str, flags.Flag]:
    """The flags of a verb's `define_flags`, taken away again from the flags of the process."""
    if module.__name__ not in _DEFINED:
        before = set(flags.FLAGS)
        with warnings.catch_warnings():  # of a flag that is required and has a default, which users would see
            warnings.simplefilter("error")
            module.define_flags()
        new = {name: flags.FLAGS[name] for name in set(flags.FLAGS) - before}
        _DEFINED[module.__name__] = new
        for name in new:
            delattr(flags.FLAGS, name)
    return _DEFINED[module.__name__]


@pytest.fixture(scope="session")
def given(tmp_path_factory) -> Path:
    """Folder with the files that the documents take for granted."""
    from blazepose_tf.converters import conversion, open_source
    from blazepose_tf.data import shards
    from blazepose_tf.media.videos import VideoReader
    from blazepose_tf.media.writer import VideoWriter
    from blazepose_tf.runtime.weights import weight_file
    from blazepose_tf.synthetic import render_exercise

    folder = tmp_path_factory.mktemp("given")
    pictures = sorted((ROOT / "testdata" / "people" / "images").glob("*.jpg"))
    for name in ("holiday", "images"):
        (folder / name).mkdir()
        for path in pictures[:2]:
            shutil.copy(path, folder / name)
    shutil.copy(pictures[0], folder / "photo.jpg")
    for name, shipped in (("detector", "blazeface"), ("tracker", "lite")):
        shutil.copy(weight_file(f"{shipped}.tflite"), folder / f"{name}.tflite")
    with (
        VideoReader(ROOT / "testdata" / "person.mp4") as film,
        VideoWriter(folder / "clip.mp4", size=(320, 240), fps=30) as short,
    ):
        for frame, _ in zip(film, range(12), strict=False):
            short.write(frame.image, frame.timestamp_ms)
        short.commit()
    shutil.copy(folder / "clip.mp4", folder / "clip.mov")
    with VideoWriter(folder / "squats.mp4", size=(160, 120), fps=10) as film:
        scenes = render_exercise(1, "squat", repetitions=2, seconds=2.0, rate=10.0, size=(120, 160), supersample=1)
        for index, sample in enumerate(scenes):
            film.write(sample.image, 100.0 * index)
        film.commit()
    source = open_source("coco", ROOT / "testdata" / "people" / "people.json")
    names, converted = conversion.convert(source, conversion.ConversionConfig(), conversion.Tally())
    converted = list(converted)
    for name in ("coco", "yoga"):
        shards.write_shards(folder / "shards", converted, names, images=source.images, name=name)
    return folder


def taken_for_granted(folder: Path) -> dict:
    """Names that Python blocks use without saying where they come from."""
    from blazepose_tf.media.pictures import read_picture

    frame = read_picture(folder / "photo.jpg")
    frames = [(frame, 0.0), (frame, 33.0)]

    async def websocket_frames():
        for item in frames:
            yield item

    class Socket:
        async def send_text(self, text: str) -> None:
            assert text.startswith("{")

    return {
        "frame": frame, "timestamp_ms": 0.0, "frames": frames, "camera_frames": lambda: iter(frames),
        "websocket_frames": websocket_frames, "websocket": Socket(),
    }  # fmt: skip


def run_python(code: str, names: dict, where: str) -> None:
    """Runs a block, which may await as in an asynchronous function."""
    compiled = compile(code, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if compiled.co_flags & 0x80:  # CO_COROUTINE
        asyncio.run(eval(compiled, names))
    else:
        exec(compiled, names)


def run_commands(block: Block, blazepose) -> None:
    for line in lines(block):
        if _COMMAND.match(line):
            verb, *arguments = shlex.split(line, comments=True)[1:]
            assert blazepose(verb, *_matched(arguments), *SMALLER.get(verb, ())) == 0, line


def _matched(arguments: list[str]) -> list[str]:
    """Patterns of positional arguments replaced by the files, as a shell does it."""
    found: list[str] = []
    for word in arguments:
        files = sorted(map(str, Path().glob(word))) if "*" in word and not word.startswith("-") else []
        found += files or [word]
    return found


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_documented_code_runs(path, given, tmp_path, monkeypatch, blazepose):
    with_commands = "tutorials" in path.parts or path.name in COMMANDS_RUN
    languages = ("python", "bash") if with_commands else ("python",)
    wanted = [block for block in blocks(path.read_text("utf-8")) if block.language in languages and not block.not_run]
    if not wanted:
        return
    shutil.copytree(given, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__documented__", **taken_for_granted(tmp_path)}
    for block in wanted:
        if block.language == "python":
            run_python(block.code, names, _name(path))
        else:
            run_commands(block, blazepose)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_documented_commands_exist(path):
    found = blocks(path.read_text("utf-8"))
    assert not [block for block in found if block.language not in LANGUAGES]
    assert not re.search(r"^    (blazepose|python|pip) ", path.read_text("utf-8"), re.MULTILINE), "fence the commands"
    every = [line for block in found for line in lines(block)]
    check = {line: fault(line) if _COMMAND.match(line) else other_fault(line) for line in every}
    assert not {line: wrong for line, wrong in check.items() if wrong}


def test_documents_have_commands():
    assert sum(len(commands(path.read_text("utf-8"))) for path in DOCUMENTS) > 50


@pytest.mark.parametrize(
    "command, message",
    [
        ("blazepose predcit --input=a.jpg", "no verb 'predcit'"),
        ("blazepose predict --inptu=a.jpg", "predict: Unknown command line flag 'inptu'"),
        ("blazepose predict --max_people=many", "predict: flag --max_people=many"),
        ("blazepose export --colour=... --model=a.keras", "export: no flag --colour"),
    ],
)
def test_rotten_commands_are_found(command, message):
    assert commands(f"```bash\n{command}\n```\n") == [command]
    assert fault(command).startswith(message)


@pytest.mark.parametrize(
    "command, message",
    [
        ("pip install 'blazepose_tf[trian]'", "no extra 'trian'"),
        ("make tset", "no target 'tset'"),
        ("python tools/frobnicate.py", "no program tools/frobnicate.py"),
        ("python tools/memory.py --colour=red", "tools/memory.py: no flag --colour"),
        ("rm -rf everything", "what program is 'rm'?"),
    ],
)
def test_rotten_commands_of_others_are_found(command, message):
    assert other_fault(command).startswith(message)


def test_failing_code_is_found():
    names: dict = {}
    run_python("import asyncio\nawait asyncio.sleep(0)\nx = 1", names, "here")
    assert names["x"] == 1
    with pytest.raises(NameError, match="undefined_name"):
        run_python("undefined_name", names, "here")
