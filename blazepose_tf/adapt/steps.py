"""`blazepose adapt`, step by step: each leaves its result in the working folder, and is not done twice.

frames/       pictures of every clip                 labels/    who is in them, by models that agree
correct/      the least certain ones, to correct     train.json, choose.json, test.json    split by clip
run/          the fine-tuning                        shares.json, model.keras    how much of it is kept
before.tflite, NAME.tflite                           report/, card.md         what it brought
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import documents, files, topology
from blazepose_tf.adapt import corrections, frames, splitting
from blazepose_tf.converters.coco_document import coco_document, read_document
from blazepose_tf.labelling import people

log = logging.getLogger(__name__)
OPTIONS = "adapt.json"
TRAIN, CHOOSE, TEST, BEFORE = "train.json", "choose.json", "test.json", "before.tflite"


@dataclass(frozen=True)
class Options:
    """What is adapted to what.

    Attributes:
        inputs: films and pictures of one's own.
        workdir: folder of everything that is made.
        model: shipped name or file of the tracker that is adapted, with 33 points.
        detector: shipped name or file.
        teacher: shipped name or file of the tracker that labels.
        second: MoveNet file that has to agree with it.
        aside: clips that are kept aside for judging; every fifth without any.
        fps: frames of a film per second of it.
        minutes: of training.
        steps: of training, instead; 0 for the minutes.
        corrections: frames set out for correction.
        more_data: further training data, as `blazepose train --data`, half of what is seen: to forget less.
        check_data: annotation files on which no more than `max_loss` points may be lost.
        max_loss: points of PCK@0.2.
        precision: of the file, `int8` or `float16`; float16 where int8 would lose more than a point.
        compiled_kernels: train with `blazepose_tf.kernels`.
    """

    inputs: tuple[str, ...]
    workdir: Path
    model: str = "lite"
    detector: str = "blazeface"
    teacher: str = "full"
    second: str | None = None
    aside: tuple[str, ...] = ()
    fps: float = 10.0
    minutes: float = 45.0
    steps: int = 0
    corrections: int = 30
    more_data: str = ""
    check_data: tuple[str, ...] = ()
    max_loss: float = 1.0
    precision: str = "int8"
    compiled_kernels: bool = False

    def __post_init__(self):
        if not self.inputs:
            raise ValueError("nothing to adapt to: name films or pictures")
        for name in ("fps", "minutes", "max_loss"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive. Received: {getattr(self, name)}")
        if self.steps < 0:
            raise ValueError(f"steps must not be negative. Received: {self.steps}")
        if self.corrections < 0:
            raise ValueError(f"corrections must not be negative. Received: {self.corrections}")


def begin(options: Options) -> None:
    """Makes the working folder, or goes on in it.

    Raises:
        ValueError: it was begun with other options.
    """
    options.workdir.mkdir(parents=True, exist_ok=True)
    content = dataclasses.asdict(options) | {"workdir": ""}
    del content["compiled_kernels"]  # it changes the speed only
    text = json.dumps(content, indent=1) + "\n"
    path = options.workdir / OPTIONS
    if path.exists():
        begun, now = documents.read_object(path), json.loads(text)
        other = [name for name in now if begun.get(name) != now[name]]
        if other:
            name = other[0]
            raise ValueError(f"{options.workdir} was begun with {name}={begun.get(name)!r}, not {now[name]!r}")
        return
    files.write_text(path, text)


def label(options: Options) -> list[frames.Clip]:
    """Frames of every clip, and labels of who is in them: `labels/CLIP.json` and `labels/CLIP_doubtful.json`."""
    clips = frames.extract(options.inputs, options.workdir / "frames", fps=options.fps)
    folder = options.workdir / "labels"
    folder.mkdir(exist_ok=True)
    teachers = None
    for clip in clips:
        output, doubtful = labels_of(options, clip)
        if output.exists():
            continue
        if teachers is None:
            teachers = people.Teachers.open(options.teacher, options.detector, second=options.second)
        by = Path(options.teacher).name + (f" and {Path(options.second).name}" if options.second else "")
        sources = [people.Source(path, str(path), None, [], follows=i > 0) for i, path in enumerate(clip.pictures)]
        found, _, doubted = people.label(sources, teachers, output, doubtful=doubtful, dataset=clip.name, by=by)
        log.info("%s: %d people in %d frames, %d in doubt", clip.name, found, len(clip.pictures), doubted)
    return clips


def labels_of(options: Options, clip: frames.Clip) -> tuple[Path, Path]:
    """Files of a clip's labels and drafts."""
    folder = options.workdir / "labels"
    return folder / f"{clip.name}.json", folder / f"{clip.name}_doubtful.json"


