#!/usr/bin/env bash
# Guess: the model analyzer with gpu_compatibility=True names the operations that the GPU delegate does not take.
# Seen: it says "Your model looks compatible with GPU delegate" of any operation, GATHER_ND and EMBEDDING_LOOKUP among
# them, of which LiteRT's own GPU delegate says "Operation is not supported". The library holds no other sentence.
# Versions: ai-edge-litert 2.3.0 (tf.lite.experimental.Analyzer of tensorflow 2.21.0 wraps the same code and does the same).
# What the product does: blazepose inspect --device=gpu goes by a list taken from the delegate itself
# (blazepose_tf/tflite/support/).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ai-edge-litert==2.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib

import ai_edge_litert
import flatbuffers
import numpy as np
from ai_edge_litert import _pywrap_analyzer_wrapper as analyzer
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

model, graph = schema.ModelT(), schema.SubGraphT()
model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT(), schema.BufferT()]
model.buffers[1].data = np.frombuffer(np.array([[0, 1], [0, 3]], np.int32).tobytes(), np.uint8)
graph.tensors = []
for name, shape, kind, buffer in (("x", (1, 8, 4), 0, 0), ("at", (2, 2), schema.TensorType.INT32, 1), ("y", (2, 4), 0, 0)):
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), kind, buffer
    graph.tensors.append(tensor)
code, operator = schema.OperatorCodeT(), schema.OperatorT()
code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER_ND
code.version = 1
model.operatorCodes, graph.operators = [code], [operator]
operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.GatherNdOptions, schema.GatherNdOptionsT()
operator.inputs, operator.outputs, graph.inputs, graph.outputs = [0, 1], [2], [0], [2]
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), b"TFL3")
content = bytes(builder.Output())
interpreter = Interpreter(model_content=content)
interpreter.allocate_tensors()
interpreter.invoke()
said = [line for line in analyzer.ModelAnalyzer(content, False, True).splitlines() if "GPU" in line]
print("\n".join(said))
assert len(said) == 2 and said[0].startswith("Your model looks compatible with GPU delegate")
library = (pathlib.Path(ai_edge_litert.__file__).parent / "libpywrap_litert_common.so").read_bytes()
warnings = library.count(b"GPU COMPATIBILITY WARNING")
print(f"the library holds the warning {warnings} times")
assert warnings == 0 and b"looks compatible with GPU delegate" in library
PYTHON
