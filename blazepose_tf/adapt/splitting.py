"""What a model learns from and what it is judged by: never frames of one clip, nor neighbours in time, in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf.adapt.frames import Clip

_ASIDE = 0.2
_GAP = 0.05  # of a single clip between its two parts: frames so near are the same picture


def split(clips: Sequence[Clip], aside: Sequence[str] = ()) -> tuple[list, list]:
    """Pictures to learn from and pictures kept aside.

    Args:
        clips: films, or pictures of their own.
        aside: names of those to keep aside. Without any every fifth clip is kept, of fewer than three clips the last
            fifth of each.

    Returns:
        Two lists of picture files.

    Raises:
        ValueError: an unknown name, or nothing left on one side.
    """
    names = [clip.name for clip in clips]
    unknown = sorted(set(aside) - set(names))
    if unknown:
        raise ValueError(f"no clip {unknown[0]!r} to keep aside. Received: {', '.join(names)}")
    if not aside and len(clips) < 3:
        first, last = [], []
        for clip in clips:
            count = len(clip.pictures)
            end = count - max(1, round(_ASIDE * count))
            first += clip.pictures[: max(0, end - round(_GAP * count))]
            last += clip.pictures[end:]
    else:
        # The same ones for the same names, spread over their order.
        count = max(1, round(_ASIDE * len(clips)))
        middle = np.linspace(0, len(clips), count, endpoint=False) + len(clips) / (2 * count)
        chosen = set(aside) or {names[int(i)] for i in middle}
        first = [picture for clip in clips if clip.name not in chosen for picture in clip.pictures]
        last = [picture for clip in clips if clip.name in chosen for picture in clip.pictures]
    if not first or not last:
        raise ValueError(f"{len(clips)} clips with {sum(len(c.pictures) for c in clips)} frames are too few to split")
    return first, last
