"""Readers of published and of labelling-tool annotation formats, and their conversion to one form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blazepose_tf.converters import coco, jhmdb, label_studio, labelme, leeds, mpii, table
from blazepose_tf.converters.annotations import Source

FORMATS: dict[str, str] = {
    "coco": "COCO keypoint json: 17, 33-named, WholeBody 133, Halpe 26/136, own sets",
    "cvat": "CVAT's export COCO Keypoints",
    "label-studio": "Label Studio's JSON, JSON-MIN or COCO export",
    "labelme": "folder of labelme json files",
    "mpii": "MPII mpii_human_pose_v1_u12_1.mat, or train.json / valid.json",
    "lsp": "Leeds Sports Pose joints.mat",
    "lspet": "Leeds Sports Pose extended training joints.mat",
    "jhmdb": "folder of JHMDB's joint_positions",
    "csv": "table with the columns image, NAME_x, NAME_y, NAME_v",
}


def open_source(
    kind: str,
    path: str | Path,
    *,
    images: str | None = None,
    keypoints: Sequence[str] = (),
    offset: float | None = None,
    every: int = 1,
) -> Source:
    """Opens annotations of any format.

    Args:
        kind: a key of FORMATS.
        path: annotation file or folder.
        images: folder of the pictures; each format has a default.
        keypoints: names of the keypoints, for coco, cvat, label-studio and labelme.
        offset: added to coordinates to get continuous pixels; None = what the format is known for.
        every: every n-th frame of a clip only (jhmdb).

    Raises:
        ValueError: unknown format, or the file is not of it.
        FileNotFoundError: no such path.
    """
    if kind not in FORMATS:
        raise ValueError(f"unknown format. Received: {kind!r}, expected one of {', '.join(FORMATS)}")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    if kind in ("coco", "cvat"):
        return coco.read(path, images=images, keypoints=keypoints, offset=offset, continuous=kind == "cvat")
    if kind in ("label-studio", "labelme"):
        module = label_studio if kind == "label-studio" else labelme
        return module.read(path, images=images, keypoints=keypoints, offset=offset)
    if keypoints:
        raise ValueError(f"the keypoints of {kind} files have names already; use --rename to change them")
    if kind in ("lsp", "lspet"):
        return leeds.read(path, extended=kind == "lspet", images=images, offset=offset)
    if kind == "jhmdb":
        return jhmdb.read(path, images=images, offset=offset, every=every)
    module = mpii if kind == "mpii" else table
    return module.read(path, images=images, offset=offset)
