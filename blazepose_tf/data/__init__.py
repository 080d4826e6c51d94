"""Annotated pictures to training batches: the only package on tf.data."""
