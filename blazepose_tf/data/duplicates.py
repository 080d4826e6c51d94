"""Pictures that are the same or nearly so, mirrored ones included.

A difference hash (64 bits: is a pixel of the 9 x 8 thumbnail darker than its right neighbour) proposes pairs, the
correlation of 16 x 16 thumbnails confirms them: flat pictures share hashes by chance, but not their thumbnails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

MAX_BITS = 10  # differing bits of 64 up to which a pair is looked at
MIN_CORRELATION = 0.95
_THUMBNAIL = 16
_CHUNK = 512  # rows of the comparison at a time: 512 x 100,000 hashes are 400 MB


@dataclass(frozen=True)
class Fingerprint:
    """Hash of a picture, of its mirror image, and a (16, 16) thumbnail with zero mean and unit norm (0 when flat)."""

    bits: int
    mirrored_bits: int
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Pair:
    """Two pictures alike: their positions, differing bits, correlation, and whether one is mirrored."""

    first: int
    second: int
    bits: int
    correlation: float
    mirrored: bool


def _hash(thumbnail: np.ndarray) -> int:
    bits = (thumbnail[:, :-1] < thumbnail[:, 1:]).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def fingerprint(gray: np.ndarray) -> Fingerprint:
    """Fingerprint of an (H, W) uint8 picture."""
    if gray.ndim != 2 or not gray.size:
        raise ValueError(f"gray must be (H, W). Received: shape={gray.shape}")
    small = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA).astype(np.float32)
    square = cv2.resize(gray, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    square -= square.mean()
    norm = float(np.linalg.norm(square))
    return Fingerprint(_hash(small), _hash(small[:, ::-1]), square / norm if norm > 1.0 else np.zeros_like(square))


def find_pairs(
    fingerprints: Sequence[Fingerprint], *, max_bits: int = MAX_BITS, min_correlation: float = MIN_CORRELATION
) -> list[Pair]:
    """All pairs of like pictures, the most alike first.

    Args:
        fingerprints: of N pictures. The comparison is N^2 / 2 operations of a machine word: 16,000 pictures take about
            a second.
        max_bits: differing bits up to which thumbnails are compared.
        min_correlation: of the thumbnails, from which a pair counts.
    """
    if len(fingerprints) < 2:
        return []
    plain = np.array([f.bits for f in fingerprints], np.uint64)
    mirror = np.array([f.mirrored_bits for f in fingerprints], np.uint64)
    thumbnails = np.stack([f.thumbnail for f in fingerprints])
    pairs: dict[tuple[int, int], Pair] = {}
    for start in range(0, len(plain), _CHUNK):
        rows = plain[start : start + _CHUNK, None]
        for others, mirrored in ((plain, False), (mirror, True)):
            distance = np.bitwise_count(rows ^ others[None, start:])
            for i, j in np.argwhere(distance <= max_bits):
                first, second = int(start + i), int(start + j)
                if second <= first:
                    continue
                other = thumbnails[second][:, ::-1] if mirrored else thumbnails[second]
                correlation = float(np.vdot(thumbnails[first], other))
                known = pairs.get((first, second))
                if correlation >= min_correlation and (known is None or known.correlation < correlation):
                    pairs[first, second] = Pair(first, second, int(distance[i, j]), correlation, mirrored)
    return sorted(pairs.values(), key=lambda pair: -pair.correlation)
