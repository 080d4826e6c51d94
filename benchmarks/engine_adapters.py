"""The engines of `engines.py`: how each opens a LiteRT file of ours; what one does not take, and whose that is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blazepose_tf import files

Run = Callable[[np.ndarray], "dict[str, np.ndarray] | list[np.ndarray]"]
# Mean difference that the same file may have in another engine: activations that are integers round elsewhere. Engines
# that get a file of their own say more.
BOUNDS = {"float32": 1e-3, "float16": 1e-3, "dynamic": 0.5, "int8": 1.5, "int8_float_io": 1.5}
RUNS = 4


class Adapter:
    """One engine.

    Attributes:
        name: in the table.
        packages: names on PyPI and for import.
        limits: precision -> why not, and whose it is.
        bounds: precision -> mean difference from LiteRT's file, where this engine gets another.
        instead: precision -> precision of the file that this engine gets in its place.
        notes: precision -> what a reader has to know about its cell.
        own_files: it gets a file of its own, none of a precision in `limits`.
        trackers_only: detectors are nothing to it.
    """

    name = ""
    packages: tuple[tuple[str, str], ...] = ()
    limits: dict[str, str] = {}  # noqa: RUF012
    bounds: dict[str, float] = {}  # noqa: RUF012
    instead: dict[str, str] = {}  # noqa: RUF012
    notes: dict[str, str] = {}  # noqa: RUF012
    own_files = False
    trackers_only = False

    def missing(self) -> str:
        """pip line of what is not installed; empty when all is."""
        gone = [package for package, module in self.packages if importlib.util.find_spec(module) is None]
        return f"pip install {' '.join(gone)}" if gone else ""

    def version(self) -> str:
        """Name with the versions of its packages."""
        there = importlib.metadata.packages_distributions()  # OpenCV comes under several names
        names = [there.get(module, [package])[0] for package, module in self.packages]
        return f"{self.name} ({', '.join(f'{name} {importlib.metadata.version(name)}' for name in names)})"

    def prepare(self, path: Path, name: str) -> None:
        """Converts the file of a shipped model, for engines with a format of their own whose converter is safe."""

    def open(self, path: Path) -> Run:
        """A function from the input to all outputs."""
        raise NotImplementedError

    def seconds(self, run: Run, values: np.ndarray) -> float:
        """Processor time of one run: of the whole process, the fastest of some."""
        times = []
        for _ in range(RUNS):
            before = time.process_time()
            run(values)
            times.append(time.process_time() - before)
        return min(times)

    def trial(self, path: Path, picture: Path, rounds: int, stage: Callable[[str], None]) -> dict:
        """Opens, runs and times one file beside LiteRT's Interpreter.

        Args:
            path: the LiteRT file, PRECISION.tflite.
            picture: of a person.
            rounds: how often the two take turns.
            stage: told what is being done, for who finds out when that ends the process.

        Returns:
            JSON: milliseconds, ratio (time against the Interpreter) and difference (mean, of landmarks in crop pixels
            or of regressors in input pixels), text (a cell of the table), wrong (the difference is beyond the bound).
        """
        reference = Interpreter()
        stage("LiteRT")
        values, expected_run = reference.input(path, picture), reference.open(path)
        expected = expected_run(values)
        stage("opening")
        run = self.open(path)
        stage("running")
        outputs = run(values)
        ratios, fastest = [], []
        for _ in range(rounds):
            base = reference.seconds(expected_run, values)
            fastest.append(self.seconds(run, values))
            ratios.append(fastest[-1] / base)
        main_output = "landmarks" if "landmarks" in expected else "regressors"
        columns = 2 if main_output == "landmarks" else None
        found = _same_size(outputs, expected[main_output])
        difference = float(np.abs(found - expected[main_output])[..., :columns].mean())
        bound = self.bounds.get(path.stem, BOUNDS[path.stem])
        ratio, milliseconds = float(np.median(ratios)), 1e3 * min(fastest)
        return {
            "milliseconds": milliseconds,
            "ratio": ratio,
            "difference": difference,
            "wrong": not difference <= bound,
            "text": self.text(milliseconds, ratio, difference),
        }

    def text(self, milliseconds: float, ratio: float, difference: float) -> str:
        """A cell of the table."""
        return f"{ratio:.2f} x, {difference:.1e}"


def _same_size(outputs, expected: np.ndarray) -> np.ndarray:
    """The output with as many values: engines have their own names, and no two outputs of a model are of one size."""
    arrays = outputs.values() if isinstance(outputs, dict) else outputs
    found = [np.asarray(a, np.float32) for a in arrays if np.size(a) == expected.size]
    if not found:
        return np.full_like(expected, np.nan)
    return found[0].reshape(expected.shape)


class Interpreter(Adapter):
    name = "LiteRT Interpreter"
    packages = (("ai-edge-litert", "ai_edge_litert"),)

    def describe(self, path: Path) -> tuple[int, np.dtype]:
        """Side and type of the picture."""
        from ai_edge_litert.interpreter import Interpreter as LiteRt

        (detail,) = LiteRt(model_path=str(path)).get_input_details()
        return int(detail["shape"][1]), np.dtype(detail["dtype"])

    def input(self, path: Path, picture: Path) -> np.ndarray:
        """A picture as the file wants it."""
        import cv2

        size, dtype = self.describe(path)
        image = cv2.imread(str(picture))[..., ::-1]
        values = cv2.resize(np.ascontiguousarray(image), (size, size))[None]
        return (values.astype(np.int16) - 128).astype(np.int8) if dtype == np.int8 else values.astype(np.float32) / 255

    def text(self, milliseconds: float, ratio: float, difference: float) -> str:
        return f"{milliseconds:.2f} ms"

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

    def prepare(self, path: Path, name: str) -> None:
        converted = path.with_suffix(".tf2onnx.onnx")
        if not converted.exists():
            import tf2onnx

            with files.atomic_path(converted) as temporary:
                tf2onnx.convert.from_tflite(str(path), opset=17, output_path=str(temporary))

    def open(self, path: Path) -> Run:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        converted = path.with_suffix(".tf2onnx.onnx")
        session = onnxruntime.InferenceSession(converted, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda values: session.run(None, {name: values})


class OpenCv(Adapter):
    name = "OpenCV dnn"
    packages = (("opencv-python-headless", "cv2"),)
    limits = {  # noqa: RUF012
        "dynamic": "its reader has no convolution with weights that are computed; float files and the ONNX work",
        "int8": "its reader has no RELU fused into an int8 convolution; float files and the ONNX work",
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
    limits = dict.fromkeys(("dynamic", "int8"), "its converter dies of quantised LiteRT files")

    def open(self, path: Path) -> Run:
        import MNN

        converted = path.with_suffix(".mnn")
        if not converted.exists():
            # The converter itself: its wrapper in MNN.tools installs a package of its own and reports its use. It ends
            # the process as it likes.
            code = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
            command = ["-f", "TFLITE", "--modelFile", path, "--MNNModel", converted, "--bizCode", "none"]
            done = subprocess.run(
                [sys.executable, "-c", code, *command], capture_output=True, cwd=tempfile.gettempdir(), check=False
            )
            if not converted.exists():
                raise ValueError(f"the converter ends with exit code {done.returncode} and without a file")
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
    limits = dict.fromkeys(("dynamic", "int8"), "quantises with tools of its own alone, and gets float32 and float16")
    bounds = {"float16": 0.1}  # noqa: RUF012
    own_files = True

    def prepare(self, path: Path, name: str) -> None:
        from blazepose_tf.export import exporting, sources

        folder = path.with_suffix(".ncnn")
        if not folder.exists():
            options = exporting.Options(format="ncnn", precision=path.stem, crops=1)
            exporting.export(*sources.open_source(name), folder, options, progress=lambda _: None)

    def open(self, path: Path) -> Run:
        from blazepose_tf.runtime.interpreter import load_model

        return load_model(path.with_suffix(".ncnn")).infer


IN_PYTHON: tuple[Adapter, ...] = (
    Interpreter(), CompiledModel(), OpenVino(), OnnxRuntime(), OpenCv(), Ncnn(), Mnn(),
)  # fmt: skip
