"""Record shards: whole or absent, resumable, read in any order."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.data import records


def test_every_record_is_found_in_order(ten_records):
    assert len(ten_records) == 10
    assert len(ten_records.files) == 2
    assert [ten_records.example(i).image_id for i in range(10)] == [f"picture_{i}" for i in range(10)]


def test_graph_reads_at_an_offset(ten_records, example):
    raw = records.read(tf.constant(ten_records.files[0]), tf.constant(ten_records.offsets[2]))
    assert records.example_lib.decode(raw.numpy()).image_id == "picture_2"


def test_positions_agree_with_tensorflow_reader(ten_records):
    plain = [records.example_lib.decode(r.numpy()).image_id for r in tf.data.TFRecordDataset(ten_records.files)]
    assert plain == [ten_records.example(i).image_id for i in range(10)]


def test_what_cannot_be_built_is_left_out_with_its_reason(tmp_path, example):
    def build(i):
        if i == 1:
            raise OSError("no such picture")
        return example(i)

    report = records.write_shards(range(4), build, folder=tmp_path, name="d", describe=lambda i: f"item {i}")
    assert report.written == 3
    assert report.skipped == {"item 1": "no such picture"}
    assert report.reasons() == {"no such picture": 1}
    assert len(records.open_records(tmp_path / "d.json")) == 3


def test_interrupted_writing_goes_on_where_it_stopped(tmp_path, example):
    built = []

    def build(i):
        built.append(i)
        if i == 3 and len(built) == 4:
            raise KeyboardInterrupt
        return example(i)

    with pytest.raises(KeyboardInterrupt):
        records.write_shards(range(6), build, folder=tmp_path, name="d", num_shards=3, workers=1)
    # The first shard (items 0 and 1) is whole, of the second nothing is left.
    assert [p.name for p in sorted(tmp_path.glob("*.tfrecord"))] == ["d-00000-of-00003.tfrecord"]
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(FileNotFoundError):
        records.open_records(tmp_path / "d.json")
    built.append(-1)
    report = records.write_shards(range(6), build, folder=tmp_path, name="d", num_shards=3, workers=1)
    assert (report.written, report.reused_shards) == (6, 1)
    assert built[5:] == [2, 3, 4, 5]
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json"] + 3 * [".tfrecord"]


def test_same_items_are_not_written_again_and_others_are(tmp_path, example):
    first = records.write_shards(range(4), example, folder=tmp_path, name="d", num_shards=2)
    again = records.write_shards(range(4), example, folder=tmp_path, name="d", num_shards=2)
    other = records.write_shards([0, 1, 2, 7], example, folder=tmp_path, name="d", num_shards=2)
    assert (first.reused_shards, again.reused_shards, other.reused_shards) == (0, 2, 1)
    assert records.open_records(tmp_path).example(3).image_id == "picture_7"


def test_number_of_workers_does_not_change_the_files(tmp_path, example):
    for workers in (1, 3):
        records.write_shards(range(5), example, folder=tmp_path / str(workers), name="d", num_shards=3, workers=workers)
    for path in sorted((tmp_path / "1").glob("*.tfrecord")):
        assert path.read_bytes() == (tmp_path / "3" / path.name).read_bytes()


def test_mixed_keypoint_sets_are_refused(tmp_path, example):
    with pytest.raises(ValueError, match="keypoint"):
        records.write_shards(
            range(2),
            lambda i: example(0).with_keypoint_set(("nose", f"point_{i}")),
            folder=tmp_path,
            name="d",
            num_shards=2,
        )


def test_cut_file_gives_the_records_before_the_cut(tmp_path, example, caplog):
    records.write_shards(range(4), example, folder=tmp_path, name="d")
    path = tmp_path / "d-00000-of-00001.tfrecord"
    path.write_bytes(path.read_bytes()[:-100])
    opened = records.open_records(tmp_path)
    assert len(opened) == 3
    assert "3 records found, 4 were written" in caplog.text


def test_flipped_byte_is_noticed(tmp_path, example):
    records.write_shards(range(3), example, folder=tmp_path, name="d")
    opened = records.open_records(tmp_path)
    path = tmp_path / "d-00000-of-00001.tfrecord"
    content = bytearray(path.read_bytes())
    content[opened.offsets[1] + 200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"damaged record at byte {opened.offsets[1]}"):
        opened.example(1)
    assert opened.example(2).image_id == "picture_2"


def test_damaged_length_ends_the_shard(tmp_path, example, caplog):
    """Lengths have a checksum of their own; a wrong one must not send the scan through the rest at random."""
    records.write_shards(range(3), example, folder=tmp_path, name="d")
    opened = records.open_records(tmp_path)
    path = tmp_path / "d-00000-of-00001.tfrecord"
    content = bytearray(path.read_bytes())
    content[opened.offsets[1]] ^= 1
    path.write_bytes(content)
    assert len(records.open_records(tmp_path)) == 1
    assert "1 records found, 3 were written" in caplog.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m.update(shards={}), "not a manifest"),
        (lambda m: m.update(name=3), "name: expected text"),
        (lambda m: m.update(keypoint_names="nose"), "keypoint_names: expected a list"),
        (lambda m: m["shards"][0].update(written="4"), r"shards\[0\]\.written: expected a whole number"),
        (lambda m: m["shards"][0].pop("file"), r"shards\[0\]: missing fields \['file'\]"),
        (lambda m: m["shards"][0].update(file="../d"), r"shards\[0\]\.file: expected a file name"),
        (lambda m: m["shards"].append(m["shards"][0] | {"file": "x.tfrecord"}), "x.tfrecord: no such shard"),
    ],
)
def test_manifests_with_wrong_types_are_named(tmp_path, example, change, told):
    records.write_shards(range(2), example, folder=tmp_path, name="d")
    manifest = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    change(manifest)
    (tmp_path / "d.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        records.open_records(tmp_path / "d.json")
    # Writing the dataset again mends it.
    records.write_shards(range(2), example, folder=tmp_path, name="d")
    assert len(records.open_records(tmp_path)) == 2


def test_what_is_no_dataset_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no dataset manifest"):
        records.open_records(tmp_path / "absent.json")
    (tmp_path / "a.json").write_text(json.dumps({"images": []}))
    with pytest.raises(ValueError, match="not a manifest"):
        records.open_records(tmp_path / "a.json")
    with pytest.raises(ValueError, match="expected one dataset"):
        records.open_records(tmp_path)
    with pytest.raises(ValueError, match="nothing to write"):
        records.write_shards([], str, folder=tmp_path, name="d")


def test_scan_reads_offsets_of_known_lengths(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
        for length in (5, 0, 11):
            writer.write(b"a" * length)
    # Each record has 16 bytes around its data.
    np.testing.assert_array_equal(records._scan(tmp_path / "x"), [0, 21, 37])
