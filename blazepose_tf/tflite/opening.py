"""Opening LiteRT files that anyone may have made: checked first, tried in a process of their own, then opened here.

`verify` finds what lies outside of a file. What kernels do with possible but senseless values (a stride of 0, say) only
running them shows, and it may end the process. So content that nothing vouches for runs once in a child process, which
costs 0.2 s of a core, once for each content.
"""

from __future__ import annotations

import hashlib

from ai_edge_litert import interpreter as litert

from blazepose_tf import trial
from blazepose_tf.console import silent_libraries
from blazepose_tf.tflite import verify as verification

_RUN = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
model = Interpreter(model_content=content, num_threads=1)
model.allocate_tensors()
for detail in model.get_input_details():
    model.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
model.invoke()
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
    if digest in _survived:
        return
    reason = trial.attempt(_RUN, content)
    if reason:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model (running it: {reason})")
    _survived.add(digest)


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
        with silent_libraries():
            interpreter = litert.Interpreter(model_content=content, num_threads=num_threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model ({' '.join(str(error).split())})") from error
    return interpreter
