"""Record shards: written in parallel, resumable and atomic; read in any order.

A dataset `NAME` in a folder is `NAME-00000-of-00008.tfrecord` ... plus `NAME.json`, the manifest: keypoint names, what
was written, what was left out and why. TFRecord checksums every record by itself. Invariant: a shard file exists only
when it is complete (it is written under a temporary name and renamed), so an interrupted conversion goes on where it
stopped and never leaves half a shard behind.

Reading is by position: the headers of all records are scanned once (two small reads per record), so that an epoch is
any permutation of positions, computed in numpy, and a resumed run starts in its middle at no cost.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from blazepose_tf import cluster, documents, files
from blazepose_tf.data import example as example_lib

log = logging.getLogger(__name__)
Item = TypeVar("Item")
FORMAT = 1
_READ_BUFFER = 64 * 1024  # bytes read at a time; a record is about 12 kB and read alone
_HEADER, _FOOTER = 12, 4  # length (8 bytes) and its checksum (4) before, checksum (4) after the data
_ENTRY = documents.Part(
    {
        "file": documents.TEXT,
        "fingerprint": documents.TEXT,
        "written": documents.COUNT,
        "names": documents.ListOf(documents.TEXT),
        "skipped": documents.MapOf(documents.TEXT),
    }
)
_MANIFEST = documents.Part(
    {
        "format": documents.WHOLE,
        "name": documents.TEXT,
        "keypoint_names": documents.ListOf(documents.TEXT),
        "shards": documents.ListOf(_ENTRY),
    }
)


@dataclass(frozen=True)
class WriteReport:
    """What `write_shards` did: examples in all shards, how many shards were there already, and what was left out."""

    name: str
    folder: Path
    written: int
    reused_shards: int
    skipped: dict[str, str] = field(default_factory=dict)  # item -> reason

    def reasons(self) -> Counter[str]:
        return Counter(self.skipped.values())


def write_shards(
    items: Sequence[Item],
    build: Callable[[Item], example_lib.Example],
    *,
    folder: str | os.PathLike,
    name: str,
    num_shards: int | None = None,
    workers: int = 4,
    describe: Callable[[Item], str] = str,
    where: str = "",
) -> WriteReport:
    """Writes one record per item.

    Args:
        items: what to convert; item i goes to shard i * num_shards // len(items), in order.
        build: makes the example of an item. A ValueError or OSError leaves the item out, counted with its message.
        folder: where the shards go; made if absent.
        name: name of the dataset in that folder.
        num_shards: number of files; by default one per 1,000 items.
        workers: shards written at a time (threads: reading files and serialising leave the interpreter free).
        describe: a stable name for an item; the names decide whether an existing shard still fits.
        where: machines that write the shards, as `cluster.mapped`; without them threads do.

    Returns:
        The report; it is also in the manifest.

    Raises:
        ValueError: no items, or the examples of one dataset have different keypoint names.
        OSError: a shard cannot be written.
    """
    if not items:
        raise ValueError(f"nothing to write for dataset {name!r}. Received: 0 items")
    count = num_shards or -(-len(items) // 1000)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, len(items), count + 1).astype(int)
    keys = [describe(item) for item in items]

    paths = [folder / f"{name}-{shard:05d}-of-{count:05d}.tfrecord" for shard in range(count)]
    done = {entry["file"]: entry for entry in _known(folder / f"{name}.json", _MANIFEST).get("shards", [])}

    failed = threading.Event()

    def write(shard: int) -> dict:
        if failed.is_set():
            raise CancelledError(f"shard {shard} was not started")
        part = slice(bounds[shard], bounds[shard + 1])
        try:
            return _write_shard(paths[shard], items[part], keys[part], build, done.get(paths[shard].name))
        except BaseException:
            failed.set()  # an interrupt or a full disk ends the conversion, not one shard after the other
            raise

    if where:
        slices = [slice(bounds[i], bounds[i + 1]) for i in range(count)]
        wanted = [(p.resolve(), items[s], keys[s], build, done.get(p.name)) for p, s in zip(paths, slices, strict=True)]
        shards = [entry for _, entry in sorted(cluster.mapped(_write_shard, wanted, where), key=lambda pair: pair[0])]
    else:
        with ThreadPoolExecutor(max(1, workers)) as pool:
            shards = list(pool.map(write, range(count)))
    names = {tuple(s["names"]) for s in shards if s["names"]}
    if len(names) > 1:
        raise ValueError(f"dataset {name!r} mixes {len(names)} keypoint sets; write one dataset per set")
    skipped = {key: reason for s in shards for key, reason in s["skipped"].items()}
    written = sum(s["written"] for s in shards)
    reused = sum(s.pop("reused") for s in shards)
    manifest = {
        "format": FORMAT,
        "name": name,
        "keypoint_names": list(next(iter(names), ())),
        "examples": written,
        "shards": shards,
    }
    _write_json(folder / f"{name}.json", manifest)
    for path in paths:
        _note(path).unlink(missing_ok=True)  # the manifest says it all now
    if skipped:
        text = "; ".join(f"{n} x {reason}" for reason, n in Counter(skipped.values()).most_common(5))
        log.warning("dataset %s: %d of %d items left out: %s", name, len(skipped), len(items), text)
    return WriteReport(name, folder, written, reused, skipped)


def _write_shard(path: Path, items: Sequence[Item], keys: Sequence[str], build, done: dict | None) -> dict:
    """Writes a shard, or recognises a finished one by the names of its items. Returns its entry in the manifest."""
    fingerprint = hashlib.sha256("\n".join([str(FORMAT), *keys]).encode()).hexdigest()[:16]
    for entry in (done, _known(_note(path), _ENTRY)):
        if entry and entry.get("fingerprint") == fingerprint and path.exists():
            return {**entry, "reused": 1}
    names: tuple[str, ...] = ()
    skipped: dict[str, str] = {}
    written = 0
    try:
        with files.atomic_path(path) as part, tf.io.TFRecordWriter(str(part)) as writer:
            for item, key in zip(items, keys, strict=True):
                try:
                    example = build(item)
                except (ValueError, OSError) as error:
                    skipped[key] = str(error)
                    continue
                if names and example.names != names:
                    raise ValueError(f"{key}: keypoint names differ from those before it. Received: {example.names}")
                names = example.names
                writer.write(example_lib.encode(example))
                written += 1
    except tf.errors.OpError as error:
        raise OSError(f"{path}: cannot be written ({error.message.rpartition('; ')[2]})") from error
    entry = {
        "file": path.name,
        "fingerprint": fingerprint,
        "written": written,
        "names": list(names),
        "skipped": skipped,
    }
    _write_json(_note(path), entry)
    return {**entry, "reused": 0}


def _note(path: Path) -> Path:
    return path.with_suffix(".note")


def _known(path: Path, shape: documents.Part) -> dict:
    """What an earlier run wrote down; nothing when it did not, or when that is of no use."""
    try:
        return documents.check(documents.read(path), shape, str(path))
    except (FileNotFoundError, ValueError):
        return {}


def _write_json(path: Path, content: dict) -> None:
    files.write_text(path, json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True)
class Records:
    """The records of a dataset by position.

    Attributes:
        name: of the dataset.
        names: keypoint names of its records.
        files: shard files.
        file_index: (n,) int32 index into `files` of each record.
        offsets: (n,) int64 byte offset of each record in its file.
    """

    name: str
    names: tuple[str, ...]
    files: tuple[str, ...]
    file_index: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets)

    def example(self, position: int) -> example_lib.Example:
        """Reads one record eagerly. Raises ValueError when it is damaged."""
        file, offset = self.files[self.file_index[position]], int(self.offsets[position])
        try:
            raw = read(tf.constant(file), tf.constant(offset, tf.int64)).numpy()
        except tf.errors.OpError as error:
            raise ValueError(f"damaged record at byte {offset} of {file}: {error}") from error
        return example_lib.decode(raw)


def open_records(path: str | os.PathLike) -> Records:
    """Opens a dataset.

    Args:
        path: the manifest (`folder/NAME.json`), or the path without its ending, or a folder with one manifest.

    Returns:
        Positions of all its records.

    Raises:
        FileNotFoundError: no manifest or a shard is missing.
        ValueError: not a manifest, or a folder with several.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(p for p in path.glob("*.json") if _known(p, documents.Part({"shards": documents.LIST})))
        if len(found) != 1:
            raise ValueError(f"expected one dataset in {path}; name its manifest. Received: {[p.name for p in found]}")
        path = found[0]
    elif path.suffix != ".json":
        path = path.with_name(path.name + ".json")
    if not path.exists():
        raise FileNotFoundError(f"no dataset manifest {path}")
    manifest = documents.read_object(path)
    if manifest.get("format") != FORMAT or not manifest.get("shards"):
        raise ValueError(f"{path} is not a manifest of record shards (format {FORMAT})")
    documents.check(manifest, _MANIFEST, str(path))
    shard_files, index, offsets = [], [], []
    for i, shard in enumerate(manifest["shards"]):
        file = path.parent / shard["file"]
        if file.name != shard["file"]:
            raise ValueError(f"{path}: shards[{i}].file: expected a file name. Received: {shard['file']!r}")
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such shard (of {path.name})")
        found = _scan(file)
        if len(found) != shard["written"]:
            log.warning("%s: %d records found, %d were written", file, len(found), shard["written"])
        shard_files.append(str(file))
        index.append(np.full(len(found), i, np.int32))
        offsets.append(found)
    return Records(
        manifest["name"],
        tuple(manifest["keypoint_names"]),
        tuple(shard_files),
        np.concatenate(index),
        np.concatenate(offsets),
    )


def _scan(file: Path) -> np.ndarray:
    """(n,) int64 offsets of the records that lie completely in the file, up to the first damaged length."""
    offsets, offset, end = [], 0, file.stat().st_size
    with open(file, "rb", buffering=0) as stream:
        while offset + _HEADER + _FOOTER <= end:
            stream.seek(offset)
            head = stream.read(_HEADER)
            length, checksum = struct.unpack("<QI", head)
            if checksum != _masked_crc32c(head[:8]):
                break
            following = offset + _HEADER + length + _FOOTER
            if following > end:
                break
            offsets.append(offset)
            offset = following
    return np.array(offsets, np.int64)


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def _masked_crc32c(data: bytes) -> int:
    """Checksum of a TFRecord field: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read(file, offset):
    """The serialised record at a byte offset, inside a graph; a damaged one raises DataLossError when it is run."""
    # The Python class hides the byte offsets that its op has.
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=tf.reshape(file, [1]),
        compression_type="",
        buffer_size=_READ_BUFFER,
        byte_offsets=tf.reshape(offset, [1]),
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string)).take(1).get_single_element()
