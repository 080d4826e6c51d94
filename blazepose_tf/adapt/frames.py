"""Films and pictures of one's own as frames on disk, by the clip that they belong to."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blazepose_tf import documents, files
from blazepose_tf.media.pictures import read_picture, write_picture
from blazepose_tf.media.videos import VideoReader
from blazepose_tf.runtime.inputs import IMAGE, VIDEO, Item, find_items

MANIFEST = "frames.json"
_SIDE = 960  # pixels; a person in it is larger than any tracker's crop


@dataclass(frozen=True)
class Clip:
    """Frames of one film, or a picture of its own.

    Attributes:
        name: unique among the clips.
        pictures: files, in the order of time.
    """

    name: str
    pictures: tuple[Path, ...]


def extract(inputs: Sequence[str], folder: Path, *, fps: float = 10.0, limit: int = 400) -> list[Clip]:
    """Writes the frames of every input that has none yet; what was done before is used again.

    Args:
        inputs: files, folders or patterns of films and pictures.
        folder: gets a folder for every clip.
        fps: frames of a film per second of it, at most.
        limit: frames of one film; of a longer one every second is taken, or every fourth, and so on.

    Raises:
        OSError, ValueError: an input that is not there, cannot be read, or is a camera.
    """
    items: list[Item] = []
    with tempfile.TemporaryDirectory() as downloads:
        for text in inputs:
            items += find_items(text, downloads=downloads)
        live = next((item for item in items if item.kind not in (IMAGE, VIDEO)), None)
        if live is not None:
            raise ValueError(f"{live.label}: a film or picture is needed that can be read again")
        clips, names = [], set()
        for item in tqdm(items, desc="frames", unit="file", disable=None):
            name = item.stem
            while name in names:
                name += "_"
            names.add(name)
            clips.append(_clip(item, name, folder / name, fps, limit))
    return clips


def _clip(item: Item, name: str, folder: Path, fps: float, limit: int) -> Clip:
    manifest = folder / MANIFEST
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        written = (
            _film(item, folder, fps, limit) if item.kind == VIDEO else [_write(read_picture(item.path), folder, 0)]
        )
        if not written:
            raise ValueError(f"{item.label}: not a single frame could be read")
        files.write_text(manifest, json.dumps({"source": item.label, "frames": written}))
    shape = documents.Part({"frames": documents.ListOf(documents.TEXT)})
    frames = documents.check(documents.read(manifest), shape, str(manifest))["frames"]
    return Clip(name, tuple(folder / frame for frame in frames))


def _film(item: Item, folder: Path, fps: float, limit: int) -> list[str]:
    with VideoReader(item.path, label=item.label) as reader:
        interval, due = 1e3 / fps, 0.0
        written: list[str] = []
        for frame in reader:
            # Half a frame early is not too early: times are rounded in many containers.
            if frame.timestamp_ms < due - 0.5 * (frame.duration_ms or 0.0):
                continue
            if len(written) == limit:  # every second one has to do
                for name in written[1::2]:
                    (folder / name).unlink(missing_ok=True)
                written, interval = written[::2], 2 * interval
                due = limit // 2 * interval + (limit % 2) * interval / 2
                if frame.timestamp_ms < due - 0.5 * (frame.duration_ms or 0.0):
                    continue
            written.append(_write(frame.image, folder, frame.index))
            due += interval
    return written


def _write(picture: np.ndarray, folder: Path, number: int) -> str:
    import cv2

    scale = min(1.0, _SIDE / max(picture.shape[:2]))
    if scale < 1.0:
        size = tuple(max(1, round(length * scale)) for length in picture.shape[1::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    name = f"{number:06d}.jpg"
    write_picture(folder / name, picture)
    return name
