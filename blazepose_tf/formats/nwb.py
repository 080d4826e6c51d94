"""Neurodata Without Borders with poses as ndx-pose stores them (extra `[formats]`)."""

from __future__ import annotations

import datetime
import io
from pathlib import Path

import numpy as np

from blazepose_tf import __version__, topology
from blazepose_tf.runtime.recording import Recording

_PIP = "writing NWB needs ndx-pose: pip install 'blazepose_tf[formats]'"
FRAME = "(0, 0) is the upper left corner of the picture, x to the right, y down; (0.5, 0.5) is the centre of a pixel"


def write_nwb(recording: Recording, path: Path, *, session_start: datetime.datetime, identifier: str) -> None:
    """A file with one `PoseEstimation` per person in the module "behavior".

    Args:
        recording: of a film.
        path: file.
        session_start: when the film was taken, with its time zone.
        identifier: of the session.

    Raises:
        ImportError: no ndx-pose.
        OSError: it cannot be written.
        ValueError: a recording without times or people, a time without its zone.
    """
    try:
        import h5py
        import ndx_pose
        import pynwb
    except ImportError as error:
        raise ImportError(_PIP) from error
    times = recording.times_ms / 1000.0
    if session_start.tzinfo is None:
        raise ValueError(f"session_start needs a time zone, such as +01:00. Received: {session_start.isoformat()}")
    if not recording.ids or not np.isfinite(times).all():
        raise ValueError("NWB needs the recording of a film in which somebody is seen")
    file = pynwb.NWBFile(
        session_description=str(recording.head.get("source", "film")),
        identifier=identifier,
        session_start_time=session_start,
    )
    module = file.create_processing_module("behavior", "poses of people")
    camera = file.create_device(name="camera", description="camera of the film")
    edges = np.array(topology.edges(recording.names), np.uint8).reshape(-1, 2)
    skeletons, estimations = [], []
    for person in recording.ids:
        name = f"person{person}"
        skeleton = ndx_pose.Skeleton(name=name, nodes=list(recording.names), edges=edges)
        points, confidence = recording.landmarks(person), recording.visibility(person)
        series = [
            ndx_pose.PoseEstimationSeries(
                name=keypoint,
                description=f"{keypoint} in the picture",
                data=points[:, k].astype(np.float64),
                unit="pixels",
                reference_frame=FRAME,
                timestamps=times,
                confidence=confidence[:, k].astype(np.float64),
                confidence_definition="visibility in [0, 1] as the model gives it",
            )
            for k, keypoint in enumerate(recording.names)
        ]
        skeletons.append(skeleton)
        estimations.append(
            ndx_pose.PoseEstimation(
                name=f"PoseEstimation_{name}",
                pose_estimation_series=series,
                description="body landmarks, frame by frame",
                scorer=str(recording.head.get("models", {}).get("tracker", "blazepose_tf")),
                source_software="blazepose_tf",
                source_software_version=__version__,
                devices=[camera],
                skeleton=skeleton,
            )
        )
    module.add(ndx_pose.Skeletons(skeletons=skeletons))
    for estimation in estimations:
        module.add(estimation)
    content = io.BytesIO()  # HDF5 does not survive a disk that fills up
    with h5py.File(content, "w") as store, pynwb.NWBHDF5IO(file=store, mode="w") as out:
        out.write(file)
    path.write_bytes(content.getvalue())
