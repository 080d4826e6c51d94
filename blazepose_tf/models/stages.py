"""Architecture as data: a stage is a named list of typed block rows, and one loop turns it into layers.

Every layer that carries weights is called `<stage>_<index>_<role>`; the index counts the blocks of the stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from blazepose_tf.layers import blaze, convolution, inverted_residual


@dataclass(frozen=True)
class Block:
    """One row: `count` equal blocks.

    Attributes:
        op: key of OPS.
        channels: output channels.
        count: how many of them in a row.
        kernel: side of the depthwise kernel (of the full kernel for the convolution ops).
        stride: 1 or 2; only for ops that take one.
        expand: inner channels of an inverted residual.
        limit: upper bound of the ReLU of the 2020 blocks; None has none.
    """

    op: str
    channels: int
    count: int = 1
    kernel: int = 3
    stride: int = 1
    expand: int = 0
    limit: float | None = None


@dataclass(frozen=True)
class Stage:
    """Blocks that share a name; the last one's output is what other stages refer to."""

    name: str
    blocks: tuple[Block, ...]


def _conv(x, row: Block, name: str):
    return convolution.conv_norm_relu(x, row.channels, kernel=row.kernel, stride=row.stride, name=name)


def _conv6(x, row: Block, name: str):
    return convolution.conv_norm_relu(
        x, row.channels, kernel=row.kernel, stride=row.stride, symmetric=True, limit=inverted_residual.LIMIT, name=name
    )


def _depthwise6(x, row: Block, name: str):
    return inverted_residual.depthwise_norm_relu(x, kernel=row.kernel, stride=row.stride, name=name)


def _inverted(x, row: Block, name: str):
    return inverted_residual.inverted_residual(
        x, row.channels, expand=row.expand, kernel=row.kernel, stride=row.stride, name=name
    )


def _simple(block: Callable) -> Callable:
    return lambda x, row, name: block(x, row.channels, kernel=row.kernel, name=name)


def _limited(block: Callable) -> Callable:
    return lambda x, row, name: block(x, row.channels, kernel=row.kernel, limit=row.limit, name=name)


OPS: dict[str, Callable] = {
    # 2020: ReLU.
    "conv": _conv,
    "residual": _limited(blaze.residual),
    "downsample": _limited(blaze.downsample),
    "separable": _limited(blaze.separable),
    # 2021: ReLU6.
    "conv6": _conv6,
    "depthwise6": _depthwise6,
    "pointwise": lambda x, row, name: inverted_residual.pointwise_norm(x, row.channels, name=name),
    "pointwise6": lambda x, row, name: inverted_residual.pointwise_norm_relu(x, row.channels, name=name),
    "inverted": _inverted,
    "residual6": _simple(inverted_residual.residual6),
    "downsample6": _simple(inverted_residual.downsample6),
    "separable6": _simple(inverted_residual.separable6),
}


def run_stage(x, stage: Stage):
    """Applies the blocks of `stage` to x: (B, H, W, C) -> (B, H', W', C').

    Raises:
        ValueError: a row names an op that is not in OPS.
    """
    index = 0
    for row in stage.blocks:
        if row.op not in OPS:
            raise ValueError(f"unknown block op in stage {stage.name!r}. Received: op={row.op!r}, known: {sorted(OPS)}")
        for _ in range(row.count):
            x = OPS[row.op](x, row, f"{stage.name}_{index}")
            index += 1
    return x
