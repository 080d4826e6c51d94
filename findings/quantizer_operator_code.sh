#!/usr/bin/env bash
# Guess: a .tflite file that LiteRT runs can be read by every engine with a LiteRT reader.
# Seen: ai-edge-quantizer writes the operator code of the DEQUANTIZE that it inserts with builtin_code 6 and
# deprecated_builtin_code 0, which reads as ADD. LiteRT takes the larger of the two and runs the file; OpenVINO goes by
# the old field for operations below 127 and refuses it. With 6 in both fields OpenVINO reads it, and LiteRT's output keeps
# its bits.
# Versions: ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, openvino 2026.4.1.
# What the product does: blazepose_tf/tflite/operator_codes.py settles both fields (and versions) in every file it writes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 openvino==2026.4.1
"$folder/venv/bin/python" - <<'PYTHON'
import flatbuffers
import numpy as np
import openvino
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer


def pack(model):
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unpack(content):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset and buffer.offset > 1:  # weights behind the flatbuffer
            buffer.data = np.frombuffer(content, np.uint8, int(buffer.size), int(buffer.offset)).copy()
            buffer.offset = buffer.size = 0
    return model


def convolution():
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors, graph.operators, model.operatorCodes = [], [], []

    def tensor(name, shape, values=None):
        entry, buffer = schema.TensorT(), schema.BufferT()
        entry.name, entry.shape, entry.type, entry.buffer = name.encode(), list(shape), 0, 0
        if values is not None:
            buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
            entry.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(entry)
        return len(graph.tensors) - 1

    kernel = np.random.default_rng(0).normal(size=(8, 3, 3, 3))
    code, options, operator = schema.OperatorCodeT(), schema.Conv2DOptionsT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 1
    model.operatorCodes.append(code)
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    graph.inputs = [tensor("image", (1, 16, 16, 3))]
    operator.inputs = [graph.inputs[0], tensor("kernel", kernel.shape, kernel), tensor("bias", (8,), np.zeros(8))]
    graph.outputs = operator.outputs = [tensor("feature", (1, 16, 16, 8))]
    graph.operators.append(operator)
    return pack(model)


def litert(content, image):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def in_openvino(content, image):
    with open("model.tflite", "wb") as file:
        file.write(content)
    model = openvino.Core().compile_model("model.tflite", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return model([image])[0]


tool = quantizer.Quantizer(convolution())
tool.add_weight_only_config(regex=".*", operation_name=qtyping.TFLOperationName.CONV_2D, num_bits=8)
model = unpack(bytes(tool.quantize(None).quantized_model))
written = pack(model)
(code,) = [c for c in model.operatorCodes if c.builtinCode == schema.BuiltinOperator.DEQUANTIZE]
print(f"DEQUANTIZE: builtin_code {code.builtinCode}, deprecated_builtin_code {code.deprecatedBuiltinCode}")
assert code.deprecatedBuiltinCode == 0
image = np.random.default_rng(1).uniform(size=(1, 16, 16, 3)).astype(np.float32)
expected = litert(written, image)
try:
    in_openvino(written, image)
except Exception as error:
    print("OpenVINO refuses the file:", " ".join(str(error).split())[-160:])
else:
    raise SystemExit("OpenVINO read the file: not as stated")
code.deprecatedBuiltinCode = code.builtinCode
mended = pack(model)
assert np.array_equal(litert(mended, image), expected)
difference = np.abs(in_openvino(mended, image) - expected).max()
print(f"with 6 in both fields: LiteRT's output keeps its bits, OpenVINO differs by {difference:.1e} at most")
assert difference < 1e-4
PYTHON
