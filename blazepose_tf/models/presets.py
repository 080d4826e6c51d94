"""The tables of all variants.

Reference: BlazePose (arXiv 2006.10204), figure 4, for the shape of the tracker; channel and block counts as in the
files that MediaPipe published in 2020 (`lite`, `full`, `det_2020`) and 2021 (`ghum_*`, `det_2021`). `blazeface` is
this project's own, in the manner of BlazeFace (arXiv 1907.05047).
"""

from __future__ import annotations

from dataclasses import dataclass

from blazepose_tf.models.stages import Block, Stage
from blazepose_tf.specs import DETECTOR_2020, DETECTOR_2021, FACE, TORSO, DetectorSpec


@dataclass(frozen=True)
class Regression:
    """One stage of the regression encoder.

    Attributes:
        stage: its blocks.
        skip: name of the backbone level whose separable convolution is added to the stage's output, or None.
    """

    stage: Stage
    skip: str | None = None


@dataclass(frozen=True)
class TrackerTable:
    """Architecture of a tracker.

    Attributes:
        backbone: stages f2, f4, f8, f16, f32, named after their stride (ending at 8x8 for a 256 px input).
        decoder: width of the heatmap decoder.
        regression: stages of the regression encoder, ending at 2x2 for a 256 px input.
        stacked: the regression starts at the decoder's output (the paper) instead of at f32.
        relu6: side branches use the 2021 blocks.
        segmentation: blocks at half and then at full input size after the merge with f2, as op names.
    """

    backbone: tuple[Stage, ...]
    decoder: int
    regression: tuple[Regression, ...]
    stacked: bool = True
    relu6: bool = False
    segmentation: tuple[Stage, ...] = (Stage("segmentation_f2", (Block("separable", 8),)),)

    @property
    def separable(self) -> str:
        """Op of the side branches' separable convolutions."""
        return "separable6" if self.relu6 else "separable"


def _level(name: str, channels: int, count: int, *, suffix: str = "") -> Stage:
    return Stage(name, (Block(f"downsample{suffix}", channels), Block(f"residual{suffix}", channels, count)))


def _paper(stem: int, levels: tuple[tuple[int, int], ...], decoder: int, regression: tuple[tuple[int, int], ...]):
    """Family of the paper; `levels` and `regression` are (channels, residual blocks) per stage."""
    first = Stage("f2", (Block("conv", stem, kernel=3, stride=2), Block("residual", levels[0][0], levels[0][1])))
    backbone = (first, *(_level(f"f{2 ** (i + 2)}", c, n) for i, (c, n) in enumerate(levels[1:])))
    skips = ("f8", "f16", "f32", None, None)
    encoder = tuple(
        Regression(_level(f"regression_r{2 ** (i + 3)}", c, n), skip)
        for i, ((c, n), skip) in enumerate(zip(regression, skips, strict=True))
    )
    return TrackerTable(backbone, decoder, encoder)


def _mb(expand: int, kernel: int, stride: int, channels: int, count: int = 1) -> Block:
    return Block("inverted", channels, count, kernel, stride, expand)


def _ghum(stem: int, f4, f8, f16, low, wide: int, *, decoder: int, regression, stacked: bool):
    f2 = (Block("conv6", 24, stride=2), Block("depthwise6", 24), Block("pointwise", stem))
    backbone = (
        Stage("f2", f2),
        Stage("f4", f4),
        Stage("f8", f8),
        Stage("f16", f16),
        Stage("f32", (*low, Block("pointwise6", wide), Block("depthwise6", wide))),
    )
    refine = Block("residual6", 8, 2)
    segmentation = (Stage("segmentation_f2", (refine,)), Stage("segmentation_f1", (refine,)))
    return TrackerTable(backbone, decoder, regression, stacked, True, segmentation)


