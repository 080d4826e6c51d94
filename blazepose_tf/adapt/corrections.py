"""The frames whose labels are least certain, set out for somebody to correct, and what comes back.

A folder holds `frames.json` (COCO, drafts), `images/`, `label_studio.json` with its `label_studio.xml`, and `cvat.zip`
(an annotation file in CVAT's format "COCO Keypoints 1.0"). What comes back lies beside them as `corrected.json`:
written by `blazepose correct`, or an export of Label Studio (JSON) or CVAT (COCO Keypoints 1.0, the json in the zip).
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

from blazepose_tf import converters, documents, files, topology
from blazepose_tf.converters import conversion, interchange
from blazepose_tf.converters.annotations import image_folder
from blazepose_tf.converters.coco_document import coco_document, read_document
from blazepose_tf.documents import COUNT, POSITIVE, TEXT, ListOf, Part
from blazepose_tf.media.pictures import read_picture

FRAMES, CORRECTED, MERGED = "frames.json", "corrected.json", "merged.json"
LABEL_STUDIO, CVAT = "label_studio", "cvat.zip"
_MEMBER = "annotations/person_keypoints_default.json"  # of a zip in CVAT's format
_NEIGHBOURS = 5  # frames of a film that show hardly anything else


def read_frames(folder: Path) -> dict:
    """The document of `set_out`; ValueError for anything else."""
    path = folder / FRAMES
    content = read_document(path, needs=("keypoints", "bbox"), names=topology.KEYPOINTS)
    image = Part({"width": POSITIVE, "height": POSITIVE, "source_picture": TEXT})
    category = Part({"keypoints": ListOf(TEXT, len(topology.KEYPOINTS)), "skeleton": ListOf(ListOf(COUNT, 2))})
    documents.check(content, Part({"images": ListOf(image), "categories": ListOf(category, 1)}), str(path))
    for entry in content["images"]:
        if Path(entry["file_name"]).name != entry["file_name"]:
            raise ValueError(f"{path}: expected pictures in its images folder. Received: {entry['file_name']!r}")
    return content


def picture_of(document: Path, image: dict) -> Path:
    """The file of an entry of `images`."""
    return (image_folder(None, document.parent) / image["file_name"]).resolve()


def origin_of(folder: Path, picture: Path) -> Path:
    """The frame that a set-out picture is a copy of; any other picture is its own."""
    if picture.parent != (folder / "images").resolve():
        return picture
    images = read_frames(folder)["images"]
    return next((folder / i["source_picture"]).resolve() for i in images if i["file_name"] == picture.name)


def least_certain(
    documents: Sequence[Path], count: int, *, among: Collection[Path] | None = None
) -> list[tuple[Path, list[dict]]]:
    """The pictures whose people's looks lie farthest apart, and all people found in them.

    Args:
        documents: COCO files of `blazepose label`, those with drafts included.
        count: of pictures; of neighbours in a film only one is taken.
        among: resolved pictures to choose from; all without it.

    Returns:
        Picture files with the annotations of their people, the least certain first.
    """
    people: dict[Path, list[dict]] = {}
    for path in documents:
        content = read_document(path, needs=("keypoints", "bbox"), names=topology.KEYPOINTS)
        pictures = {image["id"]: picture_of(path, image) for image in content["images"]}
        for annotation in content["annotations"]:
            picture = pictures[annotation["image_id"]]
            if among is None or picture in among:
                people.setdefault(picture, []).append(annotation)
    order = sorted(people, key=lambda p: (-max(a.get("disagreement", 0.0) for a in people[p]), str(p)))
    chosen: list[Path] = []
    for near in (_NEIGHBOURS, 0):  # a short film may have nothing but neighbours
        for path in order:
            if len(chosen) < count and path not in chosen and not any(_close(path, other, near) for other in chosen):
                chosen.append(path)
    return [(path, people[path]) for path in chosen]


def _close(a: Path, b: Path, near: int) -> bool:
    if a.parent != b.parent or not (a.stem.isdecimal() and b.stem.isdecimal()):
        return False
    return abs(int(a.stem) - int(b.stem)) <= near


def set_out(pictures: Sequence[tuple[Path, list[dict]]], folder: Path) -> str:
    """Fills the folder, the document last; returns what was done.

    Raises:
        ValueError: no pictures.
    """
    if not pictures:
        raise ValueError("there is nothing to correct: no picture shows anybody")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    for number, (path, people) in enumerate(pictures, 1):
        name = f"{number:03d}_{path.parent.name}_{path.name}"
        content = path.read_bytes()
        files.write_bytes(folder / "images" / name, content)
        height, width = read_picture(path).shape[:2]
        source = os.path.relpath(path, folder)
        images.append({"id": number, "file_name": name, "width": width, "height": height, "source_picture": source})
        for person in people:
            annotations.append({**person, "id": len(annotations) + 1, "image_id": number})
    document = coco_document(images, annotations, topology.KEYPOINTS, description="frames to correct")
    files.write_text(folder / f"{LABEL_STUDIO}.json", json.dumps(_label_studio(document), indent=1))
    files.write_text(folder / f"{LABEL_STUDIO}.xml", _label_studio_config(topology.KEYPOINTS))
    with files.atomic_path(folder / CVAT) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(_MEMBER, json.dumps(document))
    files.write_text(folder / FRAMES, json.dumps(document))
    return f"{folder}: {len(images)} pictures, {len(annotations)} people to look at"


def _label_studio(document: dict) -> list[dict]:
    """Tasks with the drafts as predictions: a rectangle per person, and its points as children."""
    tasks = []
    names = document["categories"][0]["keypoints"]
    for image in document["images"]:
        width, height = image["width"], image["height"]
        result: list[dict] = []

        def region(kind: str, value: dict, number: str, parent: str | None = None, size=(width, height), to=result):
            to.append(
                {
                    "id": number, "type": kind, "from_name": "box" if kind == "rectanglelabels" else "points",
                    "to_name": "image", "original_width": size[0], "original_height": size[1], "image_rotation": 0,
                    "value": value,
                }
                | ({"parentID": parent} if parent else {})
            )  # fmt: skip

        for person in (a for a in document["annotations"] if a["image_id"] == image["id"]):
            own = f"p{person['id']}"
            x, y, w, h = person["bbox"]
            box = {"x": 100 * x / width, "y": 100 * y / height, "width": 100 * w / width, "height": 100 * h / height}
            region("rectanglelabels", {**box, "rotation": 0, "rectanglelabels": ["person"]}, own)
            for name, (x, y, state) in zip(names, zip(*[iter(person["keypoints"])] * 3, strict=True), strict=True):
                if state:
                    point = {"x": 100 * x / width, "y": 100 * y / height, "width": 0.4, "keypointlabels": [name]}
                    region("keypointlabels", point, f"{own}_{name}", own)
                    if state == 1:
                        hidden = {"id": f"{own}_{name}", "type": "choices", "from_name": "hidden", "to_name": "image"}
                        result.append({**hidden, "value": {"choices": ["hidden"]}})
        url = f"/data/local-files/?d=images/{image['file_name']}"
        tasks.append({"data": {"image": url}, "predictions": [{"model_version": "draft", "result": result}]})
    return tasks


def _label_studio_config(names: Sequence[str]) -> str:
    labels = "\n".join(f'    <Label value="{name}"/>' for name in names)
    return f"""<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="person"/>
  </RectangleLabels>
  <KeyPointLabels name="points" toName="image">
{labels}
  </KeyPointLabels>
  <Choices name="hidden" toName="image" perRegion="true" whenTagName="points">
    <Choice value="hidden"/>
  </Choices>
