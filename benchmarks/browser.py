"""What the browser page costs per frame against the Python runtime and MediaPipe's tasks-vision, on the same film.

    npm install --prefix tools/web
    python benchmarks/browser.py
    python benchmarks/browser.py --tracker=lite --tracker=lite_int8_float_io.tflite \\
        --task=pose_landmarker_lite.task --task=our_lite.task

The film is decoded beforehand, for the browser into arrays. All run with one thread and take turns for several rounds;
each is measured by the CPU time of its processes, the browser's all together, because other programs stretch the clock
but not that (Linux). Where the machine is busy, caches are shared all the same: compare within a run only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NPM = ROOT / "tools" / "web" / "node_modules"
sys.path[:0] = [str(ROOT / "tools"), str(ROOT)]

# Decodes the film into `frames`, then makes `step(picture, milliseconds)`.
_FRAMES = """
  const video = document.createElement("video"), canvas = document.createElement("canvas");
  Object.assign(video, { muted: true, src: URL.createObjectURL(await (await fetch("film.webm")).blob()) });
  await new Promise((resolve) => (video.onloadeddata = resolve));
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  globalThis.frames = [];
  for (let i = 0; i < COUNT; i++) {
    await show(video, (i + 0.3) / 30);
    context.drawImage(video, 0, 0);
    frames.push(context.getImageData(0, 0, canvas.width, canvas.height));
  }
"""
_PAGE = """(async () => {
  const site = await (await fetch("contract.json")).json();
  const { openNetworks } = await import("./engine.js"), { PoseLoop } = await import("./loop.js");
  const loop = new PoseLoop(site, (await openNetworks(site, { accelerator: "wasm" })).networks);
  globalThis.step = async (picture, milliseconds) => (await loop.frame(picture, milliseconds)).source !== "none";
  FRAMES
})()"""
_TASKS = """(async () => {
  const { FilesetResolver, PoseLandmarker } = await import("./vision_bundle.mjs");
  const landmarker = await PoseLandmarker.createFromOptions(await FilesetResolver.forVisionTasks("./wasm"), {
    baseOptions: { modelAssetPath: "model.task", delegate: "CPU" },
    runningMode: "VIDEO",
  });
  globalThis.step = (picture, milliseconds) => landmarker.detectForVideo(picture, milliseconds).landmarks.length > 0;
  FRAMES
})()"""
# Plays the film forth and back, as a film of its own.
_RUN = """(async () => {
  let found = 0;
  globalThis.number ??= 0;
  for (let i = 0; i < TURNS; i++, number++) {
    const j = number % (2 * frames.length - 2), k = j < frames.length ? j : 2 * frames.length - 2 - j;
    found += await step(frames[k], (number * 1000) / 30);
  }
  return found / TURNS;
})()"""


class InBrowser:
    """A program in a tab of its own; `run` gives milliseconds of CPU per frame and the share with a person."""

    def __init__(self, folder: Path, script: str, count: int):
        import browser

        self._server = browser.served(folder)
        address = self._server.__enter__()
        self._browser = browser.Browser()
        self._browser.open(address + "empty.html")
        self._browser.wait("document.readyState === 'complete' && location.pathname === '/empty.html'")
        frames = browser.SHOW + _FRAMES.replace("COUNT", str(count))
        self._browser.run(script.replace("FRAMES", frames), 600)
        self.run(30)

    def run(self, turns: int) -> tuple[float, float]:
        before = self._browser.cpu_seconds()
        found = self._browser.run(_RUN.replace("TURNS", str(turns)), 600)
        return 1e3 * (self._browser.cpu_seconds() - before) / turns, found

    def close(self) -> None:
        self._browser.close()
        self._server.__exit__(None, None, None)


class InPython:
    """The runtime, without a browser."""

    def __init__(self, film: Path, tracker: str, count: int):
        import cv2

        from blazepose_tf.media.videos import VideoReader
        from blazepose_tf.runtime import PosePipeline

        cv2.setNumThreads(1)
        with VideoReader(film) as video:
            self._frames = [frame.image for frame in video][:count]
        self._stream, self._number = PosePipeline(tracker=tracker).stream(), 0
        self.run(30)

    def run(self, turns: int) -> tuple[float, float]:
        before, found, period = time.process_time(), 0, self._frames + self._frames[-2:0:-1]
        for _ in range(turns):
            found += self._stream(period[self._number % len(period)], self._number * 1000 / 30).found
            self._number += 1
        return 1e3 * (time.process_time() - before) / turns, found / turns

    def close(self) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracker", action="append", help=".tflite file or shipped name; may be repeated")
    parser.add_argument("--detector", default="blazeface", help=".tflite file or shipped name")
    parser.add_argument("--task", type=Path, action="append", default=[], help="bundle for tasks-vision; repeatable")
    parser.add_argument("--film", type=Path, help="film that the browser can decode; the page's sample without it")
    parser.add_argument("--litert_js", type=Path, default=NPM / "@litertjs" / "core")
    parser.add_argument("--tasks_vision", type=Path, default=NPM / "@mediapipe" / "tasks-vision")
    parser.add_argument("--count", type=int, default=60, help="frames of the film")
    parser.add_argument("--turns", type=int, default=60, help="frames per round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    from blazepose_tf.runtime.weights import model_file
    from blazepose_tf.web.site import PAGE, write_site

    os.environ["OMP_NUM_THREADS"] = "1"
    film = args.film or PAGE / "sample.webm"
    trackers = [model_file(name) for name in args.tracker or ["lite"]]
    systems = {}
    with tempfile.TemporaryDirectory() as temporary:
        for number, tracker in enumerate(trackers):
            systems[f"Python, {tracker.stem}"] = InPython(film, tracker, args.count)
            site = Path(temporary) / f"site{number}"
            write_site(site, model_file(args.detector), tracker, litert_js=args.litert_js)
            shutil.copyfile(film, site / "film.webm")
            page = (site / "index.html").read_text(encoding="utf-8")
            # The page without its own program, with what it may import.
            (site / "empty.html").write_text(page.replace('src="page.js"', ""), encoding="utf-8")
            systems[f"page, {tracker.stem}"] = InBrowser(site, _PAGE, args.count)
        for task in args.task:
            folder = Path(temporary) / f"tasks_{task.stem}"
            folder.mkdir()
            (folder / "wasm").symlink_to((args.tasks_vision / "wasm").resolve())
            shutil.copyfile(args.tasks_vision / "vision_bundle.mjs", folder / "vision_bundle.mjs")
            shutil.copyfile(task, folder / "model.task")
            shutil.copyfile(film, folder / "film.webm")
            (folder / "empty.html").write_text("<!doctype html><title>tasks-vision</title>", encoding="utf-8")
            systems[f"tasks-vision, {task.stem}"] = InBrowser(folder, _TASKS, args.count)
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
        for _ in range(args.rounds):
            for name, system in systems.items():
                rounds[name].append(system.run(args.turns))
        for system in systems.values():
            system.close()
    reference = next(iter(rounds))
    print(f"{film.name}, {args.turns} frames, {args.rounds} rounds in turn, one thread; CPU time")
    print(f"| system | ms per frame | rounds | frames/s x {reference} | person in |\n|---|---|---|---|---|")
    for name, measured in rounds.items():
        times = [ms for ms, _ in measured]
        ratio = statistics.median(r[0] / t for (t, _), r in zip(measured, rounds[reference], strict=True))
        found = statistics.mean(share for _, share in measured)
        middle = statistics.median(times)
        print(f"| {name} | {middle:.1f} | {min(times):.1f} to {max(times):.1f} | {ratio:.2f} | {100 * found:.0f} % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
