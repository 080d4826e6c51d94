"""Writes testdata/golden/loop/: what the Python runtime makes of small inputs, for every port of the loop.

    python tools/loop_golden.py

The browser's loop (blazepose_tf/web/page/loop.js) and the phone's (tools/android/sample/loop) are held to these
numbers, and so is Python itself, so that a change of the runtime shows until this program ran again and the ports
followed.

crop.json: regions to matrices, a small picture by a formula to crops. detection.json: tensors to people.
landmarks.json: alignment to regions, tensors to landmarks with both refinements. filters.json: clock and filters over
time. angles.json: angles of joints. film.json and stills.json: the whole loop over recorded outputs of networks, frames
of a film and pictures that stand alone. Each names the contract (sizes, anchors, constants) that it was made with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from loop_recorded import (
    DETECTOR,
    FAINT,
    FILM_TRACKER,
    HALF,
    NEAR,
    ONE,
    SMALL,
    TRACKER,
    TWO,
    K,
    Recorded,
    Script,
    detector_rows,
    maps,
    plain,
)

from blazepose_tf import specs, topology
from blazepose_tf.files import write_text
from blazepose_tf.geometry import angles, roi
from blazepose_tf.runtime import filters, metadata
from blazepose_tf.runtime.detector import HALF_BELIEVED, Detector
from blazepose_tf.runtime.exposure import lightened
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.warp import warp
from blazepose_tf.web.contract import contract

FOLDER = Path(__file__).resolve().parents[1] / "testdata" / "golden" / "loop"
OWN_REGION = 1.5  # nats by which presence must be higher there
FILM_CONTRACT = contract(DETECTOR, FILM_TRACKER, own_region=OWN_REGION)


def picture(width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8: slopes and a rectangle with sharp sides, in whole numbers that any language counts."""
    y, x, channel = np.mgrid[:height, :width, :3]
    value = np.minimum(2 * x + y + 20 * channel + (x * y >> 4), 255)
    inside = (x >= width // 3) & (x < width // 2) & (y >= height // 4) & (y < height // 2)
    return np.where(inside, 255 - value, value).astype(np.uint8)


def crop_cases() -> dict[str, Any]:
    """Regions and pictures."""
    matrices = []
    for width, height, size in ((320, 240, 192), (48, 101, 64)):
        region = roi.whole_image(width, height)
        matrices.append({"whole_image": [width, height], "roi": region, "crop_size": size})
    for region in ([100.0, 80.0, 60.0, 0.0], [-5.5, 31.25, 200.0, 0.7], [40.0, 300.0, 17.0, -2.9]):
        matrices += [{"roi": np.float32(region), "crop_size": 128, "mirror": mirror} for mirror in (False, True)]
    for case in matrices:
        case["matrix"] = plain(
            roi.crop_matrix(case["roi"], case["crop_size"], float(case.setdefault("mirror", False))), 6
        )
        case["roi"] = plain(case["roi"])
    warps = []
    for size, region, border in (
        ((50, 38), [25.0, 19.0, 50.0, 0.0], "zero"),  # enlarged, black bars
        ((50, 38), [22.0, 17.0, 14.0, 0.5], "replicate"),  # enlarged, turned
        ((50, 38), [4.0, 30.0, 40.0, -1.9], "replicate"),  # beyond the rim
        ((97, 63), [50.0, 30.0, 60.0, 0.3], "replicate"),  # halved once
        ((97, 63), [48.5, 31.5, 97.0, 0.0], "zero"),  # halved twice, odd sides
    ):
        crop_size = 16
        matrix = roi.crop_matrix(np.float32(region), crop_size)
        crop = warp(picture(*size), matrix, crop_size, border=border)
        case = {"picture": list(size), "matrix": plain(matrix, 6), "crop_size": crop_size, "border": border}
        warps.append({**case, "crop": crop.reshape(-1).tolist()})
    parts = []
    for width, height, share in ((320, 240, 0.7), (320, 180, 0.7), (101, 200, 0.5), (90, 100, 0.9)):
        rois = plain(roi.parts(width, height, share))
        parts.append({"picture": [width, height], "share": share, "rois": rois})
    exposure = contract(DETECTOR, TRACKER)["exposure"]
    darkened = [picture(16, 16) // divisor for divisor in (1, 3, 40, 255)]
    lightenings = [{"crop": c.reshape(-1).tolist(), "lightened": lightened(c).reshape(-1).tolist()} for c in darkened]
    return {
        "matrices": matrices,
        "warps": warps,
        "parts": parts,
        "exposure": {"settings": exposure, "size": 16, "cases": lightenings},
    }


def detection_cases() -> dict[str, Any]:
    """Tensors of a detector to people: two near each other, one far, one too uncertain; nobody; and with doubt."""
    from blazepose_tf.codecs.anchors import grid_anchors

    rng, anchors = np.random.default_rng(1), grid_anchors(DETECTOR)
    recorded = Recorded(DETECTOR)
    detector = Detector(recorded)
    matrix = roi.crop_matrix(roi.whole_image(320, 240), DETECTOR.input_size)
    cases = []
    some = detector_rows(anchors, rng, ((20, 22, 9, 3), (24, 25, 9, 1.5), (50, 14, 6, 0.8), (10, 55, 8, -3)))
    for rows, doubt, half in ((some, 0.0, False), ([], 0.0, False), (some, 1.7, False), (some, 1.7, True)):
        call = {"anchors": rows}
        decode = detector.half_believed if half else detector.decode
        found = decode(recorded.tensors(call), matrix, doubt)
        people = [{"score": d.score, "box": plain(d.box), "keypoints": plain(d.keypoints)} for d in found]
        below = HALF_BELIEVED if half else 0.0
        cases.append(
            {"anchors": rows, "doubt": doubt, "below": below, "matrix": plain(matrix, 6), "detections": people}
        )
    return {"contract": contract(DETECTOR, TRACKER), "grid": plain(anchors), "cases": cases}


def landmark_cases() -> dict[str, Any]:
    """Regions of alignments; tensors of a tracker to landmarks, on a picture, and on film with the points before."""
    rng = np.random.default_rng(2)
    recorded = Recorded(TRACKER)
    tracker = Tracker(recorded)
    regions = []
    for points in ([[100, 80], [100, 30]], [[60.5, 70.25], [90, 71]], [[10, 10], [-20, 35]], [[5, 5], [5, 45]]):
        regions.append({"alignment": points, "roi": plain(roi.from_alignment(np.float32(points), TRACKER.roi_scale))})
    # Near its hill; between two; no hill; at the rim; regressed outside of the map, and so the other ankle stays at its
    # hill; knees on one hill, of which the right one has another; heels on one, of which the others are too low.
    raw = [[61, 39, 2.5], [64, 66, 0.5], [90, 30, -1.0], [3, 125, -3.0], [-7, 60, 1.0], [4, 58, 1.0]]
    raw += [[60, 80, 1.5], [70, 82, 0.5], [52, 100, 2.0], [56, 98, -0.5]]
    peaks = [[(8.1, 5.3, 9)], [(5.5, 8.4, 8), (10.6, 8.1, 8.2)], [], [(0.6, 15.2, 8)], [(1.0, 7.0, 9)], [(1.0, 7.0, 9)]]
    peaks += [[(7.7, 10.2, 9), (1.5, 10.0, 6.5)], [(7.8, 10.1, 9), (12.4, 10.6, 8.5)]]
    peaks += [[(6.6, 12.4, 9), (11.5, 12.0, 5.5)], [(6.7, 12.3, 9), (2.1, 12.8, 5.5)]]
    tensors = {
        specs.LANDMARKS: raw,
        specs.POSE_PRESENCE: 2.2,
        specs.ALIGNMENT: [[64, 70], [66, 14]],
        specs.HEATMAPS: maps(TRACKER, rng, peaks).reshape(-1).tolist(),
    }
    matrix = roi.crop_matrix(np.float32([160.0, 120.0, 190.0, 0.4]), TRACKER.input_size)
    before = roi.crop_matrix(np.float32([158.0, 119.0, 188.0, 0.38]), TRACKER.input_size)
    previous = np.float32(raw)[:, :2] @ before[:, :2].T + before[:, 2]
    previous[1] += 20.0
    mirrored = roi.crop_matrix(np.float32([160.0, 120.0, 190.0, 0.4]), TRACKER.input_size, 1.0)
    cases = []
    for used, points in ((matrix, None), (matrix, plain(previous, 3)), (mirrored, None)):
        track = tracker.decode(recorded.tensors(tensors), used, points)
        expected = {"points": plain(track.points), "visibility": plain(track.visibility)}
        expected |= {"pose_presence": track.pose_presence, "alignment": plain(track.alignment)}
        if points is None:
            expected["spread"] = [None if np.isnan(cells) else round(float(cells), 4) for cells in track.spread]
        cases.append({"matrix": plain(used, 6), "previous": points, "expected": expected})
    return {"contract": contract(DETECTOR, TRACKER), "regions": regions, "tensors": tensors, "cases": cases}


def filter_cases() -> dict[str, Any]:
    """A clock with late, repeated and missing frames, and everything that is filtered over it."""
    rng = np.random.default_rng(3)
    clock, smoother = filters.FrameClock(), filters.PoseSmoother()
    times = [0, 33.3, 66.7, 66.7, 60.0, 140.0, 173.3, 206.7, None, 240.0, 2000.0, 2033.3, 2066.7, 900.0, 933.3]
    points = rng.uniform(40, 200, (K, 2))
    alignment = np.float64([[120, 110], [118, 40]])
    frames = []
    for number, time in enumerate(times):
        points = points + rng.normal(0, 3.0, points.shape)
        alignment = alignment + rng.normal(0, 2.0, alignment.shape)
        seen = points.copy()
        if number in (5, 8, 9):
            seen[3] += 90.0  # a jump for one frame, and one that stays for two
        given = {
            "timestamp_ms": time,
            "points": plain(seen, 2),
            "alignment": plain(alignment, 2),
            "visibility": plain(rng.uniform(0, 1, K), 3),
        }
        seconds, gap = clock.step(time)
        if gap:
            smoother.reset()
        now = np.float32(given["alignment"])
        size = filters.body_size(now)
        smooth, _ = smoother.landmarks(np.float32(given["points"]), None, seconds, body_size=size)
        expected = {
            "seconds": round(seconds, 6),
            "gap": gap,
            "points": plain(smooth),
            "alignment": plain(smoother.alignment(now, seconds)),
            "visibility": plain(smoother.visibility(np.float32(given["visibility"]))),
        }
        frames.append({**given, "expected": expected})
    return {"contract": contract(DETECTOR, TRACKER), "frames": frames}


def angle_cases() -> dict[str, Any]:
    """Angles of the joints of a body of 33 points."""
    points = np.random.default_rng(5).uniform(40, 200, (len(topology.KEYPOINTS), 2)).round(2)
    joints = topology.angle_indices()
    degrees = {name: plain(angles.between(*(points[i] for i in indices))) for name, indices in joints.items()}
    indices = {name: list(points_of) for name, points_of in joints.items()}
    return {"angles": indices, "points": plain(points), "degrees": degrees}


def film() -> list[dict]:
    """Frames of a film: time, and the networks' outputs in the order in which the loop asks for them."""
    script = Script(4)
    detector, seen, unseen, doubtful = script.detector, script.seen, script.unseen, script.doubtful
    sure = script.sure
    steps = [
        (0, detector(), detector(part=0)),  # nobody, nor in the middle
        (33, detector(ONE, TWO), seen(), unseen(), unseen(), seen()),  # the second candidate
        (67, seen(shift=(3, 1))),
        (100, seen(shift=(-2, 2))),
        (133, seen(jump=200.0)),  # a point jumps: held back
        (167, seen(jump=200.0)),  # still there: followed
        (200, seen(shift=(2, 2))),
        (233, unseen(), unseen(), detector(ONE), seen(), seen(shift=(1, 0))),  # lost; the detector finds
        (267, seen(shift=(4, 3))),
        (300, seen(shift=(5, 2))),
        (333, unseen(), seen(shift=(1, 1))),  # lost, and found where the motion leads
        (367, seen()),
        (400, unseen(), unseen(), detector(), detector(part=1)),  # gone, nor in the next part
        (433, unseen(), detector(), detector(part=2)),  # nor where the motion would have led
        (467, seen(shift=(-2, 0))),  # but there a frame later
        (2500, detector(ONE), seen(), seen()),  # a gap: the detector looks although someone was followed
        (2500, seen(shift=(1, 0))),  # the same time again
        (2533, seen(shift=(-900, 0))),  # a body far outside of the picture is not followed
        (2567, detector(), detector(part=3)),  # so the detector looks, and finds nobody
        (2600, detector(FAINT), unseen(), doubtful(), detector(FAINT, part=4)),  # a face, no body
        (2633, detector(TWO), seen(), seen()),
        (None, seen(shift=(-3, 0))),  # no time: a nominal step
        (4000, detector(), detector(SMALL, part=0), unseen(), unseen()),  # a gap; a face in the middle, but no body
        (4033, detector(TWO), seen(), unseen(), detector(part=1)),
        (4067, detector(), detector(SMALL, part=2), seen(), seen()),  # somebody whom the next part shows
        (4100, seen(shift=(2, 1))),
        (6000, detector(HALF), detector(part=0), seen(), sure()),  # half believed in, and the tracker is very sure
        (8000, detector(HALF), detector(part=0), unseen()),  # no second look at whom the first does not see
        (8033, detector(HALF), detector(HALF, part=1), seen(), seen()),  # sure of somebody, but not very
        (8067, detector(), detector(HALF, part=2), seen(), sure()),
        (10000, detector(HALF, TWO), seen(), seen()),  # believed in first
        (12000, detector(HALF), detector(SMALL, part=0), seen(), seen()),
    ]  # fmt: skip
    return [{"timestamp_ms": time, "calls": list(calls)} for time, *calls in steps]


def _expected(result) -> dict[str, Any]:
    return {
        "source": result.source,
        "detector_ran": result.detector_ran,
        "pose_presence": result.pose_presence,
        "roi": None if result.roi is None else plain(result.roi),
        "landmarks": plain(result.landmarks),
        "visibility": plain(result.visibility),
    }


def _played(cases: list[dict], reader) -> list[dict]:
    """The cases with what the loop makes of their calls; `reader` turns a pipeline into a function that reads one."""
    detector, tracker = Recorded(DETECTOR), Recorded(FILM_TRACKER)
    tracker.metadata |= {metadata.PRESENCE: {metadata.OWN_REGION: OWN_REGION}}
    read = reader(PosePipeline(Detector(detector), Tracker(tracker)))
    for case in cases:
        detector.script = tracker.script = list(case["calls"])
        case["expected"] = _expected(read(case))
        assert not tracker.script, "the case has outputs that the loop did not ask for"
    return cases


def film_cases() -> dict[str, Any]:
    """The whole loop on film."""
    image = picture(320, 240)

    def reader(pipeline):
        stream = pipeline.stream()
        return lambda frame: stream(image, frame["timestamp_ms"])

    return {"contract": FILM_CONTRACT, "picture": [320, 240], "frames": _played(film(), reader)}


def stills() -> list[dict]:
    """Pictures that stand alone: their size, and the networks' outputs as the loop asks for them."""
    wide = (320, 180)
    script = Script(6)
    detector, seen, unseen, doubtful = script.detector, script.seen, script.unseen, script.doubtful
    sure = script.sure
    in_wide = Script(7, wide).detector
    parts = lambda **found: [detector(*found.get(f"part{i}", ()), part=i) for i in range(5)]  # noqa: E731
    smaller = lambda **found: [detector(*found.get(f"part{i}", ()), part=i) for i in range(5, 10)]  # noqa: E731
    steps = [
        ((320, 240), detector(ONE), seen(), seen(shift=(2, 1), mirror=True)),  # read twice, between both looks
        ((320, 240), detector(ONE), unseen(), seen(shift=(1, 0), mirror=True)),  # only the second look decides
        ((320, 240), detector(ONE, TWO), seen(), unseen(), doubtful(), seen()),  # nobody there: the next one
        ((320, 240), detector(FAINT), seen(), doubtful(), *parts(), *smaller()),  # not sure enough in the own region
        ((320, 240), detector(ONE), seen(), doubtful()),  # enough where the detector is sure
        ((320, 240), detector(HALF), *parts(), *smaller(), seen(), sure(mirror=True)),  # half believed in
        ((320, 240), detector(ONE, NEAR), seen(shift=(3, 2)), seen(shift=(1, 2))),  # who is in front; two places each
        ((320, 240), detector(), *parts(), *smaller()),  # nobody
        ((320, 240), detector(), *parts(), *smaller(part8=[TWO]), seen(), seen()),  # a still closer look shows somebody
        ((320, 240), detector(), *parts(part0=[SMALL], part2=[SMALL]), seen(), seen()),  # in two parts, asked for once
        # A face without a body: not asked for again; of two others in the parts the surer one first.
        ((320, 240), detector(ONE), unseen(), unseen(), *parts(part0=[ONE, SMALL], part3=[TWO]), seen(), unseen(),
         seen(), seen()),
        (wide, in_wide(), in_wide(part=0), in_wide(part=1), in_wide(SMALL, part=2), seen(), seen()),
    ]  # fmt: skip
    return [{"picture": list(size), "calls": list(calls)} for size, *calls in steps]


def still_cases() -> dict[str, Any]:
    """The whole loop on pictures."""
    read = _played(stills(), lambda pipeline: lambda case: pipeline(picture(*case["picture"])))
    return {"contract": FILM_CONTRACT, "cases": read}


def documents() -> dict[str, dict]:
    """File name -> document."""
    makers = {"crop": crop_cases, "detection": detection_cases, "landmarks": landmark_cases, "filters": filter_cases}
    makers |= {"angles": angle_cases, "film": film_cases, "stills": still_cases}
    return {f"{name}.json": make() for name, make in makers.items()}


def main() -> None:
    """Writes the files."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        write_text(FOLDER / name, json.dumps(document, separators=(",", ":")) + "\n")
        print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1e3:.1f} kB")


if __name__ == "__main__":
    main()
