"""What docs/design.md lists is what there is, and a pose is the same pose in each of its shapes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation import predictions, systems
from blazepose_tf.formats import motion
from blazepose_tf.runtime import results
from blazepose_tf.runtime.poses import Pose, PoseResult
from blazepose_tf.runtime.recording import Recording

ROOT = Path(__file__).resolve().parents[1]
POINTS = {"points", "keypoints", "landmarks"}
K = len(topology.KEYPOINTS)


def _listed() -> set[str]:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.split("## Shapes of a pose", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z_]+\.[\w.]+)` \|", section, re.MULTILINE))


def _classes_with_points():
    for path in sorted((ROOT / "blazepose_tf").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            fields = [s for s in node.body if isinstance(s, ast.AnnAssign)] if isinstance(node, ast.ClassDef) else []
            arrays = {ast.unparse(f.target) for f in fields if "ndarray" in ast.unparse(f.annotation)}
            if arrays & POINTS:
                module = ".".join(path.relative_to(ROOT / "blazepose_tf").with_suffix("").parts)
                yield f"{module}.{node.name}"


def test_every_shape_of_a_pose_is_listed():
    assert set(_classes_with_points()) == _listed()


def test_a_found_pose_is_the_same_in_document_record_and_motion():
    """The labels' way is held by data/test_readers_agree.py."""
    points = np.random.default_rng(0).uniform(10, 200, (2, K, 2)).round(2).astype(np.float32)
    seen = np.linspace(0.1, 0.9, K).round(4).astype(np.float32)
    order = topology.KEYPOINTS[::-1]  # of the model: another one than the label's
    frames = []
    for number, now in enumerate(points):
        roi = np.float32([100, 100, 150, 0.1])
        pose = Pose(now[::-1], seen[::-1], None, 0.75, None, None, roi, "tracked", None, 1, order)
        frames.append(PoseResult((pose,), order, (320, 240), timestamp_ms=40.0 * number))
    texts = [results.frame_document(r, index=i, timestamp_ms=r.timestamp_ms) for i, r in enumerate(frames)]
    head = {"format": "blazepose_tf", "width": 320, "height": 240, "keypoints": list(order), "fps": 25.0}
    recording = Recording.from_dict({**head, "frames": texts})
    for read, frame in zip(recording.frames, frames, strict=True):
        np.testing.assert_allclose(read.landmarks, frame.landmarks, atol=5e-3)
        np.testing.assert_allclose(read.visibility, frame.visibility, atol=5e-5)
        assert read.names == order
    asked, visibility = systems.in_order(recording.frames[0].landmarks, recording.frames[0].visibility, order)
    np.testing.assert_allclose(asked, points[0], atol=5e-3)
    record = predictions.Prediction(1, 7, asked, visibility, 0.75).to_json()
    back = predictions.from_json(record, None, "a record")
    np.testing.assert_allclose(back.points, points[0], atol=5e-3)
    np.testing.assert_allclose(back.visibility, seen, atol=5e-5)
    moved = motion.motion(recording, space=motion.PIXELS)
    np.testing.assert_allclose(moved.points[:, ::-1, :2], points, atol=5e-3)
    # COCO counts pixels by index: half a pixel less.
    (entry,) = results.coco_results(frames[0], image_id=1, keypoints=topology.KEYPOINTS)
    np.testing.assert_allclose(np.reshape(entry["keypoints"], (K, 3))[:, :2], points[0] - 0.5, atol=1e-3)
