"""Files are looked through before anyone follows them: sound ones pass, damaged ones are named, and nothing else."""

from __future__ import annotations

import os

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.runtime.weights import FOLDER
from blazepose_tf.tflite import graph, opening, structure
from blazepose_tf.tflite.verify import verify


@pytest.mark.parametrize("name", ["lite.tflite", "lite_3d.tflite", "full.tflite", "blazeface.tflite"])
def test_shipped_files_are_sound(name):
    verify((FOLDER / name).read_bytes())


def test_published_files_are_sound(shared_dir):
    for path in sorted((shared_dir / "peers").glob("*.tflite")):
        verify(path.read_bytes(), name=path.name)


def test_layout_is_read_from_the_generated_code():
    """Slots and widths of the schema, counted by hand in its text."""
    assert structure._layout("Metadata") == ((0, "string", 4, ""), (1, "scalar", 4, ""))
    assert structure._layout("Buffer") == ((0, "vector", 1, ""), (1, "scalar", 8, ""), (2, "scalar", 8, ""))
    assert (4, "union", 4, "BuiltinOptions") in structure._layout("Operator")
    assert (2, "tables", 4, "SubGraph") in structure._layout("Model")
    assert structure._layout("ReshapeOptions") == ((0, "vector", 4, ""),)


@pytest.mark.parametrize("kind", ["cut", "bytes", "offsets", "swapped"])
def test_whatever_is_damaged_ends_in_one_line(tiny, tmp_path, kind):
    """Fresh damage at every run; the seed is in the message of a failure."""
    seed = int.from_bytes(os.urandom(4), "little")
    numbers = np.random.default_rng(seed)
    content = tiny.write_tiny_model(tmp_path / "t.tflite", half=True).read_bytes()
    refused = 0
    for number in range(150):
        data = np.frombuffer(content, np.uint8).copy()
        if kind == "cut":
            data = data[: numbers.integers(0, len(data))]
        elif kind == "bytes":
            data[numbers.integers(0, len(data), numbers.integers(1, 20))] = numbers.integers(0, 256)
        elif kind == "offsets":
            at = 4 * numbers.integers(0, len(data) // 4)
            data[at : at + 4] = np.frombuffer(np.int32(numbers.choice([-1, 0, 1, 2**31 - 1, -8])).tobytes(), np.uint8)
        else:
            a, b = numbers.integers(0, len(data) - 64, 2)
            data[a : a + 64], data[b : b + 64] = data[b : b + 64].copy(), data[a : a + 64].copy()
        try:
            verify(data.tobytes(), name="m.tflite")
            graph.read_graph(data.tobytes())
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)
        except Exception as error:
            raise AssertionError(f"seed {seed}, file {number}: {error!r}") from error
    assert refused == 150 if kind == "cut" else refused > 10


def _edited(path, edit) -> bytes:
    model = graph.load_model(path)
    edit(model, model.subgraphs[0])
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _set(part, **values):
    for name, value in values.items():
        setattr(part, name, value)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda m, g: _set(m, version=2), "schema version 2, expected 3"),
        (lambda m, g: _set(g.operators[0], opcodeIndex=9), "operator 0 is of kind 9 of 3"),
        (lambda m, g: _set(g.operators[2], inputs=[99, 0]), "operator 2 has tensors"),
        (lambda m, g: _set(g, outputs=[99]), "the output has tensors"),
        (lambda m, g: _set(g.tensors[1], buffer=7), "tensor 1 is in buffer 7 of 4"),
        (lambda m, g: _set(g.tensors[1], shape=[9]), "tensor 1 of shape \\[9\\] and type FLOAT32 has 32 bytes"),
        (lambda m, g: _set(g.tensors[0], type=99), "tensor 0 has the unknown type 99"),
        (lambda m, g: _set(g.tensors[0], shape=[1, -4, 4, 3]), "tensor 0 has the shape"),
    ],
)
def test_impossible_values_are_named(tiny_file, edit, told):
    with pytest.raises(ValueError, match=r"m\.tflite: damaged or unsupported LiteRT model \(" + told):
        verify(_edited(tiny_file, edit), name="m.tflite")


def test_sparse_positions_must_fit():
    """A 2 x 3 tensor with the values of (0, 2) and (1, 0): rows end at 1 and 2."""
    from blazepose_tf.tflite.verify import _check_sparsity

    def count(segments, positions):
        sparse = schema.SparsityParametersT()
        dense, rows = schema.DimensionMetadataT(), schema.DimensionMetadataT()
        dense.format, dense.denseSize = schema.DimensionType.DENSE, 2
        rows.format = schema.DimensionType.SPARSE_CSR
        rows.arraySegmentsType = rows.arrayIndicesType = schema.SparseIndexVector.Uint8Vector
        rows.arraySegments, rows.arrayIndices = schema.Uint8VectorT(), schema.Uint8VectorT()
        rows.arraySegments.values, rows.arrayIndices.values = segments, positions
        sparse.traversalOrder, sparse.dimMetadata = [0, 1], [dense, rows]
        builder = flatbuffers.Builder(64)
        builder.Finish(sparse.Pack(builder))
        return _check_sparsity(schema.SparsityParameters.GetRootAs(bytes(builder.Output()), 0), [2, 3], "t")

    assert count([0, 1, 2], [2, 0]) == 2
    for segments, positions in (([0, 1, 3], [2, 0]), ([0, 2, 1], [2]), ([0, 1], [2]), ([0, 1, 2], [3, 0])):
        with pytest.raises(ValueError, match="impossible sparse positions along axis 1"):
            count(segments, positions)


def test_a_model_that_ends_its_process_ends_no_other(tiny_file, monkeypatch):
    content = tiny_file.read_bytes() + b"\0"  # not the content that another test has tried
    monkeypatch.setattr(opening, "_RUN", "import os; os.abort()")
    with pytest.raises(ValueError, match=r"m\.tflite: .*\(running it: it ends the process: SIGABRT\)"):
        opening.open_interpreter(content, name="m.tflite")
    monkeypatch.undo()
    assert opening.open_interpreter(content).get_input_details()[0]["name"] == "image"


def test_what_the_interpreter_refuses_is_one_line(tiny_file):
    content = _edited(tiny_file, lambda m, g: _set(m.operatorCodes[0], version=99))
    with pytest.raises(ValueError, match=r"m\.tflite: damaged or unsupported LiteRT model") as caught:
        opening.open_interpreter(content, name="m.tflite")
    assert "\n" not in str(caught.value)
