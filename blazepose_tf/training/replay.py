"""Teaching a head from what the frozen rest of the network has computed: each crop is read once and learned from often.

Where only a head learns, a crop's features do not change any more, and an update from features costs a hundredth of a
pass through the network. They are kept in a file of the working folder while the stage lasts, a row for each crop, so
that a run which was interrupted goes on with the very rows of an undisturbed one.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import keras
import numpy as np

from blazepose_tf.models.heads import presence_inputs
from blazepose_tf.specs import LOGITS, POSE_PRESENCE
from blazepose_tf.training.build import build_losses, jit
from blazepose_tf.training.config import Experiment, Stage

log = logging.getLogger(__name__)
FILE_NAME = "replay.npy"
BATCH = 128  # crops of an update


class Replay:
    """Updates of the presence head from all crops that a stage has read so far.

    Attributes:
        head: the compiled head; its variables and optimizer are those of the whole model.
        name: of the output that it gives: a tracker's presence, or the logits of a detector's anchors.

    Args:
        compiled: the whole model as the stage trains it (`build.compile_for`).
        experiment: losses and seed.
        stage: with `replays`.
        steps: length of the stage.
        folder: where the file of features is; what an interrupted run left there is used.
        resumed: the run goes on in the middle of the stage.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(
        self, compiled: keras.Model, experiment: Experiment, stage: Stage, *, steps: int, folder: Path, resumed: bool
    ):
        cut = presence_inputs(compiled)
        self.trunk = keras.Model(compiled.input, cut)
        self.name = LOGITS if experiment.model == "detector" else POSE_PRESENCE
        self.head = keras.Model(cut, {self.name: compiled.output[self.name]})
        losses, weights = build_losses(experiment.losses, stage=stage, outputs=self.head.output)
        self.head.compile(optimizer=compiled.optimizer, loss=losses, loss_weights=weights, jit_compile=jit())
        self.shapes = [tuple(x.shape[1:]) for x in (*cut, compiled.output[self.name])]
        # A row is the features, the targets and their weights.
        sizes = [math.prod(shape) for shape in self.shapes]
        self.ends = np.cumsum(sizes)
        self.updates, self.seed, self.path = stage.replays, experiment.seed, folder / FILE_NAME
        self.rows = self._open((steps * stage.batch_size, int(self.ends[-1]) + sizes[-1]), resumed)

    def _open(self, shape: tuple[int, int], resumed: bool) -> np.memmap:
        if resumed:
            try:
                rows = np.lib.format.open_memmap(self.path, mode="r+")
                if (rows.shape, rows.dtype) == (shape, np.float16):
                    return rows
            except (OSError, ValueError):
                pass
            log.warning("%s is missing or another run's: the crops read before are not learned from again", self.path)
        # New rows are zeros, their weights, too.
        return np.lib.format.open_memmap(self.path, mode="w+", dtype=np.float16, shape=shape)

    def step(self, number: int, images, target, weight) -> dict[str, float]:
        """Reads the crops of one step and learns from those of all steps.

        Args:
            number: of the step in its stage, from 0.
            images: (B, S, S, 3) crops.
            target: (B, 1), 1 where somebody is; of a detector (B, A, 1).
            weight: (B,) of the examples; of a detector (B, A).

        Returns:
            Means of the losses by name.
        """
        features = [np.asarray(keras.ops.convert_to_numpy(x)) for x in self.trunk.predict_on_batch(images)]
        count, limit = len(features[0]), np.finfo(np.float16).max
        columns = [np.clip(x, -limit, limit).reshape(count, -1) for x in features]
        columns += [np.reshape(keras.ops.convert_to_numpy(x), (count, -1)) for x in (target, weight)]
        end = (number + 1) * count
        self.rows[end - count : end] = np.concatenate(columns, axis=1)
        chosen = np.random.default_rng((self.seed, number)).integers(0, end, (self.updates, BATCH))
        return self._mean([self._update(np.sort(rows)) for rows in chosen])

    def _update(self, chosen: np.ndarray) -> dict[str, float]:
        *features, target, weight = np.split(self.rows[chosen].astype(np.float32), self.ends, axis=1)
        *cut, wanted = self.shapes
        return self.head.train_on_batch(
            [part.reshape(-1, *shape) for part, shape in zip(features, cut, strict=True)],
            {self.name: target.reshape(-1, *wanted)},
            sample_weight={self.name: weight.reshape(-1, *wanted[:-1])},
            return_dict=True,
        )

    @staticmethod
    def _mean(logs: list[dict]) -> dict[str, float]:
        return {name: float(np.mean([float(one[name]) for one in logs])) for name in logs[0]}

    def flush(self) -> None:
        """The rows are in the file: a checkpoint may be written."""
        self.rows.flush()

    def close(self) -> None:
        """The stage is over."""
        del self.rows
        self.path.unlink(missing_ok=True)
