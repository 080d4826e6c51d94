"""Which formats there are, and one call that writes any of them: whole files (or folders) or none."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.analysis.angles import PICTURE, WORLD, recording_angles
from blazepose_tf.formats import c3d, motion, nwb, openpose, opensim, table
from blazepose_tf.runtime import results
from blazepose_tf.runtime.recording import Recording

__all__ = ["Options", "convert"]


@dataclass(frozen=True)
class Options:
    """What some formats ask for.

    Attributes:
        space: of TRC, C3D and MOT: "pixels", "metres" or "auto" (metres where there are any).
        metres_per_pixel: scale of a recording without metres.
        skeleton: of OpenPose's files.
        session_start: of NWB.
        least_person: people seen in fewer frames get no file of their own.
    """

    space: str = motion.AUTO
    metres_per_pixel: float | None = None
    skeleton: str = "BLAZEPOSE"
    session_start: datetime.datetime | None = None
    least_frames: int = 2


# name -> (ending, a file for each person, writer of (recording, person or None, path, stem, options))
Writer = Callable[[Recording, int | None, Path, str, Options], None]


def _trc(recording, person, path, stem, options) -> None:
    opensim.write_trc(_motion(recording, person, options), path)


def _c3d(recording, person, path, stem, options) -> None:
    c3d.write_c3d(_motion(recording, person, options), path)


def _mot(recording, person, path, stem, options) -> None:
    moved = _motion(recording, person, options)
    in_space = moved.unit == motion.METRES and options.metres_per_pixel is None
    found = recording_angles(recording, person=person, space=WORLD if in_space else PICTURE)
    opensim.write_mot(found, moved.times, path)


def _motion(recording: Recording, person: int, options: Options) -> motion.Motion:
    return motion.motion(recording, person=person, space=options.space, metres_per_pixel=options.metres_per_pixel)


def _openpose(recording, person, path, stem, options) -> None:
    openpose.write_folder(recording, path, stem=stem, skeleton=options.skeleton)


def _nwb(recording, person, path, stem, options) -> None:
    if options.session_start is None:
        raise ValueError("NWB asks when the film was taken: --session_start=2026-05-01T09:30:00+02:00")
    nwb.write_nwb(recording, path, session_start=options.session_start, identifier=stem)


def _coco(names) -> Writer:
    def write(recording, person, path, stem, options) -> None:
        entries = [
            entry
            for number, result in enumerate(recording)
            for entry in results.coco_results(result, image_id=number, keypoints=names)
        ]
        path.write_text(json.dumps(entries, separators=(",", ":")) + "\n", encoding="utf-8")

    return write


FORMATS: dict[str, tuple[str, bool, Writer]] = {
    "csv": (".csv", False, lambda r, p, path, stem, o: table.write_tidy(r, path)),
    "csv-wide": (".csv", False, lambda r, p, path, stem, o: table.write_wide(r, path)),
    "deeplabcut": (".csv", False, lambda r, p, path, stem, o: table.write_deeplabcut(r, path)),
    "openpose": ("_json", False, _openpose),
    "trc": (".trc", True, _trc),
    "mot": (".mot", True, _mot),
    "c3d": (".c3d", True, _c3d),
    "nwb": (".nwb", False, _nwb),
    **{name: (".json", False, _coco(names)) for name, names in results.COCO_FORMATS.items()},
}


def convert(recording: Recording, name: str, folder: Path, *, stem: str, options: Options | None = None) -> list[Path]:
    """Writes a recording in another format.

    Args:
        recording: what `blazepose predict` wrote.
        name: of FORMATS.
        folder: existing folder.
        stem: of the file's name; `_person2` and so on follow where each of several people has a file.
        options: see there.

    Returns:
        What was written.

    Raises:
        FileExistsError: a folder of that name is there already.
        OSError, ValueError, ImportError: cannot be written; the message says why.
    """
    options = options or Options()
    ending, each, write = FORMATS[name]
    people: list[int | None] = [None]
    if each:
        people = [p for p in recording.ids if recording.found(p).sum() >= options.least_frames]
        if not people:
            raise ValueError(f"{stem}: nobody is seen in {options.least_frames} frames or more")
    written = []
    for person in people:
        path = folder / f"{stem}{f'_person{person}' if len(people) > 1 else ''}{ending}"
        if path.is_dir():
            raise FileExistsError(f"{path}: is there already, choose another --output or remove it")
        with files.atomic_path(path) as part:
            write(recording, person, part, stem, options)
        written.append(path)
    return written
