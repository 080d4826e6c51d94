"""Memory of one pipeline over many frames, or of `predict` over many photographs: flat, or something is kept.

    python tools/memory.py --frames=100000
    python tools/memory.py --frames=20000 --size=1280x720 --max_people=3
    python tools/memory.py --frames=1000000 --size=96x72 --scripted
    python tools/memory.py --photographs=100000 --scripted --output=FOLDER

Frames are those of the rendered clip in testdata, forwards and backwards, with a black one now and then so that people
are lost and found. `--scripted` takes networks that only look at brightness, so that a million frames take a quarter of
an hour: all of the pipeline but the networks' own arithmetic. Photographs are links to small ones in a folder that is
made for it; the whole `predict` command runs in this process, results and all. The resident memory after a tenth of
the work is compared with that after each later tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf import specs
from blazepose_tf.runtime import PosePipeline, metadata

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 0.05


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell how much memory a process has")


class Watch:
    """Compares the memory after each tenth of some work with that after the first."""

    def __init__(self, whole: int, unit: str):
        self._whole, self._unit, self._first, self._next = whole, unit, 0.0, 1
        self.worst = 0.0

    def __call__(self, done: int, note: str = "") -> None:
        """Looks where another tenth is done."""
        if done < self._next * self._whole / 10:
            return
        self._next = int(10 * done / self._whole) + 1
        memory = _resident_mb()
        self._first = self._first or memory
        growth = memory / self._first - 1.0
        self.worst = max(self.worst, growth)
        print(f"{done} {self._unit}{note}: {memory:.1f} MB ({growth:+.1%})", flush=True)


def _clip(size: tuple[int, int]) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(ROOT / "testdata" / "person.mp4")), []
    while len(frames) < 60:
        whole, frame = capture.read()
        if not whole:
            break
        frames.append(np.ascontiguousarray(cv2.resize(frame, size)[..., ::-1]))
    return [*frames, *reversed(frames), np.zeros_like(frames[0])]


def scripted(folder: Path, name: str, size: int, outputs: dict[str, tuple], document: dict) -> Path:
    """An ONNX file whose outputs are constant + factor * mean brightness; `outputs`: name -> (constant, factor)."""
    import onnx

    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0)]
    numbers, results = [], []
    for key, (constant, factor) in outputs.items():
        for role, value in (("constant", constant), ("factor", np.full_like(constant, factor))):
            numbers.append(onnx.numpy_helper.from_array(np.float32(value), f"{key}_{role}"))
        nodes.append(helper.make_node("Mul", [f"{key}_factor", "mean"], [f"{key}_scaled"]))
        nodes.append(helper.make_node("Add", [f"{key}_constant", f"{key}_scaled"], [key]))
        results.append(helper.make_tensor_value_info(key, number, constant.shape))
    inputs = [helper.make_tensor_value_info("image", number, [1, size, size, 3])]
    graph = helper.make_graph(nodes, "scripted", inputs, results, numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    entry = model.metadata_props.add()
    entry.key, entry.value = metadata.METADATA_NAME, json.dumps(document)
    (folder / name).write_bytes(model.SerializeToString())
    return folder / name


def scripted_models(folder: Path) -> tuple[Path, Path]:
    """A detector and a tracker that see somebody in the middle of whatever is not black."""
    detector, tracker = specs.DetectorSpec(64, (32,), (1,)), specs.TrackerSpec(128)
    regressors, logits = np.zeros((1, 4, 8), np.float32), np.full((1, 4, 1), -20.0, np.float32)
    regressors[0, 0] = [16, 0, 16, 16, 16, 16, 16, -4]
    logits[0, 0] = -2.0
    points = np.random.default_rng(0).uniform(30.0, 98.0, (1, 33, 3)).astype(np.float32)
    circle = np.float32([[[64.0, 66.0], [64.0, 66.0 - 128 / 2.5]]])
    return (
        scripted(
            folder, "detector.onnx", 64,
            {specs.REGRESSORS: (regressors, 0.0), specs.LOGITS: (logits, 10.0)},
            metadata.metadata_of(detector, model="scripted"),
        ),
        scripted(
            folder, "tracker.onnx", 128,
            {
                specs.LANDMARKS: (points, 2.0),
                specs.POSE_PRESENCE: (np.float32([[-2.0]]), 30.0),
                specs.ALIGNMENT: (circle, 0.0),
            },
            metadata.metadata_of(tracker, model="scripted"),
        ),
    )  # fmt: skip


def _frames(options: argparse.Namespace, models: tuple) -> float:
    clip = _clip(tuple(map(int, options.size.split("x"))))
    pipeline = PosePipeline(*models, max_people=options.max_people)
    watch, found = Watch(options.frames, "frames"), 0
    for number in range(options.frames):
        found += len(pipeline(clip[number % len(clip)], number * 1000.0 / 30.0).people)
        watch(number + 1, f", {found} poses")
    return watch.worst


def _photographs(options: argparse.Namespace, models: tuple, folder: Path) -> float:
    """Runs `predict` on a folder of links and looks at the number of its results from a thread."""
    from blazepose_tf.cli.main import main as blazepose

    pictures, output = folder / "pictures", options.output or folder / "poses"
    pictures.mkdir()
    width, height = map(int, options.size.split("x"))
    kinds = []
    for path in sorted((ROOT / "testdata" / "people" / "images").glob("*.jpg")):
        kinds.append(folder / path.name)
        cv2.imwrite(str(kinds[-1]), cv2.resize(cv2.imread(str(path)), (width, height), interpolation=cv2.INTER_AREA))
    for number in range(options.photographs):
        os.link(kinds[number % len(kinds)], pictures / f"{number:07d}.jpg")
    watch, over = Watch(options.photographs, "photographs"), threading.Event()

    def look() -> None:
        while not over.wait(2.0):
            watch(sum(1 for _ in os.scandir(output)) if output.is_dir() else 0)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    named = [f"--{role}={path}" for role, path in zip(("detector", "tracker"), models, strict=False)]
    code = blazepose(["predict", f"--input={pictures}", f"--output={output}", "--nodraw", *named])
    over.set()
    watcher.join()
    watch(sum(1 for _ in output.glob("*.json")))
    return watch.worst if code == 0 else float("inf")


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--photographs", type=int, default=0, help="so many through predict, instead of frames")
    parser.add_argument(
        "--output", type=Path, default=None, help="folder for their results; a temporary one without it"
    )
    parser.add_argument("--size", default="480x360")
    parser.add_argument("--max_people", type=int, default=1)
    parser.add_argument("--scripted", action="store_true", help="networks that look at brightness only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory_") as name:
        folder = Path(name)
        models = scripted_models(folder) if options.scripted else ()
        worst = _photographs(options, models, folder) if options.photographs else _frames(options, models)
    return 1 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
