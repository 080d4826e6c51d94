"""Draws skeletons on pictures, videos or a camera's frames and writes the numbers as JSON.

blazepose predict --input=photo.jpg --output=poses
blazepose predict --input=clip.mp4 --input="holiday/*.jpg" --output=poses --tracker=lite
blazepose predict --input=holiday/ --output=poses --workers=2
blazepose predict --input=archive/ --output=poses --cluster=HOST:6379      (a Ray cluster; the same command goes on)
blazepose predict --input=clip.mp4 --output=poses --smoothing=recorded
blazepose predict --input=clip.mp4 --output=poses --view --height=1.78 --mask
blazepose predict --input=0 --output=poses --show         (first camera; Q or Ctrl-C ends it)
"""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

from absl import flags

from blazepose_tf import cluster
from blazepose_tf.cli import UserError
from blazepose_tf.console import one_line

INTERRUPTED = 130
# What somebody means who names such an output is a file.
_FILES = (".json", ".jpg", ".jpeg", ".png", ".mp4", ".avi")


def define_flags() -> None:
    flags.DEFINE_multi_string(
        "input", [], "file, folder, glob pattern, camera number, or address; may be repeated, or given without a flag"
    )
    flags.DEFINE_string("output", "poses", "folder for the drawn pictures, videos and JSON")
    flags.DEFINE_string(
        "detector",
        None,
        "detector: .tflite, .onnx, .task or .keras file, exported folder, or shipped name (default: blazeface)",
    )
    flags.DEFINE_string(
        "tracker", None, "tracker, likewise, such as lite or full; with --mask, --view or --height lite_3d unless named"
    )
    flags.DEFINE_enum(
        "format",
        "native",
        ["native", "coco17", "coco33"],
        "JSON: native (a document per input) or one COCO results list with 17 or 33 keypoints",
    )
    flags.DEFINE_integer("max_people", 1, "people looked for; several are drawn in shades of their own", lower_bound=1)
    flags.DEFINE_bool("closer", True, "where somebody is missing, look closer at parts of the picture")
    flags.DEFINE_bool("draw", True, "write drawn pictures and videos; --nodraw writes JSON only")
    flags.DEFINE_bool(
        "mask", False, "write cut-out pictures (NAME_mask.png) and films of masks; the tracker must give them"
    )
    flags.DEFINE_bool(
        "view", False, "write a page (.html) that shows world landmarks in the round, where there are any"
    )
    flags.DEFINE_float(
        "height", None, "standing height in metres to scale world landmarks to", lower_bound=0.4, upper_bound=2.8
    )
    flags.DEFINE_bool("show_roi", False, "outline the region of interest in the drawings")
    flags.DEFINE_enum(
        "smoothing",
        "stream",
        ["stream", "recorded", "none"],
        "of a film's landmarks: as a stream's, from the frames so far; as a recording's, from those before and after, "
        "without delay (to draw it, the film is read twice); none",
    )
    flags.DEFINE_float(
        "detection_threshold",
        None,
        "detector scores below it are nobody; default: the detector's own",
        lower_bound=0.01,
        upper_bound=0.99,
    )
    flags.DEFINE_integer("threads", 1, "threads per inference", lower_bound=1)
    flags.DEFINE_integer("max_frames", None, "frames read per video or camera; default: all", lower_bound=1)
    flags.DEFINE_integer(
        "workers", 1, "pictures read at the same time; films are read one after the other", lower_bound=1
    )
    flags.DEFINE_float(
        "max_megapixels", 200.0, "pictures and films that declare larger frames are refused undecoded", lower_bound=0.01
    )
    flags.DEFINE_string("cluster", "", cluster.HELP)
    flags.DEFINE_list("camera", [], "wishes of a camera, e.g. width=1280,height=720,fps=30; it takes what is nearest")
    flags.DEFINE_bool("show", False, "show the drawn pictures and frames in a window; Q or Escape ends")


def _stop_on_signals(batch) -> None:
    """The first Ctrl-C (or request to terminate) ends the running video properly, a second one gives up at once."""

    def stop(number, frame):
        batch.stop()
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _camera(wishes: list[str]) -> dict[str, float]:
    """ "width=1280" -> {"width": 1280.0}."""
    found = {}
    for wish in wishes:
        name, _, value = wish.partition("=")
        if name not in ("width", "height", "fps") or not value.replace(".", "", 1).isdecimal():
            raise UserError(f"--camera takes width=, height= and fps= with numbers. Received: {wish!r}")
        found[name] = float(value)
    return found


