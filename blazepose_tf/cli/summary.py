"""Show the stages of a model with shapes, parameters and multiply-adds.

    blazepose summary --model=full
    blazepose summary --model=blazeface --input_size=128
    blazepose summary --model=mine.keras --layers

Parameters are those of an exported file, normalisation folded away. The paper's "6.9 / 2.7 MFlop" is two times the
number of parameters of its models, not compute.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_string("model", "full", "preset (tracker or detector) or a .keras file")
    flags.DEFINE_integer("input_size", None, "side of the input in pixels, for presets; default: the preset's own")
    flags.DEFINE_bool("training_heads", False, "count the heatmap and offset heads too")
    flags.DEFINE_bool("mediapipe_head", False, "trackers: the 39 x 5 head of MediaPipe's files")
    flags.DEFINE_bool("layers", False, "one row per layer instead of per stage")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    options = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    from blazepose_tf.models import cost

    model = _model(options)
    costs = cost.layer_costs(model)
    rows = [(c.name, c.shape, c) for c in costs] if options.layers else cost.by_stage(costs)
    width = max(len(name) for name, _, _ in rows)
    print(f"{model.name}, input {' x '.join(map(str, model.inputs[0].shape[1:]))}")
    print(f"{'stage'.ljust(width)}  {'output':>14}  {'parameters':>12}  {'MACs':>14}")
    for name, shape, value in rows:
        print(f"{name.ljust(width)}  {_shape(shape):>14}  {value.parameters:12,}  {value.macs:14,}")
    total = cost.total(costs)
    print(f"{'total'.ljust(width)}  {'':>14}  {total.parameters:12,}  {total.macs:14,}")
    if total.zero_biases:
        print(f"with the zero biases of depthwise convolutions: {total.parameters + total.zero_biases:,} parameters")
    print("outputs: " + ", ".join(f"{name} {_shape(t.shape[1:])}" for name, t in model.output.items()))
    return 0


def _model(options):
    from blazepose_tf.models import build_detector, build_tracker, load_model, without_training_heads
    from blazepose_tf.models.presets import DETECTORS, TRACKERS
    from blazepose_tf.specs import TrackerSpec

    if options.model in DETECTORS:
        spec = DETECTORS[options.model].spec
        return build_detector(
            dataclasses.replace(spec, input_size=options.input_size or spec.input_size), variant=options.model
        )
    if options.model in TRACKERS:
        size = options.input_size or TrackerSpec().input_size
        spec = TrackerSpec(size, mediapipe_head=options.mediapipe_head)
        return build_tracker(spec, variant=options.model, training_heads=options.training_heads)
    if Path(options.model).suffix == ".keras":
        model, description = load_model(options.model)
        if description.kind == "tracker" and not options.training_heads:
            model = without_training_heads(model)
        return model
    raise UserError(
        f"no preset {options.model!r}; there are {', '.join([*TRACKERS, *DETECTORS])}, or give a .keras file"
    )


def _shape(shape) -> str:
    return " x ".join(map(str, shape))
