"""The interchange document: COCO keypoint json with named keypoints and continuous coordinates."""

from __future__ import annotations

from collections.abc import Sequence

from blazepose_tf import topology

COORDINATES = "continuous pixels of the stored image, pixel centre = index + 0.5"


def coco_document(images: list[dict], annotations: list[dict], names: Sequence[str], *, description: str) -> dict:
    """Whole document with one category.

    Args:
        images: entries with id, file_name, width, height.
        annotations: entries with image_id, keypoints and so on, in the order of `names`.
        names: keypoint names; edges follow from the topology.
        description: for the info section.
    """
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(names),
        "skeleton": [[a + 1, b + 1] for a, b in topology.edges(names)],
    }
    return {
        "info": {"description": description, "coordinates": COORDINATES},
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