def _on_cluster(texts: list[str], detector, tracker, pipeline: dict, options) -> int:
    """As without it, but for the progress, which is told by part."""
    from blazepose_tf.runtime import parts
    from blazepose_tf.runtime.inputs import find_items

    args = flags.FLAGS
    models = {"detector": str(detector), "tracker": str(tracker)}
    models |= {"threshold": args.detection_threshold, "threads": args.threads, "mask": args.mask}
    items, errors = [], []
    with tempfile.TemporaryDirectory() as downloads:
        for text in texts:
            try:
                items += find_items(text, downloads=downloads, on_note=lambda line: print(line, file=sys.stderr))
            except (OSError, ValueError) as error:
                errors.append(one_line(error))
        summary = parts.run(items, models, pipeline, Path(args.output), options, args.cluster)
    for line in (*errors, *summary.errors):
        print(f"error: {line}", file=sys.stderr)
    print(
        f"{summary.items} of {len(items)} inputs, {summary.frames} frames, {summary.persons} with a person, "
        f"{summary.detector_runs} detector runs, median {summary.median_ms:.1f} ms per frame; written to {args.output}"
    )
    return 1 if errors or summary.errors else 0


def main(argv: list[str]) -> int:
    import cv2
    from tqdm import tqdm

    from blazepose_tf.runtime.batch import Batch, Options
    from blazepose_tf.runtime.detector import Detector
    from blazepose_tf.runtime.inputs import find_items
    from blazepose_tf.runtime.pipeline import PosePipeline
    from blazepose_tf.runtime.tracker import Tracker
    from blazepose_tf.runtime.weights import DETECTORS, TRACKERS, TRACKERS_3D, default_file, model_file
    from blazepose_tf.runtime.window import Window

    # Reading, looking, drawing and encoding have a thread each; OpenCV's own would only get in their way.
    cv2.setNumThreads(1)
    args = flags.FLAGS
    texts = [*args.input, *argv]
    if not texts:
        raise UserError("nothing to read: give --input=FILE, a folder, a pattern, a camera number or an address")
    if Path(args.output).suffix.lower() in _FILES and not Path(args.output).is_dir():
        raise UserError(f"--output takes a folder, for one input can give several files. Received: {args.output!r}")
    detector_file = model_file(args.detector) if args.detector else default_file(DETECTORS)
    deep = args.mask or args.view or args.height is not None
    tracker_file = model_file(args.tracker) if args.tracker else default_file(TRACKERS_3D if deep else TRACKERS)
    options = Options(
        json_format=args.format,
        draw=args.draw,
        show_roi=args.show_roi,
        mask=args.mask,
        view=args.view,
        height=args.height,
        recorded=args.smoothing == "recorded",
        max_frames=args.max_frames,
        max_megapixels=args.max_megapixels,
        workers=args.workers,
        camera=_camera(args.camera),
    )

    if args.cluster:
        pipeline = {"smoothing": args.smoothing != "none", "max_people": args.max_people, "closer": args.closer}
        return _on_cluster(texts, detector_file, tracker_file, pipeline, options)

    def open_pipeline() -> PosePipeline:
        detector = Detector(detector_file, threshold=args.detection_threshold, num_threads=args.threads)
        tracker = Tracker(tracker_file, num_threads=args.threads, mask=args.mask)
        return PosePipeline(
            detector, tracker, smoothing=args.smoothing != "none", max_people=args.max_people, closer=args.closer
        )

    with (
        tqdm(unit=" frames", disable=None, mininterval=0.2) as bar,
        tempfile.TemporaryDirectory() as downloads,
        Window("blazepose predict") if args.show else contextlib.nullcontext() as window,
    ):

        def say(line: str) -> None:
            bar.write(line.encode("utf-8", "replace").decode(), file=sys.stderr)

        batch = Batch(
            open_pipeline,
            args.output,
            options,
            on_frame=lambda summary: bar.update(),
            on_error=lambda line: say(f"error: {line}"),
            on_note=lambda line: say(f"note: {line}"),
            on_view=window.show if window is not None else None,
        )
        started = time.perf_counter()
        items = []
        try:
            for text in texts:
                try:
                    items += find_items(text, downloads=downloads, on_note=lambda line: say(f"note: {line}"))
                except (OSError, ValueError) as error:
                    batch.fail(one_line(error))
            _stop_on_signals(batch)
            summary = batch.run(items)
        except KeyboardInterrupt:
            summary = batch.summary
            summary.interrupted = True
        seconds = time.perf_counter() - started
    rate = summary.frames / seconds if seconds > 0 else 0.0
    if not items and summary.errors and not summary.interrupted:  # there is nothing to sum up
        return 1
    print(
        f"{summary.items} of {len(items)} inputs, {summary.frames} frames, {summary.persons} with a person, "
        f"{summary.detector_runs} detector runs, median {summary.median_ms:.1f} ms per frame, "
        f"{rate:.1f} frames/s with reading and writing; written to {args.output}"
    )
    if summary.errors:
        print(f"{len(summary.errors)} error{'s' if len(summary.errors) > 1 else ''}", file=sys.stderr)
    if summary.interrupted:
        print("interrupted: results so far are complete files", file=sys.stderr)
        return INTERRUPTED
    return 1 if summary.errors else 0
