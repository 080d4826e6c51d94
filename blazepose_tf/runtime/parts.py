"""`blazepose predict` on the machines of a cluster: films and groups of pictures, each a batch of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from blazepose_tf import cluster
from blazepose_tf.runtime.batch import Batch, Options, Summary
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.inputs import IMAGE, VIDEO, Item, distinct_stem
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.results import NATIVE
from blazepose_tf.runtime.tracker import Tracker

PICTURES = 32  # of a part


def _work(models: dict, pipeline: dict, output: str, options: dict, items: list) -> dict:
    """One batch; arguments and result are JSON."""

    def open_pipeline() -> PosePipeline:
        detector = Detector(models["detector"], threshold=models["threshold"], num_threads=models["threads"])
        tracker = Tracker(models["tracker"], num_threads=models["threads"], mask=models["mask"])
        return PosePipeline(detector, tracker, **pipeline)

    return Batch(open_pipeline, output, Options(**options)).run([Item(*item) for item in items]).to_dict()


def divided(items: Sequence[Item]) -> list[list[Item]]:
    """The items by part: a film alone, up to 32 pictures together; each with a name that no other one has."""
    parts: list[list[Item]] = []
    taken: dict[str, int] = {}
    for item in items:
        item = dataclasses.replace(item, stem=distinct_stem(item, taken))
        last = parts[-1] if parts else []
        if item.kind == IMAGE and last and last[-1].kind == IMAGE and len(last) < PICTURES:
            last.append(item)
        else:
            parts.append([item])
    return parts


def run(items: Sequence[Item], models: dict, pipeline: dict, output: Path, options: Options, where: str) -> Summary:
    """As `Batch.run`; begun again, finished parts are not looked at again.

    Args:
        items: pictures and films, files that all machines see under the same paths.
        models: `detector`, its `threshold`, `tracker`, whether it gives a `mask`, and `threads`.
        pipeline: arguments of `PosePipeline`.
        output: folder.
        options: see `Options`.
        where: as `cluster.mapped`.

    Raises:
        ValueError: an input that is no file, or a document of all inputs is wanted.
    """
    if options.json_format != NATIVE:
        raise ValueError(f"on a cluster each input has its own document: not --format={options.json_format}")
    for item in items:
        if item.kind not in (IMAGE, VIDEO) or not item.lasts:
            raise ValueError(f"{item.label}: a cluster reads files; this is a {item.kind} or a pipe")
    output.mkdir(parents=True, exist_ok=True)
    output = output.resolve()
    parts = []
    for group in divided(items):
        texts = [
            dataclasses.astuple(dataclasses.replace(i, location=str(Path(str(i.location)).resolve()))) for i in group
        ]
        parts.append((models, pipeline, str(output), dataclasses.asdict(options), texts))
    total = Summary()
    for result in cluster.kept(_work, parts, folder=output / ".parts", where=where):
        total.include(result)
    return total
