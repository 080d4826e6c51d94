"""What is kept aside: whole groups, the same ones whatever else is there."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.converters.annotations import Person, Picture
from blazepose_tf.converters.holdout import looks_like_frames, split


def pictures(*names: str) -> list[Picture]:
    return [Picture(name, name, (), 10, 10) for name in names]


def names(part: list[Picture]) -> list[str]:
    return [picture.file_name for picture in part]


ALL = pictures(*(f"clip{i % 5}/p{i // 4}_{i:03d}.jpg" for i in range(40)))


def test_a_tenth_of_the_pictures_is_kept_whatever_their_order():
    train, val = split(ALL, 0.1)
    assert len(val) == 4 and sorted(names(train) + names(val)) == sorted(names(ALL))
    assert set(names(split(ALL[::-1], 0.1)[1])) == set(names(val))


@pytest.mark.parametrize(
    ("by", "group"),
    [("folder", lambda n: n.split("/")[0]), ("clip", lambda n: n[:-8]), (r"/(p\d+)_", lambda n: n[6:8])],
)
def test_groups_stay_together(by, group):
    train, val = split(ALL, 0.2, by)
    assert val and not {group(n) for n in names(train)} & {group(n) for n in names(val)}


def test_even_two_groups_are_split():
    train, val = split(pictures("a.jpg", "b.jpg"), 0.01)
    assert len(train) == len(val) == 1


@pytest.mark.parametrize(
    ("share", "by", "message"),
    [(0.0, "picture", "must lie in"), (1.0, "picture", "must lie in"), (0.1, "nowhere", "finds nothing in the name"),
     (0.1, "(", "not a regular expression"), (0.1, "(clip)", "of one group"),
     (0.1, "field:shoe", "has the field 'shoe'")],
)  # fmt: skip
def test_what_cannot_be_split_is_said(share, by, message):
    with pytest.raises(ValueError, match=message):
        split(ALL, share, by)


def test_pictures_that_share_somebody_stay_together():
    def of(name, *people, **fields):
        made = tuple(Person(np.zeros((1, 3)), fields={"person_id": p}) for p in people)
        return Picture(name, name, made, 10, 10, fields=fields)

    # b and c are together in one picture, so that all pictures of either are one group.
    together = [of("2.png", "b"), of("3.png", "c", "b"), of("4.png", "c"), of("9.png", person_id="c")]
    some = [of("1.png", "a"), *together, *(of(f"{p}.png", p) for p in "defg"), of("nobody.png")]
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        train, val = split(some, share, "field:person_id")
        assert train and val
        assert {len(set(names(part)) & set(names(together))) for part in (train, val)} == {0, 4}
    assert [len(part) for part in split(some, 1 / 7, "field:person_id")] in ([9, 1], [6, 4])


def test_frames_of_one_clip_are_recognised():
    assert looks_like_frames(pictures("IMG_1.png", "IMG_2.png", "IMG_30.png", "other.png"))
    assert not looks_like_frames(pictures("dive.png", "jump.png", "run.png"))
