"""Operations, multiply-adds and bytes of files; partitions."""

from __future__ import annotations

import pytest

from blazepose_tf.tflite import graph
from blazepose_tf.tflite.delegates import _walk, delegate_partitions


def test_counts_of_a_known_graph(tiny, tiny_file):
    contents = graph.read_graph(tiny_file)
    assert [op.kind for op in contents.operations] == ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD"]
    assert contents.dense_macs == tiny.DENSE_MACS == 55296
    assert contents.depthwise_macs == tiny.DEPTHWISE_MACS == 18432
    assert contents.macs == 73728 and contents.precision == "float32"
    # Convolution: image, kernel, bias and feature, 4 bytes each; addition: three features.
    assert contents.operations[0].bytes == 4 * (16 * 16 * 3 + 8 * 27 + 8 + 16 * 16 * 8)
    assert contents.operations[2].bytes == 4 * 3 * 16 * 16 * 8


def test_stored_half_precision_costs_what_full_costs(tiny, tiny_file, tmp_path):
    half = graph.read_graph(tiny.write_tiny_model(tmp_path / "half.tflite", half=True))
    full = graph.read_graph(tiny_file)
    assert half.precision == "float16" and half.macs == full.macs and half.bytes == full.bytes
    assert [op.kind for op in half.operations] == [op.kind for op in full.operations]


def test_only_what_an_output_needs(tiny, tiny_file):
    only = graph.read_graph(tiny_file, outputs=[1])
    assert [op.kind for op in only.operations] == ["CONV_2D"] and only.macs == tiny.DENSE_MACS
    with pytest.raises(ValueError, match=r"outputs must lie in 0\.\.1\. Received: outputs=\[2\]"):
        graph.read_graph(tiny_file, outputs=[2])


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(ValueError, match=r"a\.tflite: not a LiteRT model"):
        graph.read_graph(tmp_path / "a.tflite")
    with pytest.raises(OSError):
        graph.read_graph(tmp_path / "absent.tflite")


@pytest.mark.parametrize(
    ("name", "outputs", "macs"),
    [
        ("pose_detection_2020", None, 468.9),
        ("pose_detection_2021", None, 429.9),
        ("pose_landmark_full_2021", None, 386.1),
        ("pose_landmark_lite_2021", None, 197.8),
        ("pose_landmark_full_body_2020", [0, 1], 410.6),
        ("pose_landmark_lite_2021_03", [0, 1], 155.4),
    ],
)
def test_multiply_adds_of_published_files(shared_dir, name, outputs, macs):
    path = shared_dir / "peers" / f"{name}.tflite"
    assert round(graph.read_graph(path, outputs=outputs).macs / 1e6, 1) == macs
    assert delegate_partitions(path).fully_delegated


def test_tiny_graph_is_one_partition(tiny_file):
    found = delegate_partitions(tiny_file)
    assert found.count == 1 and found.left_over == {} and found.fully_delegated


def test_walk_finds_partitions_and_what_is_left_over():
    """image -> A -> B -> C -> out, where A and C were delegated, and an unused D."""
    names = [("A", [0], [1]), ("B", [1], [2]), ("C", [2], [3]), ("D", [0], [9])]
    names += [("DELEGATE", [0], [1]), ("DELEGATE", [2], [3])]
    operations = [{"index": i, "op_name": n, "inputs": a, "outputs": b} for i, (n, a, b) in enumerate(names)]
    found = _walk(operations, [3], set())
    assert found.count == 2 and found.left_over == {"B": 1} and not found.fully_delegated
