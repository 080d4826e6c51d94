"""Who is who in a film: which person a sighting shows, by place, motion and clothes."""

from __future__ import annotations

import itertools

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.runtime import appearance, likeness
from blazepose_tf.runtime.filters import GAP_SECONDS, Filters
from blazepose_tf.runtime.look import Look, Sighting
from blazepose_tf.runtime.person import Person
from blazepose_tf.specs import TrackerSpec

# Radii within which somebody else may stand in the way, so that clothes are not learned.
_IN_THE_WAY = 0.8
# By how much an exchange of two people must fit better than none; strangeness is about 1 where doubt begins.
_MARGIN = 0.5

# Strangeness of the clothes of somebody else.
_FOREIGN = 2.0
# Seconds until a person is as well known as others.
_NEW = 0.5

Pair = tuple[Person, Sighting]


class Roster:
    """Everybody who is followed, or was until a second ago.

    Attributes:
        people: in order of their ids' making.
    """

    def __init__(self, filters: Filters, spec: TrackerSpec, *, several: bool):
        """`several`: there may be more than one person at a time, so that clothes are worth looking at."""
        self.people: list[Person] = []
        self._filters, self._spec, self._several = filters, spec, several
        self._last_id = 0

    def clear(self) -> None:
        """Forgets everybody; ids go on."""
        self.people.clear()

    def distinct(self, pairs: list[Pair], look: Look, seconds: float) -> list[Pair]:
        """One body for one person: where two are read off the same, the one who is less like it is lost, unless the
        other is new. Whoever was lost and looked for has to stand apart from the others and to look like themselves.
        """
        if not self._several:
            return pairs
        kept: list[Pair] = []
        order = lambda pair: (pair[0].lost, self._strangeness(pair[0], pair[1], look, seconds))  # noqa: E731
        for person, sighting in sorted(pairs, key=order):
            if person.lost:
                place, clothes = person.strangeness(sighting, self._clothes(sighting, look), seconds)
                near = any(likeness.same_circle(sighting.track.alignment, s.track.alignment) for _, s in kept)
                doubtful = near or place > 1.0 or clothes > _FOREIGN
            else:
                doubtful = False
            rival = next((p for p, s in kept if likeness.same_body(sighting.track, s.track, self._spec)), None)
            if rival is not None and not person.lost and rival.age < _NEW <= person.age:
                person.become(rival)
            if doubtful or rival is not None:
                person.lose()
            else:
                kept.append((person, sighting))
        return kept

    def identify(self, pairs: list[Pair], new: list[Sighting], look: Look, seconds: float) -> list[Pair]:
        """Adds the people whom new sightings show: those lost a moment ago near there, or somebody unknown.

        Two who were taken for each other while they crossed are exchanged.
        """
        pairs = list(pairs)
        self._recognise(pairs, look, seconds)
        for sighting in new:
            present = {person.id for person, _ in pairs}
            lost = [p for p in self.people if p.id not in present]
            self._settle(pairs, lost, sighting, look, seconds)
            near = [p for p in lost if p.strangeness(sighting, None, seconds)[0] <= 1.0]
            if near:
                strangeness = [self._strangeness(p, sighting, look, seconds) for p in near]
                person = near[strangeness.index(min(strangeness))]
            else:
                self._last_id += 1
                person = Person(self._last_id, self._filters, self._spec)
                self.people.append(person)
            pairs.append((person, sighting))
        self._exchange(pairs, look)
        return pairs

    def update(self, pairs: list[Pair], look: Look, seconds: float) -> None:
        """After everybody was seen: learns clothes, keeps the lost in mind for a second."""
        present = {person.id for person, _ in pairs}
        if self._several:
            for person, sighting in pairs:
                others = [p.expected(0.0) for p in self.people if p is not person]
                if not any(_near(sighting, other) for other in others):
                    person.dress(self._clothes(sighting, look))
        for person in self.people:
            if person.id not in present:
                person.absent += seconds
        self.people = [p for p in self.people if p.absent <= GAP_SECONDS]

    def _recognise(self, pairs: list[Pair], look: Look, seconds: float) -> None:
        """Whether a followed person wears the clothes of somebody who was lost just there and not their own."""
        present = {person.id for person, _ in pairs}
        for absent, (person, followed) in itertools.product(self.people, pairs if self._several else []):
            if absent.id in present:
                continue
            clothes = self._clothes(followed, look)
            place, strangeness = absent.strangeness(followed, clothes, seconds)
            if place <= 1.0 and strangeness + 2 * _MARGIN < person.clothes_strangeness(clothes):
                person.become(absent)
                return

    def _settle(self, pairs: list[Pair], lost: list[Person], sighting: Sighting, look: Look, seconds: float) -> None:
        """Before a new sighting is given to somebody lost: whether a followed person is that one, and the new
        sighting the followed person, who lost their way when the two met."""
        for absent, (person, followed) in itertools.product(lost, pairs):
            place, clothes = absent.strangeness(followed, self._clothes(followed, look), seconds)
            if place > 1.0 or not self._several:
                continue
            exchanged = place + clothes + person.clothes_strangeness(self._clothes(sighting, look))
            as_it_is = sum(absent.strangeness(sighting, self._clothes(sighting, look), seconds))
            as_it_is += person.clothes_strangeness(self._clothes(followed, look))
            if exchanged + _MARGIN < as_it_is:
                person.become(absent)
                absent.stay(sighting)

    def _exchange(self, pairs: list[Pair], look: Look) -> None:
        """Exchanges two followed people near each other who wear each other's clothes."""
        if not self._several:
            return
        for (a, seen_a), (b, seen_b) in itertools.combinations(pairs, 2):
            if not _near(seen_a, seen_b.track.alignment):
                continue
            clothes_a, clothes_b = self._clothes(seen_a, look), self._clothes(seen_b, look)
            as_it_is = a.clothes_strangeness(clothes_a) + b.clothes_strangeness(clothes_b)
            exchanged = a.clothes_strangeness(clothes_b) + b.clothes_strangeness(clothes_a)
            if exchanged + 2 * _MARGIN < as_it_is:
                a.become(b)

    def _strangeness(self, person: Person, sighting: Sighting, look: Look, seconds: float) -> float:
        return sum(person.strangeness(sighting, self._clothes(sighting, look), seconds))

    def _clothes(self, sighting: Sighting, look: Look) -> np.ndarray | None:
        if not self._several:
            return None
        return appearance.colours(look.image, sighting.track.points, self._spec.keypoint_names)


def _near(sighting: Sighting, alignment: np.ndarray | None) -> bool:
    own = sighting.track.alignment
    return own is not None and alignment is not None and float(alignment_lib.distance(own, alignment)) < _IN_THE_WAY
