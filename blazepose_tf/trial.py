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
    resource.setrlimit(resource.RLIMIT_CPU, ({1}, {1} + 1))
except (ImportError, ValueError, OSError):
    pass
try:
    content = sys.stdin.buffer.read()
{2}
except Exception as error:
    sys.exit(" ".join(str(error).split()) or type(error).__name__)
"""
SECONDS, BYTES = 15, 3 << 30
_PATIENCE = 8  # how much longer than its time on a processor a process may wait for one


def attempt(code: str, content: bytes, *, seconds: int = SECONDS, memory: int = BYTES) -> str:
    """Runs code in a fresh process.

    Args:
        code: Python; `content` holds the bytes.
        content: what it works on.
        seconds: of a processor, after which the process is ended; or after eight times as long.
        memory: bytes that it may take, where the system can limit them.

    Returns:
        Why the process failed, in one line; "" when it did not, or when none can be started (a frozen program, a
        sandbox).
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return ""
    program = _LIMITS.format(memory, seconds, "".join(f"    {line}\n" for line in code.strip().splitlines()))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=content,
            capture_output=True,
            timeout=_PATIENCE * seconds,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {_PATIENCE * seconds} s"
    except OSError:  # no process can be started here
        return ""
    if done.returncode == 0:
        return ""
    if done.returncode == 1:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it fails without a word"
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        return f"it takes more than {seconds} s of a processor"
    if done.returncode < 0:
        return f"it ends the process: {signal.Signals(-done.returncode).name}"
    return f"it ends the process: exit code {done.returncode}"
