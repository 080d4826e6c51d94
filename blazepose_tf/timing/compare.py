"""A new document against an old one: faster, slower, or no difference that the spread allows to claim.

Two sessions on one machine differ by more than their runs do, so a difference counts only if it is larger than the
spread of the rounds and larger than `MIN_EFFECT`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Medians of two sessions on an idle machine differ by up to 5 % (frequency, memory layout) without any change.
MIN_EFFECT = 0.05
_RESAMPLES = 2000
_MIN_ROUNDS = 3


@dataclass(frozen=True)
class Verdict:
    """Comparison of one row.

    Attributes:
        label: model and configuration.
        old_ms, new_ms: medians.
        ratio: new / old.
        low, high: 95 % interval of the ratio from the rounds' spread.
        verdict: "faster", "slower" or "same within the spread".
        notes: what else differs between the rows, such as the file's hash.
    """

    label: str
    old_ms: float
    new_ms: float
    ratio: float
    low: float
    high: float
    verdict: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Verdicts of the rows in both documents, warnings about the surroundings, and rows that only one has."""

    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]

    @property
    def slower(self) -> bool:
        return any(v.verdict == "slower" for v in self.verdicts)


def label(row: dict) -> str:
    """Model and configuration of a result in words: "lite, 2 threads, xnnpack"."""
    configuration = row["configuration"]
    threads = configuration["threads"]
    words = [row["model"]["name"], f"{threads} thread{'s' if threads > 1 else ''}", configuration["delegate"]]
    return ", ".join(words + (["fp16"] if configuration["fp16"] else []))


def compare(old: dict, new: dict) -> Comparison:
    """Compares two validated documents.

    Raises:
        ValueError: they come from different kinds of device or different devices, or share no row.
    """
    if old["device"]["kind"] != new["device"]["kind"] or old["device"]["model"] != new["device"]["model"]:
        names = [f"{d['device']['kind']} ({d['device']['model']})" for d in (old, new)]
        raise ValueError(f"only documents of one device can be compared. Received: old={names[0]}, new={names[1]}")
    rows = [{label(row): row for row in document["results"] if row["latency_ms"]} for document in (old, new)]
    shared = [name for name in rows[1] if name in rows[0]]
    if not shared:
        raise ValueError(f"the documents share no row. Received: old={sorted(rows[0])}, new={sorted(rows[1])}")
    return Comparison(
        tuple(_judge(name, rows[0][name], rows[1][name]) for name in shared),
        tuple(_surroundings(old, new)),
        tuple(sorted(rows[0].keys() - rows[1].keys())),
        tuple(sorted(rows[1].keys() - rows[0].keys())),
    )


def _judge(name: str, old: dict, new: dict) -> Verdict:
    before, after = old["latency_ms"], new["latency_ms"]
    ratio = after["median"] / before["median"]
    low, high = _interval(before, after)
    verdict = "same within the spread"
    if high < 1 and ratio < 1 - MIN_EFFECT:
        verdict = "faster"
    elif low > 1 and ratio > 1 + MIN_EFFECT:
        verdict = "slower"
    notes = []
    if old["model"]["sha256"] != new["model"]["sha256"]:
        notes.append("another file")
    notes += [f"{when} measured while throttled" for when, r in (("old", old), ("new", new)) if r["state"]["throttled"]]
    return Verdict(name, before["median"], after["median"], ratio, low, high, verdict, tuple(notes))


def _interval(before: dict, after: dict) -> tuple[float, float]:
    """95 % interval of the ratio: bootstrap over rounds, or the ends of the runs' spread where rounds are too few."""
    rounds = [np.asarray(r["rounds"]) for r in (before, after)]
    if min(map(len, rounds)) >= _MIN_ROUNDS:
        numbers = np.random.default_rng(0)
        medians = [np.median(numbers.choice(r, (_RESAMPLES, len(r))), axis=1) for r in rounds]
        low, high = np.percentile(medians[1] / medians[0], (2.5, 97.5))
        return float(low), float(high)
    ends = [_spread(r) for r in (before, after)]
    return ends[1][0] / ends[0][1], ends[1][1] / ends[0][0]


def _spread(latency: dict) -> tuple[float, float]:
    if latency["p5"] is not None and latency["p95"] is not None:
        return latency["p5"], latency["p95"]
    std = latency["std"] or 0.0
    floor = latency["min"] or latency["mean"] * 0.01
    return max(latency["mean"] - 2 * std, floor), latency["mean"] + 2 * std


def _surroundings(old: dict, new: dict) -> list[str]:
    found = [
        f"device {name} differs: {old['device'][name]!r} -> {new['device'][name]!r}"
        for name in ("id", "os", "governor", "affinity", "cores")
        if old["device"][name] != new["device"][name]
    ]
    found += [
        f"{name} differs: {old['tool'].get(name)!r} -> {new['tool'].get(name)!r}"
        for name in sorted(old["tool"].keys() | new["tool"].keys())
        if old["tool"].get(name) != new["tool"].get(name)
    ]
    return found
