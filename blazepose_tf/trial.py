"""What may take a process down is done once in a process of its own: opening files whose reader is not ours.

Libraries in C++ and Cython may crash, hang or take all memory over content that no check of ours finds wrong.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_LIMITS = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, ({0}, {0}))
except (ImportError, ValueError, OSError):
    pass
try:
    content = sys.stdin.buffer.read()
{1}
except Exception as error:
    sys.exit(" ".join(str(error).split()) or type(error).__name__)
"""
SECONDS, BYTES = 15.0, 3 << 30


def attempt(code: str, content: bytes, *, seconds: float = SECONDS, memory: int = BYTES) -> str:
    """Runs code in a fresh process.

    Args:
        code: Python; `content` holds the bytes.
        content: what it works on.
        seconds: after which the process is ended.
        memory: bytes that it may take, where the system can limit them.

    Returns:
        Why the process failed, in one line; "" when it did not, or when there is no interpreter to start (a frozen
        program).
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return ""
    program = _LIMITS.format(memory, "".join(f"    {line}\n" for line in code.strip().splitlines()))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], input=content, capture_output=True, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {seconds:g} s"
    if done.returncode == 0:
        return ""
    if done.returncode == 1:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it fails without a word"
    if done.returncode < 0:
        return f"it ends the process: {signal.Signals(-done.returncode).name}"
    return f"it ends the process: exit code {done.returncode}"
