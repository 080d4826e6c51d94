"""Engines of `engines.py` that are programs of their own: LiteRT.js in a browser, MediaPipe Tasks in its own Python."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from engine_adapters import IN_PYTHON, Adapter

ROOT = Path(__file__).resolve().parents[1]
LITERT_JS = ROOT / "tools" / "web" / "node_modules" / "@litertjs" / "core"
_FLOATS = "takes float inputs only: this is the int8_float_io file"

_OPEN = """(async () => {
  const site = await (await fetch("contract.json")).json(), { openNetworks } = await import("./engine.js");
  globalThis.network = (await openNetworks(site, { accelerator: "wasm", threads: false })).networks.KIND;
  globalThis.picture = new Float32Array(await (await fetch("picture.bin")).arrayBuffer());
})()"""
_RUN = """(async () => {
  const { landmarks, regressors } = await network(picture);
  return Array.from(landmarks ?? regressors);
})()"""
_REPEAT = "(async () => { for (let i = 0; i < COUNT; i++) await network(picture); })()"


class LiteRtJs(Adapter):
    """The page's own engine module, WebAssembly with one thread, in headless Chromium."""

    name = "LiteRT.js, WebAssembly"
    instead = {"int8": "int8_float_io"}  # noqa: RUF012
    notes = {"int8": _FLOATS}  # noqa: RUF012
    COUNT = 25  # runs per turn: the processor time of other processes is counted in hundredths of a second

    def missing(self) -> str:
        self._browser = _tool("browser")
        if self._browser.program() is None:
            return "Chromium"
        return "" if (LITERT_JS / "package.json").is_file() else "npm install --prefix tools/web"

    def version(self) -> str:
        about = json.loads((LITERT_JS / "package.json").read_text(encoding="utf-8"))
        chromium = subprocess.run([self._browser.program(), "--version"], capture_output=True, text=True, check=False)
        return f"{self.name} (@litertjs/core {about['version']}, {' '.join(chromium.stdout.split()[:2])})"

    def open(self, path: Path):
        from blazepose_tf.runtime.weights import model_file
        from blazepose_tf.web.site import write_site

        kind = "detector" if path.parent.name.startswith("blazeface") else "tracker"
        files = {"detector": model_file("blazeface"), "tracker": model_file("lite"), kind: path}
        self._folder = tempfile.TemporaryDirectory(prefix="engine_site_")
        site = Path(self._folder.name) / "site"
        write_site(site, files["detector"], files["tracker"], litert_js=LITERT_JS)
        page = (site / "index.html").read_text(encoding="utf-8")
        (site / "empty.html").write_text(page.replace('src="page.js"', ""), encoding="utf-8")
        self._server = self._browser.served(site)
        address = self._server.__enter__()
        self._tab = self._browser.Browser()
        opened = []

        def run(values):
            if not opened:
                (site / "picture.bin").write_bytes(np.ascontiguousarray(values, np.float32).tobytes())
                self._tab.open(address + "empty.html")
                self._tab.wait("document.readyState === 'complete' && location.pathname === '/empty.html'")
                self._tab.run(_OPEN.replace("KIND", kind), 600)
                self._tab.run(_REPEAT.replace("COUNT", "60"), 600)  # the browser compiles what it has run for a while
                opened.append(True)
            return [np.array(self._tab.run(_RUN, 600), np.float32)]

        return run

    def seconds(self, run, values) -> float:
        before = self._tab.cpu_seconds()
        self._tab.run(_REPEAT.replace("COUNT", str(self.COUNT)), 600)
        return (self._tab.cpu_seconds() - before) / self.COUNT

    def trial(self, path: Path, picture: Path, rounds: int, stage: Callable[[str], None]) -> dict:
        try:
            return super().trial(path, picture, rounds, stage)
        finally:
            if hasattr(self, "_tab"):
                self._tab.close()
                self._server.__exit__(None, None, None)
                self._folder.cleanup()


