"""`python -m blazepose_tf VERB --flags`: the same as the `blazepose` command."""

from blazepose_tf.cli.main import run

if __name__ == "__main__":
    run()
