"""Whole files or none: everything that the package writes goes through a temporary name in the same folder.

Invariant: a final name never holds half a file, and nothing is left behind when writing fails or is interrupted. A
process that was killed cannot clean up; its temporary names tell who made them (`.NAME.blazepose-HOST-PID-...`), and
the next one that writes to the folder removes those of this machine whose process is gone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_TEMPORARY = re.compile(rf"\..*\.blazepose-{_HOST}-(\d+)-[0-9a-f]{{8}}(\.[^.]*)?")
_umask_lock = threading.Lock()
_swept: set[Path] = set()


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Context manager: a temporary path with the suffix of `path`, renamed to `path` when the block succeeds.

    The block writes a file there, or makes a folder of that name.

    Args:
        path: final name; its folder must exist.

    Raises:
        OSError: no such folder, it cannot be written, or the disk is full; it names the final file.
    """
    path = Path(path)
    _require_folder(path)
    sweep(path.parent)
    temporary = temporary_name(path)
    try:
        yield temporary
        if temporary.is_file():
            os.chmod(temporary, 0o666 & ~_umask())  # what wrote it may have made it private
        os.replace(temporary, path)
    except OSError as error:
        # A write that fails has no name, or the temporary one; an error with another name is somebody else's.
        if error.errno is None or error.filename not in (None, str(temporary), temporary):
            raise
        told = type(error)(f"{path}: cannot be written ({os.strerror(error.errno)})")
        told.errno = error.errno
        raise told from error
    finally:
        remove(temporary)


def sha256(path: str | os.PathLike) -> str:
    """Hex digest of a file, read in pieces; of a folder, that of the names and digests of its files.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    if (folder := Path(path)).is_dir():
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(folder).as_posix()} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as source:
        while piece := source.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def require_writable(path: str | os.PathLike) -> None:
    """Says before a long computation that its result could not be written.

    Raises:
        FileNotFoundError: no such folder.
        IsADirectoryError: it is a folder.
        PermissionError: the folder is not ours to write to.
    """
    path = Path(path)
    _require_folder(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected the name of a file; it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: its folder may not be written to")


def _require_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to")


def temporary_name(path: Path) -> Path:
    """A name beside `path` with its suffix, that `sweep` knows once this process is gone."""
    stem = os.fsdecode(os.fsencode(path.stem)[:64])  # names end at 255 bytes
    return path.with_name(f".{stem}.blazepose-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def sweep(folder: Path) -> None:
    """Removes what dead processes of this machine left under temporary names; looks at a folder once."""
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        left = [(entry.path, found) for entry in entries if (found := _TEMPORARY.fullmatch(entry.name))]
        for name, found in left:
            if not _alive(int(found[1])):
                remove(Path(name))


def remove(path: Path) -> None:
    """Removes a file or a whole folder, if it is there."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True


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
