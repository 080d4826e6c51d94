"""Which part of a file the delegate took: partitions, and the operations left to the reference kernels.

The interpreter's list of operations holds the originals and, after them, one DELEGATE per partition. Walking from the
outputs back to the inputs, through a DELEGATE where there is one, finds what really runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf.tflite import graph
from blazepose_tf.tflite.opening import open_interpreter

_DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Partitions:
    """Result of `delegate_partitions`.

    Attributes:
        count: number of DELEGATE nodes that run.
        left_over: kind of operation -> how many of them run outside the delegate.
    """

    count: int
    left_over: dict[str, int]

    @property
    def fully_delegated(self) -> bool:
        return self.count == 1 and not self.left_over


def delegate_partitions(source: Path | str | bytes, *, num_threads: int = 1) -> Partitions:
    """Partitions of a file, or of its content, under LiteRT's default delegate (XNNPACK) on this host.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a LiteRT file, or the interpreter refuses it.
    """
    content, name = graph.content_of(source)
    interpreter = open_interpreter(content, name=name, num_threads=num_threads)
    model = graph.load_model(content)
    constants = graph.constant_tensors(model)
    return _walk(interpreter._get_ops_details(), [d["index"] for d in interpreter.get_output_details()], constants)


def _walk(operations: list[dict], outputs: list[int], constants: set[int]) -> Partitions:
    producer: dict[int, dict] = {}
    for operation in operations:  # DELEGATE nodes come last and take their outputs over
        producer.update({int(t): operation for t in operation["outputs"]})
    pending, seen = list(outputs), set()
    kinds: Counter[str] = Counter()
    while pending:
        tensor = pending.pop()
        made = producer.get(int(tensor))
        if made is None or made["index"] in seen or int(tensor) in constants:
            continue
        seen.add(made["index"])
        kinds[made["op_name"]] += 1
        pending += [int(t) for t in made["inputs"] if t >= 0]
    count = kinds.pop(_DELEGATE, 0)
    return Partitions(count, dict(sorted(kinds.items())))
