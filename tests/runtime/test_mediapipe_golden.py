"""The pipeline against landmarks that MediaPipe's own Python solution gave for the rendered people.

The golden file was made in an environment with mediapipe 0.10.21:
python tools/mediapipe_parity.py dump --images "testdata/people/images/*.jpg" --landmarks_only \
    --output testdata/golden/mediapipe_pose.npz
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime import PosePipeline

# Goals of the project for photographs; JPEG decoders may differ by a grey level.
MEDIAN_PX = 0.05
P95_PX = 0.5


@pytest.mark.skipif(int(cv2.__version__.split(".")[0]) != 4, reason="OpenCV 5 rounds its warps differently")
def test_static_mode(peers, testdata_dir):
    golden = np.load(testdata_dir / "golden" / "mediapipe_pose.npz")
    pipeline = PosePipeline(
        peers / "pose_detection_2021.tflite",
        peers / "pose_landmark_full_2021.tflite",
        refine_roi=False,
        half_pixel=False,
    )
    distances, depths, worlds, visibilities = [], [], [], []
    for i, name in enumerate(golden["names"]):
        result = pipeline(read_picture(testdata_dir / "people" / "images" / str(name)))
        assert result.found == (f"landmarks_{i}" in golden), name
        if not result.found:
            continue
        theirs, width = golden[f"landmarks_{i}"], result.image_size[0]
        distances.append(np.linalg.norm(result.landmarks - theirs[:, :2] * result.image_size, axis=-1))
        depths.append(np.abs(result.z - theirs[:, 2] * width))
        worlds.append(np.linalg.norm(result.world - golden[f"world_{i}"][:, :3], axis=-1))
        visibilities.append(np.abs(result.visibility - theirs[:, 3]))
    assert len(distances) >= 4
    assert np.median(distances) <= MEDIAN_PX and np.percentile(distances, 95) <= P95_PX
    assert np.percentile(depths, 95) <= 4 * P95_PX
    assert np.percentile(worlds, 95) <= 0.005  # metres
    assert np.percentile(visibilities, 95) <= 0.01
