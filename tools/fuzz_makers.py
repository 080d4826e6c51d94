"""Makes the good files that `fuzz.py` damages: each function writes to a folder and returns the file to damage."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAIN = (
    f"--data={ROOT}/testdata/people/people.json",
    "--threads=1",
    "--set=stages.heatmaps.steps=1",
    "--set=stages.joint.steps=2",
    "--set=stages.joint.batch_size=4",
    "--set=stages.heatmaps.batch_size=4",
)

ADAPT = (
    f"{ROOT}/testdata/people/images",
    "--teacher=lite",
    "--steps=1",
    "--corrections=3",
    "--precision=float16",
    "--threads=1",
)


def people(folder: Path) -> Path:
    shutil.copytree(ROOT / "testdata" / "people", folder, dirs_exist_ok=True)
    content = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    for annotation in content["annotations"]:
        annotation["keypoint_source"] = "h" * 33  # as if placed by hand: `blend` moves no others
    (folder / "people.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "people.json"


def picture(suffix: str) -> Callable[[Path], Path]:
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


def copy(source: str, name: str) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copy(ROOT / source, folder / name))


def weights(folder: Path) -> Path:
    shutil.copy(ROOT / "blazepose_tf/weights/lite.tflite", folder)
    return Path(shutil.copy(ROOT / "blazepose_tf/weights/lite.npz", folder))


def keras(folder: Path) -> Path:
    from blazepose_tf.models import Description, build_tracker, save_model
    from blazepose_tf.specs import TrackerSpec

    spec = TrackerSpec(128)
    save_model(build_tracker(spec, variant="tiny"), folder / "x.keras", Description("tiny", spec))
    return folder / "x.keras"


def bundle(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.task", "w") as archive:
        for name, member in (("lite", "pose_landmarks_detector"), ("blazeface", "pose_detector")):
            archive.write(ROOT / f"blazepose_tf/weights/{name}.tflite", f"{member}.tflite")
    return folder / "x.task"


def onnx(folder: Path) -> Path:
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


def shards(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    people(folder / "source")
    main(["convert-dataset", "--from=coco", f"--input={folder}/source/people.json", f"--output={folder}/shards"])
    return folder / "shards"


def shard(folder: Path) -> Path:
    return next(shards(folder).glob("*.tfrecord"))


def manifest(folder: Path) -> Path:
    return next(shards(folder).glob("*.json"))


def of_run(name: str) -> Callable[[Path], Path]:
    """A file of a training run of three steps, which is made once for all kinds."""

    def make(folder: Path) -> Path:
        from blazepose_tf.cli.main import main

        trained = folder.parent / "trained"
        if not trained.exists():
            main(["train", "--experiment=smoke", f"--workdir={trained}", *TRAIN])
        shutil.copytree(trained, folder / "run")
        return folder / "run" / name

    return make


def recording(folder: Path) -> Path:
    """What `predict` writes of a film."""
    from blazepose_tf.cli.main import main

    main(["predict", f"--input={ROOT}/testdata/person.mp4", "--max_frames=12", "--nodraw", f"--output={folder}"])
    return next(folder.glob("*.json"))


def kept(folder: Path) -> Path:
    """Predictions as `evaluate` keeps them."""
    return next((evaluation(folder).parent / "predictions").glob("*.jsonl"))


def things(folder: Path) -> Path:
    """A folder with a thing to paste."""
    import cv2
    import numpy as np

    folder.mkdir(exist_ok=True)
    thing = np.full((24, 32, 4), 90, np.uint8)
    thing[:6, :, 3], thing[6:, :, 3] = 0, 255
    cv2.imwrite(str(folder / "thing.png"), thing)
    return folder


def cutouts(folder: Path) -> Path:
    """People as `cut` writes them."""
    import cv2

    people(folder)
    content = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    content["annotations"] = [annotation | {"cut_off": ["bottom"]} for annotation in content["annotations"]]
    for image in content["images"]:
        picture = cv2.imread(str(folder / "images" / image["file_name"]))
        image["file_name"] = Path(image["file_name"]).with_suffix(".png").name
        cv2.imwrite(str(folder / "images" / image["file_name"]), cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    (folder / "cut.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "cut.json"


def set_out(folder: Path) -> Path:
    """Frames to correct, as `adapt` sets them out."""
    from blazepose_tf.adapt import corrections

    corrections.set_out(corrections.least_certain([people(folder)], 4), folder / "correct")
    return folder / "correct" / "frames.json"


def corrected(folder: Path) -> Path:
    return Path(shutil.copy(set_out(folder), folder / "correct" / "corrected.json"))


def tasks(folder: Path) -> Path:
    """Corrections as Label Studio exports them."""
    folder = set_out(folder).parent
    tasks = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    tasks = [{"data": task["data"], "annotations": task["predictions"]} for task in tasks]
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    return folder / "tasks.json"


def labelme(folder: Path) -> Path:
    """A picture's labels as labelme writes them."""
    document = json.loads(people(folder).read_text(encoding="utf-8"))
    points = document["annotations"][0]["keypoints"]
    shapes = [
        {"label": name, "points": [points[3 * i : 3 * i + 2]], "shape_type": "point", "group_id": 1}
        for i, name in enumerate(document["categories"][0]["keypoints"])
    ]
    image = document["images"][0]
    labels = {
        "version": "5.5.0", "shapes": shapes, "imagePath": image["file_name"],
        "imageWidth": image["width"], "imageHeight": image["height"],
    }  # fmt: skip
    shutil.copytree(folder / "images", folder / "labelme")
    (folder / "labelme" / "a.json").write_text(json.dumps(labels), encoding="utf-8")
    return folder / "labelme" / "a.json"