</View>
"""


def read_back(folder: Path) -> tuple[dict, set[Path]] | None:
    """The corrected people as a document of this project, and the pictures whose drafts they replace.

    Args:
        folder: of `set_out`.

    Returns:
        None while there is no `corrected.json`.

    Raises:
        ValueError: a file of another kind, or nobody in it.
    """
    path = folder / CORRECTED
    if not path.exists():
        return None
    frames = read_frames(folder)
    replaced = {image["file_name"]: (folder / image["source_picture"]).resolve() for image in frames["images"]}
    content = documents.read(path, finite=False)
    kind = "label-studio" if isinstance(content, list) else "cvat"  # CVAT's and our own are continuous COCO files
    source = converters.open_source(kind, path, images=str(folder / "images"), keypoints=(), offset=None, every=1)
    tally = conversion.Tally()
    config = conversion.ConversionConfig(
        target="blazepose_33", dataset="corrected", recompute_alignment=True, negatives=True
    )
    names, found = conversion.convert(source, config, tally)
    # A picture without anybody counts, too: its draft was nobody.
    looked_at = [picture for picture in found if picture.file_name in replaced]
    pictures = [p for p in looked_at if any(not person.ignore for person in p.people)]
    if not pictures:
        raise ValueError(f"{path}: nobody with hips and shoulders in any of the pictures that were set out")
    output = folder / MERGED
    interchange.write_json(output, pictures, names, images=folder / "images", description="corrected by hand")
    return read_document(output), {replaced[picture.file_name] for picture in looked_at}