_TASKS = """
import json, sys, time, cv2, numpy as np, mediapipe as mp
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
options = vision.PoseLandmarkerOptions(base_options=tasks.BaseOptions(model_asset_path=sys.argv[2]))
found = []
with vision.PoseLandmarker.create_from_options(options) as landmarker:
    for path in sys.argv[4:]:
        rgb = np.ascontiguousarray(cv2.imread(path)[..., ::-1])
        image, times = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), []
        for _ in range(int(sys.argv[3])):
            before = time.process_time()
            poses = landmarker.detect(image).pose_landmarks
            times.append(time.process_time() - before)
        points = [[p.x * rgb.shape[1], p.y * rgb.shape[0]] for p in poses[0]] if poses else []
        found.append({"points": points, "seconds": min(times)})
with open(sys.argv[1], "w") as file:
    json.dump({"found": found, "version": mp.__version__}, file)
"""


class MediaPipeTasks(Adapter):
    """PoseLandmarker with our `.task` bundle of the tracker and `blazeface`, beside `PosePipeline` with the same."""

    name = "MediaPipe Tasks, .task"
    limits = dict.fromkeys(("dynamic", "int8"), "takes floats only")
    # Pixels (median of pictures, of the median of their landmarks): the two cut and sample differently.
    FURTHEST = 8.0
    own_files = trackers_only = True

    def missing(self) -> str:
        # It wants other versions of its dependencies than TensorFlow: an environment of its own.
        there = importlib.util.find_spec("mediapipe")
        self._python = os.environ.get("MEDIAPIPE_PYTHON") or (sys.executable if there else None)
        return "" if self._python else "MEDIAPIPE_PYTHON=the python of an environment with mediapipe"

    def version(self) -> str:
        command = [self._python, "-c", "import importlib.metadata as m; print(m.version('mediapipe'))"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return f"{self.name} (mediapipe {found})"

    def prepare(self, path: Path, name: str) -> None:
        from blazepose_tf.export import sources, task_bundle

        bundle = path.with_suffix(".task")
        if not bundle.exists():
            models = sources.open_source(name), sources.open_source("blazeface")
            task_bundle.write(bundle, *models, precision=path.stem)

    def trial(self, path: Path, picture: Path, rounds: int, stage: Callable[[str], None]) -> dict:
        import cv2

        from blazepose_tf.runtime.pipeline import PosePipeline

        pictures = sorted(picture.parent.glob("*.jpg"))
        stage("running")
        with tempfile.TemporaryDirectory(prefix="engine_tasks_") as folder:
            result = Path(folder) / "result.json"
            command = [self._python, "-c", _TASKS, result, path.with_suffix(".task"), str(rounds), *pictures]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
            if done.returncode:
                raise ValueError(f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
            theirs = json.loads(result.read_text(encoding="utf-8"))["found"]
        pipeline, distances, ours = PosePipeline("blazeface", path), [], 0.0
        for file, found in zip(pictures, theirs, strict=True):
            image, times = np.ascontiguousarray(cv2.imread(str(file))[..., ::-1]), []
            for _ in range(rounds):
                pipeline.reset()
                before = time.process_time()
                pose = pipeline(image)
                times.append(time.process_time() - before)
            ours += min(times)
            if found["points"] and pose.found:
                between = np.linalg.norm(np.array(found["points"]) - pose.landmarks, axis=1)
                distances.append(float(np.median(between)))
        seconds, worst = sum(found["seconds"] for found in theirs), max(distances, default=np.inf)
        count, middle = sum(bool(found["points"]) for found in theirs), float(np.median(distances or [np.inf]))
        return {
            "milliseconds": 1e3 * seconds / len(pictures),
            "ratio": seconds / ours,
            "difference": middle,
            "wrong": count < len(pictures) or not middle < self.FURTHEST,
            "text": f"{seconds / ours:.2f} x, {count} of {len(pictures)} found, {middle:.1f} px ({worst:.1f})",
        }


def _tool(name: str):
    sys.path.insert(0, str(ROOT / "tools"))
    return importlib.import_module(name)


ALL: tuple[Adapter, ...] = (*IN_PYTHON, LiteRtJs(), MediaPipeTasks())