def _straight(width: int, counts: tuple[int, int]) -> tuple[Regression, ...]:
    return (
        Regression(Stage("regression_r32", (Block("separable6", width),))),
        Regression(_level("regression_r64", width, counts[0], suffix="6")),
        Regression(_level("regression_r128", width, counts[1], suffix="6")),
    )


TRACKERS: dict[str, TrackerTable] = {
    # 3.46 M parameters and 410.6 M multiply-adds with the 39 x 5 head; "full" of the paper.
    "full": _paper(
        24,
        ((24, 2), (48, 3), (96, 4), (192, 5), (288, 6)),
        48,
        ((96, 4), (192, 5), (288, 6), (288, 7), (288, 7)),
    ),
    # 1.34 M parameters and 155.4 M multiply-adds with the 39 x 5 head; "lite" of the paper.
    "lite": _paper(
        16,
        ((16, 1), (32, 2), (64, 3), (128, 4), (192, 5)),
        32,
        ((64, 3), (128, 4), (192, 5), (192, 5), (192, 5)),
    ),
    # The same shape as small as it gets: for tests, not for use.
    "tiny": _paper(
        8,
        ((8, 1), (8, 1), (16, 1), (16, 1), (24, 1)),
        8,
        ((16, 1), (16, 1), (24, 1), (24, 1), (24, 1)),
    ),
    "ghum_lite": _ghum(
        8,
        (_mb(32, 3, 2, 16), _mb(96, 3, 1, 16)),
        (_mb(96, 5, 2, 24), _mb(144, 5, 1, 24)),
        (_mb(144, 3, 2, 40), _mb(240, 3, 1, 40, 2), _mb(240, 5, 1, 56), _mb(336, 5, 1, 56, 2)),
        (_mb(336, 5, 2, 96), _mb(576, 5, 1, 96, 3)),
        576,
        decoder=32,
        regression=_straight(192, (2, 3)),
        stacked=False,
    ),
    "ghum_full": _ghum(
        16,
        (_mb(64, 3, 2, 24), _mb(144, 3, 1, 24)),
        (_mb(144, 5, 2, 32), _mb(192, 5, 1, 32)),
        (_mb(192, 3, 2, 64), _mb(384, 3, 1, 64, 2), _mb(384, 5, 1, 88), _mb(528, 5, 1, 88, 2)),
        (_mb(528, 5, 2, 144), _mb(864, 5, 1, 144, 3)),
        864,
        decoder=48,
        regression=_straight(288, (4, 5)),
        stacked=False,
    ),
    "ghum_heavy": _ghum(
        24,
        (_mb(96, 3, 2, 32), _mb(128, 3, 1, 32), _mb(192, 3, 1, 32, 2)),
        (_mb(192, 5, 2, 56), _mb(336, 5, 1, 56, 3)),
        (_mb(336, 3, 2, 112), _mb(672, 3, 1, 112, 5), _mb(672, 5, 1, 160), _mb(960, 5, 1, 160, 5)),
        (_mb(960, 5, 2, 272), _mb(1632, 5, 1, 272, 7)),
        1632,
        decoder=48,
        regression=(
            Regression(_level("regression_r8", 96, 6, suffix="6"), "f8"),
            Regression(_level("regression_r16", 192, 7, suffix="6"), "f16"),
            Regression(_level("regression_r32", 288, 7, suffix="6"), "f32"),
            Regression(_level("regression_r64", 288, 7, suffix="6")),
            Regression(_level("regression_r128", 288, 7, suffix="6")),
        ),
        stacked=True,
    ),
}


@dataclass(frozen=True)
class PyramidLevel:
    """One top-down step: blocks(top(up(coarser)) + lateral(feature)).

    Attributes:
        name: name of the result.
        source: backbone stage of the same size.
    """

    name: str
    source: str
    top: Stage
    lateral: Stage
    blocks: Stage


