"""Checks of an annotated dataset before anybody trains on it.

Errors make an entry unusable (no picture, broken picture, labels that cannot be read, wrong size); warnings are for a
human to look at (points outside, probable left/right exchanges, duplicates). Nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.converters import coco, selection
from blazepose_tf.converters import names as names_lib
from blazepose_tf.converters.annotations import Damage, Person, Picture, xywh_to_xyxy
from blazepose_tf.data import contact_sheet, duplicates, side_swaps
from blazepose_tf.media import headers
from blazepose_tf.media import pictures as pictures_lib

ERROR, WARNING = "error", "warning"
WITHIN, ACROSS, SWAP = "duplicate within", "duplicate across datasets", "probable swap"
# Beyond the rim by more than this is outside; labels are rounded to a tenth of a pixel or two.
RIM_TOLERANCE = 0.2
# Labelled keypoints of one person in one spot from which it looks like a slip of a tool.
COINCIDING = 3
_BATCH = 256  # pictures decoded ahead


@dataclass(frozen=True)
class Finding:
    """One remark: `severity` error or warning, `kind` for counting, `where`, `text`, and the person's number or -1."""

    severity: str
    kind: str
    where: str
    text: str
    picture: int = -1
    person: int = -1

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.text}"


@dataclass(frozen=True)
class Dataset:
    """A dataset opened for checking: K names, pictures in order, and a loader of encoded bytes by position.

    `upright` says that the files themselves have to be upright JPEG or PNG, as in records, whose readers turn nothing.
    """

    label: str
    names: tuple[str, ...]
    pictures: Sequence[Picture | Damage]
    load: Callable[[int], bytes]
    remarks: tuple[Finding, ...] = ()
    upright: bool = False


@dataclass
class Report:
    """Result for one dataset. `fingerprints` holds None where a picture could not be decoded."""

    label: str
    names: tuple[str, ...]
    pictures: int = 0
    people: int = 0
    ignored: int = 0
    usable: int = 0
    dropped: Counter = field(default_factory=Counter)
    labelled: Counter = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    fingerprints: list[duplicates.Fingerprint | None] = field(default_factory=list)
    duplicate_pairs: Counter = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        return sum(finding.severity == ERROR for finding in self.findings)

    def kinds(self) -> Counter:
        return Counter(finding.kind for finding in self.findings)

    def failed(self, *, strict: bool = False) -> bool:
        """Whether something is unusable, nobody is usable, or (strict) a warning stands for spoiled results."""
        spoiled = any(kind == ACROSS or kind.startswith(SWAP) for kind in self.kinds())
        return bool(self.errors) or not self.usable or (strict and spoiled)

    def as_dict(self) -> dict:
        share = {name: round(self.labelled[name] / max(1, self.usable), 4) for name in self.names}
        return {
            "data": self.label,
            "pictures": self.pictures,
            "people": self.people,
            "ignored_regions": self.ignored,
            "usable_people": self.usable,
            "dropped": dict(self.dropped),
            "labelled_share": share,
            "errors": self.errors,
            "findings": dict(self.kinds()),
            "duplicate_pairs": dict(self.duplicate_pairs),
            "details": [vars(finding) for finding in self.findings],
        }


