"""Good files of every kind for `fuzz.py`, how they are damaged, and which commands read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fuzz_makers as good
import mutations


@dataclass(frozen=True)
class Kind:
    """Files of a kind: how a good one is made in a folder, how it is damaged, and who reads it.

    Attributes:
        make: writes the good files to a folder and returns the one to damage.
        damage: functions of `mutations`.
        commands: command lines; FILE, FOLDER (of the file), ROOM (of the good files) and OUT stand for paths.
        heavy: the verb computes with TensorFlow.
        inside: the verb writes to the room of the good files: each run has a copy of it.
        interrupt: seconds after which Ctrl-C is pressed, for a verb that serves until then; 0 is never.
    """

    make: Callable[[Path], Path]
    damage: tuple
    commands: tuple[str, ...]
    heavy: bool = False
    inside: bool = False
    interrupt: float = 0.0


_CONVERT = "convert-dataset --from={} --input=FILE --images=FOLDER/images --output=OUT/o.json"
_PREDICT = ("predict --input=FILE --output=OUT",)
_LITERT = (
    "predict --detector=FILE --input=IMAGE --output=OUT",
    "inspect FILE",
    "import-weights --tflite=FILE --output=OUT/o.keras",
    "benchmark --model=FILE --rounds=1 --runs=1 --warmup=0 --output=OUT/o.json",
    "model-card --model=FILE --output=OUT/o.md",
)
_ANNOTATIONS = (
    _CONVERT.format("coco"),
    "validate-dataset --data=FILE --summary=OUT/s.json --contact_sheet=OUT/c.png",
    "evaluate --data=FILE --predictions=THEIRS --report=OUT",
    "model-card --model=lite --training_data=FILE --output=OUT/o.md",
    "blend --data=FILE --predictions=KEPT --output=OUT/o.json --sides",
    "choose --data=FILE --predictions=KEPT --teacher=KEPT --gap=-1 --output=OUT/o.json",
    "compose --objects=THINGS --data=FILE --output=OUT/o.json",
)
# The same files where a network has to look at them: slower.
_LOOKED_AT = (
    "label --data=FILE --tracker=lite --output=OUT/o.json",
    "calibrate --model=KERAS --data=FILE --people=1 --output=OUT/c",
    "train --experiment=smoke --data=FILE --print_config",
)
_RECORDING = (
    *(f"convert-poses FILE --to={to} --output=OUT" for to in ("csv", "openpose", "trc", "deeplabcut", "coco33")),
    "analyze FILE --output=OUT",
    "benchmark --model=blazeface --model=lite --rounds=1 --runs=1 --warmup=0 --trace=FILE --output=OUT/o.json",
)
_KERAS = (
    "summary --model=FILE",
    "train --experiment=finetune --init_from=FILE --data=PEOPLE --workdir=OUT/r --print_config",
    "average --model=FILE --model=KERAS --data=PEOPLE --batches=1 --batch_size=1 --output=OUT/a",
)
_KEPT = (
    "blend --data=PEOPLE --predictions=FILE --output=OUT/o.json",
    "choose --data=PEOPLE --predictions=FILE --teacher=KEPT --gap=-1 --output=OUT/o.json",
)
_RESUME = "train --experiment=smoke --workdir=FOLDER --resume " + " ".join(good.TRAIN)
_ADAPT = (f"adapt {' '.join(good.ADAPT)} --workdir=ROOM/work",)
_PAUSE = (_ADAPT[0] + " --pause",)
_CUT = "cut --data={} --model={} --output=OUT/o.json"
_FINETUNE = (
    "train --experiment=finetune --init_from=KERAS --data=FILE --workdir=OUT/r --threads=1"
    " --set=stages.joint.steps=1 --set=stages.joint.batch_size=2",
)
_BUNDLE = (
    "import-weights --tflite=FILE --output=OUT/models",
    "evaluate --data=PEOPLE --model=FILE --limit=1 --report=OUT --workers=1",
)
_VALIDATE = "validate-dataset --data={} --summary=OUT/s.json"
KINDS: dict[str, Kind] = {
    "jpeg": Kind(good.picture(".jpg"), mutations.BYTES, _PREDICT),
    "png": Kind(good.picture(".png"), mutations.BYTES, _PREDICT),
    "webp": Kind(good.picture(".webp"), mutations.BYTES, _PREDICT),
    "tiff": Kind(good.picture(".tiff"), mutations.BYTES, _PREDICT),
    "gif": Kind(good.picture(".gif"), mutations.BYTES, _PREDICT),
    "bmp": Kind(good.picture(".bmp"), mutations.BYTES, _PREDICT),
    "avif": Kind(good.picture(".avif"), mutations.BYTES, _PREDICT),
    "film": Kind(good.copy("testdata/person.mp4", "x.mp4"), mutations.BYTES, (_PREDICT[0] + " --max_frames=5",)),
    "litert": Kind(
        good.copy("blazepose_tf/weights/blazeface.tflite", "x.tflite"), mutations.LITERT, _LITERT, heavy=True
    ),
    "onnx": Kind(good.onnx, mutations.BYTES, _LITERT[:1]),
    "bundle": Kind(good.bundle, mutations.ZIP, _BUNDLE, heavy=True),
    "keras": Kind(good.keras, mutations.ZIP, _KERAS, heavy=True),
    "weights": Kind(
        good.weights, mutations.ZIP, ("export --model=FILE --output=OUT/o.task --detector=FILE",), heavy=True
    ),
    "annotations": Kind(good.people, mutations.JSON, _ANNOTATIONS),
    "looked_at": Kind(good.people, mutations.JSON, _LOOKED_AT, heavy=True),
    "cut": Kind(good.people, mutations.JSON, (_CUT.format("FILE", "CUTTER"),)),
    "cutter": Kind(good.cutter, mutations.BYTES, (_CUT.format("PEOPLE", "FILE"),)),
    "recording": Kind(good.recording, mutations.JSON, _RECORDING),
    "kept": Kind(good.kept, mutations.LINES, _KEPT),
    "cutouts": Kind(
        good.cutouts, mutations.JSON,
        ("compose --objects=THINGS --photographs=PHOTOS --people=FILE --output=OUT/o.json",),
    ),
    "set_out": Kind(good.set_out, mutations.JSON, ("correct FOLDER --open=false",), interrupt=0.5),
    "corrected": Kind(good.corrected, mutations.JSON, ("correct FOLDER --open=false",), interrupt=0.5),
    "tasks": Kind(good.tasks, mutations.JSON, (_CONVERT.format("label-studio"),)),
    "labelme": Kind(
        good.labelme, mutations.JSON, ("convert-dataset --from=labelme --input=FOLDER --output=OUT/o.json",)
    ),
    "predictions": Kind(
        good.predictions, mutations.JSON, ("evaluate --data=FOLDER/people.json --predictions=FILE --report=OUT",)
    ),
    "evaluation": Kind(
        good.evaluation, mutations.JSON,
        (
            "model-card --model=lite --evaluation=FILE --output=OUT/o.md",
            "benchmark --document=BENCHMARK --table1 --evaluation=blazeface=FILE",
        ),
    ),
    "benchmark": Kind(
        good.benchmark, mutations.JSON,
        ("benchmark --document=FILE --output=OUT/o.json", "benchmark --document=FILE --compare=FILE"),
    ),
    "table": Kind(good.table, mutations.TABLE, (_CONVERT.format("csv"),)),
    "matlab": Kind(good.matlab, mutations.BYTES, (_CONVERT.format("lsp"),)),
    "shard": Kind(good.shard, mutations.BYTES, (_VALIDATE.format("FOLDER"),), heavy=True),
    "manifest": Kind(good.manifest, mutations.JSON, (_VALIDATE.format("FILE"),), heavy=True),
    "checkpoint": Kind(good.of_run("last.npz"), mutations.ZIP, (_RESUME,), heavy=True, inside=True),
    "run": Kind(good.of_run("run.json"), mutations.JSON, (_RESUME,), heavy=True, inside=True),
    "config": Kind(good.of_run("config.json"), mutations.JSON, (_RESUME,), heavy=True, inside=True),
    "log": Kind(good.of_run("train.csv"), mutations.TABLE, (_RESUME,), heavy=True, inside=True),
    "finetune": Kind(good.people, mutations.JSON, _FINETUNE, heavy=True),
    "adapt_options": Kind(good.adapted("adapt.json"), mutations.JSON, _PAUSE, heavy=True, inside=True),
    "adapt_frames": Kind(
        good.adapted("frames/people_000001/frames.json", "correct", "train.json"),
        mutations.JSON, _ADAPT, heavy=True, inside=True,
    ),
    "adapt_labels": Kind(
        good.adapted("labels/people_000001.json", "correct", "train.json"),
        mutations.JSON, _ADAPT, heavy=True, inside=True,
    ),
    "adapt_split": Kind(good.adapted("train.json"), mutations.JSON, _ADAPT, heavy=True, inside=True),
    "adapt_shares": Kind(good.adapted("shares.json"), mutations.JSON, _ADAPT, heavy=True, inside=True),
    "adapt_model": Kind(good.adapted("model.keras"), mutations.ZIP, _ADAPT, heavy=True, inside=True),
}  # fmt: skip
# Good files beside the damaged one: word in a command -> kind.
OTHERS = {"KEPT": "kept", "KERAS": "keras", "CUTTER": "cutter", "BENCHMARK": "benchmark"}
