"""Dispatch of `blazepose VERB --flags` to the module of the verb; only that module is imported.

Every verb is a module of this package with `define_flags()` and `main(argv) -> exit code`; the first line of its
docstring is its help. User errors become one line on stderr and exit code 1, wrong usage exit code 2.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import os
import pkgutil
import sys

from absl import flags

from blazepose_tf import __version__, cli
from blazepose_tf.cli import UserError

USAGE = 2
INTERRUPTED = 130


def verbs() -> dict[str, str]:
    """Verb -> one-line help, read from the modules' docstrings without importing them."""
    found = {}
    for module in pkgutil.iter_modules(cli.__path__):
        if module.name == "main":
            continue
        path = os.path.join(cli.__path__[0], module.name + ".py")
        with open(path, encoding="utf-8") as source:
            doc = ast.get_docstring(ast.parse(source.read())) or ""
        found[module.name.replace("_", "-")] = doc.splitlines()[0] if doc else ""
    return found


def _overview() -> str:
    table = verbs()
    width = max(map(len, table), default=0)
    lines = [
        f"blazepose {__version__}: train, measure and ship BlazePose models",
        "",
        "usage: blazepose VERB [--flags]",
        "",
    ]
    lines += [f"  {name.ljust(width)}  {text}" for name, text in sorted(table.items())]
    return "\n".join([*lines, "", "blazepose VERB --help lists the flags of a verb."])


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _parse(module, verb: str, argv: list[str]) -> list[str]:
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
        print(__version__)
        return 0
    verb, known = argv[0], verbs()
    if verb not in known:
        near = difflib.get_close_matches(verb, known, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return _fail(f"unknown verb {verb!r}{hint} (blazepose --help lists all)", USAGE)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # By itself TensorFlow turns oneDNN on for newer Intel processors only; others train up to twice as fast with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        module = importlib.import_module(f"blazepose_tf.cli.{verb.replace('-', '_')}")
        positional = _parse(module, verb, argv[1:])
        return module.main(positional) or 0
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(flags.FLAGS), n=1, cutoff=0.5)
        hint = f"; did you mean --{near[0]}?" if near else ""
        return _fail(f"blazepose {verb}: unknown flag --{error.flagname}{hint}", USAGE)
    except flags.Error as error:
        return _fail(f"blazepose {verb}: {' '.join(str(error).split())}", USAGE)
    except ModuleNotFoundError as error:
        # The runtime's own packages are always there; what is missing belongs to an extra.
        return _fail(f"blazepose {verb} needs {error.name}: pip install 'blazepose_tf[all]'", 1)
    except (UserError, ValueError, OSError, ImportError) as error:
        if os.environ.get("BLAZEPOSE_TRACEBACK"):
            raise
        return _fail(str(error).strip() or type(error).__name__, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def run() -> None:
    """Entry point of the console command."""
    sys.exit(main(sys.argv[1:]))
