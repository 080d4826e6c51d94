"""Checkpoints: one .npz file with everything that a run needs to go on, written whole or not at all.

Arrays are keyed `weights/PATH`, `average/PATH`, `optimizer/INDEX` and `carried/PATH` (weights for later stages), the
rest of the state is JSON under `state`. Plain numpy, so that a run can go on under another Keras backend.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from keras import ops

from blazepose_tf import archives, documents
from blazepose_tf.files import atomic_path
from blazepose_tf.training.optimizers import WeightAverage
from blazepose_tf.training.stopping import NonFiniteLoss

LAST, BEST = "last.npz", "best.npz"


@dataclass(frozen=True)
class State:
    """Where a run stands: everything but arrays.

    Attributes:
        stage: index of the stage under way (or done).
        step: steps done in that stage.
        total_step: steps done in all stages.
        epoch: round over the data (a pass, or several over small data), counted through all stages.
        batch: batches used of that round.
        best: best validation score so far, -1 before the first one.
        best_stage: stage of the best score; scores of different stages are not comparable.
        finished: the run has come to its end.
    """

    stage: int = 0
    step: int = 0
    total_step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float = -1.0
    best_stage: int = -1
    finished: bool = False


_STATE = {
    f.name: documents.Optional({"int": documents.WHOLE, "float": documents.NUMBER, "bool": documents.FLAG}[f.type])
    for f in fields(State)
}
_KINDS = {f.name: type(f.default) for f in fields(State)}


def save(
    path: str | os.PathLike,
    *,
    state: State,
    average: WeightAverage,
    optimizer,
    carried: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes a checkpoint; of the `carried` weights, those that the model of this stage has no place for.

    Raises:
        NonFiniteLoss: a weight is not finite; an earlier checkpoint stays.
        OSError: it could not be written (disk full, no permission); an earlier checkpoint stays.
    """
    arrays = {f"weights/{v.path}": np.asarray(ops.convert_to_numpy(v)) for v in average.variables}
    arrays |= {f"average/{v.path}": a for v, a in zip(average.variables, average.values, strict=True)}
    arrays |= {f"optimizer/{i}": np.asarray(ops.convert_to_numpy(v)) for i, v in enumerate(optimizer.variables)}
    own = {v.path for v in average.variables}
    arrays |= {f"carried/{path}": value for path, value in (carried or {}).items() if path not in own}
    arrays["state"] = np.frombuffer(json.dumps(asdict(state)).encode(), np.uint8)
    wrong = [key for key, value in arrays.items() if not np.isfinite(value).all()]
    if wrong:
        raise NonFiniteLoss(f"{len(wrong)} weights are not finite, e.g. {wrong[0]!r}; {path} was not written")

    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())  # a rename must not outrun the data when the machine goes down
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            error.errno, f"could not write the checkpoint ({reason}); an earlier one is intact", str(path)
        ) from error


def _load(path: str | os.PathLike, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
    return archives.read_arrays(path, wanted, what="a whole checkpoint")


def read_state(path: str | os.PathLike) -> State:
    """The state of a checkpoint, without its arrays.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is damaged or of another kind.
    """
    return _state(_load(path, lambda name: name == "state"), path)


def _state(arrays: dict[str, np.ndarray], path: str | os.PathLike) -> State:
    where = f"{path}: state"
    if "state" not in arrays:
        raise ValueError(f"{path}: not a whole checkpoint (no state)")
    content = documents.check(documents.parse(arrays["state"].tobytes(), where), documents.Part(_STATE), where)
    return State(**{key: _KINDS[key](content[key]) for key in _STATE if key in content})


def read_weights(path: str | os.PathLike, *, averaged: bool = True) -> dict[str, np.ndarray]:
    """Weights by variable path: the averaged ones, or those of the last step."""
    return _under("average/" if averaged else "weights/", path)


def read_carried(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Weights by variable path that wait for a later stage."""
    return _under("carried/", path)


def _under(prefix: str, path: str | os.PathLike) -> dict[str, np.ndarray]:
    found = _load(path, lambda name: name.startswith(prefix))
    return {name.removeprefix(prefix): value for name, value in found.items()}


def restore(path: str | os.PathLike, *, average: WeightAverage, optimizer) -> State:
    """Puts a checkpoint into the averaged model, its average and its (built) optimizer, and returns the state.

    Raises:
        ValueError: the checkpoint belongs to another model or schedule.
    """
    arrays = _load(path)
    state = _state(arrays, path)
    own = [v.path for v in average.variables]
    stored = {key.removeprefix("weights/") for key in arrays if key.startswith("weights/")}
    if odd := set(own) ^ stored:
        raise ValueError(
            f"{path} belongs to another model: {len(stored - set(own))} unknown and {len(set(own) - stored)} missing "
            f"weights, e.g. {min(odd)!r}"
        )
    wanted = {f"{kind}/{v.path}": v for kind in ("weights", "average") for v in average.variables}
    wanted |= {f"optimizer/{i}": v for i, v in enumerate(optimizer.variables)}
    count = sum(key.startswith("optimizer/") for key in arrays)
    if count != len(optimizer.variables):
        raise ValueError(f"{path} holds {count} optimizer variables. Expected: {len(optimizer.variables)}")
    for key, variable in wanted.items():
        value = arrays.get(key)
        if value is None or value.shape != tuple(variable.shape):
            shape = "nothing" if value is None else f"shape {value.shape}"
            raise ValueError(f"{path}: {key} must have the shape {tuple(variable.shape)}. Received: {shape}")
        if value.dtype.kind not in "fiub":
            raise ValueError(f"{path}: {key} must hold numbers. Received: {value.dtype}")
    # Nothing is assigned before all of it is known to fit.
    for i, variable in enumerate(average.variables):
        variable.assign(arrays[f"weights/{variable.path}"])
        average.values[i] = np.array(arrays[f"average/{variable.path}"], np.float32)
    for i, variable in enumerate(optimizer.variables):
        variable.assign(arrays[f"optimizer/{i}"])
    return state