def open_dataset(path: str | Path, *, images: str | None = None) -> Dataset:
    """Opens a COCO keypoint json or record shards (a folder, or the manifest in it).

    Raises:
        FileNotFoundError: nothing there.
        ValueError: neither of the two.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    content = None if path.is_dir() else documents.read(path, finite=False)
    if path.is_dir() or (isinstance(content, dict) and "shards" in content):
        return _open_records(path)
    content = coco.outline(content, path)
    source = coco.of_document(content, path, images=images)
    pictures = list(source.pictures)

    def load(position: int) -> bytes:
        return (source.images / pictures[position].file_name).read_bytes()

    remarks = [
        Finding(WARNING, "of the whole file", str(path), text.removeprefix(f"{path}: ")) for text in source.remarks
    ]
    return Dataset(str(path), source.names, pictures, load, (*remarks, *_outline(path, content["annotations"])))


def _open_records(path: Path) -> Dataset:
    from blazepose_tf.data import records as records_lib  # TensorFlow: not needed for json

    records = records_lib.open_records(path)
    pictures: list[Picture | Damage] = []
    for position in range(len(records)):
        where = f"{path}: record {position}"
        try:
            e = records.example(position)
        except ValueError as error:
            pictures.append(Damage(where, str(error)))
            continue
        people = [
            Person(
                keypoints.astype(np.float64),
                box=tuple(box) if box.any() else None,
                alignment=alignment if alignment.any() else None,
            )
            for keypoints, box, alignment in zip(e.keypoints, e.boxes, e.alignment, strict=True)
        ]
        people += [Person(np.zeros((len(e.names), 3)), box=tuple(box), ignore=True) for box in e.ignore_boxes]
        name = e.image_id or str(position)
        pictures.append(Picture(name, where, tuple(people), e.width, e.height, e.dataset, e.split))
    return Dataset(str(path), records.names, pictures, lambda position: records.example(position).image, upright=True)


def _outline(path: Path, annotations: list) -> Iterator[Finding]:
    """What can be wrong with ids and boxes of the json itself."""
    seen: set = set()
    for i, entry in enumerate(annotations):
        where, identity = f"{path}: annotations[{i}]", coco.entry_id(entry)
        if identity in seen and identity is not None:
            yield Finding(ERROR, "repeated id", where, f"the id {documents.show(identity)} is there twice")
        seen.add(identity)
        box = entry.get("bbox") if isinstance(entry, dict) else None
        if box and box != [0, 0, 0, 0] and xywh_to_xyxy(box) is None:
            yield Finding(WARNING, "box without area", f"{where} (id {identity})", f"bbox {box!r:.80}")


def validate(
    dataset: Dataset,
    *,
    swap_probability: float = 0.5,
    workers: int = 4,
    progress: Callable[[Iterator], Iterator] = iter,
) -> Report:
    """Checks every picture and person of a dataset; `find_duplicates` compares pictures afterwards.

    Args:
        dataset: from `open_dataset`.
        swap_probability: from which a probable left/right exchange is reported.
        workers: pictures decoded at a time.
        progress: wraps the iteration over positions, for a progress bar.
    """
    report = Report(dataset.label, dataset.names, pictures=len(dataset.pictures))
    report.findings += dataset.remarks
    positions = progress(iter(range(len(dataset.pictures))))
    with ThreadPoolExecutor(workers) as pool:
        while batch := list(islice(positions, _BATCH)):
            for position, (findings, mark) in zip(
                batch, pool.map(lambda p: _check_file(dataset, p), batch), strict=True
            ):
                report.findings += findings
                report.fingerprints.append(mark)
                _check_people(dataset, position, report, swap_probability)
    return report


def _check_file(dataset: Dataset, position: int) -> tuple[list[Finding], duplicates.Fingerprint | None]:
    entry = dataset.pictures[position]
    if isinstance(entry, Damage):
        return [Finding(ERROR, "damaged entry", entry.where, entry.problem, position)], None

    def wrong(kind: str, text: str) -> Finding:
        return Finding(ERROR, kind, entry.where, f"{entry.file_name}: {text}", position)

    try:
        data = dataset.load(position)
    except (OSError, ValueError) as error:
        return [wrong("missing picture", str(error))], None
    try:
        header = headers.read_header(data)
    except ValueError as error:
        return [wrong("broken picture", str(error))], None
    findings = []
    if dataset.upright and (header.orientation != 1 or header.kind not in ("JPEG", "PNG")):
        findings.append(wrong("turned picture", f"{header.kind} of EXIF orientation {header.orientation} in a record"))
    width, height = (header.width, header.height) if dataset.upright else header.upright_size
    if (entry.width and entry.width != width) or (entry.height and entry.height != height):
        text = f"is {width}x{height}, annotated as {entry.width}x{entry.height}"
        findings.append(wrong("wrong size", text))
    try:
        image = pictures_lib.decode(data)
    except ValueError as error:
        return [*findings, wrong("broken picture", str(error))], None
    return findings, duplicates.fingerprint(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _check_people(dataset: Dataset, position: int, report: Report, swap_probability: float) -> None:
    entry = dataset.pictures[position]
    if isinstance(entry, Damage):
        return
    for damage in entry.problems:
        report.findings.append(Finding(ERROR, "damaged person", damage.where, damage.problem, position))
    for number, person in enumerate(entry.people):
        where = f"{entry.where} ({entry.file_name}, person {number})"

        def warn(kind: str, text: str, where: str = where, number: int = number) -> None:
            report.findings.append(Finding(WARNING, kind, where, text, position, number))

        if entry.width and entry.height:
            for kind, text in _out_of_range(person, entry, dataset.names):
                warn(kind, text)
        if person.ignore:
            report.ignored += 1
            continue
        report.people += 1
        reason = selection.drop_reason(person.keypoints, dataset.names)
        if reason is not None:
            report.dropped[reason] += 1
            continue
        report.usable += 1
        labelled = person.keypoints[person.keypoints[:, 2] > 0]
        report.labelled.update(n for n, p in zip(dataset.names, person.keypoints, strict=True) if p[2] > 0)
        if np.unique(labelled[:, :2], axis=0, return_counts=True)[1].max() >= COINCIDING:
            warn("coinciding keypoints", f"{COINCIDING} or more keypoints in one spot")
        for comparison, probability in side_swaps.swap_probabilities(person.keypoints, dataset.names).items():
            if probability >= swap_probability:
                warn(
                    f"{SWAP}, {comparison}",
                    f"{comparison}: left and right exchanged with probability {probability:.2f}",
                )


def _out_of_range(person: Person, entry: Picture, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    limit = np.array([entry.width, entry.height], np.float64)
    points = person.keypoints
    outside = (points[:, 2] > 0) & ((points[:, :2] < -RIM_TOLERANCE) | (points[:, :2] > limit + RIM_TOLERANCE)).any(
        axis=1
    )
    if outside.any():
        listed = ", ".join(names[k] for k in np.flatnonzero(outside)[:5])
        yield "keypoint outside", f"{int(outside.sum())} keypoints outside {entry.width}x{entry.height}: {listed}"
    for what, box in (("box", person.box), ("face box", person.face_box)):
        if box is None:
            continue
        # Squares derived from a face or a body may reach over the rim; a drawn box may not.
        over = 1.0 if what == "box" and not person.ignore else float(max(box[2] - box[0], box[3] - box[1]))
        if min(box[:2]) < -over or box[2] > limit[0] + over or box[3] > limit[1] + over:
            corners = ", ".join(f"{v:.1f}" for v in box)
            yield f"{what} outside", f"{what} ({corners}) lies beyond {entry.width}x{entry.height}"
    if person.alignment is not None and names_lib.has_torso(names):
        center = person.alignment[0]
        if (center < 0).any() or (center > limit).any():
            yield "centre outside", f"mid-hip ({center[0]:.1f}, {center[1]:.1f}) lies outside the picture"


def find_duplicates(reports: Sequence[Report], datasets: Sequence[Dataset]) -> list[tuple[Finding, duplicates.Pair]]:
    """Compares all pictures of all datasets; pairs across datasets are leaks of a split.

    Args:
        reports: from `validate`; the findings are added to the report of the first picture of each pair.
        datasets: in the same order.

    Returns:
        Findings with their pairs (positions count through all datasets), the most alike first.
    """
    places = [
        (d, i) for d, report in enumerate(reports) for i, mark in enumerate(report.fingerprints) if mark is not None
    ]
    marks = [reports[d].fingerprints[i] for d, i in places]
    found = []
    for pair in duplicates.find_pairs(marks):
        (d, i), (e, j) = places[pair.first], places[pair.second]
        first, second = datasets[d].pictures[i], datasets[e].pictures[j]
        if d == e and first.file_name == second.file_name:
            continue  # one picture with several records or entries
        kind = WITHIN if d == e else ACROSS
        mirrored = ", mirrored" if pair.mirrored else ""
        other = second.file_name if d == e else f"{second.file_name} of {datasets[e].label}"
        text = f"{first.file_name} like {other} (correlation {pair.correlation:.3f}{mirrored})"
        finding = Finding(WARNING, kind, first.where, text, i)
        reports[d].findings.append(finding)
        reports[d].duplicate_pairs[kind] += 1
        found.append((finding, pair))
    return found


def summary(report: Report, *, shown: int = 20) -> list[str]:
    """The report in lines: counts, then the first findings, errors before warnings."""
    lines = [
        f"{report.label}: {report.pictures} pictures, {report.people} people ({report.usable} usable), "
        f"{report.ignored} ignored regions, {len(report.names)} keypoints"
    ]
    lines += [f"  dropped {count}: {reason}" for reason, count in report.dropped.most_common()]
    lines += [f"  {remark}" for remark in topology.mirror_remarks(report.names)]
    lines += [f"  {count} x {kind}" for kind, count in report.kinds().most_common()]
    ordered = sorted(report.findings, key=lambda finding: finding.severity != ERROR)
    lines += [f"  {finding}" for finding in ordered[:shown]]
    if len(ordered) > shown:
        lines.append(f"  ... and {len(ordered) - shown} more")
    return lines


def sheet_cells(dataset: Dataset, report: Report, *, count: int) -> list[contact_sheet.Cell]:
    """People for a contact sheet: half of the cells at most for those with remarks, the rest spread evenly.

    Args:
        dataset: from `open_dataset`.
        report: its report.
        count: number of cells.
    """
    remarks: dict[tuple[int, int], str] = {}
    for finding in sorted(report.findings, key=lambda f: f.kind == WITHIN):
        if finding.picture >= 0:
            remarks.setdefault((finding.picture, max(0, finding.person)), finding.kind)
    people = [
        (i, j)
        for i, entry in enumerate(dataset.pictures)
        if isinstance(entry, Picture) and report.fingerprints[i] is not None
        for j, person in enumerate(entry.people)
        if not person.ignore
    ]
    flagged = [key for key in people if key in remarks][: count // 2]
    rest = sorted(set(people) - set(flagged))
    take = min(count - len(flagged), len(rest))
    spread = [rest[int(k)] for k in np.linspace(0, len(rest) - 1, take)] if take else []
    return [
        contact_sheet.Cell(
            dataset.load(i),
            dataset.pictures[i].people[j],
            f"{i}: {remarks.get((i, j)) or dataset.pictures[i].file_name}",
        )
        for i, j in flagged + spread
    ]
