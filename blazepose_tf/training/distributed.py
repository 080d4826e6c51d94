"""Training on several machines or GPUs: JAX's distributed runtime through `keras.distribution.DataParallel`.

All processes run the same program; together they are one computation on the global batch, so that losses, gradients and
the statistics of normalisations are those of a single process with that batch. Process 0 writes the files.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Group:
    """This process among those that train together: its index and their number."""

    index: int = 0
    count: int = 1

    @property
    def is_primary(self) -> bool:
        """Whether this process validates and writes."""
        return self.index == 0

    def rows(self, batch_size: int) -> slice:
        """The rows of a global batch that this process feeds.

        Raises:
            ValueError: the batch cannot be shared evenly.
        """
        if batch_size % self.count:
            raise ValueError(
                f"batch_size must be a multiple of the number of processes. Received: {batch_size} and {self.count}"
            )
        share = batch_size // self.count
        return slice(self.index * share, (self.index + 1) * share)


def join(coordinator: str, *, processes: int, process: int) -> Group:
    """Connects this process to the others and waits for them; to be called before anything is computed.

    Args:
        coordinator: `host:port` of process 0; empty on TPU pods, where the runtime knows.
        processes: how many there are.
        process: index of this one, from 0.

    Raises:
        ValueError: another backend than JAX, or an index out of range.
    """
    if keras.config.backend() != "jax":
        raise ValueError(
            "training with several processes needs KERAS_BACKEND=jax. Received: "
            f"backend={keras.config.backend()!r} (fit is broken under TensorFlow's multi-worker strategy in Keras 3)"
        )
    if not 0 <= process < processes:
        raise ValueError(f"process must be in [0, {processes}). Received: process={process}")
    keras.distribution.initialize(coordinator or None, processes, process)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return Group(process, processes)


def local_build(build):
    """Calls `build()` outside of the distribution: a model for this process alone."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        return build()
    finally:
        keras.distribution.set_distribution(distribution)
