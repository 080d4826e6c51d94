"""The terminal belongs to our own messages."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

_lock = threading.Lock()
_inside = 0
_saved: int | None = None


@contextlib.contextmanager
def silent_libraries() -> Iterator[None]:
    """Keeps C libraries (libjpeg, libpng, LiteRT) from writing to the terminal; what matters we say ourselves.

    The first thread that enters closes the terminal and the last one that leaves opens it again.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _saved
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            sys.stderr.flush()
            saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except (OSError, AttributeError, ValueError):
            return
        _saved = saved
        os.dup2(sink, 2)
        os.close(sink)


def _leave() -> None:
    global _inside, _saved
    with _lock:
        _inside -= 1
        if _inside == 0 and _saved is not None:
            os.dup2(_saved, 2)
            os.close(_saved)
            _saved = None


def one_line(error: BaseException) -> str:
    """An error as it is told: on one line, and the system's without its number: "FILE: No such file or directory"."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        place = f"{os.fspath(error.filename)}: " if isinstance(error.filename, (str, os.PathLike)) else ""
        return f"{place}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


class _QuietLoader(importlib.abc.Loader):
    """Loads a module with the terminal closed to C libraries."""

    def __init__(self, loader: importlib.abc.Loader, then: Callable[[ModuleType], object]):
        self._loader, self._then = loader, then

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with silent_libraries():
            self._loader.exec_module(module)
            self._then(module)


class _QuietFinder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, then: Callable[[ModuleType], object]):
        self._name, self._then = name, then

    def find_spec(self, name, path, target=None):
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader, self._then)
        return spec


def quiet_import(name: str, then: Callable[[ModuleType], object] = lambda module: None) -> None:
    """When `name` will be imported, by whomever, its C libraries do not write to the terminal.

    TensorFlow writes half a dozen lines about processors, drivers and its logging, whatever its log level.

    Args:
        name: of a package that is not imported yet.
        then: called with the imported package, as quietly.
    """
    if name not in sys.modules:
        sys.meta_path.insert(0, _QuietFinder(name, then))
