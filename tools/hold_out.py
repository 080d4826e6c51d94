"""Splits a data set into pictures with several people to measure on, and the rest to train on.

    python tools/hold_out.py --data=detector/train.json --held=several.json --rest=detector_rest.json
    python tools/hold_out.py --data=tracker/train.json --without=several.json --rest=tracker_rest.json
    blazepose evaluate --data=several.json --images=detector/images --protocol=people ...

Held out are pictures with 2 to 6 labelled people, all of them with points that a human labelled, of every third source
picture: those whose name has a SHA-256 that is divisible by three. The second form leaves out of another data set what
comes from the same source pictures: a crop of a person is the picture, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json

from blazepose_tf import documents, files

FEWEST, MOST, SHARE = 2, 6, 3


def source(entry: dict) -> str | None:
    """Name of the picture that an image or annotation comes from."""
    return entry.get("source_image") or entry.get("file_name")


def drawn(name: str) -> bool:
    """Whether the picture of that name is in the third that is held out."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % SHARE == 0


def several(document: dict) -> set[int]:
    """Ids of the pictures that are held out."""
    people: dict[int, list[dict]] = {}
    for annotation in document["annotations"]:
        if not annotation.get("ignore") and annotation.get("num_keypoints", 1):
            people.setdefault(annotation["image_id"], []).append(annotation)
    human = {
        image_id
        for image_id, there in people.items()
        if FEWEST <= len(there) <= MOST and all("h" in (a.get("keypoint_source") or "h") for a in there)
    }
    return {i["id"] for i in document["images"] if i["id"] in human and drawn(source(i))}


def part(document: dict, image_ids: set[int]) -> dict:
    """The document with these pictures only."""
    return document | {
        "images": [i for i in document["images"] if i["id"] in image_ids],
        "annotations": [a for a in document["annotations"] if a["image_id"] in image_ids],
    }


def from_sources(document: dict, names: set[str]) -> set[int]:
    """Ids of pictures that come from one of these source pictures, by themselves or by one of their people."""
    by_picture = {i["id"] for i in document["images"] if source(i) in names}
    return by_picture | {a["image_id"] for a in document["annotations"] if a.get("source_image") in names}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="COCO-style annotations")
    parser.add_argument("--without", help="what was held out of another data set: leave its source pictures out")
    parser.add_argument("--held", help="file for the pictures that are held out")
    parser.add_argument("--rest", help="file for the others")
    options = parser.parse_args()
    document = documents.read_object(options.data)
    if options.without:
        names = {source(i) for i in documents.read_object(options.without)["images"]}
        held = from_sources(document, names)
    else:
        held = several(document)
    every = {i["id"] for i in document["images"]}
    for path, chosen in ((options.held, held), (options.rest, every - held)):
        if path:
            files.write_text(path, json.dumps(part(document, chosen), separators=(",", ":")) + "\n")
            people = sum(a["image_id"] in chosen for a in document["annotations"])
            print(f"written: {path} ({len(chosen)} pictures, {people} annotations)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
