"""Turn a trained model into a file that ships, proven before it gets its name.

    blazepose export --model=run/best.npz --output=lite.tflite
    blazepose export --model=full.keras --output=full16.tflite --precision=float16 --data=val.json

--model takes .keras, .npz, the name of a shipped model, or one of MediaPipe's .tflite files. The file is compared with
the Keras model on crops of --data (COCO-style annotations), or of rendered people without it.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_string("model", None, "what to export")
    flags.DEFINE_string("output", None, "file to write")
    flags.DEFINE_enum("precision", "float32", ["float32", "float16"], "how numbers are stored")
    flags.DEFINE_list("outputs", None, "only these outputs; all but training heads without it")
    flags.DEFINE_string("data", None, "COCO-style annotations with pictures, for the comparison with Keras")
    flags.DEFINE_integer("crops", 16, "crops to compare on", lower_bound=1)
    flags.mark_flag_as_required("model")
    flags.mark_flag_as_required("output")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    options = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    from blazepose_tf import files
    from blazepose_tf.export import crops, litert, sources

    output = Path(options.output)
    if not output.parent.is_dir():
        raise UserError(f"no folder {str(output.parent)!r} to write {output.name!r} to")
    model, description = sources.open_source(options.model)
    spec = description.spec
    model = litert.deployed(model, options.outputs)
    content = litert.to_litert(model, spec, name=description.variant, precision=options.precision)
    litert.require_one_partition(content)
    pictures = crops.crops(spec, count=options.crops, data=options.data)
    parities = litert.parity(model, content, (crops.to_inputs(p, spec)[0] for p in pictures))
    files.write_bytes(output, content)
    print(f"{output}: {description.kind} {description.variant}, {options.precision}, {len(content) / 1e6:.2f} MB")
    print("partitions: 1 (XNNPACK), nothing left over")
    for line in parities:
        print(f"parity {line.name}: max {line.max:.3g}, mean {line.mean:.3g}")
    return 0
