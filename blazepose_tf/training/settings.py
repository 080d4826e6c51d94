"""Configurations as JSON, and typed `a.b=v` overrides with errors that name the nearest setting."""

from __future__ import annotations

import dataclasses
import difflib
import json
import logging
import os
import typing
from collections.abc import Mapping
from pathlib import Path

from blazepose_tf import documents
from blazepose_tf.training.config import Experiment

log = logging.getLogger(__name__)
_KINDS = {
    bool: documents.FLAG,
    int: documents.WHOLE,
    float: documents.NUMBER,
    str: documents.TEXT,
    Mapping[str, float]: documents.MapOf(documents.NUMBER),
}


def to_json(config) -> str:
    """The configuration as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text: str | bytes, *, strict: bool = True, where: str = "the configuration") -> Experiment:
    """Inverse of `to_json`.

    Args:
        text: JSON document.
        where: begins every message, e.g. the file.
        strict: False ignores (and logs) settings that this version does not know, as older runs may have.

    Raises:
        ValueError: not JSON, no experiment, an unknown setting, or a value of another type.
    """
    content = documents.parse(text, where)
    try:
        return _build(Experiment, content, "", strict)
    except (ValueError, TypeError) as error:  # a TypeError: a setting that has no default is missing
        raise ValueError(f"{where}: {error}") from error


def read(path: str | os.PathLike) -> Experiment:
    """The configuration of a run that is to go on: settings that this version does not know are ignored.

    Raises:
        OSError: the file cannot be read.
        ValueError: as `from_json`; the message begins with the path.
    """
    return from_json(Path(path).read_bytes(), strict=False, where=str(path))


def _build(cls, content, path: str, strict: bool):
    if not isinstance(content, dict):
        raise ValueError(f"expected an object at {path or 'the top'}. Received: {documents.show(content)}")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(content) - set(hints))
    if unknown and strict:
        wrong = path + unknown[0]
        raise ValueError(f"unknown setting {wrong!r}{nearest(wrong, [path + name for name in hints])}")
    if unknown:
        log.warning("settings of another version are ignored: %s", ", ".join(path + name for name in unknown))
    values = {}
    for name in sorted(set(content) & set(hints)):
        value = content[name]
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            value = _build(hint, value, f"{path}{name}.", strict)
        elif typing.get_origin(hint) is tuple and dataclasses.is_dataclass(typing.get_args(hint)[0]):
            item = typing.get_args(hint)[0]
            documents.check(value, documents.LIST, path + name)
            value = tuple(_build(item, v, f"{path}{name}.{i}.", strict) for i, v in enumerate(value))
        else:
            documents.check(value, _KINDS[hint], path + name)
            value = hint(value) if hint in (int, float) else value
        values[name] = value
    return cls(**values)


def override(config, assignments: typing.Sequence[str]):
    """Applies typed `path=value` assignments.

    A path goes through dataclasses by field name and through `stages` by index or stage name
    (`stages.joint.epochs=3`). Values are parsed by the type of the field. Keys of a dictionary field may be new.

    Args:
        config: any frozen dataclass.
        assignments: strings `a.b=v`.

    Returns:
        A new configuration.

    Raises:
        ValueError: no `=`, an unknown path (with the nearest name), a value of the wrong type.
    """
    # Stages are checked when they are made; steps and epochs exclude each other, so assignments to the same
    # stage have to arrive together.
    grouped: dict = {}
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise ValueError(f"expected path=value. Received: --set={text}")
        node = grouped
        *parents, leaf = path.split(".")
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise ValueError(f"{path!r} is set both as a value and as a group")
        node[leaf] = value
    try:
        return _apply(config, grouped, "")
    except _UnknownSetting as error:
        raise ValueError(f"unknown setting {error.path!r}{nearest(error.path, paths(config))}") from None


class _UnknownSetting(Exception):
    """A path that no setting has."""

    def __init__(self, path: str):
        super().__init__(path)
        self.path = path


def paths(config, prefix: str = "") -> list[str]:
    """Every path that `override` takes, groups and stages included."""
    found = []
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), prefix + field.name
        found.append(path)
        if dataclasses.is_dataclass(value):
            found += paths(value, path + ".")
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            for item in value:
                found += [f"{path}.{item.name}", *paths(item, f"{path}.{item.name}.")]
    return found


def _apply(config, changes: dict, path: str):
    hints = typing.get_type_hints(type(config))
    values = {}
    for name, change in changes.items():
        if name not in hints:
            raise _UnknownSetting(path + name)
        current, where = getattr(config, name), path + name
        if dataclasses.is_dataclass(current):
            if not isinstance(change, dict):
                raise ValueError(f"{where!r} is a group: set one of {[f.name for f in dataclasses.fields(current)]}")
            values[name] = _apply(current, change, where + ".")
        elif isinstance(current, tuple) and current and dataclasses.is_dataclass(current[0]):
            values[name] = _apply_items(current, change, where)
        elif isinstance(current, dict):
            if not isinstance(change, dict):
                change = _parse(change, hints[name], where)
            values[name] = {**current, **{k: _guess(v) for k, v in change.items()}}
        elif isinstance(change, dict):
            raise ValueError(f"{where!r} is a value, not a group. Received: {where}.{next(iter(change))}")
        else:
            values[name] = _parse(change, hints[name], where)
    return dataclasses.replace(config, **values)


def _apply_items(items: tuple, changes, where: str) -> tuple:
    names = [item.name for item in items]
    if not isinstance(changes, dict):
        raise ValueError(f"{where!r} has items: set {where}.NAME.field with NAME in {names} or an index")
    items = list(items)
    for key, change in changes.items():
        if key in names:
            index = names.index(key)
        elif key.isdigit() and int(key) < len(items):
            index = int(key)
        else:
            raise _UnknownSetting(f"{where}.{key}")
        if not isinstance(change, dict):
            raise ValueError(f"{f'{where}.{key}'!r} is a group: set one of its fields")
        # Setting a length in one unit takes back the other.
        for one, other in (("steps", "epochs"), ("epochs", "steps")):
            if one in change and other not in change and hasattr(items[index], other):
                change = {**change, other: "0"}
        items[index] = _apply(items[index], change, f"{where}.{key}.")
    return tuple(items)


def nearest(path: str, known: typing.Sequence[str]) -> str:
    """`; did you mean ...?`: a path beside the one given, one that ends in the same name, or one that looks like it."""
    group, _, name = path.rpartition(".")
    beside = {p.rpartition(".")[2]: p for p in known if p.rpartition(".")[0] == group}
    same = [p for p in known if p.rpartition(".")[2] == name]
    endings = {p.rpartition(".")[2]: p for p in reversed(known)}
    close = difflib.get_close_matches
    found = (
        [beside[n] for n in close(name, beside, n=1, cutoff=0.7)]
        or same
        or close(path, known, n=1, cutoff=0.8)
        or [endings[n] for n in close(name, endings, n=1, cutoff=0.6)]
    )
    if found:
        return f"; did you mean {found[0]!r}?"
    return f"; known: {', '.join(sorted(beside.values() or (p for p in known if '.' not in p)))}"


def _guess(text):
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _parse(text: str, hint, where: str):
    """Text to a value of a type: bool, int, float, str or a mapping (as JSON)."""
    try:
        if hint is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if typing.get_origin(hint) is Mapping:
            value = json.loads(text)
            if not isinstance(value, dict):
                raise ValueError
            return value
        return hint(text)
    except (KeyError, ValueError) as error:
        kind = getattr(hint, "__name__", str(hint))
        raise ValueError(f"{where!r} needs a value of type {kind}. Received: {text!r}") from error
