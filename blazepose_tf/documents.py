"""JSON documents from outside: read, decoded and checked in one place, so that no reader trusts the inside of a file.

What comes back holds finite numbers only, nests at most `MAX_DEPTH` levels and names no key twice; `check` compares it
with a shape. Every refusal is one ValueError of one line: the file, the path inside the document, what was expected.

Reference: RFC 8259 (no NaN, no Infinity; names within an object should be unique; UTF-8, byte order marks may be read).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

# Annotation files and reports nest ten levels at most; parsers of other tools give up at a hundred or a thousand.
MAX_DEPTH = 64
_INFINITE = "a finite number"

# Kinds of values, for `check`; they are worded as they stand in messages.
NUMBER, POSITIVE, COUNT, WHOLE = "a finite number", "a positive number", "a whole number >= 0", "a whole number"
TEXT, FLAG, OBJECT, LIST, ANY = "text", "true or false", "an object", "a list", "anything"
ID = "a whole number or text"


@dataclass(frozen=True)
class Optional:
    """The value may be null; as a field of `Part` it may be absent, too."""

    kind: object


@dataclass(frozen=True)
class ListOf:
    """A list whose items have one shape; `size` of them, where it is given."""

    kind: object
    size: int | None = None


@dataclass(frozen=True)
class MapOf:
    """An object of any keys whose values have one shape."""

    kind: object


@dataclass(frozen=True)
class Part:
    """An object with at least these fields; a plain dict as a shape is an object with exactly its fields."""

    fields: Mapping[str, object] = field(default_factory=dict)


class _Doubled(dict):
    """An object that names `key` twice; it lives until the walk through the document finds it."""

    key = ""


def read(path: str | os.PathLike, *, finite: bool = True) -> object:
    """Reads a JSON file: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        path: the file.
        finite: False lets NaN and infinite numbers pass, for readers that look at every number themselves.

    Raises:
        OSError: the file cannot be read.
        ValueError: not JSON, or see the module; the message begins with the path.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: expected a JSON file. Received: a folder")
    return parse(path.read_bytes(), str(path), finite=finite)


