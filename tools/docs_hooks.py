"""What MkDocs does besides (mkdocs.yml names this file): the reference, made of docs/api.md and the docstrings.

Each module of docs/api.md gets a page with the docstrings of its public names; links of documents to files outside of
docs/ become their paths, since the site holds the documents alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
_HEADING = re.compile(r"^### `([\w.]+)`$", re.MULTILINE)
_OUTSIDE = re.compile(r"\[[^\]]+\]\((?:\.\./)+((?:benchmarks|findings|testdata|tools)/[^)]+)\)")


def modules() -> dict[str, list[str]]:
    """Module -> its public names, in the order of docs/api.md."""
    _, *parts = _HEADING.split((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
    rows = {
        module: [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        for module, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {module: re.findall(r"`(\w+)`", " ".join(cells)) for module, cells in rows.items()}


def page(module: str, names: list[str]) -> str:
    """Markdown of a module's page."""
    entries = "\n\n".join(f"::: {module}.{name}" for name in names)
    return f"# {module}\n\n{entries}\n"


def on_config(config):
    """Adds the pages to the section Reference."""
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    reference += [{module: f"reference/{module}.md"} for module in modules()]
    return config


def on_files(files, config):
    """Makes the pages."""
    for module, names in modules().items():
        files.append(File.generated(config, f"reference/{module}.md", content=page(module, names)))
    return files


def on_page_markdown(markdown: str, page, **_) -> str:
    """Links out of docs/ become paths; api.md's headings lead to the pages."""
    if page.file.src_uri == "api.md":
        return _HEADING.sub(r"### [`\1`](reference/\1.md)", markdown)
    return _OUTSIDE.sub(r"`\1`", markdown)
