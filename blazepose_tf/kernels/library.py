"""Compiles the kernels for this machine and this TensorFlow, once, and registers their gradients.

The library lies in a cache folder under a name made of everything that decides its content; a folder shared between
machines is therefore safe.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import tensorflow as tf

from blazepose_tf.files import atomic_path

SOURCES = ("depthwise.cc", "normalization.cc", "pooling.cc", "operations.cc")
HEADERS = ("kernels.h", "vectors.h")
# Fused multiply-add is what these loops are made of; strict C++ modes of some compilers leave it out.
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-ffp-contract=fast", "-Wno-psabi")


def _compiler() -> list[str]:
    command = shlex.split(os.environ.get("CXX", "c++"))
    if not command or shutil.which(command[0]) is None:
        raise RuntimeError(
            f"compiled kernels need a C++ compiler: {' '.join(command) or 'an empty CXX'} was not found; "
            "install one, name it in CXX, or train without compiled kernels"
        )
    return command


def _processor() -> str:
    """What the compiler's `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/blazepose_tf`, or `~/.cache/blazepose_tf`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blazepose_tf"


def build(folder: Path | None = None) -> Path:
    """Compiles the kernels unless that was done before.

    Args:
        folder: where libraries are kept; `cache_folder()` by default.

    Returns:
        The shared library.

    Raises:
        RuntimeError: no compiler, or it failed; the message holds its own.
        OSError: the folder cannot be written to.
    """
    compiler = _compiler()
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for name in (*SOURCES, *HEADERS):
        digest.update((here / name).read_bytes())
    digest.update("\n".join([tf.__version__, *compiler, *FLAGS, _processor()]).encode())
    folder = Path(folder or cache_folder())
    library = folder / f"kernels-{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(library) as made, tempfile.TemporaryDirectory() as work:
        objects = []
        for name in SOURCES:
            # Only the arithmetic is compiled for this processor: TensorFlow's headers change with its vector width.
            of_tensorflow = name == "operations.cc"
            flags = tf.sysconfig.get_compile_flags() if of_tensorflow else ["-march=native"]
            objects.append(str(Path(work) / f"{name}.o"))
            _run([*compiler, *FLAGS, *flags, "-c", str(here / name), "-o", objects[-1]])
        _run([*compiler, "-shared", *objects, "-o", str(made), *tf.sysconfig.get_link_flags()])
    return library


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(
            f"the C++ compiler could not build the compiled kernels (exit code {result.returncode}): "
            f"{shlex.join(command)}\n{result.stderr.strip()[-2000:]}"
        )


@functools.cache
def operations():
    """The module with `blaze_depthwise` and `blaze_normalize`, with gradients, and `blaze_pool_gradient`.

    Raises:
        RuntimeError, OSError: as `build`.
    """
    module = tf.load_op_library(str(build()))

    @tf.RegisterGradient("BlazeDepthwise")
    def _(op, dy, dshared):
        x, w = op.inputs
        more = dshared if op.get_attr("share") and dshared is not None else tf.zeros([0], x.dtype)
        return module.blaze_depthwise_gradient(x=x, w=w, dy=dy, more=more, stride=op.get_attr("stride"))

    @tf.RegisterGradient("BlazeNormalize")
    def _(op, dy, _dmean, _dvariance):
        x, gamma, _beta, skip = op.inputs
        y, mean, variance = op.outputs
        has_skip = skip.shape.rank == 4
        dx, dgamma, dbeta, dskip = module.blaze_normalize_gradient(
            dy=dy, y=y, x=x, mean=mean, variance=variance, gamma=gamma, epsilon=op.get_attr("epsilon"), skip=has_skip
        )
        return dx, dgamma, dbeta, dskip if has_skip else None

    return module