def set_out(options: Options, clips: Sequence[frames.Clip]) -> str | None:
    """Sets the least certain frames of those to learn from out for correction; None when that was done before."""
    folder = options.workdir / "correct"
    if not options.corrections or (folder / corrections.FRAMES).exists():
        return None
    learned = {picture for part in splitting.split(clips, options.aside)[:2] for picture in part}
    documents = [path for clip in clips for path in labels_of(options, clip)]
    found = corrections.least_certain(documents, options.corrections, among={path.resolve() for path in learned})
    return corrections.set_out(found, folder) if found else None


def split(options: Options, clips: Sequence[frames.Clip]) -> str:
    """Writes `train.json`, `choose.json` and `test.json`, corrected people in the places of their drafts."""
    paths = [options.workdir / name for name in (TRAIN, CHOOSE, TEST)]
    if not all(path.exists() for path in paths):
        corrected = corrections.read_back(options.workdir / "correct")
        for path, pictures in zip(paths, splitting.split(clips, options.aside), strict=True):
            document = _gathered(options, clips, {picture.resolve() for picture in pictures}, corrected, path)
            files.write_text(path, json.dumps(document))
    counts = [len(read_document(path)["annotations"]) for path in paths]
    return f"{counts[0]} people to learn from, {counts[1]} to choose by, {counts[2]} kept aside"


def _gathered(options: Options, clips, pictures: set[Path], corrected, path: Path) -> dict:
    """One document of the labels of some pictures."""
    replaced = corrected[1] if corrected else set()
    sources = [(labels_of(options, clip)[0], None) for clip in clips]
    if corrected:
        sources.append((options.workdir / "correct" / corrections.MERGED, corrected[0]))
    images: list[dict] = []
    annotations: list[dict] = []
    for source, content in sources:
        content, numbers = read_document(source) if content is None else content, {}
        for image in content["images"]:
            picture = corrections.picture_of(source, image)
            original = corrections.origin_of(options.workdir / "correct", picture)
            if original not in pictures or (picture == original and original in replaced):
                continue
            numbers[image["id"]] = len(images) + 1
            name = os.path.relpath(picture, path.parent)
            images.append({**image, "id": len(images) + 1, "file_name": name})
        for person in content["annotations"]:
            if person["image_id"] in numbers:
                number = len(annotations) + 1
                annotations.append({**person, "id": number, "image_id": numbers[person["image_id"]]})
    if not annotations and path.name != CHOOSE:
        raise ValueError(f"{path}: nobody was labelled in {len(pictures)} frames")
    return coco_document(images, annotations, topology.KEYPOINTS, description=f"{path.stem} part of own clips")


def finetune(options: Options) -> Path:
    """Trains for the given minutes; returns `run/model.keras`."""
    from blazepose_tf.models.weights import describe
    from blazepose_tf.runtime.weights import model_file
    from blazepose_tf.training import config, plan, settings
    from blazepose_tf.training.finetune import finetune as experiment_of
    from blazepose_tf.training.inputs import Inputs, open_data
    from blazepose_tf.training.loop import FINISHED, MODEL, train

    run = options.workdir / "run"
    if (run / MODEL).exists():
        return run / MODEL
    weights = model_file(options.model, suffix=".npz")
    experiment, stored = experiment_of(*describe(weights)), run / config.FILE_NAME
    if experiment.model != "tracker" or experiment.keypoint_names != topology.KEYPOINTS:
        raise ValueError(f"{options.model}: a tracker with the 33 points is needed; blazepose train takes any other")
    folder = options.workdir / "data"
    source = open_data(str(options.workdir / TRAIN), experiment=experiment, folder=folder)
    if options.more_data:
        # Half of what is seen are own pictures, however few there are.
        more = open_data(options.more_data, experiment=experiment, folder=folder)
        times = max(1, round(more.num_examples / source.num_examples))
        source = Inputs([*source.sources * times, *more.sources], experiment)
    if stored.exists():
        experiment = settings.read(stored)
    else:
        batch = min(experiment.stages[0].batch_size, source.num_examples)
        stages = tuple(dataclasses.replace(stage, batch_size=batch) for stage in experiment.stages)
        experiment = dataclasses.replace(experiment, stages=stages)
        speeds: Sequence[plan.Speed] = ()
        if options.steps:
            (stage,) = experiment.stages
            experiment = dataclasses.replace(experiment, stages=(dataclasses.replace(stage, steps=options.steps),))
        else:
            speeds = plan.measure(experiment, source, compiled_kernels=options.compiled_kernels)
            experiment = plan.within(experiment, source, speeds, options.minutes)
        for line in plan.lines(experiment, source, speeds):
            log.info("plan: %s", line)
    result = train(
        experiment, workdir=run, source=source, resume=True, init_from=weights,
        compiled_kernels=options.compiled_kernels,
    )  # fmt: skip
    if result.status != FINISHED:
        raise KeyboardInterrupt
    return run / MODEL
