"""Every `blazepose` command of README.md and docs/ names a verb that exists, its flags, and values that they take."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
from absl import flags

from blazepose_tf.cli.main import verbs

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$|((?:^    \S[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"\s*(?:[A-Z_]+=\S* )*blazepose\s")


def commands(text: str) -> list[str]:
    """Command lines of fenced and indented blocks that run `blazepose`, without comments, continuations joined."""
    found = []
    for _, language, fenced, indented in _BLOCK.findall(text):
        if language not in ("", "bash", "sh", "shell", "console"):
            continue
        lines = (fenced or indented).replace("\\\n", " ").splitlines()
        found += [line.strip() for line in lines if _COMMAND.match(line)]
    return found


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


_DEFINED: dict[str, dict[str, flags.Flag]] = {}


def _defined(module) -> dict[str, flags.Flag]:
    """The flags of a verb's `define_flags`, taken away again from the flags of the process."""
    if module.__name__ not in _DEFINED:
        before = set(flags.FLAGS)
        module.define_flags()
        new = {name: flags.FLAGS[name] for name in set(flags.FLAGS) - before}
        _DEFINED[module.__name__] = new
        for name in new:
            delattr(flags.FLAGS, name)
    return _DEFINED[module.__name__]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documented_commands_exist(path):
    faults = {command: found for command in commands(path.read_text("utf-8")) if (found := fault(command))}
    assert not faults


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
    assert commands(f"```\n{command}\n```\n") == [command]
    assert fault(command).startswith(message)
