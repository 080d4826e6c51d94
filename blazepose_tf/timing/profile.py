"""Time per operation on this host, measured by running each operation alone.

LiteRT's Python interpreter has no profiler. Each operation of a file is therefore cut out into a file of its own, with
its weights, and timed under the same delegate. That counts an operation's own copy in and out of the interpreter and
misses what fusing across operations saves: the sum is shown next to the time of the whole file, and shares are to be
read, not the sum. On a phone `benchmark_model` profiles inside the running graph instead.
"""

from __future__ import annotations

import time
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import graph

_RUNS = 15
_WARMUP = 3


def profile_operations(path: Path | str, *, num_threads: int = 1, xnnpack: bool = True, runs: int = _RUNS) -> dict:
    """Times every run-time operation of a file alone.

    Args:
        path: a .tflite file.
        num_threads: threads of the interpreter.
        xnnpack: with the default delegate, or with the reference kernels.
        runs: timed runs of each operation; the minimum counts.

    Returns:
        {"method": "isolated", "operations": [{"kind", "name", "ms", "percent", "calls"}]} in run order; operations that
        cannot be run alone have ms None and are listed.
    """
    model = graph.load_model(path)
    constants = graph.constant_tensors(model)
    rows: list[dict] = []
    for operation in graph.read_graph(path).operations:
        ms = _time_alone(_cut(model, operation.index, constants), num_threads=num_threads, xnnpack=xnnpack, runs=runs)
        rows.append({"kind": operation.kind, "name": operation.name, "ms": ms, "percent": None, "calls": 1})
    total = sum(row["ms"] for row in rows if row["ms"] is not None)
    for row in rows:
        row["percent"] = None if row["ms"] is None else 100 * row["ms"] / total
    return {"method": "isolated", "operations": rows}


def resolver_type(xnnpack: bool) -> litert.OpResolverType:
    """The interpreter's resolver with LiteRT's default delegate, or with the reference kernels only."""
    kinds = litert.OpResolverType
    return kinds.AUTO if xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def by_kind(operations: list[dict]) -> list[dict]:
    """Sums a profile by kind of operation, dearest first: [{"kind", "ms", "percent", "calls"}]."""
    sums: dict[str, dict] = {}
    for row in operations:
        entry = sums.setdefault(row["kind"], {"kind": row["kind"], "ms": 0.0, "percent": 0.0, "calls": 0})
        entry["ms"] += row["ms"] or 0.0
        entry["percent"] += row["percent"] or 0.0
        entry["calls"] += row["calls"]
    return sorted(sums.values(), key=lambda e: -e["ms"])


def _cut(model: schema.ModelT, index: int, constants: set[int]) -> bytes:
    """A file with one operation and the constant operations (DEQUANTIZE, DENSIFY) that feed it."""
    whole = model.subgraphs[0]
    operators, pending = [whole.operators[index]], [int(i) for i in whole.operators[index].inputs]
    producers = {int(o): op for op in whole.operators for o in op.outputs}
    while pending:
        producer = producers.get(pending.pop())
        if producer is not None and all(int(o) in constants for o in producer.outputs) and producer not in operators:
            operators.insert(0, producer)
            pending += [int(i) for i in producer.inputs]
    used = sorted({int(i) for op in operators for i in [*op.inputs, *op.outputs] if i >= 0})
    place = {old: new for new, old in enumerate(used)}
    subgraph = schema.SubGraphT()
    subgraph.tensors, subgraph.operators = [], []
    part = schema.ModelT()
    part.version, part.operatorCodes, part.subgraphs = 3, model.operatorCodes, [subgraph]
    part.buffers = [schema.BufferT()]  # buffer 0 is the empty one
    for old in used:
        tensor = _copy(whole.tensors[old])
        data = model.buffers[tensor.buffer]
        tensor.buffer = 0
        if data.data is not None and len(data.data):
            tensor.buffer = len(part.buffers)
            part.buffers.append(data)
        subgraph.tensors.append(tensor)
    for operator in operators:
        operator = _copy(operator)
        operator.inputs = [place.get(int(i), -1) for i in operator.inputs]
        operator.outputs = [place[int(i)] for i in operator.outputs]
        subgraph.operators.append(operator)
    last = whole.operators[index]
    subgraph.inputs = [place[i] for i in dict.fromkeys(int(i) for i in last.inputs) if i >= 0 and i not in constants]
    subgraph.outputs = [place[int(i)] for i in last.outputs]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(part.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _copy(source):
    twin = type(source)()
    twin.__dict__.update(source.__dict__)
    return twin


def _time_alone(content: bytes, *, num_threads: int, xnnpack: bool, runs: int) -> float | None:
    try:
        interpreter = litert.Interpreter(
            model_content=content, num_threads=num_threads, experimental_op_resolver_type=resolver_type(xnnpack)
        )
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        best = float("inf")
        for run in range(_WARMUP + runs):
            start = time.perf_counter_ns()
            interpreter.invoke()
            if run >= _WARMUP:
                best = min(best, time.perf_counter_ns() - start)
    except (RuntimeError, ValueError):
        return None
    return best / 1e6
