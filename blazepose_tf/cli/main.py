"""Dispatch of `blazepose VERB --flags` to the module of the verb; only that module is imported.

Every verb is a module of this package with `define_flags()` and `main(argv) -> exit code`; the first line of its
docstring is its help. User errors become one line on stderr and exit code 1, wrong usage exit code 2. With
BLAZEPOSE_TRACEBACK=1 in the environment they keep their traceback, and libraries their messages.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

# All else is imported where it is needed: `run` must take over Ctrl-C before anything slow begins.
USAGE = 2
INTERRUPTED = 130
# Package that may be missing -> the extra of setup.py that brings it.
EXTRAS = {
    "tensorflow": "train", "keras": "train", "h5py": "train", "scipy": "train", "pycocotools": "evaluate",
    "matplotlib": "report", "onnx": "onnx", "onnxruntime": "onnx", "tf2onnx": "onnx", "ai_edge_quantizer": "export",
    "ray": "cluster",
}  # fmt: skip
_HEADLESS = "opencv-python-headless"
# Libraries that OpenCV's build with windows needs and a server lacks.
_DESKTOP = ("libGL", "libgthread", "libglib", "libSM", "libXext", "libX11", "libxcb")


def verbs() -> tuple[str, ...]:
    """Names of all verbs, in the order of the alphabet."""
    import pkgutil

    from blazepose_tf import cli

    names = (module.name.replace("_", "-") for module in pkgutil.iter_modules(cli.__path__))
    return tuple(sorted(name for name in names if name != "main"))


def summaries() -> dict[str, str]:
    """Verb -> one-line help, read from the modules' docstrings without importing them."""
    import ast

    found = {}
    for verb in verbs():
        path = os.path.join(os.path.dirname(__file__), verb.replace("-", "_") + ".py")
        with open(path, encoding="utf-8") as source:
            doc = ast.get_docstring(ast.parse(source.read())) or ""
        found[verb] = doc.splitlines()[0] if doc else ""
    return found


def _overview() -> str:
    from blazepose_tf import __version__

    table = summaries()
    width = max(map(len, table), default=0)
    lines = [
        f"blazepose {__version__}: train, measure and ship BlazePose models",
        "",
        "usage: blazepose VERB [--flags]",
        "",
    ]
    lines += [f"  {name.ljust(width)}  {text}" for name, text in table.items()]
    return "\n".join([*lines, "", "blazepose VERB --help lists the flags of a verb."])


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _parse(module, verb: str, argv: list[str]) -> list[str]:
    from absl import flags

    module.define_flags()
    flags.FLAGS.set_gnu_getopt(True)  # flags may stand after positional arguments
    if any(word in ("--help", "-h", "--helpfull", "-help") for word in argv):
        own = list(flags.FLAGS.get_flags_for_module(module))
        print(f"blazepose {verb}: {(module.__doc__ or '').strip()}\n\nflags:")
        for flag in sorted(own, key=lambda f: f.name):
            default = "" if flag.default is None else f" (default: {flag.default_as_str})"
            print(f"  --{flag.name}: {flag.help}{default}")
        raise SystemExit(0)
    return flags.FLAGS([f"blazepose {verb}", *argv])[1:]


def main(argv: list[str]) -> int:
    """Runs one command line (without the program's name) and returns its exit code."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if argv else USAGE
    if argv[0] == "--version":
        from blazepose_tf import __version__

        print(__version__)
        return 0
    verb, known = argv[0], verbs()
    if verb not in known:
        hint = _nearest(verb, known, 0.4, "{!r}")
        return _fail(f"unknown verb {verb!r}{hint} (blazepose --help lists all)", USAGE)
    return _run_verb(verb, argv[1:])


def _nearest(word: str, known, cutoff: float, form: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f"; did you mean {form.format(near[0])}?" if near else ""


def _run_verb(verb: str, argv: list[str]) -> int:
    import importlib

    from absl import flags

    from blazepose_tf.cli import UserError

    traceback = bool(os.environ.get("BLAZEPOSE_TRACEBACK"))
    _prepare_libraries(quiet=not traceback)
    try:
        module = importlib.import_module(f"blazepose_tf.cli.{verb.replace('-', '_')}")
        positional = _parse(module, verb, argv)
        _mind_interrupts()
        return module.main(positional) or 0
    except flags.UnrecognizedFlagError as error:
        # A flag that looks nearly like one of the verb's is that one; any other may be a setting.
        hint = _nearest(error.flagname, list(flags.FLAGS), 0.8, "--{}")
        hint = hint or getattr(module, "nearest_flag", lambda name: "")(error.flagname)
        hint = hint or _nearest(error.flagname, list(flags.FLAGS), 0.5, "--{}")
        return _fail(f"blazepose {verb}: unknown flag --{error.flagname}{hint}", USAGE)
    except flags.Error as error:
        return _fail(f"blazepose {verb}: {' '.join(str(error).split())}", USAGE)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        raise
    except Exception as error:
        if _interrupted:  # in the middle of an import, that turned it into an error of its own
            return _fail("interrupted", INTERRUPTED)
        foreign = type(error).__module__.split(".")[0] in ("tensorflow", "cv2", "onnxruntime")
        if traceback or not (foreign or isinstance(error, (UserError, ValueError, OSError, ImportError, MemoryError))):
            raise
        return _fail(_told(error, verb), 1)


def _prepare_libraries(*, quiet: bool) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # By itself TensorFlow turns oneDNN on for newer Intel processors only; others train up to twice as fast with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if quiet:
        from blazepose_tf.console import quiet_import

        # Looking for devices is what it complains about next.
        quiet_import("tensorflow", lambda tensorflow: tensorflow.config.list_physical_devices())
    builds = sorted(_opencv_builds())
    if len(builds) > 1:
        print(
            f"warning: {' and '.join(builds)} are installed side by side and overwrite each other's files; keep one: "
            f"pip uninstall -y {' '.join(builds)} && pip install {_HEADLESS}",
            file=sys.stderr,
        )


def _opencv_builds() -> set[str]:
    """Names of the installed distributions that hold a `cv2`."""
    found = set()
    for folder in sys.path:
        with suppress(OSError):
            names = [name for name in os.listdir(folder or ".") if name.startswith("opencv_")]
            found |= {name.split("-")[0].replace("_", "-") for name in names if name.endswith(".dist-info")}
    return found


def _told(error: Exception, verb: str) -> str:
    """An error in one line, with what helps against it."""
    from blazepose_tf.console import one_line

    text = one_line(error)
    if isinstance(error, MemoryError):
        return f"not enough memory ({text})"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        wanted = f"'blazepose_tf[{EXTRAS[package]}]'" if package in EXTRAS else package
        return f"blazepose {verb} needs {package}: pip install {_HEADLESS if package == 'cv2' else wanted}"
    if isinstance(error, ImportError) and any(library in text for library in _DESKTOP):
        return (
            f"this OpenCV is the build with windows, which needs a desktop's libraries ({text}): "
            f"pip uninstall -y opencv-python && pip install {_HEADLESS}, or on Debian apt-get install libgl1"
        )
    return text


_interrupted: list[int] = []


def _mind_interrupts() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt, and it is known that it was pressed."""

    def note(number, frame):
        _interrupted.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, note)


def _leave(number, frame) -> None:
    """Ends a process that has only begun to import: half-imported packages turn an interrupt into odd errors."""
    os.write(2, b"error: interrupted\n")
    os._exit(INTERRUPTED)


def run() -> None:
    """Entry point of the console command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    sys.exit(code)
