"""The engines of `engines.py`: how each opens a LiteRT file of ours; what one does not take, and whose that is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

Run = Callable[[np.ndarray], "dict[str, np.ndarray] | list[np.ndarray]"]


class Adapter:
    """One engine.

    Attributes:
        name: in the table.
        packages: names on PyPI and for import.
        limits: precision -> why not, and whose it is.
        bounds: precision -> mean difference from LiteRT's file, where this engine gets another.
    """

    name = ""
    packages: tuple[tuple[str, str], ...] = ()
    limits: dict[str, str] = {}  # noqa: RUF012
    bounds: dict[str, float] = {}  # noqa: RUF012

    def missing(self) -> str:
        """pip line of what is not installed; empty when all is."""
        gone = [package for package, module in self.packages if importlib.util.find_spec(module) is None]
        return f"pip install {' '.join(gone)}" if gone else ""

    def version(self) -> str:
        """Name with the versions of its packages."""
        there = importlib.metadata.packages_distributions()  # OpenCV comes under several names
        names = [there.get(module, [package])[0] for package, module in self.packages]
        return f"{self.name} ({', '.join(f'{name} {importlib.metadata.version(name)}' for name in names)})"

    def limit(self, precision: str) -> str:
        """The known reason why it does not take a precision, or nothing."""
        return self.limits.get(precision, "")

    def open(self, path: Path) -> Run:
        """A function from the input to all outputs."""
        raise NotImplementedError


class Interpreter(Adapter):
    name = "LiteRT Interpreter"
    packages = (("ai-edge-litert", "ai_edge_litert"),)

    def describe(self, path: Path) -> tuple[int, np.dtype]:
        """Side and type of the picture."""
        from ai_edge_litert.interpreter import Interpreter as LiteRt

        (detail,) = LiteRt(model_path=str(path)).get_input_details()
        return int(detail["shape"][1]), np.dtype(detail["dtype"])

    def open(self, path: Path) -> Run:
        from ai_edge_litert.interpreter import Interpreter as LiteRt

        opened = LiteRt(model_path=str(path), num_threads=1)
        opened.allocate_tensors()
        (given,) = opened.get_input_details()
        outputs = opened.get_signature_runner().get_output_details()

        def run(values):
            opened.set_tensor(given["index"], values)
            opened.invoke()
            return {name: opened.get_tensor(detail["index"]) for name, detail in outputs.items()}

        return run


class CompiledModel(Adapter):
    name = "LiteRT CompiledModel"
    packages = Interpreter.packages

    def open(self, path: Path) -> Run:
        from ai_edge_litert.compiled_model import CompiledModel as Compiled

        model = Compiled.from_file(str(path))
        given, found = model.create_input_buffers(0), model.create_output_buffers(0)
        details = model.get_output_tensor_details(next(iter(model.get_signature_list())))

        def run(values):
            given[0].write(values)
            model.run_by_index(0, given, found)
            sizes = {name: int(np.prod(detail["shape"])) for name, detail in details.items()}
            return {n: buffer.read(size, np.float32) for (n, size), buffer in zip(sizes.items(), found, strict=True)}

        return run


class OpenVino(Adapter):
    name = "OpenVINO"
    packages = (("openvino", "openvino"),)

    def open(self, path: Path) -> Run:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
        return lambda values: [np.array(a) for a in request.infer([values]).values()]


class OnnxRuntime(Adapter):
    name = "ONNX Runtime"
    packages = (("onnxruntime", "onnxruntime"), ("tf2onnx", "tf2onnx"))

    def open(self, path: Path) -> Run:
        import onnxruntime

        converted = path.with_suffix(".tf2onnx.onnx")
        if not converted.exists():
            import tf2onnx

            tf2onnx.convert.from_tflite(str(path), opset=17, output_path=str(converted))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(converted, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda values: session.run(None, {name: values})


class OpenCv(Adapter):
    name = "OpenCV dnn"
    packages = (("opencv-python-headless", "cv2"),)
    limits = {  # noqa: RUF012
        "dynamic": "convolutions with computed weights (OpenCV's reader)",
        "int8": "RELU fused into an int8 convolution (OpenCV's reader)",
    }

    def open(self, path: Path) -> Run:
        import cv2

        cv2.setNumThreads(1)
        net = cv2.dnn.readNetFromTFLite(str(path))
        names = net.getUnconnectedOutLayersNames()

        def run(values):
            net.setInput(np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32))
            return list(net.forward(names))

        return run


class Mnn(Adapter):
    name = "MNN"
    packages = (("MNN", "MNN"),)

    def open(self, path: Path) -> Run:
        import MNN

        converted = path.with_suffix(".mnn")
        if not converted.exists():
            # The converter itself: its wrapper in MNN.tools installs a package of its own and reports its use. It ends
            # the process as it likes.
            code = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
            command = ["-f", "TFLITE", "--modelFile", path, "--MNNModel", converted, "--bizCode", "none"]
            subprocess.run(
                [sys.executable, "-c", code, *command], capture_output=True, cwd=tempfile.gettempdir(), check=False
            )
        if not converted.exists():
            raise ValueError("MNN's converter refuses the file")
        net = MNN.Interpreter(str(converted))
        session = net.createSession({"numThread": 1, "precision": "high", "backend": "CPU"})
        given = net.getSessionInput(session)

        def run(values):
            values = np.ascontiguousarray(values, np.float32)
            given.copyFrom(MNN.Tensor(values.shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Tensorflow))
            net.runSession(session)
            results = []
            for tensor in net.getSessionOutputAll(session).values():
                shape = tensor.getShape()
                memory = np.zeros(shape, np.float32)  # the tensor only points to it
                host = MNN.Tensor(shape, MNN.Halide_Type_Float, memory, tensor.getDimensionType())
                tensor.copyToHostTensor(host)
                results.append(np.array(host.getNumpyData(), np.float32))
            return results

        return run


class Ncnn(Adapter):
    name = "ncnn"
    packages = (("ncnn", "ncnn"), ("pnnx", "pnnx"), ("tf2onnx", "tf2onnx"))
    limits = dict.fromkeys(("dynamic", "int8"), "quantised by its own tools alone (ncnn)")
    bounds = {"float16": 0.1}  # noqa: RUF012

    def open(self, path: Path) -> Run:
        from blazepose_tf.export import exporting, sources
        from blazepose_tf.runtime.interpreter import load_model

        name, _, precision = path.stem.rpartition("_")
        if precision not in ("float32", "float16"):
            raise ValueError(self.limits["int8"])
        folder = path.with_suffix(".ncnn")
        if not folder.exists():
            options = exporting.Options(format="ncnn", precision=precision, crops=1)
            exporting.export(*sources.open_source(name), folder, options, progress=lambda _: None)
        return load_model(folder).infer


ALL: tuple[Adapter, ...] = (CompiledModel(), OpenVino(), OnnxRuntime(), OpenCv(), Ncnn(), Mnn())
