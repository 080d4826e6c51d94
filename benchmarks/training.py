"""What training costs, and whether a network can learn a handful of pictures by heart.

    python benchmarks/training.py speed --experiment=tracker_lite [--threads=2] [--compiled_kernels]
    python benchmarks/training.py roofline --experiment=tracker_lite --stage=joint --threads=1 [--compiled_kernels]
    python benchmarks/training.py memorize --experiment=tracker_lite --data=train.json [--pictures=32] [--steps=300]

`speed` prints images per second of every stage's training step on random pictures (the input pipeline has a benchmark
of its own). `roofline` says how fast a step could be at most on this processor, per second of its time: multiply-adds
at the speed of a large matrix product, tensors at the speed of a large copy, once as TensorFlow moves them (every layer
reads and writes), once if everything between two convolutions were one kernel. `memorize` trains without augmentation
on a few pictures and validates on the same ones: PCK@0.2 of a tracker should come to 0.99, recall of a detector to 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from blazepose_tf.models import cost
from blazepose_tf.training.build import build_model, compile_for
from blazepose_tf.training.config import Experiment, Stage
from blazepose_tf.training.experiments import experiment, memorizing
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.loop import train


def random_batch(model: keras.Model, names: list[str], stage: Stage) -> tuple:
    """A batch of noise with targets of the right shapes."""
    rng = np.random.default_rng(0)
    targets, weights = {}, {}
    for name in names:
        shape = list(model.output[name].shape)
        shape[0] = stage.batch_size
        count = shape[-1] if name == "heatmaps" else shape[1]
        if name == "offsets":
            shape[-1], count = 2 * shape[-1], shape[-1] // 2
        targets[name] = tf.constant(rng.uniform(0, 1, shape), tf.float32)
        weights[name] = tf.ones([stage.batch_size] if name == "pose_presence" else [stage.batch_size, count])
    size = stage.input_size
    return tf.constant(rng.uniform(0, 1, (stage.batch_size, size, size, 3)), tf.float32), targets, weights


def rates(config: Experiment, stage: Stage, *, seconds: float, compiled_kernels: bool) -> tuple[float, float]:
    """Images per second by the clock and of processor time."""
    model = build_model(config, stage)
    compiled, names = compile_for(model, config, stage, steps=10_000, compiled_kernels=compiled_kernels)
    image, targets, weights = random_batch(model, names, stage)
    for _ in range(2):
        compiled.train_on_batch(image, targets, sample_weight=weights)
    start, cpu, steps = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        compiled.train_on_batch(image, targets, sample_weight=weights)
        steps += 1
    images = steps * stage.batch_size
    return images / (time.perf_counter() - start), images / (time.process_time() - cpu)


def speed(config: Experiment, *, seconds: float, compiled_kernels: bool) -> None:
    for stage in config.stages:
        wall, cpu = rates(config, stage, seconds=seconds, compiled_kernels=compiled_kernels)
        print(
            f"{config.name} {stage.name} ({stage.trains}, {stage.input_size} px, batch {stage.batch_size}): "
            f"{wall:.1f} images/s, {cpu:.1f} per second of CPU time"
        )


def _best(work, count: int = 7) -> float:
    """Seconds of processor time of the fastest of several calls."""
    taken = []
    for _ in range(count + 1):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken[1:])


def machine(dtype: str) -> tuple[float, float]:
    """Multiply-adds per second of a matrix product of 2048, and bytes per second of a copy (read and written)."""
    size = 2048
    matrix = tf.cast(tf.random.uniform((size, size)), dtype)
    product = tf.function(lambda m: tf.reduce_sum(tf.linalg.matmul(m, m)[:1, :1]))
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    copied = 2 * source.nbytes / _best(lambda: np.copyto(target, source))
    return size**3 / _best(lambda: product(matrix).numpy()), copied


def traffic(model: keras.Model, *, bytes_each: int) -> tuple[int, int]:
    """Bytes of one picture's step: as layers, and with everything between two convolutions in one kernel.

    Forwards a layer reads its inputs and writes its output. Backwards it reads the gradient of the output and what it
    had read, and writes the gradients of its inputs. Weights are read once for a whole batch and left out.
    """
    layered = fused = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        inputs = sum(math.prod(tensor.shape[1:]) for tensor in tree.flatten(layer.input))
        output = sum(math.prod(tensor.shape[1:]) for tensor in tree.flatten(layer.output))
        step = (inputs + output) + (output + inputs + inputs)
        layered += step
        fused += step if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)) else 0
    return bytes_each * layered, bytes_each * fused


def roofline(config: Experiment, *, seconds: float, compiled_kernels: bool) -> None:
    half = "16" in config.precision
    products, copied = machine("bfloat16" if half else "float32")
    print(f"a core: {products / 1e9:.0f} G multiply-adds/s in a matrix product, {copied / 1e9:.1f} GB/s copied")
    for stage in config.stages:
        model = build_model(config, stage)
        # Forwards, the gradient of the inputs and that of the weights: three times as many.
        macs = 3 * cost.total(cost.layer_costs(model)).macs
        layered, fused = traffic(model, bytes_each=2 if half else 4)
        _, cpu = rates(config, stage, seconds=seconds, compiled_kernels=compiled_kernels)
        print(
            f"{config.name} {stage.name}: {macs / 1e6:.0f} M multiply-adds and {layered / 1e6:.0f} MB "
            f"({fused / 1e6:.0f} MB fused) a picture; at most {products / macs:.0f} images/s by arithmetic, "
            f"{copied / layered:.0f} by memory ({copied / fused:.0f} fused); measured {cpu:.1f}, "
            f"{100 * cpu * layered / copied:.0f} % of memory's ({100 * cpu * fused / copied:.0f} % fused)"
        )


def memorize(config: Experiment, *, data: Path, pictures: int, steps: int, batch_size: int, workdir: Path) -> None:
    data = data.resolve()  # the subset lies in another folder
    content = json.loads(data.read_text(encoding="utf-8"))
    people = {a["image_id"] for a in content["annotations"] if not a.get("iscrowd") and not a.get("ignore")}
    rng = np.random.default_rng(0)
    candidates = [image for image in content["images"] if image["id"] in people]
    content["images"] = [candidates[i] for i in rng.permutation(len(candidates))[:pictures]]
    folder = data.parent / "images"
    for image in content["images"]:
        image["file_name"] = str((folder if folder.is_dir() else data.parent) / image["file_name"])
    subset = workdir / "few.json"
    subset.write_text(json.dumps(content), encoding="utf-8")
    last = config.stages[-1]
    stage = dataclasses.replace(
        last,
        name="memorize",
        trains="joint",
        steps=steps,
        epochs=0.0,
        batch_size=batch_size,
        learning_rate=config.stages[0].learning_rate,
        warmup_steps=min(50, steps // 4),
    )
    config = dataclasses.replace(memorizing(config), stages=(stage,), validate_every=max(steps // 6, 1), log_every=10)
    inputs = open_data(str(subset), experiment=config, folder=workdir / "records")
    start, cpu = time.perf_counter(), time.process_time()
    result = train(config, workdir=workdir / "run", source=inputs, validation=inputs, quiet=True)
    print((workdir / "run" / "validation.csv").read_text(encoding="utf-8"))
    scores = ", ".join(f"{name} {value:.4f}" for name, value in result.scores.items())
    print(
        f"{config.name}: {pictures} pictures, {steps} steps of {batch_size}: {scores}; "
        f"{time.perf_counter() - start:.0f} s, {time.process_time() - cpu:.0f} s of CPU time"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("speed", "roofline", "memorize"))
    parser.add_argument("--experiment", default="tracker_lite")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--stage", help="only this stage")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--compiled_kernels", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch_size", type=int, default=16)
    options = parser.parse_args()
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    config = dataclasses.replace(experiment(options.experiment), precision=options.precision)
    if options.stage:
        config = dataclasses.replace(config, stages=tuple(s for s in config.stages if s.name == options.stage))
    if options.mode != "memorize":
        show = speed if options.mode == "speed" else roofline
        show(config, seconds=options.seconds, compiled_kernels=options.compiled_kernels)
        return
    if options.data is None:
        parser.error("memorize needs --data")
    with tempfile.TemporaryDirectory() as folder:
        memorize(
            config,
            data=options.data,
            pictures=options.pictures,
            steps=options.steps,
            batch_size=options.batch_size,
            workdir=Path(folder),
        )


if __name__ == "__main__":
    main()