def predictions(folder: Path) -> Path:
    document = json.loads(people(folder).read_text(encoding="utf-8"))
    entries = [
        {"annotation_id": a["id"], "image_id": a["image_id"], "keypoints": a["keypoints"], "score": 0.9}
        for a in document["annotations"]
    ]
    names = document["categories"][0]["keypoints"]
    theirs = {"keypoints": names, "predictions": entries}
    (folder / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")
    return folder / "theirs.json"


def evaluation(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    people(folder)
    main(["evaluate", f"--data={folder}/people.json", "--model=lite", "--workers=1", f"--report={folder}/report"])
    return folder / "report" / "evaluation.json"


def benchmark(folder: Path) -> Path:
    from blazepose_tf.cli.main import main

    main(["benchmark", "--model=blazeface", "--rounds=2", "--runs=2", f"--output={folder}/b.json"])
    return folder / "b.json"


def table(folder: Path) -> Path:
    people(folder)
    rows = ["image,nose_x,nose_y,left_hip_x,left_hip_y,right_hip_x,right_hip_y,left_shoulder_x,left_shoulder_y,"
            "right_shoulder_x,right_shoulder_y"]  # fmt: skip
    rows += [f"people_{i:06d}.jpg,{i}0,20,30.5,40,50,60,70,80,90,100" for i in range(4)]
    (folder / "x.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "x.csv"


def matlab(folder: Path) -> Path:
    import numpy as np
    from scipy.io import savemat

    people(folder)
    joints = np.random.default_rng(0).random((3, 14, 4)) * 100
    joints[2] = joints[2] > 50  # which are hidden
    savemat(folder / "joints.mat", {"joints": joints}, do_compression=True)
    for i in range(4):
        shutil.copy(folder / "images" / f"people_{i:06d}.jpg", folder / "images" / f"im{i + 1:04d}.jpg")
    return folder / "joints.mat"


def cutter(folder: Path) -> Path:
    """A tracker that sees the same person everywhere, and where it is."""
    import numpy as np
    from memory import scripted

    from blazepose_tf import specs
    from blazepose_tf.runtime.metadata import metadata_of

    spec = specs.TrackerSpec(128)
    mask = np.full((1, 128, 128, 1), -8.0, np.float32)
    mask[:, 2:126, 2:126] = 8.0
    outputs = {
        specs.LANDMARKS: (np.full((1, 33, 3), 64.0, np.float32), 0.0),
        specs.POSE_PRESENCE: (np.float32([[8.0]]), 0.0),
        specs.ALIGNMENT: (np.float32([[[64.0, 66.0], [64.0, 20.0]]]), 0.0),
        specs.SEGMENTATION: (mask, 0.0),
    }
    return scripted(folder, "cutter.onnx", 128, outputs, metadata_of(spec, model="cutter"))


def adapted(name: str, *missing: str) -> Callable[[Path], Path]:
    """A file of a finished working folder of `adapt`, without what has to be made again so that the file is read."""

    def make(folder: Path) -> Path:
        from blazepose_tf.adapt import steps

        work = folder / "work"
        options = steps.Options(ADAPT[:1], work, teacher="lite", steps=1, corrections=3, precision="float16")
        steps.begin(options)
        clips = steps.label(options)
        steps.set_out(options, clips)
        steps.split(options, clips)
        # What training and export make is large and no matter here: an untrained model stands for it.
        (work / "run").mkdir()
        model = keras(work / "run")
        for path in (work / "model.keras", work / "run" / "model.keras"):
            shutil.copy(model, path)
        share = {"share": 1.0, "checks": [], "before": [], "tried": []}
        (work / "shares.json").write_text(json.dumps(share), encoding="utf-8")
        for path in ("before.tflite", "tiny.tflite"):
            shutil.copy(ROOT / "blazepose_tf/weights/lite.tflite", work / path)
        (work / "report.md").write_text("as before\n", encoding="utf-8")
        for path in missing:
            shutil.rmtree(work / path) if (work / path).is_dir() else (work / path).unlink()
        return work / name

    return make
