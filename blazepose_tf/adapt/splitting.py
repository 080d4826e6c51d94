"""What a model learns from, what chooses it, and what judges it: never neighbours in time in two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf.adapt.frames import Clip

_ASIDE = 0.2
_GAP = 0.05  # of a single clip between its two parts: frames so near are the same picture


def split(clips: Sequence[Clip], aside: Sequence[str] = ()) -> tuple[list, list, list]:
    """Pictures to learn from, pictures to choose by, and pictures kept aside.

    To choose by is the last fifth of each clip that is not kept aside; pictures of their own give every fifth.

    Args:
        clips: films, or pictures of their own.
        aside: names of those to keep aside. Without any every fifth clip is kept, of fewer than three clips the last
            fifth of each.

    Returns:
        Three lists of picture files.

    Raises:
        ValueError: an unknown name, or nothing left on one side.
    """
    names = [clip.name for clip in clips]
    unknown = sorted(set(aside) - set(names))
    if unknown:
        raise ValueError(f"no clip {unknown[0]!r} to keep aside. Received: {', '.join(names)}")
    if not aside and len(clips) < 3:
        parts = [_tail(clip.pictures) for clip in clips]
        rest, last = [first for first, _ in parts], [picture for _, tail in parts for picture in tail]
    else:
        # The same ones for the same names, spread over their order.
        count = max(1, round(_ASIDE * len(clips)))
        middle = np.linspace(0, len(clips), count, endpoint=False) + len(clips) / (2 * count)
        chosen = set(aside) or {names[int(i)] for i in middle}
        rest = [clip.pictures for clip in clips if clip.name not in chosen]
        last = [picture for clip in clips if clip.name in chosen for picture in clip.pictures]
    films = [_tail(pictures) for pictures in rest if len(pictures) > 1]
    own = [picture for pictures in rest if len(pictures) == 1 for picture in pictures]
    first = [picture for part, _ in films for picture in part] + [p for i, p in enumerate(own) if i % 5 != 2]
    choosing = [picture for _, part in films for picture in part] + own[2::5]
    if not first or not choosing or not last:
        raise ValueError(f"{len(clips)} clips with {sum(len(c.pictures) for c in clips)} frames are too few to split")
    return first, choosing, last


def _tail(pictures: Sequence) -> tuple[Sequence, Sequence]:
    """The pictures of a film without its last fifth and what is too near to that, and the last fifth."""
    count = len(pictures)
    end = count - max(1, round(_ASIDE * count))
    return pictures[: max(0, end - round(_GAP * count))], pictures[end:]
