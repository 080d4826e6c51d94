"""Outputs of a .tflite file on a fixed input, saved and compared: the two halves of qemu_check.sh.

    qemu_outputs.py run MODEL OUTPUT.npz
    qemu_outputs.py compare MODEL HERE.npz ARM64.npz

`run` needs numpy and ai_edge_litert only and works under qemu-user.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

# Of the range of an output: XNNPACK's float kernels add in another order per processor.
FLOAT_TOLERANCE = 1e-4


def run(model: str, output: str) -> int:
    """Runs the file once on seeded random input, one thread, default delegate."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    numbers = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        kind, shape = np.dtype(detail["dtype"]), detail["shape"]
        if kind.kind == "f":
            values = numbers.random(shape).astype(kind)
        else:
            values = numbers.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    np.savez(
        output, **{str(i): interpreter.get_tensor(d["index"]) for i, d in enumerate(interpreter.get_output_details())}
    )
    return 0


def compare(model: str, here: str, there: str) -> int:
    """Prints the largest difference per output; 1 if integers differ at all or floats by more than the tolerance."""
    failed = False
    with np.load(here) as first, np.load(there) as second:
        for name in first.files:
            a, b = first[name], second[name]
            difference = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
            span = max(float(a.max()) - float(a.min()), float(np.abs(a).max()), 1e-12)
            wrong = difference > (FLOAT_TOLERANCE * span if a.dtype.kind == "f" else 0)
            failed |= wrong
            print(
                f"{model} output {name} {a.dtype} {a.shape}: largest difference {difference:g}, "
                f"{difference / span:.1e} of the range{' TOO MUCH' if wrong else ''}"
            )
    return int(failed)


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("run", help="save the outputs on this machine")
    verb.add_argument("model")
    verb.add_argument("output", metavar="OUTPUT.npz")
    verb = verbs.add_parser("compare", help="compare two saved outputs")
    verb.add_argument("model")
    verb.add_argument("here", metavar="HERE.npz")
    verb.add_argument("there", metavar="ARM64.npz")
    options = parser.parse_args()
    if options.verb == "run":
        return run(options.model, options.output)
    return compare(options.model, options.here, options.there)


if __name__ == "__main__":
    sys.exit(main())