@dataclass(frozen=True)
class DetectorTable:
    """Architecture of a detector.

    Attributes:
        spec: the contract it was designed for.
        backbone: stages in order.
        neck: stage between the backbone and the pyramid; its result is called `p32`.
        pyramid: top-down steps, coarse to fine.
        heads: feature of each output level.
        shuffled: heads are depth-to-space, depthwise at stride 2, 1x1 (2021) instead of 1x1.
        regression_scale: input sides per unit of the regression head's raw output; None: it is in pixels already.
        seen: features whose means say, for all anchors, whether anybody is in the picture at all.
    """

    spec: DetectorSpec
    backbone: tuple[Stage, ...]
    neck: Stage
    pyramid: tuple[PyramidLevel, ...]
    heads: tuple[str, ...]
    shuffled: bool = False
    regression_scale: float | None = None
    seen: tuple[str, ...] = ()


def _face_level(stride: int, width: int) -> PyramidLevel:
    name = f"pyramid_p{stride}"
    return PyramidLevel(
        f"p{stride}",
        f"f{stride}",
        Stage(f"{name}_top", ()),
        Stage(f"{name}_lateral", (Block("separable", width),)),
        Stage(name, (Block("residual", width, kernel=5),)),
    )


def _person_level(stride: int, width: int) -> PyramidLevel:
    name = f"pyramid_p{stride}"
    return PyramidLevel(
        f"p{stride}",
        f"f{stride}",
        Stage(f"{name}_top", (Block("pointwise6", width),)),
        Stage(f"{name}_lateral", (Block("separable", width, limit=6.0),)),
        Stage(name, (Block("residual", width, 2, limit=6.0),)),
    )


def _wide(name: str, channels: int, count: int) -> Stage:
    return Stage(name, (Block("downsample", channels, kernel=5), Block("residual", channels, count, kernel=5)))


DETECTORS: dict[str, DetectorTable] = {
    # Chosen under 0.5 M parameters and 0.3 x the time of MediaPipe's detector of 2021 (LiteRT, one thread, float32).
    "blazeface": DetectorTable(
        DetectorSpec(input_size=224, anchors_per_cell=(2,), proxies=(FACE, TORSO)),
        (
            Stage("f2", (Block("conv", 16, stride=2), Block("residual", 16))),
            Stage("f4", (Block("downsample", 40, kernel=5), Block("residual", 40, 2))),
            _wide("f8", 88, 4),
            _wide("f16", 128, 5),
            _wide("f32", 192, 5),
        ),
        Stage("pyramid_p32", (Block("separable", 104),)),
        (_face_level(16, 104), _face_level(8, 104)),
        ("p8",),
        regression_scale=0.25,
        seen=("f8", "f16", "f32"),
    ),
    "det_2020": DetectorTable(
        DETECTOR_2020,
        (
            Stage("f1", (Block("conv", 48, kernel=5), Block("residual", 48, 3, kernel=5))),
            _wide("f2", 64, 3),
            _wide("f4", 96, 6),
            _wide("f8", 128, 7),
            _wide("f16", 256, 6),
        ),
        Stage("pyramid_p32", ()),
        (),
        ("f8", "f16"),
    ),
    "det_2021": DetectorTable(
        DETECTOR_2021,
        (
            Stage("f2", (Block("conv6", 24, stride=2), Block("depthwise6", 24), Block("pointwise", 16))),
            Stage("f4", (_mb(64, 3, 2, 24), _mb(144, 3, 1, 24))),
            Stage("f8", (_mb(144, 5, 2, 40), _mb(240, 5, 1, 40))),
            Stage("f16", (_mb(240, 3, 2, 80), _mb(480, 3, 1, 80, 2), _mb(480, 5, 1, 112), _mb(672, 5, 1, 112, 2))),
            Stage(
                "f32",
                (_mb(672, 5, 2, 192), _mb(1152, 5, 1, 192, 3), Block("pointwise6", 1152), Block("depthwise6", 1152)),
            ),
        ),
        Stage("pyramid_p32", ()),
        (_person_level(16, 192), _person_level(8, 96)),
        ("p8", "p16", "f32"),
        shuffled=True,
    ),
}
