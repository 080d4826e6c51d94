"""What docs/api.md names is what the modules offer, and the package itself imports nothing heavy."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import blazepose_tf

API = Path(__file__).resolve().parents[1] / "docs" / "api.md"
HEADING = re.compile(r"^### `([\w.]+)`$", re.MULTILINE)


def documented() -> dict[str, list[str]]:
    """Module -> names in the first column of its table."""
    _, *parts = HEADING.split(API.read_text(encoding="utf-8"))
    rows = {
        module: [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        for module, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {module: re.findall(r"`(\w+)`", " ".join(cells)) for module, cells in rows.items()}


@pytest.mark.parametrize("module", documented())
def test_documented_names_are_the_public_ones(module):
    names, found = documented()[module], importlib.import_module(module)
    assert names, f"no names of {module} in {API.name}"
    assert all(getattr(found, name) is not None for name in names)
    assert sorted(names) == sorted(name for name in found.__all__ if not name.startswith("__"))


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "cv2", "numpy", "av", "ai_edge_litert")
    code = f"import sys, blazepose_tf; dir(blazepose_tf); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_pipeline_and_list_need_no_tensorflow():
    code = "import sys, blazepose_tf; blazepose_tf.PosePipeline(tracker='lite'); blazepose_tf.list_models();"
    code += "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'blazepose_tf' has no attribute 'load_trakcer'"):
        _ = blazepose_tf.load_trakcer


def test_package_is_marked_as_typed():
    assert (resources.files("blazepose_tf") / "py.typed").is_file()


def test_listed_models_are_those_that_load():
    from blazepose_tf.models.cost import layer_costs, total

    for entry in blazepose_tf.list_models():
        model = blazepose_tf.from_preset(entry.name)
        cost = total(layer_costs(model))
        assert model.inputs[0].shape[1] == entry.input_size
        assert (entry.macs, entry.parameters) == (cost.macs, cost.parameters + cost.zero_biases), entry.name
        assert entry.licence == "Apache-2.0" and entry.keypoints in (2, 33)


def test_presets_without_weights():
    model = blazepose_tf.from_preset("tiny", load_weights=False)
    assert model.name == "tracker_tiny"
    with pytest.raises(FileNotFoundError, match=r"no shipped file 'tiny\.npz'"):
        blazepose_tf.from_preset("tiny")
    with pytest.raises(ValueError, match=r"name must be one of .*Received: name='huge'"):
        blazepose_tf.from_preset("huge")
