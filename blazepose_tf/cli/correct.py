"""Correct labels that are in doubt on a page of this machine: points are dragged to where they belong.

blazepose correct WORKDIR/correct

The folder is one that `blazepose adapt` has set out. What was looked at is saved with every step to the next picture.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from blazepose_tf.cli import UserError

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_integer("port", 0, "of the loopback address; 0 = any that is free", lower_bound=0, upper_bound=65535)
    flags.DEFINE_bool("open", True, "open the page in the browser")


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        raise UserError("name one folder that blazepose adapt has set out, e.g. WORKDIR/correct")
    import webbrowser

    from blazepose_tf.adapt.page import Correction

    with Correction(Path(argv[0]), FLAGS.port) as server:
        print(f"{server.address}    (Ctrl-C ends it)", flush=True)
        if FLAGS.open:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"saved: {server.saved()} of {len(server.pictures)} pictures")
    return 0
