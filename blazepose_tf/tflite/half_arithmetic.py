"""What a file computes when it computes in half precision, as GPUs do: XNNPACK told to do the same on the processor.

XNNPACK keeps every feature in float16 then, between all operations; sums inside one are wider, or not, by processor. A
GPU differs in the last bits, so that the figures are an estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

# TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16 of the delegate's options.
_FORCE_FP16 = 4


def outputs(path: Path | str, inputs: Iterable[np.ndarray], *, half: bool = True) -> Iterator[dict[str, np.ndarray]]:
    """Runs a float file.

    Args:
        path: a .tflite file with float inputs and outputs.
        inputs: (1, S, S, 3) float32 pictures in the model's value range.
        half: False computes as always.

    Yields:
        name -> float32 array.

    Raises:
        ValueError: the file takes integers.
        RuntimeError: LiteRT refuses the file, or to compute it in half precision on this processor.
    """
    from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, Environment, HardwareAccelerator, Options

    cpu = CpuOptions(num_threads=1, xnnpack_flags=_FORCE_FP16 if half else None)
    options = Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=cpu)
    # One of its own: the default one looks for drivers of GPUs and NPUs.
    environment = Environment.create()
    try:
        with CompiledModel.from_file(str(path), environment=environment, options=options) as model:
            yield from _run(model, inputs, path)
    finally:
        environment.close()


def _run(model, inputs: Iterable[np.ndarray], path: Path | str) -> Iterator[dict[str, np.ndarray]]:
    signature = next(iter(model.get_signature_list()))
    described = model.get_input_tensor_details(signature).values()
    if any(np.dtype(detail["dtype"]) != np.float32 for detail in described):
        raise ValueError(f"{path}: half precision is for files that take float pictures")
    given, found = model.create_input_buffers(0), model.create_output_buffers(0)
    details = model.get_output_tensor_details(signature)
    for values in inputs:
        given[0].write(np.ascontiguousarray(values, np.float32))
        model.run_by_index(0, given, found)
        yield {
            name: buffer.read(int(np.prod(detail["shape"])), np.float32).reshape(detail["shape"])
            for (name, detail), buffer in zip(details.items(), found, strict=True)
        }
