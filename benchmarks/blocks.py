"""Parts of a document that a program writes: between `<!-- NAME: ... -->` and `<!-- end of NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path

from blazepose_tf import files


def require(path: Path, name: str) -> None:
    """Ends the program with a line unless the document has the block, so that no run is in vain.

    Raises:
        SystemExit: it has not, or there is no such document.
    """
    if not path.is_file():
        raise SystemExit(f"{path}: no such document")
    if len(_pattern(name).findall(path.read_text(encoding="utf-8"))) != 1:
        raise SystemExit(f"{path}: expected one block between <!-- {name}: ... --> and <!-- end of {name} -->")


def replace(path: Path, name: str, text: str) -> None:
    """Puts a text in place of what the block held; the markers stay."""
    require(path, name)
    document = path.read_text(encoding="utf-8")
    replaced = _pattern(name).sub(lambda found: f"{found[1]}\n\n{text.strip()}\n\n{found[2]}", document)
    files.write_text(path, replaced)


def _pattern(name: str) -> re.Pattern:
    return re.compile(rf"(<!-- {re.escape(name)}: .*? -->)\n.*?(<!-- end of {re.escape(name)} -->)", re.DOTALL)
