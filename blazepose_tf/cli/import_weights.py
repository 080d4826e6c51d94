"""Turn MediaPipe's published pose models into Keras models.

One model goes to a file (--output=MODEL.keras), several go to a folder, named after the model:
    blazepose import-weights --tflite=pose_landmark_full.tflite --output=full.keras
    blazepose import-weights --tflite=pose_landmarker_full.task --output=models/
    blazepose import-weights --from_mediapipe --output=models/
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError


def define_flags() -> None:
    """Flags of the verb."""
    flags.DEFINE_string("tflite", None, "a published .tflite file, a .task bundle, or the mediapipe wheel (.whl)")
    flags.DEFINE_bool("from_mediapipe", False, "take the files of the installed mediapipe package")
    flags.DEFINE_string("output", None, "MODEL.keras, or a folder (created if missing) that gets one file per model")
    flags.mark_flag_as_required("output")


def main(argv: list[str]) -> int:
    """Runs the verb."""
    options = flags.FLAGS
    if argv:
        raise UserError(f"unexpected argument {argv[0]!r}")
    if bool(options.tflite) == options.from_mediapipe:
        raise UserError("give either --tflite=FILE or --from_mediapipe")
    from blazepose_tf.export import mediapipe
    from blazepose_tf.models import save_model

    files = mediapipe.installed_models() if options.from_mediapipe else mediapipe.find_models(options.tflite)
    output = Path(options.output)
    single = output.suffix == ".keras"
    if single and len(files) > 1:
        raise UserError(f"{len(files)} models found ({', '.join(files)}): give a folder as --output")
    if not single:
        output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        imported = mediapipe.import_model(content, name=name)
        path = output if single else output / f"{imported.name}.keras"
        save_model(imported.model, path, imported.description)
        print(f"{name}: {imported.name}, {imported.model.count_params():,} values -> {path}")
    return 0
