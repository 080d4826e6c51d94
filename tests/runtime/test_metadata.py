"""The metadata document inside LiteRT files: written, read back, replaced, and harmless to the network."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.specs import NOT_OCCLUDED, DetectorSpec, TrackerSpec


@pytest.fixture(scope="module")
def official(shared_dir):
    path = shared_dir / "peers" / "pose_landmark_lite_2021_03.tflite"
    if not path.is_file():
        pytest.skip("no official model file in shared/peers")
    return path.read_bytes()


@pytest.mark.parametrize("spec", [TrackerSpec(depth=True, visibility=NOT_OCCLUDED), DetectorSpec(128, (8, 16), (2, 6))])
def test_document_holds_the_spec(spec):
    document = metadata.metadata_of(spec, model="lite", precision="int8")
    assert metadata.spec_of(document) == spec
    assert document["model"] == "lite" and document["precision"] == "int8" and document["presence_is_logit"] is True


def test_write_read_replace(official, tmp_path):
    assert metadata.read_metadata(official) is None
    first = metadata.write_metadata(official, metadata.metadata_of(TrackerSpec(), model="lite"))
    assert metadata.read_metadata(first)["model"] == "lite"
    second = metadata.write_metadata(first, metadata.metadata_of(TrackerSpec(roi_scale=1.5), model="größer"))
    path = tmp_path / "m.tflite"
    path.write_bytes(second)
    document = metadata.read_metadata(path)
    assert document["model"] == "größer" and metadata.spec_of(document).roi_scale == 1.5
    assert len(second) < len(official) * 1.02


def test_the_network_computes_the_same(official):
    crop = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    before = load_model(official)(crop)
    after = load_model(metadata.write_metadata(official, {"kind": "x"}))(crop)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(value, after[name])


def test_weights_are_aligned(official):
    """Kernels read weights in place: the schema asks for multiples of 16 bytes."""
    from ai_edge_litert import schema_py_generated as schema

    content = metadata.write_metadata(official, {"kind": "x"})
    flat = schema.Model.GetRootAs(content, 0)
    whole = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
    arrays = [flat.Buffers(i).DataAsNumpy() for i in range(flat.BuffersLength())]
    offsets = [a.__array_interface__["data"][0] - whole for a in arrays if isinstance(a, np.ndarray) and a.size]
    assert len(offsets) > 50 and all(offset % 16 == 0 for offset in offsets)


def test_errors(official):
    with pytest.raises(ValueError, match="TFL3"):
        metadata.read_metadata(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match="empty"):
        metadata.write_metadata(b"", {})
    with pytest.raises(ValueError, match="kind"):
        metadata.spec_of({"kind": "segmenter", "spec": {}})
    with pytest.raises(ValueError, match="spec: expected an object"):
        metadata.spec_of({"kind": "tracker"})
    with pytest.raises(ValueError, match="'colour'"):
        metadata.spec_of({"kind": "tracker", "spec": {"colour": 1}, "version": "9.0"})


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("tracker", {"input_size": "256"}, "input_size: expected a whole number"),
        ("tracker", {"keypoint_names": [["nose"]]}, r"keypoint_names\[0\]: expected text"),
        ("tracker", {"value_range": [0.0]}, "value_range: expected a list of 2"),
        ("tracker", {"depth": 1}, "depth: expected true or false"),
        ("detector", {"strides": [8, None]}, r"strides\[1\]: expected a whole number"),
        ("detector", {"strides": [0]}, "must be positive"),
    ],
)
def test_wrong_types_in_a_spec_are_named(kind, fields, told):
    with pytest.raises(ValueError, match="m.tflite: blazepose_tf metadata: .*" + told):
        metadata.spec_of({"kind": kind, "spec": fields}, name="m.tflite")


def test_what_presence_has_to_be_in_a_persons_own_region():
    assert metadata.own_region(None) == metadata.own_region({"presence": {"people": 800}}) == 0.0
    assert metadata.own_region({"presence": {"own_region": 2}}) == 2.0
    for wrong in ("high", float("nan"), -1.0, 99.0):
        with pytest.raises(ValueError, match=r"m\.tflite: metadata: presence: own_region: expected a"):
            metadata.own_region({"presence": {"own_region": wrong}}, name="m.tflite")


def test_a_file_knows_whether_it_is_as_it_was_written(tiny_file, caplog):
    """The checksum covers every byte of the file but its own."""
    plain = tiny_file.read_bytes()
    assert metadata.is_intact(plain) is None
    content = metadata.write_metadata(plain, metadata.metadata_of(DetectorSpec(), model="tiny"))
    assert metadata.is_intact(content) is True and "content_sha256" not in metadata.read_metadata(content)
    again = metadata.write_metadata(content, {"kind": "x"})
    assert metadata.is_intact(again) is True
    kernel = content.rindex(np.float32(0).tobytes() * 8)  # the zeros of the bias
    for byte in (content[kernel] ^ 1, content[kernel] ^ 128):
        changed = content[:kernel] + bytes([byte]) + content[kernel + 1 :]
        assert metadata.is_intact(changed) is False
    load_model(content)
    assert not caplog.messages
    load_model(changed)
    assert "damaged, or edited by another program" in caplog.text