def parse(data: bytes | str, where: str, *, finite: bool = True) -> object:
    """As `read`, of a document in memory; `where` begins every message."""
    text = data if isinstance(data, str) else _decode(data, where)
    if not text.strip():
        raise ValueError(f"{where}: expected JSON. Received: nothing")
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise ValueError(f"{where}: nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # Python converts no whole numbers of more than some thousand digits
        raise ValueError(f"{where}: not valid JSON: a number of thousands of digits") from error
    _walk(document, where, finite)
    return document


def read_object(path: str | os.PathLike, *, finite: bool = True) -> dict:
    """As `read`, of a file whose whole is an object."""
    return check(read(path, finite=finite), OBJECT, str(path))


def _decode(data: bytes, where: str) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        known = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(encoding, encoding.upper())
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{where}:{line}: not {known} text (byte {error.start} is {data[error.start]:#04x})"
        ) from error


def _object(pairs: list[tuple[str, object]]) -> dict:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    names = [name for name, _ in pairs]
    doubled = _Doubled(made)
    doubled.key = next(name for name in names if names.count(name) > 1)
    return doubled


def _walk(document: object, where: str, finite: bool) -> None:
    """Refuses what json.loads lets pass: without recursion, since the document may nest as deep as it likes."""
    _check_scalars((document,), lambda _: (), where, finite)
    waiting: list[tuple[object, tuple, int]] = [(document, (), 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, _Doubled):
            raise ValueError(f"{place_of(where, path)}: the key {value.key!r} is there twice in one object")
        if not isinstance(value, (dict, list)):
            continue
        if depth > MAX_DEPTH:
            raise ValueError(f"{where}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            keys: list = list(value)
            _check_scalars(keys, _steps(path, keys), where, finite)
            inside: Iterable[tuple] = value.items()
        else:
            keys, inside = list(range(len(value))), enumerate(value)
        _check_scalars(value.values() if isinstance(value, dict) else value, _steps(path, keys), where, finite)
        waiting += [(item, (path, key), depth + 1) for key, item in inside if isinstance(item, (dict, list))]


def _steps(path: tuple, keys: Sequence) -> Callable[[int], tuple]:
    return lambda i: (path, keys[i])


def _check_scalars(values: Iterable, path_of: Callable[[int], tuple], where: str, finite: bool) -> None:
    for i, value in enumerate(values):
        kind = type(value)
        if kind is float:
            if finite and not math.isfinite(value):
                _refuse(where, path_of(i), _INFINITE, value)
        elif kind is str:
            if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                # It could be neither printed nor written again.
                raise ValueError(f"{place_of(where, path_of(i))}: half a surrogate pair is no text")
        elif kind is int and value.bit_length() > 1000:  # float() of it would overflow
            raise ValueError(
                f"{place_of(where, path_of(i))}: expected {_INFINITE}. Received: one of hundreds of digits"
            )


def place_of(where: str, path: tuple) -> str:
    """`where` and a path inside the document, `((), "images"), 3)` as `images[3]`."""
    steps = []
    while path:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step:.60}")
    inside = "".join(reversed(steps)).removeprefix(".")
    return f"{where}: {inside}" if inside else where


def _refuse(where: str, path: tuple, expected: str, value: object) -> NoReturn:
    raise ValueError(f"{place_of(where, path)}: expected {expected}. Received: {show(value)}")


def check(value, shape, where: str):
    """Compares a value with a shape and returns it.

    Args:
        value: of a document.
        shape: a kind of this module, `Optional`, `ListOf`, `MapOf`, `Part`, or a dict of the exact fields.
        where: begins every message: the file, or the path inside the document so far.

    Raises:
        ValueError: names the path inside the document, what was expected and what is there.
    """
    _check(value, shape, where, ())
    return value


def _check(value: Any, shape: Any, where: str, path: tuple) -> None:
    if isinstance(shape, Optional):
        if value is not None:
            _check(value, shape.kind, where, path)
    elif isinstance(shape, ListOf):
        if not isinstance(value, list) or (shape.size is not None and len(value) != shape.size):
            _refuse(where, path, LIST if shape.size is None else f"a list of {shape.size}", value)
        for i, item in enumerate(value):
            _check(item, shape.kind, where, (path, i))
    elif isinstance(shape, MapOf):
        _check_fields(value, dict.fromkeys(value, shape.kind) if isinstance(value, dict) else {}, where, path)
    elif isinstance(shape, (dict, Part)):
        fields = shape if isinstance(shape, dict) else shape.fields
        _check_fields(value, fields, where, path, closed=isinstance(shape, dict))
    elif not _is(value, shape):
        _refuse(where, path, shape, value)


def _check_fields(value: Any, fields: Mapping, where: str, path: tuple, *, closed: bool = False) -> None:
    if not isinstance(value, dict):
        _refuse(where, path, OBJECT, value)
    missing = [name for name in fields if name not in value and (closed or not isinstance(fields[name], Optional))]
    unknown = sorted(value.keys() - fields.keys()) if closed else []
    if missing or unknown:
        told = [f"{what} fields {names}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
        raise ValueError(f"{place_of(where, path)}: {', '.join(told)}")
    for name, part in fields.items():
        if name in value:
            _check(value[name], part, where, (path, name))


def _is(value: object, kind: str) -> bool:
    if kind in (OBJECT, LIST, TEXT, FLAG):
        return isinstance(value, {OBJECT: dict, LIST: list, TEXT: str, FLAG: bool}[kind])
    if kind == ANY:
        return True
    if kind == ID:
        return identity(value) is not None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if kind in (COUNT, WHOLE):
        return value == int(value) and (value >= 0 or kind == WHOLE)
    return value > 0 if kind == POSITIVE else True


def identity(value: object) -> int | str | None:
    """An id as the package compares it: 1, 1.0 and "1" are one id; None for what can be none.

    Spreadsheets, R and MATLAB write whole numbers as 1.0, and web tools as text. Text that is not just how a whole
    number is written ("007", "a") stays text.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        digits = value.removeprefix("-")
        whole = digits.isascii() and digits.isdigit() and len(digits) < 19 and (digits == "0" or digits[0] != "0")
        return int(value) if whole and value != "-0" else value or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def show(value: object, limit: int = 60) -> str:
    """A value in a message, cut to `limit` letters; of lists and objects their size."""
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value[: limit + 1] if isinstance(value, str) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
