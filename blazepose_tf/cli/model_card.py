"""Write a model card (Markdown) from evaluation, training, data and benchmark files.

    blazepose model-card --model=lite.tflite --evaluation=report/evaluation.json --config=run/config.json \\
        --training_data=train.json --benchmark=host.json --output=lite.md

What a missing file would have told is said to be unknown. Results are matched to the model by its SHA-256.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_string("model", None, "the model file, or the name of a shipped one (required)")
    flags.DEFINE_multi_string("evaluation", [], "evaluation.json of blazepose evaluate")
    flags.DEFINE_string("config", None, "config.json of the training run")
    flags.DEFINE_multi_string("training_data", [], "annotations that the model was trained on")
    flags.DEFINE_string("provenance", None, 'JSON: data set -> {"title": ..., "licence": ...}')
    flags.DEFINE_multi_string("benchmark", [], "JSON of blazepose benchmark")
    flags.DEFINE_string("output", None, "Markdown file; standard output without it")
    flags.mark_flag_as_required("model")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    options = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    from blazepose_tf import files
    from blazepose_tf.evaluation import model_card
    from blazepose_tf.runtime.weights import model_file

    sources = model_card.Sources(
        model=str(model_file(options.model)),
        evaluations=tuple(options.evaluation),
        config=options.config,
        training_data=tuple(options.training_data),
        provenance=options.provenance,
        benchmarks=tuple(options.benchmark),
    )
    text = model_card.render(model_card.collect(sources))
    if options.output:
        files.write_text(Path(options.output), text)
        print(f"written: {options.output}")
    else:
        print(text, end="")
    return 0
