"""From any reader's pictures to pictures ready for training: renamed, remapped, checked, selected, aligned.

A person who cannot be trained on stays in the picture as an ignored region, so that a detector does not learn from the
labelled picture that nobody stands there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.converters import names as names_lib
from blazepose_tf.converters import selection
from blazepose_tf.converters.annotations import Damage, Person, Picture, Source
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.media import headers
from blazepose_tf.media import pictures as pictures_lib

# Clicked joints at the rim end up a little outside; farther ones were guessed.
EDGE_TOLERANCE = 3.0
# Box margin around the labelled points in circle radii, and body area / box area, where a source gives neither.
BOX_MARGIN = 0.08
AREA_OF_BOX = 0.53


@dataclass(frozen=True)
class ConversionConfig:
    """How to convert.

    Attributes:
        target: `auto`, `source` or the name of a keypoint set, see `names.target_names`.
        rename: source name -> new name, before anything else.
        dataset: name of the dataset; the source's own where empty.
        default_dataset: name where both are empty.
        split: name of the split; the source's own where empty.
        weight: multiplied into every person's weight.
        min_diameter: people with a smaller body circle (pixels) become ignored regions.
        negatives: keep pictures without a usable person.
        recompute_alignment: replace alignments that the source has.
    """

    target: str = "auto"
    rename: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    default_dataset: str = ""
    split: str = ""
    weight: float = 1.0
    min_diameter: float = 0.0
    negatives: bool = False
    recompute_alignment: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"weight must be positive. Received: weight={self.weight}")
        if self.min_diameter < 0:
            raise ValueError(f"min_diameter must not be negative. Received: min_diameter={self.min_diameter}")


@dataclass
class Tally:
    """Counts of a conversion, filled while it runs."""

    pictures: int = 0
    pictures_kept: int = 0
    pictures_without_usable_person: int = 0
    people: int = 0
    people_kept: int = 0
    ignored_by_source: int = 0
    points_moved_to_edge: int = 0
    points_outside_removed: int = 0
    dropped: Counter = field(default_factory=Counter)
    damaged: list[Damage] = field(default_factory=list)

    def as_dict(self) -> dict:
        content = {key: value for key, value in vars(self).items() if key not in ("dropped", "damaged")}
        return {**content, "dropped": dict(self.dropped), "damaged": [str(d) for d in self.damaged]}


def summary(tally: Tally, names, target, rename: Mapping[str, str]) -> list[str]:
    """The tally in lines; `names` are the source's keypoints, `target` those of the result."""
    lines = [
        f"pictures read {tally.pictures}, kept {tally.pictures_kept}",
        f"people {tally.people}, kept {tally.people_kept}",
    ]
    lines += [f"dropped {count}: {reason}" for reason, count in tally.dropped.most_common()]
    if tally.ignored_by_source:
        lines.append(f"ignored in the source: {tally.ignored_by_source}")
    if tally.points_outside_removed or tally.points_moved_to_edge:
        lines.append(
            f"points outside: {tally.points_outside_removed} removed, {tally.points_moved_to_edge} put on the rim"
        )
    renamed = names_lib.renamed(names, rename)
    lost = [old for old, new in zip(names, renamed, strict=True) if new not in target]
    if lost:
        more = f" and {len(lost) - 12} more" if len(lost) > 12 else ""
        lines.append(f"keypoints without a place in the output: {', '.join(lost[:12])}{more}")
    lines += topology.mirror_remarks(target)
    if tally.damaged:
        lines.append(f"damaged entries skipped: {len(tally.damaged)}")
    return lines


def convert(source: Source, config: ConversionConfig, tally: Tally) -> tuple[tuple[str, ...], Iterator[Picture]]:
    """Converts a source.

    Args:
        source: what a reader opened.
        config: how.
        tally: counts, complete once the pictures are exhausted.

    Returns:
        Names of the keypoint set of the result, and its pictures; damaged ones are in the tally only.

    Raises:
        ValueError: impossible renaming or an unknown target.
    """
    own = names_lib.renamed(source.names, config.rename)
    target = names_lib.target_names(own, config.target)
    if not set(own) & set(target):
        raise ValueError(
            f"no keypoint of the source is in the target set. Received: names={own}, target={config.target!r}"
        )
    return target, _pictures(source, own, target, config, tally)


def _pictures(source: Source, own, target, config: ConversionConfig, tally: Tally) -> Iterator[Picture]:
    for picture in source.pictures:
        tally.pictures += 1
        if isinstance(picture, Damage):
            tally.damaged.append(picture)
            continue
        tally.damaged.extend(picture.problems)
        if not picture.people and not config.negatives:
            tally.pictures_without_usable_person += 1
            continue
        try:
            picture = _sized(picture, source.images)
        except (OSError, ValueError) as error:
            tally.damaged.append(Damage(picture.where, str(error)))
            continue
        people = tuple(_convert_person(person, picture, own, target, config, tally) for person in picture.people)
        if any(not person.ignore for person in people) or config.negatives:
            tally.pictures_kept += 1
            yield replace(
                picture,
                people=people,
                dataset=config.dataset or picture.dataset or config.default_dataset,
                split=config.split or picture.split,
                problems=(),
            )
        else:
            tally.pictures_without_usable_person += 1


