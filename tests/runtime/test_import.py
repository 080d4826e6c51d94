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


def test_arrays_need_no_library_of_pictures_or_film_and_photographs_none_of_film():
    code = (
        "import sys, blazepose_tf.runtime\n"
        "media = {'av', 'PIL', 'pillow_heif'}\n"
        "print(sorted(media & set(sys.modules)))\n"
        "import blazepose_tf.runtime.batch\n"
        "print(sorted(media & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "['PIL', 'pillow_heif']"]
