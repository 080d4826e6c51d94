"""Metadata, bounds and extras of blazepose_tf."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "blazepose_tf/__init__.py").read_text(encoding="utf-8")).group(1)

RUNTIME = [
    "numpy>=2.0,<3",
    "opencv-python-headless>=4.10,<6",  # the build without windows: it needs no desktop's libraries
    "ai-edge-litert>=2.1,<3",
    "flatbuffers>=24.3",
    "absl-py>=2.1,<3",
    "tqdm>=4.66,<5",
]
# Pictures and film of the command line and of data sets; `PosePipeline` on arrays does without.
MEDIA = ["av>=17.1,<20", "pillow>=11.3,<14", "pillow-heif>=1.8,<2"]
TRAIN = ["tensorflow>=2.21,<2.22", "keras>=3.12,<4"]
ONNX = ["tf2onnx>=1.17,<2", "onnx>=1.17,<2", "onnxruntime>=1.23,<2"]
OPENVINO = ["openvino>=2026.1,<2027"]
# Running ncnn models; converting to them needs the program of pnnx as well, whose package asks for torch.
NCNN = ["ncnn>=1.0.20260101,<2"]
QUANTIZE = ["ai-edge-quantizer>=0.5,<1"]
EVALUATE = ["pycocotools>=2.0.8,<3"]
REPORT = ["matplotlib>=3.9,<4"]
FORMATS = ["ezc3d>=1.5,<2", "ndx-pose>=0.4,<1", "pynwb>=4,<5", "upc-pymotion>=0.3,<1"]
CLUSTER = ["ray>=2.50,<3"]
DOCS = [
    *("mkdocs>=1.6,<2", "mkdocs-material>=9.6,<10"),
    *("mkdocstrings>=0.30,<2", "mkdocstrings-python>=1.16,<3"),
]
RELEASE = ["build>=1.2,<2", "twine>=6,<8"]
SERVICE = ["fastapi>=0.115,<1", "uvicorn>=0.30,<1", "websockets>=13,<17"]  # examples/service.py
DATA = ["scipy>=1.13,<2"]
TEST = [
    *("pytest>=8,<10", "pytest-xdist>=3.6,<4", "ruff>=0.8", "mypy>=1.15,<3"),
    *("nbclient>=0.10,<1", "ipykernel>=6.29,<8"),
]

setup(
    name="blazepose_tf",
    version=VERSION,
    description="Person detector and 33-keypoint pose tracker in Keras, with training, evaluation and LiteRT export",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The contributors of blazepose_tf",
    # Whoever publishes adds "Source", "Changelog" and "Documentation", the addresses of the repository and the site.
    project_urls={
        "Paper": "https://arxiv.org/abs/2006.10204",
        "MediaPipe Pose Landmarker": "https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker",
    },
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=[
        "pose estimation",
        "human pose",
        "keypoints",
        "person detection",
        "BlazePose",
        "BlazeFace",
        "Keras",
        "TensorFlow",
        "LiteRT",
        "TFLite",
        "on-device",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: Microsoft :: Windows",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Multimedia :: Graphics",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    # Run on 3.10 to 3.13. Of 3.14 the wheels of all that the runtime needs exist, TensorFlow 2.21's do not.
    python_requires=">=3.10,<3.15",
    packages=find_packages(include=["blazepose_tf", "blazepose_tf.*"]),
    package_data={
        "blazepose_tf": [
            "py.typed",
            "weights/*",
            "kernels/*.cc",
            "kernels/*.h",
            "tflite/support/*.json",
            "web/page/*",
            "adapt/*.html",
        ]
    },
    install_requires=RUNTIME + MEDIA,
    extras_require={
        "runtime": RUNTIME + MEDIA,
        "train": TRAIN + DATA,
        "export": TRAIN + QUANTIZE,
        "onnx": ONNX,
        "openvino": OPENVINO,
        "ncnn": NCNN,
        "evaluate": EVALUATE,
        "report": REPORT,
        "formats": FORMATS,
        "service": SERVICE,
        "all": TRAIN + DATA + QUANTIZE + ONNX + OPENVINO + NCNN + EVALUATE + REPORT + FORMATS + CLUSTER,
        "test": TEST,
        "cluster": CLUSTER,
        "docs": DOCS,
        "release": RELEASE,
    },
    entry_points={"console_scripts": ["blazepose=blazepose_tf.cli.main:run"]},
)
