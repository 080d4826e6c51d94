"""What is kept aside: whole groups, the same ones whatever else is there."""

from __future__ import annotations

import pytest

from blazepose_tf.data.converters.annotations import Picture
from blazepose_tf.data.converters.holdout import split


def pictures(*names: str) -> list[Picture]:
    return [Picture(name, name, (), 10, 10) for name in names]


def names(part: list[Picture]) -> list[str]:
    return [picture.file_name for picture in part]


ALL = pictures(*(f"clip{i % 5}/p{i // 4}_{i:03d}.jpg" for i in range(40)))


def test_a_tenth_of_the_pictures_is_kept_whatever_their_order():
    train, val = split(ALL, 0.1)
    assert len(val) == 4 and sorted(names(train) + names(val)) == sorted(names(ALL))
    assert set(names(split(ALL[::-1], 0.1)[1])) == set(names(val))


@pytest.mark.parametrize(("by", "group"), [("folder", lambda n: n.split("/")[0]), (r"/(p\d+)_", lambda n: n[6:8])])
def test_groups_stay_together(by, group):
    train, val = split(ALL, 0.2, by)
    assert val and not {group(n) for n in names(train)} & {group(n) for n in names(val)}


def test_even_two_groups_are_split():
    train, val = split(pictures("a.jpg", "b.jpg"), 0.01)
    assert len(train) == len(val) == 1


@pytest.mark.parametrize(
    ("share", "by", "message"),
    [(0.0, "picture", "must lie in"), (1.0, "picture", "must lie in"), (0.1, "nowhere", "finds nothing in the name"),
     (0.1, "(", "not a regular expression"), (0.1, "clip", "of one group")],
)  # fmt: skip
def test_what_cannot_be_split_is_said(share, by, message):
    with pytest.raises(ValueError, match=message):
        split(ALL, share, by)
