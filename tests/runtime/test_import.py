"""The runtime is light: what importing it loads, asked in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys


def test_neither_tensorflow_nor_keras():
    code = (
        "import sys, blazepose_tf.runtime, blazepose_tf.runtime.batch, blazepose_tf.runtime.metadata\n"
        "heavy = {'tensorflow', 'keras', 'torch', 'jax', 'onnxruntime', 'onnx'}\n"
        "print(sorted(heavy & {m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
