"""Good files of every kind for `fuzz.py`, how they are damaged, and which commands read them."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mutations

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Kind:
    """Files of a kind: how a good one is made in a folder, how it is damaged, and who reads it.

    Attributes:
        make: writes the good files to a folder and returns the one to damage.
        damage: functions of `mutations`.
        commands: command lines; FILE, FOLDER (of the file) and OUT stand for paths.
        heavy: the verb computes with TensorFlow.
        interrupt: seconds after which Ctrl-C is pressed, for a verb that serves until then; 0 is never.
    """

    make: Callable[[Path], Path]
    damage: tuple
    commands: tuple[str, ...]
    heavy: bool = False
    interrupt: float = 0.0


def _people(folder: Path) -> Path:
    shutil.copytree(ROOT / "testdata" / "people", folder, dirs_exist_ok=True)
    content = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    for annotation in content["annotations"]:
        annotation["keypoint_source"] = "h" * 33  # as if placed by hand: `blend` moves no others
    (folder / "people.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "people.json"


def _picture(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import cv2

        picture = cv2.imread(str(ROOT / "testdata/people/images/people_000000.jpg"))
        # Small pictures are read sooner, and an error in ten bytes hits what matters more often.
        picture = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA)
        if suffix in (".gif", ".avif"):
            from PIL import Image

            frames = [Image.fromarray(picture[..., ::-1]), Image.fromarray(picture[:, ::-1, ::-1])]
            frames[0].save(folder / f"x{suffix}", save_all=suffix == ".gif", append_images=frames[1:])
        else:
            cv2.imwrite(str(folder / f"x{suffix}"), picture)
        return folder / f"x{suffix}"

    return make


def _copy(source: str, name: str) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copy(ROOT / source, folder / name))


def _weights(folder: Path) -> Path:
    shutil.copy(ROOT / "blazepose_tf/weights/lite.tflite", folder)
    return Path(shutil.copy(ROOT / "blazepose_tf/weights/lite.npz", folder))


def _keras(folder: Path) -> Path:
    from blazepose_tf.models import Description, build_tracker, save_model
    from blazepose_tf.specs import TrackerSpec

    spec = TrackerSpec(128)
    save_model(build_tracker(spec, variant="tiny"), folder / "x.keras", Description("tiny", spec))
    return folder / "x.keras"


def _bundle(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.task", "w") as archive:
        for name, member in (("lite", "pose_landmarks_detector"), ("blazeface", "pose_detector")):
            archive.write(ROOT / f"blazepose_tf/weights/{name}.tflite", f"{member}.tflite")
    return folder / "x.task"


def _onnx(folder: Path) -> Path:
    import onnx

    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        *(helper.make_node("Add", [f"{name}_0", "mean"], [name]) for name in ("logits", "regressors")),
    ]
    shapes = {"logits": (1, 576, 1), "regressors": (1, 576, 8)}
    zeros = [
        helper.make_tensor(f"{name}_0", number, shape, bytes(4 * shape[1] * shape[2]), raw=True)
        for name, shape in shapes.items()
    ]
    outputs = [helper.make_tensor_value_info(name, number, shape) for name, shape in shapes.items()]
    image = helper.make_tensor_value_info("image", number, [1, 192, 192, 3])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [image], outputs, zeros),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    from blazepose_tf.runtime.metadata import metadata_of
    from blazepose_tf.specs import DetectorSpec

    entry = model.metadata_props.add()
    entry.key, entry.value = "blazepose_tf", json.dumps(metadata_of(DetectorSpec(), model="x"))
    (folder / "x.onnx").write_bytes(model.SerializeToString())
    return folder / "x.onnx"


def _shards(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    _people(folder / "source")
    main(["convert-dataset", "--from=coco", f"--input={folder}/source/people.json", f"--output={folder}/shards"])
    return folder / "shards"


def _shard(folder: Path) -> Path:
    return next(_shards(folder).glob("*.tfrecord"))


def _manifest(folder: Path) -> Path:
    return next(_shards(folder).glob("*.json"))


def _of_run(name: str) -> Callable[[Path], Path]:
    """A file of a training run of three steps, which is made once for all kinds."""

    def make(folder: Path) -> Path:
        from blazepose_tf.cli.main import main

        made = next(folder.parent.glob(f"*/run/{name}"), None)
        if made is None:
            main(["train", "--experiment=smoke", f"--workdir={folder}/run", *TRAIN])
        else:
            shutil.copytree(made.parent, folder / "run")
        return folder / "run" / name

    return make


TRAIN = (
    f"--data={ROOT}/testdata/people/people.json",
    "--threads=1",
    "--set=stages.heatmaps.steps=1",
    "--set=stages.joint.steps=2",
    "--set=stages.joint.batch_size=4",
    "--set=stages.heatmaps.batch_size=4",
)


def _recording(folder: Path) -> Path:
    """What `predict` writes of a film."""
    from blazepose_tf.cli.main import main

    main(["predict", f"--input={ROOT}/testdata/person.mp4", "--max_frames=12", "--nodraw", f"--output={folder}"])
    return next(folder.glob("*.json"))


def _kept(folder: Path) -> Path:
    """Predictions as `evaluate` keeps them."""
    return next((_evaluation(folder).parent / "predictions").glob("*.jsonl"))


def things(folder: Path) -> Path:
    """A folder with a thing to paste."""
    import cv2
    import numpy as np

    folder.mkdir(exist_ok=True)
    thing = np.full((24, 32, 4), 90, np.uint8)
    thing[:6, :, 3], thing[6:, :, 3] = 0, 255
    cv2.imwrite(str(folder / "thing.png"), thing)
    return folder


def _cutouts(folder: Path) -> Path:
    """People as `cut` writes them."""
    import cv2

    _people(folder)
    content = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    content["annotations"] = [annotation | {"cut_off": ["bottom"]} for annotation in content["annotations"]]
    for image in content["images"]:
        picture = cv2.imread(str(folder / "images" / image["file_name"]))
        image["file_name"] = Path(image["file_name"]).with_suffix(".png").name
        cv2.imwrite(str(folder / "images" / image["file_name"]), cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    (folder / "cut.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "cut.json"


def _set_out(folder: Path) -> Path:
    """Frames to correct, as `adapt` sets them out."""
    from blazepose_tf.adapt import corrections

    people = _people(folder)
    corrections.set_out(corrections.least_certain([people], 4), folder / "correct")
    return folder / "correct" / "frames.json"


def _corrected(folder: Path) -> Path:
    return Path(shutil.copy(_set_out(folder), folder / "correct" / "corrected.json"))


def _tasks(folder: Path) -> Path:
    """Corrections as Label Studio exports them."""
    folder = _set_out(folder).parent
    tasks = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    tasks = [{"data": task["data"], "annotations": task["predictions"]} for task in tasks]
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    return folder / "tasks.json"


def _labelme(folder: Path) -> Path:
    """A picture's labels as labelme writes them."""
    _people(folder)
    people = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    points = people["annotations"][0]["keypoints"]
    shapes = [
        {"label": name, "points": [points[3 * i : 3 * i + 2]], "shape_type": "point", "group_id": 1}
        for i, name in enumerate(people["categories"][0]["keypoints"])
    ]
    image = people["images"][0]
    document = {
        "version": "5.5.0", "shapes": shapes, "imagePath": image["file_name"],
        "imageWidth": image["width"], "imageHeight": image["height"],
    }  # fmt: skip
    shutil.copytree(folder / "images", folder / "labelme")
    (folder / "labelme" / "a.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "labelme" / "a.json"


def _predictions(folder: Path) -> Path:
    people = json.loads(_people(folder).read_text(encoding="utf-8"))
    entries = [
        {"annotation_id": a["id"], "image_id": a["image_id"], "keypoints": a["keypoints"], "score": 0.9}
        for a in people["annotations"]
    ]
    names = people["categories"][0]["keypoints"]
    document = {"keypoints": names, "predictions": entries}
    (folder / "theirs.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "theirs.json"


def _evaluation(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    _people(folder)
    main(["evaluate", f"--data={folder}/people.json", "--model=lite", "--workers=1", f"--report={folder}/report"])
    return folder / "report" / "evaluation.json"


def _benchmark(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    main(["benchmark", "--model=blazeface", "--rounds=2", "--runs=2", f"--output={folder}/b.json"])
    return folder / "b.json"


def _table(folder: Path) -> Path:
    _people(folder)
    rows = ["image,nose_x,nose_y,left_hip_x,left_hip_y,right_hip_x,right_hip_y,left_shoulder_x,left_shoulder_y,"
            "right_shoulder_x,right_shoulder_y"]  # fmt: skip
    rows += [f"people_{i:06d}.jpg,{i}0,20,30.5,40,50,60,70,80,90,100" for i in range(4)]
    (folder / "x.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "x.csv"


def _matlab(folder: Path) -> Path:
    import numpy as np
    from scipy.io import savemat

    _people(folder)
    joints = np.random.default_rng(0).random((3, 14, 4)) * 100
    joints[2] = joints[2] > 50  # which are hidden
    savemat(folder / "joints.mat", {"joints": joints}, do_compression=True)
    for i in range(4):
        shutil.copy(folder / "images" / f"people_{i:06d}.jpg", folder / "images" / f"im{i + 1:04d}.jpg")
    return folder / "joints.mat"


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
_RESUME = "train --experiment=smoke --workdir=FOLDER --resume " + " ".join(TRAIN)
_BUNDLE = (
    "import-weights --tflite=FILE --output=OUT/models",
    "evaluate --data=PEOPLE --model=FILE --limit=1 --report=OUT --workers=1",
)
_VALIDATE = "validate-dataset --data={} --summary=OUT/s.json"
KINDS: dict[str, Kind] = {
    "jpeg": Kind(_picture(".jpg"), mutations.BYTES, _PREDICT),
    "png": Kind(_picture(".png"), mutations.BYTES, _PREDICT),
    "webp": Kind(_picture(".webp"), mutations.BYTES, _PREDICT),
    "tiff": Kind(_picture(".tiff"), mutations.BYTES, _PREDICT),
    "gif": Kind(_picture(".gif"), mutations.BYTES, _PREDICT),
    "bmp": Kind(_picture(".bmp"), mutations.BYTES, _PREDICT),
    "avif": Kind(_picture(".avif"), mutations.BYTES, _PREDICT),
    "film": Kind(_copy("testdata/person.mp4", "x.mp4"), mutations.BYTES, (_PREDICT[0] + " --max_frames=5",)),
    "litert": Kind(_copy("blazepose_tf/weights/blazeface.tflite", "x.tflite"), mutations.LITERT, _LITERT, heavy=True),
    "onnx": Kind(_onnx, mutations.BYTES, _LITERT[:1]),
    "bundle": Kind(_bundle, mutations.ZIP, _BUNDLE, heavy=True),
    "keras": Kind(_keras, mutations.ZIP, _KERAS, heavy=True),
    "weights": Kind(_weights, mutations.ZIP, ("export --model=FILE --output=OUT/o.task --detector=FILE",), heavy=True),
    "annotations": Kind(_people, mutations.JSON, _ANNOTATIONS),
    "looked_at": Kind(_people, mutations.JSON, _LOOKED_AT, heavy=True),
    "recording": Kind(_recording, mutations.JSON, _RECORDING),
    "kept": Kind(_kept, mutations.LINES, _KEPT),
    "cutouts": Kind(
        _cutouts, mutations.JSON, ("compose --objects=THINGS --photographs=PHOTOS --people=FILE --output=OUT/o.json",)
    ),
    "set_out": Kind(_set_out, mutations.JSON, ("correct FOLDER --open=false",), interrupt=0.5),
    "corrected": Kind(_corrected, mutations.JSON, ("correct FOLDER --open=false",), interrupt=0.5),
    "tasks": Kind(_tasks, mutations.JSON, (_CONVERT.format("label-studio"),)),
    "labelme": Kind(
        _labelme, mutations.JSON, ("convert-dataset --from=labelme --input=FOLDER --output=OUT/o.json",)
    ),
    "predictions": Kind(
        _predictions, mutations.JSON, ("evaluate --data=FOLDER/people.json --predictions=FILE --report=OUT",)
    ),
    "evaluation": Kind(
        _evaluation, mutations.JSON,
        (
            "model-card --model=lite --evaluation=FILE --output=OUT/o.md",
            "benchmark --document=BENCHMARK --table1 --evaluation=blazeface=FILE",
        ),
    ),
    "benchmark": Kind(
        _benchmark, mutations.JSON,
        ("benchmark --document=FILE --output=OUT/o.json", "benchmark --document=FILE --compare=FILE"),
    ),
    "table": Kind(_table, mutations.TABLE, (_CONVERT.format("csv"),)),
    "matlab": Kind(_matlab, mutations.BYTES, (_CONVERT.format("lsp"),)),
    "shard": Kind(_shard, mutations.BYTES, (_VALIDATE.format("FOLDER"),), heavy=True),
    "manifest": Kind(_manifest, mutations.JSON, (_VALIDATE.format("FILE"),), heavy=True),
    "checkpoint": Kind(_of_run("last.npz"), mutations.ZIP, (_RESUME,), heavy=True),
    "run": Kind(_of_run("run.json"), mutations.JSON, (_RESUME,), heavy=True),
    "config": Kind(_of_run("config.json"), mutations.JSON, (_RESUME,), heavy=True),
    "log": Kind(_of_run("train.csv"), mutations.TABLE, (_RESUME,), heavy=True),
}  # fmt: skip
# Good files beside the damaged one: word in a command -> kind.
OTHERS = {"KEPT": "kept", "KERAS": "keras", "BENCHMARK": "benchmark"}
