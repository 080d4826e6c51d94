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

from blazepose_tf import specs, topology
from blazepose_tf.files import write_text
from blazepose_tf.geometry import angles, roi
from blazepose_tf.runtime import filters, metadata
from blazepose_tf.runtime.detector import CLOSER_SHARES, Detector
from blazepose_tf.runtime.interpreter import SharedModel
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.warp import warp
from blazepose_tf.web.contract import contract

FOLDER = Path(__file__).resolve().parents[1] / "testdata" / "golden" / "loop"
NAMES = ("nose", "left_shoulder", "right_shoulder", "left_wrist", "left_ankle")
K = len(NAMES)
# Two levels, several anchors in a cell: what a port must take from the spec.
DETECTOR = specs.DetectorSpec(64, (8, 16), (2, 1), score_threshold=0.4)
LEGS = ("right_ankle", "left_knee", "right_knee", "left_heel", "right_heel")
TRACKER = specs.TrackerSpec(input_size=128, keypoint_names=NAMES + LEGS, heatmap_stride=8)
# Maps of 4 x 4 cells keep the film small; it has the depth that ports pass over.
FILM_TRACKER = specs.TrackerSpec(input_size=128, keypoint_names=NAMES, heatmap_stride=32, depth=True)
OWN_REGION = 1.5  # nats by which presence must be higher there
FILM_CONTRACT = contract(DETECTOR, FILM_TRACKER, own_region=OWN_REGION)


class Recorded(SharedModel):
    """A model file's surface with outputs that were written down."""

    def __init__(self, spec):
        super().__init__()
        self.name, self.input_size = "recorded", spec.input_size
        self.metadata = metadata.metadata_of(spec, model="recorded")
        if isinstance(spec, specs.DetectorSpec):
            shapes = {specs.REGRESSORS: (spec.num_anchors, spec.num_values), specs.LOGITS: (spec.num_anchors, 1)}
        else:
            shapes = {specs.LANDMARKS: (spec.num_keypoints, 3 + spec.depth), specs.POSE_PRESENCE: (1,)}
            shapes |= {specs.ALIGNMENT: (2, 2), specs.HEATMAPS: (*[spec.heatmap_size] * 2, spec.num_keypoints)}
        self.output_shapes = {name: (1, *shape) for name, shape in shapes.items()}
        self.kind = self.metadata["kind"]
        self.script: list[dict] = []

    def __call__(self, crop, value_range=(0.0, 1.0), outputs=None) -> dict[str, np.ndarray]:
        call = self.script.pop(0)
        assert call["kind"] == self.kind, f"the loop asks the {self.kind}, the film has the {call['kind']} next"
        return self.tensors(call)

    def tensors(self, call: dict) -> dict[str, np.ndarray]:
        """Arrays of a call's document: a tracker's in full, a detector's without the anchors that see nobody."""
        if self.kind == specs.TRACKER:
            shapes = {name: shape for name, shape in self.output_shapes.items() if name in call}
            return {name: np.float32(call[name]).reshape(shape) for name, shape in shapes.items()}
        logits = np.full(self.output_shapes[specs.LOGITS], -12.0, np.float32)
        regressors = np.zeros(self.output_shapes[specs.REGRESSORS], np.float32)
        for anchor, logit, *values in call["anchors"]:
            logits[0, anchor], regressors[0, anchor] = logit, values
        return {specs.LOGITS: logits, specs.REGRESSORS: regressors}


