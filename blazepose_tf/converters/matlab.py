"""MATLAB files read with SciPy, which is needed for these formats only.

SciPy believes the sizes in a file and raises whatever comes of wrong ones, if the process survives them: the file is
read once in a process of its own before.
"""

from __future__ import annotations

import io
from pathlib import Path

from blazepose_tf import trial

_READ = "import io\nfrom scipy.io import loadmat\nloadmat(io.BytesIO(content), struct_as_record=False, squeeze_me=True)"
_SECONDS_PER_MB = 2


def load(path: Path, variable: str):
    """One variable of a .mat file; structs as objects with attributes, single-element arrays squeezed.

    Raises:
        ImportError: SciPy is not installed.
        ValueError: not a MATLAB file, or without that variable.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError("MATLAB files need SciPy: pip install 'blazepose_tf[train]'") from error
    data = Path(path).read_bytes()
    reason = trial.attempt(_READ, data, seconds=trial.SECONDS + _SECONDS_PER_MB * len(data) // 1_000_000)
    if reason:
        raise ValueError(f"{path}: not a readable MATLAB file: {reason}")
    content = loadmat(io.BytesIO(data), struct_as_record=False, squeeze_me=True)
    if variable not in content:
        have = sorted(key for key in content if not key.startswith("__"))
        raise ValueError(f"{path}: no variable {variable!r}. Received: {have}")
    return content[variable]
