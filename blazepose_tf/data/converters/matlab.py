"""MATLAB files read with SciPy, which is needed for these formats only."""

from __future__ import annotations

from pathlib import Path


def load(path: Path, variable: str):
    """One variable of a .mat file; structs as objects with attributes, single-element arrays squeezed.

    Raises:
        ImportError: SciPy is not installed.
        ValueError: not a MATLAB file, or without that variable.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError("MATLAB files need SciPy: pip install 'blazepose_tf[train]'") from error
    try:
        content = loadmat(path, struct_as_record=False, squeeze_me=True)
    except (MatReadError, ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{path}: not a readable MATLAB file: {error}") from error
    if variable not in content:
        have = sorted(key for key in content if not key.startswith("__"))
        raise ValueError(f"{path}: no variable {variable!r}. Received: {have}")
    return content[variable]
