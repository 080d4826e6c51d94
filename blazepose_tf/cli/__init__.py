"""The command line: `blazepose VERB --flags`, one module per verb."""


class UserError(Exception):
    """A mistake that the user can mend: shown as one line, without a traceback, exit code 1."""


def use_threads(count: int) -> None:
    """Limits TensorFlow to so many threads; 0 leaves it all cores. Before anything computes: later it refuses."""
    import tensorflow as tf

    if count:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
