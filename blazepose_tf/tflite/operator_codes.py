"""Operator codes of a LiteRT file: which operation, in which version, written so that every reader finds it.

A code has two fields for the operation: the old one ends at 127, the new one holds all. Readers differ in which one
they go by (some take the larger, some the old one alone), and a writer that fills one of them leaves a 0 in the other,
which reads as ADD. Both must say the same. The version is the oldest in which the runtime knew these types and options:
a runtime that does not know it refuses the file instead of computing something else.

Versions: GetBuiltinOperatorVersion of TensorFlow Lite 2.21, for the operations and types that the exporter writes.
"""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

_OPERATORS, _TYPES = schema.BuiltinOperator, schema.TensorType
KINDS = {value: name for name, value in vars(_OPERATORS).items() if isinstance(value, int)}
# The largest operation that fits the old field; it stands there for every later one.
PLACEHOLDER = _OPERATORS.PLACEHOLDER_FOR_GREATER_OP_CODES
# Operations that exist in int8 since version 2, and in float32 since version 1.
_INT8_SINCE_2 = frozenset(
    {
        "ADD", "CONCATENATION", "DEPTH_TO_SPACE", "EXP", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "RELU",
        "RELU6", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM", "TRANSPOSE",
    }
)  # fmt: skip


def code_of(code: schema.OperatorCodeT) -> int:
    """Number of the builtin operation, whichever field holds it."""
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def settle(model: schema.ModelT) -> None:
    """Writes both fields of every operator code, and raises versions to the oldest that knows what the file uses."""
    for index, code in enumerate(model.operatorCodes or ()):
        code.builtinCode = code_of(code)
        code.deprecatedBuiltinCode = min(code.builtinCode, PLACEHOLDER)
        code.version = max(code.version, _needed(model, index))


def faults(model: schema.ModelT) -> list[str]:
    """What a reader could stumble over in the operator codes, one line each; empty for a sound file."""
    found = []
    for index, code in enumerate(model.operatorCodes or ()):
        number = code_of(code)
        name = KINDS.get(number, f"builtin operator {number}")
        if code.builtinCode != number or code.deprecatedBuiltinCode != min(number, PLACEHOLDER):
            found.append(
                f"{name}: the fields of its operator code say {code.builtinCode} and {code.deprecatedBuiltinCode}, "
                f"expected {number} and {min(number, PLACEHOLDER)}"
            )
        if code.version < (needed := _needed(model, index)):
            found.append(f"{name}: version {code.version}, expected at least {needed}")
        if number == _OPERATORS.CUSTOM and not code.customCode:
            found.append("CUSTOM: the operator code has no name")
    used = {op.opcodeIndex for graph in model.subgraphs for op in graph.operators or ()}
    count = len(model.operatorCodes or ())
    found += [f"operator code {i} is used but there are only {count}" for i in sorted(used) if not 0 <= i < count]
    return found


def _needed(model: schema.ModelT, index: int) -> int:
    """Version that all operations with this code need."""
    return max(
        (
            _version(KINDS.get(code_of(model.operatorCodes[index]), ""), operator, graph)
            for graph in model.subgraphs
            for operator in graph.operators or ()
            if operator.opcodeIndex == index
        ),
        default=1,
    )


def _version(kind: str, operator: schema.OperatorT, graph: schema.SubGraphT) -> int:
    inputs = [graph.tensors[i] for i in operator.inputs if i >= 0]
    types = [tensor.type for tensor in inputs]
    output = graph.tensors[operator.outputs[0]]
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return _convolution(kind, operator, inputs)
    if kind == "DEQUANTIZE":
        if _channels(inputs[0]) > 1:
            return 5
        return {_TYPES.FLOAT16: 3, _TYPES.INT16: 3, _TYPES.INT8: 2}.get(types[0], 1)
    if kind == "QUANTIZE":
        return 3 if _channels(output) > 1 else 2 if output.type == _TYPES.INT16 else 1
    if kind == "RESIZE_BILINEAR":
        return 3 if operator.builtinOptions.halfPixelCenters else 2 if types[0] == _TYPES.INT8 else 1
    return 2 if kind in _INT8_SINCE_2 and types and types[0] == _TYPES.INT8 else 1


def _convolution(kind: str, operator: schema.OperatorT, inputs: list[schema.TensorT]) -> int:
    picture, kernel = inputs[:2]
    if kernel.type == _TYPES.INT8 and picture.type == _TYPES.FLOAT32:  # hybrid: quantised while it runs
        by_tensor, by_channel = {"CONV_2D": (2, 5), "DEPTHWISE_CONV_2D": (4, 6), "FULLY_CONNECTED": (3, 12)}[kind]
        return by_channel if _channels(kernel) > 1 else by_tensor
    if picture.type == _TYPES.INT8:
        return {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}[kind]
    options = operator.builtinOptions
    dilated = kind == "DEPTHWISE_CONV_2D" and (options.dilationWFactor, options.dilationHFactor) != (1, 1)
    return 2 if dilated else 1


def _channels(tensor: schema.TensorT) -> int:
    """Number of scales of a quantised tensor; 0 for others."""
    quantization = tensor.quantization
    return 0 if quantization is None or quantization.scale is None else len(quantization.scale)
