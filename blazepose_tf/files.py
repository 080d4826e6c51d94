"""Whole files or none: everything that the package writes goes through a temporary name in the same folder.

Invariant: a final name never holds half a file, and nothing is left behind when writing fails or is interrupted.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_umask_lock = threading.Lock()


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Context manager: a temporary path with the suffix of `path`, renamed to `path` when the block succeeds.

    Args:
        path: final name; its folder must exist.

    Raises:
        OSError: no such folder, it cannot be written, or the disk is full.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; a finished one has the permissions of an ordinary new file.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file whole or not at all; OSError as `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike, content: str) -> None:
    """Writes a UTF-8 text file whole or not at all; OSError as `atomic_path`."""
    write_bytes(path, content.encode("utf-8"))


def _umask() -> int:
    # The mask can only be read by setting it; two threads at once would leave it at 0 for good.
    with _umask_lock:
        mask = os.umask(0)
        os.umask(mask)
    return mask
