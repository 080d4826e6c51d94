#!/usr/bin/env bash
# Guess: keras.ops.add and the Add layer broadcast as numpy does, on every backend.
# Behaviour: with the TensorFlow backend, a second argument of shape (n, 1, 1, 1) is taken for a bias where the first one has n
# channels or n rows, and is added along that axis instead of the batch: the number of each picture goes to one channel, or
# row, of all pictures. Only batches of these sizes are wrong, and only in this order of the arguments.
# Seen with keras 3.15.1 on tensorflow-cpu 2.21.0, numpy 2.5. blazepose_tf: models.detector puts the broadcast one first.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "keras==3.15.1" "tensorflow-cpu==2.21.0"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$DIR/venv/bin/python" - 2>/dev/null <<'PY'
import sys
import keras
import numpy as np

maps = np.zeros((2, 3, 3, 2), np.float32)
said = np.array([10, 20], np.float32).reshape(2, 1, 1, 1)
print("keras", keras.__version__, keras.backend.backend())


def of_pictures(total) -> list[list[float]]:
    """Of each picture, what was added to its two channels."""
    return np.asarray(total)[:, 0, 0, :].tolist()


expected = of_pictures(maps + said)
second, first = of_pictures(keras.ops.add(maps, said)), of_pictures(keras.ops.add(said, maps))
a, b = keras.Input((3, 3, 2)), keras.Input((1, 1, 1))
layer = of_pictures(keras.Model([a, b], keras.layers.Add()([a, b]))([maps, said]))


def of_batch(count: int) -> list[float]:
    """What was added to the first row of each of so many pictures of three rows and two channels."""
    each = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    return np.asarray(keras.ops.add(np.zeros((count, 3, 3, 2), np.float32), each))[:, 0, 0, 0].tolist()


print("numpy", expected, "| add(maps, said)", second, "| add(said, maps)", first, "| Add layer", layer)
print("first row in batches of 3 and 4:", of_batch(3), of_batch(4))
wrong = [[10.0, 20.0], [10.0, 20.0]]
as_stated = expected == first == [[10.0, 10.0], [20.0, 20.0]] and second == layer == wrong
sys.exit(not (as_stated and of_batch(3) == [0.0] * 3 and of_batch(4) == [0.0, 1.0, 2.0, 3.0]))
PY
