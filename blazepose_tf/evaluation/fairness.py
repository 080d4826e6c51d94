"""The model card's fairness table: PDJ by group, its spread, and a verdict against a limit.

Reference: 2020 model card, "Fairness evaluation results": unfair when the groups' mean PDJ spans more than 5 points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LIMIT = 0.05  # about twice the human annotation discrepancy, as the card puts it
MIN_PEOPLE = 30  # smaller groups are shown but say too little for the verdict


@dataclass(frozen=True)
class Spread:
    """Lowest and highest group and the distance between them."""

    lowest: str
    highest: str
    low: float
    high: float

    @property
    def span(self) -> float:
        return self.high - self.low

    def fair(self, limit: float = LIMIT) -> bool:
        """Whether the span stays within the limit (1e-9 for rounding)."""
        return self.span <= limit + 1e-9


def spread(rates: Mapping[str, float]) -> Spread:
    """Spread of the groups' rates.

    Args:
        rates: group -> rate, in any unit.

    Raises:
        ValueError: no group with a known rate.
    """
    known = {group: rate for group, rate in rates.items() if np.isfinite(rate)}
    if not known:
        raise ValueError(f"spread needs at least one group with a rate. Received: rates={dict(rates)}")
    lowest, highest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return Spread(lowest, highest, known[lowest], known[highest])


def by_group(rates: np.ndarray, groups: np.ndarray, *, field: str, limit: float = LIMIT) -> dict:
    """The table of one evaluation.

    Args:
        rates: (N,) PDJ of each person in [0, 1]; nan for people it is not defined for.
        groups: (N,) group of each person.
        field: name of the field the groups come from.
        limit: tolerated span.

    Returns:
        {"field", "rows": [{"group", "people", "pdj", "std", "interval"}], "total", "span", "lowest", "highest",
        "limit", "verdict"}; the interval is 1.96 standard errors of the mean. Groups below MIN_PEOPLE carry no verdict.
    """
    rows, judged = [], {}
    for group in sorted(set(groups.tolist())):
        mine = rates[(groups == group) & np.isfinite(rates)]
        mean = float(mine.mean()) if mine.size else float("nan")
        std = float(mine.std(ddof=1)) if mine.size > 1 else float("nan")
        half = 1.96 * std / np.sqrt(mine.size) if mine.size > 1 else float("nan")
        rows.append(
            {"group": group, "people": int(mine.size), "pdj": mean, "std": std, "interval": [mean - half, mean + half]}
        )
        if mine.size >= MIN_PEOPLE:
            judged[group] = mean
    known = rates[np.isfinite(rates)]
    out = {
        "field": field,
        "rows": rows,
        "total": {
            "people": int(known.size),
            "pdj": float(known.mean()) if known.size else float("nan"),
            "std": float(known.std(ddof=1)) if known.size > 1 else float("nan"),
        },
        "limit": limit,
        "verdict": "undecided: fewer than two groups of enough people",
    }
    if len(judged) >= 2:
        s = spread(judged)
        out |= {"span": s.span, "lowest": s.lowest, "highest": s.highest}
        out["verdict"] = "within the limit" if s.fair(limit) else "beyond the limit"
    return out
