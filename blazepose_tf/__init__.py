"""blazepose_tf: person detector and 33-keypoint pose tracker in Keras, with LiteRT export.

`PosePipeline` and `list_models` need neither TensorFlow nor Keras; `load_tracker`, `load_detector` and `from_preset`
give Keras models. All are imported when first asked for. What is public stands in docs/api.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blazepose_tf.models import from_preset, load_detector, load_tracker
    from blazepose_tf.runtime import PosePipeline, list_models

__version__ = "0.1.0"
__all__ = ["PosePipeline", "__version__", "from_preset", "list_models", "load_detector", "load_tracker"]
_HOMES = {
    "PosePipeline": "runtime",
    "from_preset": "models",
    "list_models": "runtime",
    "load_detector": "models",
    "load_tracker": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
