"""One static folder that runs the pose pipeline in a browser: page, contract, model files, LiteRT.js.

Nothing is built: the page's modules are shipped as they are, LiteRT.js is copied from an installed npm package, whose
files are too large to ship with this one. The page asks its own origin only.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from blazepose_tf import documents
from blazepose_tf.runtime.detector import detector_spec
from blazepose_tf.runtime.interpreter import LiteRtModel
from blazepose_tf.runtime.metadata import own_region
from blazepose_tf.runtime.tracker import tracker_spec
from blazepose_tf.web.contract import FILE_NAME, contract

PAGE = Path(__file__).resolve().parent / "page"
NPM_PACKAGE = "@litertjs/core"
_HOW = f"npm install {NPM_PACKAGE}, then --litert_js=node_modules/{NPM_PACKAGE}"
# One thread with and without relaxed SIMD, and threads; the variant for WebNN (JSPI) is not asked for by the page.
_WASM = tuple(
    f"litert_wasm{kind}_internal.{suffix}" for kind in ("", "_compat", "_threaded") for suffix in ("js", "wasm")
)


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        files: names relative to the folder.
        size: bytes of all of them.
        litert_js: version of LiteRT.js.
    """

    files: tuple[str, ...]
    size: int
    litert_js: str


def write_site(
    output: str | os.PathLike,
    detector: str | os.PathLike,
    tracker: str | os.PathLike,
    *,
    litert_js: str | os.PathLike,
    score_threshold: float | None = None,
) -> Site:
    """Writes the folder, whole or not at all.

    Args:
        output: new folder.
        detector: LiteRT file with float inputs.
        tracker: LiteRT file with float inputs.
        litert_js: folder of the installed npm package; its `@litertjs/wasm-utils` is looked for where npm puts it.
        score_threshold: where detections begin; None is the detector's own.

    Raises:
        FileExistsError: `output` is there already.
        OSError: a file is missing or cannot be read or written.
        ValueError: a model file of another kind, of another project, or with integer inputs.
    """
    output = Path(output)
    if output.exists():
        raise FileExistsError(f"{str(output)!r} exists already: a page needs a new folder")
    if not output.absolute().parent.is_dir():
        raise FileNotFoundError(f"no folder {str(output.absolute().parent)!r} to write {output.name!r} to")
    sources, version = _litert_sources(Path(litert_js))
    sources |= {path.name: path for path in sorted(PAGE.iterdir()) if path.is_file()}
    names = {"detector": "models/detector.tflite", "tracker": "models/tracker.tflite"}
    sources |= {names["detector"]: Path(detector), names["tracker"]: Path(tracker)}
    opened = _opened(tracker)
    tracker_kind, is_logit = tracker_spec(opened)
    if not is_logit:
        raise ValueError(f"{tracker}: gives presence as probabilities, a page reads logits")
    specs = detector_spec(_opened(detector)), tracker_kind
    models = {kind: Path(path).stem for kind, path in (("detector", detector), ("tracker", tracker))}
    document = contract(
        *specs,
        detector_threshold=score_threshold,
        own_region=own_region(opened.metadata, name=str(tracker)),
        files=names,
        models=models,
        litert_js=version,
    )
    temporary = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.absolute().parent))
    try:
        for name, source in sources.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary / name)
        (temporary / FILE_NAME).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.chmod(0o755)
        os.rename(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    files = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    return Site(tuple(files), sum((output / name).stat().st_size for name in files), version)


def _opened(path: str | os.PathLike) -> LiteRtModel:
    """The model, if a browser can run it and its metadata says how."""
    path = Path(path)
    if path.suffix != ".tflite":
        raise ValueError(f"{path}: a page takes .tflite files; export it to one first")
    model = LiteRtModel(path.read_bytes(), name=str(path))
    if model.metadata is None:
        raise ValueError(f"{path}: carries no metadata of this project, so that a page cannot know how to read it")
    if model.input_dtype.kind != "f":
        raise ValueError(
            f"{path}: LiteRT.js takes float inputs, this file has {model.input_dtype}; export with "
            "--precision=int8_float_io"
        )
    return model


def _litert_sources(folder: Path) -> tuple[dict[str, Path], str]:
    """Name in the site -> file of LiteRT.js, and its version."""
    try:
        about = documents.read_object(folder / "package.json")
    except (OSError, ValueError):
        about = {}
    if about.get("name") != NPM_PACKAGE:
        raise FileNotFoundError(f"{folder}: not the npm package {NPM_PACKAGE} ({_HOW})")
    sources = {"litert/core.js": folder / "dist/index.js"}
    places = [folder / "node_modules/@litertjs/wasm-utils", folder.resolve().parent / "wasm-utils"]
    found = [place / "dist/index.js" for place in places if (place / "dist/index.js").is_file()]
    if not found:
        raise FileNotFoundError(f"{folder}: @litertjs/wasm-utils is not beside it ({_HOW})")
    sources["litert/wasm-utils.js"] = found[0]
    sources |= {f"litert/wasm/{name}": folder / "wasm" / name for name in _WASM}
    missing = [str(path) for path in sources.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: not in this version of {NPM_PACKAGE} ({about.get('version')})")
    return sources, str(about.get("version"))
