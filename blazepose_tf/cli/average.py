"""Average the weights of two or more trainings, and measure their normalisations anew.

blazepose average --model=first/model.keras --model=second/model.keras --data=train.json --output=averaged
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_multi_string("model", None, ".keras, .npz, or a shipped name; twice or more")
    flags.DEFINE_string("data", None, "whose batches give the statistics, as of blazepose train")
    flags.DEFINE_string("partial_data", "", "as of blazepose train")
    flags.DEFINE_integer("batches", 60, "how many of them")
    flags.DEFINE_integer("batch_size", 32, "examples in each")
    flags.DEFINE_string("output", None, "folder for model.keras")
    flags.mark_flags_as_required(["model", "data", "output"])


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    from blazepose_tf.runtime.weights import model_file
    from blazepose_tf.training.averaging import Options, write

    options = Options(
        model=tuple(str(model_file(m, suffix=".npz")) for m in FLAGS.model),
        data=FLAGS.data,
        output=Path(FLAGS.output),
        partial_data=FLAGS.partial_data,
        batches=FLAGS.batches,
        batch_size=FLAGS.batch_size,
    )
    print(write(options))
    return 0
