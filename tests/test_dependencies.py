"""Who may import whom: read from the syntax trees, so that an import inside a function counts too."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "blazepose_tf"
PURE = {"numpy"}
EVERYWHERE = {"__version__", "files", "documents", "archives", "console", "trial", "cluster"}
# package or module -> (own packages, third-party packages) that it may import; the standard library always.
RULES: dict[str, tuple[set[str], set[str]]] = {
    "topology": (set(), PURE),
    "specs": ({"topology"}, set()),
    "array_api": (set(), PURE | {"keras"}),
    "files": (set(), set()),
    "documents": (set(), set()),
    "console": (set(), set()),
    "trial": (set(), set()),
    "cluster": (set(), {"ray", "tqdm"}),
    "archives": (set(), PURE | {"keras"}),
    "geometry": ({"array_api"}, PURE),
    "codecs": ({"geometry", "topology", "specs", "documents", "array_api"}, PURE),
    "layers": ({"specs", "topology"}, {"keras", "numpy"}),
    "models": (
        {"layers", "codecs", "specs", "topology", "files", "runtime.weights", "tflite.packing"},
        {"keras", "numpy"},
    ),
    "kernels": ({"layers"}, {"keras", "tensorflow"}),
    "losses": (set(), {"keras"}),
    "metrics": ({"geometry", "topology", "array_api"}, PURE | {"keras"}),
    "media": (set(), PURE | {"av", "cv2", "PIL", "pillow_heif"}),
    "converters": ({"geometry", "topology", "media"}, PURE | {"scipy"}),
    "synthetic": ({"converters", "topology"}, PURE | {"cv2", "ezc3d", "pymotion"}),
    "data": ({"converters", "geometry", "codecs", "topology", "specs", "media"}, PURE | {"tensorflow", "cv2"}),
    "tflite": (set(), PURE | {"ai_edge_litert", "flatbuffers"}),
    "runtime": (
        {"geometry", "codecs", "topology", "specs", "tflite", "metrics", "media"},
        PURE | {"cv2", "ai_edge_litert", "onnxruntime", "openvino", "ncnn", "keras", "tensorflow"},
    ),
    "web": ({"runtime", "codecs", "geometry", "specs", "topology"}, set()),
    "training": (
        {
            "codecs",
            "data",
            "geometry",
            "kernels",
            "losses",
            "metrics",
            "models",
            "specs",
            "synthetic",
            "topology",
        },
        PURE | {"keras", "tensorflow", "tqdm"},
    ),
    "evaluation": (
        {"metrics", "topology", "geometry", "specs", "runtime", "converters", "media"},
        PURE | {"cv2", "pycocotools"},
    ),
    "analysis": ({"runtime", "geometry", "topology", "evaluation.svg"}, PURE),
    "formats": ({"analysis", "runtime", "topology"}, PURE | {"ezc3d", "h5py", "pynwb", "ndx_pose"}),
    "timing": ({"tflite", "runtime"}, PURE | {"ai_edge_litert", "flatbuffers", "matplotlib"}),
    "labelling": (
        {"converters", "evaluation", "geometry", "media", "metrics", "runtime", "specs", "topology"},
        PURE | {"ai_edge_litert", "cv2", "tqdm"},
    ),
    "adapt": (
        {
            "codecs",
            "converters",
            "data",
            "evaluation",
            "export",
            "geometry",
            "labelling",
            "media",
            "metrics",
            "models",
            "runtime",
            "specs",
            "synthetic",
            "topology",
            "training",
        },
        PURE | {"cv2", "keras", "tqdm"},
    ),
    "export": (
        {"codecs", "evaluation", "geometry", "layers", "models", "runtime", "specs", "synthetic", "tflite", "topology"},
        PURE
        | {
            "ai_edge_litert",
            "ai_edge_quantizer",
            "flatbuffers",
            "keras",
            "onnx",
            "onnxruntime",
            "openvino",
            "tensorflow",
            "tf2onnx",
        },
    ),
}

# The fused kernel of batch normalisation, imported inside a call that only the TensorFlow backend reaches.
EXEMPT = {("layers/normalization.py", "tensorflow")}


def _imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "blazepose_tf":
                yield from (f"blazepose_tf.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _files(name: str):
    single = PACKAGE / f"{name}.py"
    return [single] if single.exists() else sorted((PACKAGE / name).rglob("*.py"))


@pytest.mark.parametrize("name", RULES)
def test_imports_follow_the_design(name):
    own, third = RULES[name]
    files = _files(name)
    assert files, f"no source for {name}"
    wrong = []
    for path in files:
        for module in _imports(path):
            parts = module.split(".")
            if parts[0] == "blazepose_tf":
                target = ".".join(parts[1:])
                allowed = not target or any(
                    target == rule or target.startswith(rule + ".") for rule in own | {name} | EVERYWHERE
                )
            else:
                allowed = parts[0] in sys.stdlib_module_names or parts[0] in third
            if not allowed and (path.relative_to(PACKAGE).as_posix(), module) not in EXEMPT:
                wrong.append(f"{path.relative_to(PACKAGE)}: {module}")
    assert not wrong, wrong


def test_no_module_outgrows_the_limit():
    long = {
        str(p.relative_to(PACKAGE)): n
        for p in PACKAGE.rglob("*.py")
        if (n := p.read_text(encoding="utf-8").count("\n")) > 400
    }
    assert not long


@pytest.mark.parametrize("module", ["runtime", "documents", "geometry.roi", "codecs.heatmaps", "topology", "metrics"])
def test_light_imports_stay_light(module):
    code = f"import sys, blazepose_tf.{module}; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
