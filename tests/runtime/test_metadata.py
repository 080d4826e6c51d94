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
    with pytest.raises(ValueError, match="TFL3"):
        metadata.write_metadata(b"", {})
    with pytest.raises(ValueError, match="kind"):
        metadata.spec_of({"kind": "segmenter", "spec": {}})
    with pytest.raises(ValueError, match="no spec"):
        metadata.spec_of({"kind": "tracker"})
    with pytest.raises(ValueError, match="'colour'"):
        metadata.spec_of({"kind": "tracker", "spec": {"colour": 1}, "version": "9.0"})
