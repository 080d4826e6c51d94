"""Opening LiteRT files that anyone may have made: checked first, tried in a process of their own, then opened here.

`verify` finds what lies outside of a file. What kernels do with possible but senseless values (a stride of 0, say) only
running them shows, and it may end the process. So content that nothing vouches for runs once in a child process, which
costs 0.2 s of a core, once for each content.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

from ai_edge_litert import interpreter as litert

from blazepose_tf.tflite import verify as verification

_SECONDS = 15
_BYTES = 3 << 30
_TRIAL = f"""
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, ({_BYTES}, {_BYTES}))
except (ImportError, ValueError, OSError):
    pass
import numpy as np
from ai_edge_litert.interpreter import Interpreter
try:
    model = Interpreter(model_content=sys.stdin.buffer.read(), num_threads=1)
    model.allocate_tensors()
    for detail in model.get_input_details():
        model.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    model.invoke()
except Exception as error:
    sys.exit(" ".join(str(error).split()) or type(error).__name__)
"""
_survived: set[bytes] = set()


def trust(content: bytes) -> None:
    """Vouches for content that was compared with a checksum of ours: it is neither verified nor tried."""
    verification.trust(content)
    _survived.add(hashlib.sha256(content).digest())


def check(content: bytes, *, name: str = "model") -> None:
    """Makes sure that a file can be opened and run without harm to this process.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ValueError: it cannot; one line.
    """
    verification.verify(content, name=name)
    digest = hashlib.sha256(content).digest()
    # A frozen program has no interpreter to start.
    if digest in _survived or not sys.executable or getattr(sys, "frozen", False):
        return
    reason = _try(content)
    if reason:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model ({reason})")
    _survived.add(digest)


def _try(content: bytes) -> str:
    """Why the content cannot be run, "" when it can."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    command = [sys.executable, "-c", _TRIAL]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return f"it takes more than {_SECONDS} s for one picture"
    if done.returncode == 0:
        return ""
    if done.returncode == 1:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it cannot be run"
    name = f"exit code {done.returncode}"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
    return f"running it ends the process: {name}"


def open_interpreter(content: bytes, *, name: str = "model", num_threads: int = 1) -> litert.Interpreter:
    """An interpreter with its tensors allocated.

    Args:
        content: of a LiteRT file.
        name: of the file, for messages.
        num_threads: threads of one inference.

    Raises:
        ValueError: damaged content, or a model that cannot be run here; one line.
    """
    check(content, name=name)
    try:
        interpreter = litert.Interpreter(model_content=content, num_threads=num_threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model ({' '.join(str(error).split())})") from error
    return interpreter
