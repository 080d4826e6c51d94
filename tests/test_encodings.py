"""Text files are read and written as UTF-8 everywhere: without a word, Windows takes another encoding."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("blazepose_tf", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def without_encoding(source: str) -> list[int]:
    """Lines of calls that read or write text without saying in which encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        function, given = node.func, len(node.args)
        if isinstance(function, ast.Attribute) and function.attr in ("read_text", "write_text"):
            # `files.write_text` and `write_text(path, text)` of ours are UTF-8 by themselves.
            own = isinstance(function.value, ast.Name) and function.value.id == "files"
            found += [] if own or given > (function.attr == "write_text") else [node.lineno]
        elif isinstance(function, ast.Name) and function.id == "open":
            modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
            binary = any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)
            found += [] if binary else [node.lineno]
    return sorted(found)


def test_the_rule_sees_what_it_is_for():
    source = "p.read_text()\np.write_text(x)\nopen(p)\nopen(p, 'w')\n"
    assert without_encoding(source) == [1, 2, 3, 4]
    fine = "p.read_text(encoding='utf-8')\nfiles.write_text(p, x)\nopen(p, 'rb')\nopen(p, mode='wb')\nav.open(p)\n"
    assert without_encoding(fine) == []


def test_text_has_an_encoding():
    found = {str(p.relative_to(ROOT)): without_encoding(p.read_text(encoding="utf-8")) for p in SOURCES}
    assert {path: lines for path, lines in found.items() if lines} == {}
