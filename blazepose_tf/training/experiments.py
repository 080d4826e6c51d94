"""The named experiments. Each header says what a run costs and what came out; settings not listed are defaults."""

from __future__ import annotations

import dataclasses
import difflib

from blazepose_tf.data.config import OcclusionConfig, PhotometricConfig, TrackerDataConfig, ViewConfig
from blazepose_tf.training.config import Data, Experiment, Losses, Stage
from blazepose_tf.training.finetune import FINETUNE

# The paper's Lite, as shipped: heatmaps at 128 px (five times cheaper per image), everything at 256 px, then the
# regression alone on frozen features, which is twice as fast and is what still improves (the regression lags the
# heatmaps); then both once more, longer, everything eight times more, the regression among many pictures without
# people, everything with hardly any augmentation, and such a regression again. 1,862,000 crops of 17,500 people
# (docs/results/lite has the log). Run as thirteen parts, each from the weights of the one before (--init_from): up to
# `tail`, `long` and `last`, `lighter`, `mixed`, `hard`, `hard_again`, `composed`, `brief`, `elsewhere`, `again`,
# `nobody`, `gentle`, `nobody_again`. After `brief`, `elsewhere` and `again` the weights are averaged with those before
# (blazepose average, statistics of 60 batches); after the last the presence is calibrated
# (blazepose calibrate). Cost: 1 h 41 min on two shared cores and 10 h 20 min of one, four parts of it in
# mixed_bfloat16, six with compiled kernels; `brief` 1 h 15 min, most of it on two older cores, the parts since then 4 h
# 5 min of one of them. Result: refined, on human labels, PCK@0.2 of the torso 81.0 (79.9 before the last two).
# Data: tracker/train.json and 1,600 rendered pictures; in the second part detector/train.json as shards, too (one
# person of each picture), its 662 pictures without people twice more (convert-dataset --only_negatives); in the last
# eleven only tracker/train.json, its labels blended (blazepose blend), and those 662; in `hard`, `hard_again`,
# `composed`, `brief`, `elsewhere`, `again` and `gentle` the 5,253, 4,274, 3,171 and four times 2,821 people that the
# model before had yet to learn (blazepose choose) three times, in `brief` four times; from step 2,529 of `composed`
# 3,851 people in other places, too (blazepose cut, docs/data.md), from step 698 of `elsewhere` 3,390; from step
# 439 of `brief` on 371 whom nobody had labelled, twice, then once (blazepose label). `nobody` and `nobody_again`
# saw all of these once, the 662 eight times, and 11,984 of the detector's pictures without people
# (blazepose compose). Offsets and stronger augmentation (occlusion 0.3, negatives 0.06, degraded pictures 0.1
# each) were part of the first two; `gentle` has the augmentation of the experiment of that name.
TRACKER_LITE = Experiment(
    name="tracker_lite",
    variant="lite",
    stages=(
        Stage("heatmaps", trains="heatmaps", epochs=7, input_size=128, learning_rate=6e-3, warmup_steps=100),
        Stage("joint", steps=2500, input_size=256, learning_rate=5e-3, warmup_steps=200),
        Stage("tail", trains="regression", steps=2000, input_size=256, learning_rate=3e-3, warmup_steps=100),
        Stage("long", steps=3600, input_size=256, learning_rate=5e-3, warmup_steps=150),
        Stage("last", trains="regression", steps=600, input_size=256, learning_rate=3e-3, warmup_steps=100),
        Stage("lighter", steps=4200, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("mixed", steps=3700, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("hard", steps=6300, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("hard_again", steps=11000, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("composed", steps=10500, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("brief", steps=2600, input_size=256, learning_rate=3e-3, warmup_steps=80),
        Stage("elsewhere", steps=2850, input_size=256, learning_rate=2e-3, warmup_steps=60),
        Stage("again", steps=2800, input_size=256, learning_rate=2e-3, warmup_steps=60),
        Stage(
            "nobody", trains="regression", steps=450, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
        Stage("gentle", steps=1000, input_size=256, learning_rate=1e-3, warmup_steps=60),
        Stage(
            "nobody_again", trains="regression", steps=260, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
    ),
    losses=Losses(offsets=0.0),
)  # fmt: skip

# The paper's Full: heatmaps first at 128 and then at 256 px, the regression on frozen features, then everything at
# once. 955,000 crops (docs/results/full has the log). Run as eight parts, each from the weights of the one before;
# `finer`, planned longer, was ended when its rate was at 0.37 of the peak. Cost: 9 h 35 min of one shared core,
# `mixed` and `hard` in mixed_bfloat16 with compiled kernels, and 14 min of an older one. Result: validation heatmaps
# 82.4, regression 76.4; refined, on human labels, 81.5. Data: tracker/train.json, 1,600 rendered pictures,
# detector/train.json as shards (one person of each picture), and its 662 pictures without people: six times for the
# regression, twice for `long` and `last`; from `lighter` on (3,328 people three times in `hard` and `steady`) as for
# `lite`, also in their settings; `nobody` is that of `lite`, its calibration, too. The weight of the presence's loss
# was 0.5 in the stage `regression`: too much.
TRACKER_FULL = Experiment(
    name="tracker_full",
    variant="full",
    stages=(
        Stage("heatmaps", trains="heatmaps", steps=7000, input_size=128, learning_rate=5e-3, warmup_steps=200),
        Stage("fine", trains="heatmaps", steps=1200, input_size=256, learning_rate=4e-3, warmup_steps=100),
        Stage("regression", trains="regression", steps=1440, input_size=256, learning_rate=4e-3, warmup_steps=200),
        Stage(
            "finer", trains="heatmaps", steps=1642, input_size=256, learning_rate=4e-3, warmup_steps=100,
            final_rate=0.37,
        ),
        Stage("long", steps=1800, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("last", trains="regression", steps=800, input_size=256, learning_rate=3e-3, warmup_steps=100),
        Stage("lighter", steps=3900, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("mixed", steps=5450, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage("hard", steps=5700, input_size=256, learning_rate=4e-3, warmup_steps=150),
        Stage(
            "steady", trains="regression", steps=600, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
        Stage(
            "nobody", trains="regression", steps=320, input_size=256, learning_rate=1.5e-3, warmup_steps=50,
            running_statistics=True,
        ),
    ),
    losses=Losses(offsets=0.0),
)  # fmt: skip

# The face proxy with alignment points on whole pictures, as shipped: at 128 px and then at 192 px, three times, and at
# 192 px six times more. 2,115,000 pictures. Cost: 8 h 10 min of a shared core, the last 46,700 steps in
# mixed_bfloat16 with compiled kernels. Result: recall 81.6 at 5 % false alarms. Run as nine parts, each from the
# weights of the one before (--init_from). Data: detector/train.json (named three, six, four, ten, ten, six, six, three
# and two times), 1,600 rendered pictures (not in the last six parts), tracker/train.json (in the last seven as
# --partial_data, in `closer`, `turned` and `things` twice), the 662 pictures without people (--only_negatives) four,
# four, eight, twenty, eight and eight times more in the last six. `things` and `composed` have 16,000 more pictures
# without people, and the pictures of detector/train.json three times more with things in them
# (blazepose compose, docs/data.md), `composed` 26,659 people in other places (blazepose cut). The first
# three parts saw pictures at 0.4 to 1.8 of their plain size, 30 % of them plainly, and more of them degraded, `plainer`
# and `longer` at 0.5 to 1.7, 45 % plainly; up to `closer` pictures without people were shown like others.
DETECTOR = Experiment(
    name="detector",
    model="detector",
    variant="blazeface",
    stages=(
        Stage("low", steps=2800, input_size=128, learning_rate=4e-3, warmup_steps=200),
        Stage("joint", steps=1100, input_size=192, learning_rate=2e-3, warmup_steps=100),
        Stage("low_again", steps=1500, input_size=128, learning_rate=2e-3, warmup_steps=100),
        Stage("joint_again", steps=1300, input_size=192, learning_rate=1.5e-3, warmup_steps=100),
        Stage("low_long", steps=3500, input_size=128, learning_rate=4e-3, warmup_steps=200),
        Stage("joint_long", steps=3100, input_size=192, learning_rate=3e-3, warmup_steps=100),
        Stage("plainer", steps=3600, input_size=192, learning_rate=3e-3, warmup_steps=100),
        Stage("longer", steps=7500, input_size=192, learning_rate=3e-3, warmup_steps=100),
        Stage("closer", steps=3600, input_size=192, learning_rate=2.5e-3, warmup_steps=100),
        Stage("turned", steps=4600, input_size=192, learning_rate=2.5e-3, warmup_steps=100),
        Stage("things", steps=20000, input_size=192, learning_rate=2.5e-3, warmup_steps=100),
        Stage("composed", steps=13500, input_size=192, learning_rate=2.5e-3, warmup_steps=100),
    ),
)

# The last part of a tracker's training (--init_from): pictures as they will be, after many parts in which they were
# disturbed more. Cost: 34 minutes of one older core (`lite`). Result: docs/training.md, "Experiments".
GENTLE = Experiment(
    name="gentle",
    variant="lite",
    stages=(Stage("joint", steps=1000, input_size=256, learning_rate=1e-3, warmup_steps=60),),
    data=Data(
        tracker=TrackerDataConfig(
            view=ViewConfig(
                rotation_std=4.0, scale_std=0.05, shift_std=0.025, any_rotation_probability=0.0,
                partial_probability=0.02,
            ),
            photometric=PhotometricConfig(
                light_std=0.08, contrast_std=0.08, saturation_std=0.12, hue_std=3.0, tone_limit=0.25,
                grey_probability=0.02, blur_probability=0.02, low_resolution_probability=0.02,
                noise_probability=0.02, jpeg_probability=0.02,
            ),
            occlusion=OcclusionConfig(probability=0.05),
        ),
    ),
    losses=Losses(offsets=0.0),
)  # fmt: skip

# What the paper's parts bring, at a price that allows to try: Lite at 128 px, everything at once, 22,400 crops.
# Cost: 3 to 4 minutes of one core each. Results: docs/training.md, "Ablations".
ABLATION = Experiment(
    name="ablation",
    variant="lite",
    stages=(Stage("joint", steps=700, input_size=128, learning_rate=5e-3, warmup_steps=100),),
    validate_every=700,
)

# Rendered people, a network for tests: the whole way from nothing to a model in a few minutes on two cores.
SMOKE = Experiment(
    name="smoke",
    variant="tiny",
    stages=(
        Stage("heatmaps", trains="heatmaps", steps=150, input_size=128, learning_rate=8e-3, warmup_steps=30),
        Stage("joint", steps=350, input_size=128, learning_rate=8e-3, warmup_steps=50),
    ),
    data=Data(synthetic_examples=512),
    validate_every=100,
    validate_examples=64,
)


def memorizing(experiment: Experiment) -> Experiment:
    """The same experiment without augmentation, and with an average short enough for a few hundred steps.

    Whether a network can learn a handful of pictures by heart is the first thing to ask of a training program.
    """
    still = ViewConfig(0.0, 30.0, 0.0, 0.25, 0.0, 0.1, 0.0, 0.0, 0.0)
    colours = {f.name: 0.0 for f in dataclasses.fields(PhotometricConfig) if f.name.endswith(("_std", "_probability"))}
    plain = dataclasses.replace(experiment.data.tracker.photometric, **colours, tone_limit=0.0)
    occlusion = dataclasses.replace(experiment.data.tracker.occlusion, probability=0.0)
    tracker = dataclasses.replace(
        experiment.data.tracker, view=still, photometric=plain, occlusion=occlusion, negative_probability=0.0
    )
    detector = dataclasses.replace(
        experiment.data.detector,
        photometric=plain, plain_probability=1.0, mirror_probability=0.0,
        rotation_std=0.0, any_rotation_probability=0.0, empty_any_rotation_probability=0.0,
    )  # fmt: skip
    return dataclasses.replace(
        experiment,
        data=dataclasses.replace(experiment.data, tracker=tracker, detector=detector),
        optimizer=dataclasses.replace(experiment.optimizer, ema_decay=0.95, ema_every=1, weight_decay=0.0),
    )


EXPERIMENTS: dict[str, Experiment] = {
    e.name: e for e in (TRACKER_LITE, TRACKER_FULL, DETECTOR, GENTLE, FINETUNE, ABLATION, SMOKE)
}


def experiment(name: str) -> Experiment:
    """An experiment by name; ValueError names the nearest one."""
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown experiment {name!r}{hint} (known: {', '.join(EXPERIMENTS)})")
    return EXPERIMENTS[name]