def _sized(picture: Picture, folder: Path) -> Picture:
    """The picture with the size of its file, upright: labelling tools show and label it so.

    Raises:
        OSError: the file cannot be read.
        ValueError: broken, of another size than annotated, or with more pixels than are read.
    """
    path = folder / picture.file_name
    if not path.is_file():
        raise ValueError(f"no picture {path}")
    content = pictures_lib.read_content(path)
    try:
        header = headers.read_header(content)
        headers.check_size(header.width, header.height)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if headers.is_truncated(content):
        raise ValueError(f"{path}: cut off before its end")
    width, height = header.upright_size
    if picture.width and picture.height and (picture.width, picture.height) != (width, height):
        raise ValueError(f"{path}: is {width}x{height}, its annotation says {picture.width}x{picture.height}")
    return replace(picture, width=width, height=height)


def _inside(points: np.ndarray, picture: Picture, tally: Tally) -> np.ndarray:
    """(K, 3) with points just outside put on the rim and those farther out unlabelled."""
    points = points.copy()
    limit = np.array([picture.width, picture.height], np.float64)
    beyond = np.maximum(points[:, :2] - limit, -points[:, :2]).max(axis=1)
    labelled = points[:, 2] > 0
    removed, moved = labelled & (beyond > EDGE_TOLERANCE), labelled & (beyond > 0) & (beyond <= EDGE_TOLERANCE)
    points[removed] = 0.0
    points[moved, :2] = np.clip(points[moved, :2], 0.0, limit)
    tally.points_outside_removed += int(removed.sum())
    tally.points_moved_to_edge += int(moved.sum())
    return points


def _convert_person(person: Person, picture: Picture, own, target, config: ConversionConfig, tally: Tally) -> Person:
    tally.people += 1
    points = _inside(person.keypoints, picture, tally)
    box = person.box
    if person.ignore or person.weight <= 0:
        tally.ignored_by_source += 1
        return _ignored(person, points, box, len(target))
    reason = selection.drop_reason(points, own)
    alignment = person.alignment
    if reason is None and (alignment is None or config.recompute_alignment):
        alignment = selection.align(points, own, box)
    if reason is None:
        reason = _unfit(alignment, picture, config)
    if reason is not None:
        tally.dropped[reason] += 1
        return _ignored(person, points, box, len(target))
    tally.people_kept += 1
    if box is None:
        box = labelled_box(points, alignment, (picture.width, picture.height))
    kept_set = tuple(own) == tuple(target)
    return replace(
        person,
        keypoints=topology.remap(points, own, target),
        box=box,
        area=person.area or AREA_OF_BOX * (box[2] - box[0]) * (box[3] - box[1]),
        weight=person.weight * config.weight,
        alignment=alignment,
        extra={k: v for k, v in person.extra.items() if kept_set or k != "keypoint_source"},
        attributes=attributes_lib.remapped(person.attributes, own, target),
    )


def _unfit(alignment: np.ndarray, picture: Picture, config: ConversionConfig) -> str | None:
    radius = float(alignment_lib.radius(alignment))
    if not radius > 0:
        return selection.NO_SIZE
    if 2 * radius < config.min_diameter:
        return selection.TOO_SMALL
    x, y = alignment[0]
    return None if 0 <= x <= picture.width and 0 <= y <= picture.height else selection.CENTER_OUTSIDE


def labelled_box(
    points: np.ndarray, alignment: np.ndarray | None, size: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Box x0, y0, x1, y1 around the labelled ones of points (K, 3), with a margin where there is a body circle.

    Args:
        points: x, y in pixels and state; at least one is labelled.
        alignment: (2, 2) alignment points, or None.
        size: width and height of the picture, which the box does not leave.
    """
    labelled = points[points[:, 2] > 0, :2]
    margin = BOX_MARGIN * float(alignment_lib.radius(alignment)) if alignment is not None else 0.0
    limit = np.array(size, np.float64)
    low = np.clip(labelled.min(axis=0) - margin, 0.0, limit)
    high = np.clip(labelled.max(axis=0) + margin, 0.0, limit)
    return (*low.tolist(), *high.tolist())


def _ignored(person: Person, points: np.ndarray, box, count: int) -> Person:
    if box is None and (points[:, 2] > 0).any():
        labelled = points[points[:, 2] > 0, :2]
        box = (*labelled.min(axis=0).tolist(), *labelled.max(axis=0).tolist())
    return Person(np.zeros((count, 3)), box=box, area=person.area, ignore=True, weight=0.0)