def picture(width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8: slopes and a rectangle with sharp sides, in whole numbers that any language counts."""
    y, x, channel = np.mgrid[:height, :width, :3]
    value = np.minimum(2 * x + y + 20 * channel + (x * y >> 4), 255)
    inside = (x >= width // 3) & (x < width // 2) & (y >= height // 4) & (y < height // 2)
    return np.where(inside, 255 - value, value).astype(np.uint8)


def _plain(values, digits: int = 5):
    return np.round(np.asarray(values, np.float64), digits).tolist()


def crop_cases() -> dict[str, Any]:
    """Regions and pictures."""
    matrices = []
    for width, height, size in ((320, 240, 192), (48, 101, 64)):
        region = roi.whole_image(width, height)
        matrices.append({"whole_image": [width, height], "roi": region, "crop_size": size})
    for region in ([100.0, 80.0, 60.0, 0.0], [-5.5, 31.25, 200.0, 0.7], [40.0, 300.0, 17.0, -2.9]):
        matrices.append({"roi": np.float32(region), "crop_size": 128})
    for case in matrices:
        case["matrix"] = _plain(roi.crop_matrix(case["roi"], case["crop_size"]), 6)
        case["roi"] = _plain(case["roi"])
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
        case = {"picture": list(size), "matrix": _plain(matrix, 6), "crop_size": crop_size, "border": border}
        warps.append({**case, "crop": crop.reshape(-1).tolist()})
    parts = []
    for width, height, share in ((320, 240, 0.7), (320, 180, 0.7), (101, 200, 0.5), (90, 100, 0.9)):
        rois = _plain(roi.parts(width, height, share))
        parts.append({"picture": [width, height], "share": share, "rois": rois})
    return {"matrices": matrices, "warps": warps, "parts": parts}


def _people(anchors, rng, faces) -> list:
    """Rows anchor, logit, values: what the anchors nearest to each face see of it, with some disagreement."""
    rows = []
    for x, y, side, strength in faces:
        near = np.argsort(np.abs(anchors - (x, y)).sum(axis=1), kind="stable")[:4]
        for anchor in sorted(near.tolist()):
            center = np.float64([x, y]) - anchors[anchor]
            hip, top = center + np.float64([0, 2.5 * side]), center - np.float64([0, side])
            values = np.concatenate([center, (side, 1.2 * side), hip, top]) + rng.normal(0, 0.3, 8)
            rows.append([anchor, round(strength + rng.normal(0, 0.5), 3), *_plain(values, 3)])
    return sorted(rows)


def detection_cases() -> dict[str, Any]:
    """Tensors of a detector to people: two near each other, one far, one too uncertain; nobody; and with doubt."""
    from blazepose_tf.codecs.anchors import grid_anchors

    rng, anchors = np.random.default_rng(1), grid_anchors(DETECTOR)
    recorded = Recorded(DETECTOR)
    detector = Detector(recorded)
    matrix = roi.crop_matrix(roi.whole_image(320, 240), DETECTOR.input_size)
    cases = []
    some = _people(anchors, rng, ((20, 22, 9, 3), (24, 25, 9, 1.5), (50, 14, 6, 0.8), (10, 55, 8, -3)))
    for rows, doubt in ((some, 0.0), ([], 0.0), (some, 1.7)):
        call = {"anchors": rows}
        found = detector.decode(recorded.tensors(call), matrix, doubt)
        people = [{"score": d.score, "box": _plain(d.box), "keypoints": _plain(d.keypoints)} for d in found]
        cases.append({"anchors": rows, "doubt": doubt, "matrix": _plain(matrix, 6), "detections": people})
    return {"contract": contract(DETECTOR, TRACKER), "grid": _plain(anchors), "cases": cases}


def _maps(spec, rng, peaks) -> np.ndarray:
    """(S, S, K) logits: one or two hills per point on a low, uneven ground."""
    cells = spec.heatmap_size
    y, x = np.mgrid[:cells, :cells] + 0.5
    maps = rng.normal(-6.0, 0.5, (cells, cells, spec.num_keypoints))
    for k, hills in enumerate(peaks):
        for hill_x, hill_y, height in hills:
            maps[..., k] += height * np.exp(-((x - hill_x) ** 2 + (y - hill_y) ** 2) / 4.5)
    return np.round(maps, 2)


def landmark_cases() -> dict[str, Any]:
    """Regions of alignments; tensors of a tracker to landmarks, on a picture, and on film with the points before."""
    rng = np.random.default_rng(2)
    recorded = Recorded(TRACKER)
    tracker = Tracker(recorded)
    regions = []
    for points in ([[100, 80], [100, 30]], [[60.5, 70.25], [90, 71]], [[10, 10], [-20, 35]], [[5, 5], [5, 45]]):
        regions.append({"alignment": points, "roi": _plain(roi.from_alignment(np.float32(points), TRACKER.roi_scale))})
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
        specs.HEATMAPS: _maps(TRACKER, rng, peaks).reshape(-1).tolist(),
    }
    matrix = roi.crop_matrix(np.float32([160.0, 120.0, 190.0, 0.4]), TRACKER.input_size)
    before = roi.crop_matrix(np.float32([158.0, 119.0, 188.0, 0.38]), TRACKER.input_size)
    previous = np.float32(raw)[:, :2] @ before[:, :2].T + before[:, 2]
    previous[1] += 20.0
    cases = []
    for points in (None, _plain(previous, 3)):
        track = tracker.decode(recorded.tensors(tensors), matrix, points)
        expected = {"points": _plain(track.points), "visibility": _plain(track.visibility)}
        expected |= {"pose_presence": track.pose_presence, "alignment": _plain(track.alignment)}
        cases.append({"previous": points, "expected": expected})
    document = {"contract": contract(DETECTOR, TRACKER), "regions": regions, "tensors": tensors}
    return {**document, "matrix": _plain(matrix, 6), "cases": cases}


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
            "points": _plain(seen, 2),
            "alignment": _plain(alignment, 2),
            "visibility": _plain(rng.uniform(0, 1, K), 3),
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
            "points": _plain(smooth),
            "alignment": _plain(smoother.alignment(now, seconds)),
            "visibility": _plain(smoother.visibility(np.float32(given["visibility"]))),
        }
        frames.append({**given, "expected": expected})
    return {"contract": contract(DETECTOR, TRACKER), "frames": frames}


def angle_cases() -> dict[str, Any]:
    """Angles of the joints of a body of 33 points."""
    points = np.random.default_rng(5).uniform(40, 200, (len(topology.KEYPOINTS), 2)).round(2)
    joints = topology.angle_indices()
    degrees = {name: _plain(angles.between(*(points[i] for i in indices))) for name, indices in joints.items()}
    indices = {name: list(points_of) for name, points_of in joints.items()}
    return {"angles": indices, "points": _plain(points), "degrees": degrees}


def _tracker_call(rng, presence: float, *, shift=(0.0, 0.0), jump: float = 0.0) -> dict:
    """A tracker's outputs for a body that stands `shift` beside its crop's middle, in crop pixels."""
    body = np.float64([[64, 20], [84, 40], [44, 40], [100, 70], [70, 112]]) + shift + rng.normal(0, 1.0, (K, 2))
    body[3] += jump
    hills = [[(*(p / FILM_TRACKER.heatmap_stride), 8)] for p in body]
    center = np.float64([64, 66]) + shift
    return {
        "kind": specs.TRACKER,
        specs.LANDMARKS: _plain(np.concatenate([body, rng.normal([0.0, 1.5], [9.0, 1.0], (K, 2))], axis=1), 2),
        specs.POSE_PRESENCE: presence,
        specs.ALIGNMENT: _plain([center, center - (rng.normal(0, 2.0), 52.0)], 2),
        specs.HEATMAPS: _maps(FILM_TRACKER, rng, hills).reshape(-1).tolist(),
    }


# Faces in pixels of a whole picture of 320x240: middle x, y, side, logit. At a glance the third is not to be seen.
ONE, TWO, SMALL = (150.0, 60.0, 40.0, 3.0), (60.0, 160.0, 30.0, 2.0), (240.0, 100.0, 20.0, 2.0)
NEAR = (230.0, 120.0, 80.0, 1.5)


class Script:
    """Networks' outputs as random numbers and the wishes of a film make them."""

    def __init__(self, seed: int, size: tuple[int, int] = (320, 240)):
        from blazepose_tf.codecs.anchors import grid_anchors

        self.rng, self.anchors = np.random.default_rng(seed), grid_anchors(DETECTOR)
        self.regions = [roi.whole_image(*size), *(part for share in CLOSER_SHARES for part in roi.parts(*size, share))]

    def detector(self, *faces, part: int | None = None) -> dict:
        """The detector's outputs for faces in the picture's pixels: of the whole, or of a part of the closer look."""
        x, y, side, _ = self.regions[0 if part is None else part + 1]
        scale, left, top = DETECTOR.input_size / side, x - side / 2, y - side / 2
        seen = [((fx - left) * scale, (fy - top) * scale, size * scale, sure) for fx, fy, size, sure in faces]
        return {"kind": specs.DETECTOR, "anchors": _people(self.anchors, self.rng, seen)}

    def seen(self, **how) -> dict:
        """The tracker's, sure of a person."""
        return _tracker_call(self.rng, 3.0, **how)

    def unseen(self) -> dict:
        """The tracker's, sure of nobody."""
        return _tracker_call(self.rng, -2.0)

    def doubtful(self) -> dict:
        """The tracker's, surer of a person than of nobody, and not as sure as in the person's own region."""
        return _tracker_call(self.rng, 1.0)


def film() -> list[dict]:
    """Frames of a film: time, and the networks' outputs in the order in which the loop asks for them."""
    script = Script(4)
    detector, seen, unseen, doubtful = script.detector, script.seen, script.unseen, script.doubtful
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
        (2600, detector(ONE), unseen(), doubtful(), detector(ONE, part=4)),  # a face, no body
        (2633, detector(TWO), seen(), seen()),
        (None, seen(shift=(-3, 0))),  # no time: a nominal step
        (4000, detector(), detector(SMALL, part=0), unseen(), unseen()),  # a gap; a face in the middle, but no body
        (4033, detector(TWO), seen(), unseen(), detector(part=1)),
        (4067, detector(), detector(SMALL, part=2), seen(), seen()),  # somebody whom the next part shows
        (4100, seen(shift=(2, 1))),
    ]  # fmt: skip
    return [{"timestamp_ms": time, "calls": list(calls)} for time, *calls in steps]


def _expected(result) -> dict[str, Any]:
    return {
        "source": result.source,
        "detector_ran": result.detector_ran,
        "pose_presence": result.pose_presence,
        "roi": None if result.roi is None else _plain(result.roi),
        "landmarks": _plain(result.landmarks),
        "visibility": _plain(result.visibility),
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
    in_wide = Script(7, wide).detector
    parts = lambda **found: [detector(*found.get(f"part{i}", ()), part=i) for i in range(5)]  # noqa: E731
    smaller = lambda **found: [detector(*found.get(f"part{i}", ()), part=i) for i in range(5, 10)]  # noqa: E731
    steps = [
        ((320, 240), detector(ONE), seen(), seen(shift=(2, 1))),  # read twice
        ((320, 240), detector(ONE), unseen(), seen()),  # only the second look decides
        ((320, 240), detector(ONE, TWO), seen(), unseen(), doubtful(), seen()),  # nobody there: the next one
        ((320, 240), detector(ONE), seen(), doubtful(), *parts(), *smaller()),  # not sure enough in the own region
        ((320, 240), detector(ONE, NEAR), seen(shift=(3, 2)), seen(shift=(1, 2))),  # who is in front, if less sure
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
