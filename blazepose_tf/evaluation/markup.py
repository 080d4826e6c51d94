"""HTML and SVG as trees, so that text and attributes are escaped when a page is written, whatever is in them.

Nothing here takes a piece of markup as text: names of systems, ids, groups and file names come from files of others.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

Element = ElementTree.Element
Child = Element | str | Iterable["Child"] | None
# Pictures that are in the page and styles only: whatever got into it, a browser runs and loads nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """An element.

    Args:
        tag: HTML or SVG.
        children: elements, texts, or iterables of them; None is nothing.
        attributes: `stroke_width` is stroke-width, `class_` is class; None leaves the attribute out, a float gets one
            decimal.
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            text = f"{value:.1f}" if isinstance(value, float) else str(value)
            made.set(name.rstrip("_").replace("_", "-"), text)
    _append(made, children)
    return made


def _append(parent: Element, children: Child) -> None:
    if children is None:
        return
    if isinstance(children, Element):
        parent.append(children)
    elif not isinstance(children, str):
        for child in children:
            _append(parent, child)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + children
    else:
        parent.text = (parent.text or "") + children


def page(title: str, style: str, *children: Child) -> str:
    """A whole HTML document that needs nothing else: no network, no script, no font."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", style),
    )
    return "<!doctype html>" + text_of(element("html", head, element("body", *children), lang="en")) + "\n"


def text_of(tree: Element) -> str:
    """The element as HTML."""
    return ElementTree.tostring(tree, encoding="unicode", method="html")
