"""Evaluation and metrics stay light: no TensorFlow, Keras, matplotlib or pycocotools until something needs them."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_heavy_is_imported():
    code = (
        "import sys, pkgutil, importlib\n"
        "import blazepose_tf.evaluation as e, blazepose_tf.metrics as m\n"
        "for package in (e, m):\n"
        "    for module in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(package.__name__ + '.' + module.name)\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'pycocotools', 'jax', 'torch'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
