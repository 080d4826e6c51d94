"""The output of LiteRT's `benchmark_model`, of several versions, as numbers.

The tool prints times in microseconds, since 2024 with percentiles; its op profile lost the [start] column in the same
year. Logs may carry "INFO: " or "\\r". What is missing is None; a log without inference times is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"([0-9.]+(?:[eE][+-]?[0-9]+)?)"
_COUNT = re.compile(r"\bcount=(\d+)((?: (?:first|curr|min|max|avg|std|p5|median|p95)=[0-9.eE+-]+)+)")
_SUMMARY = re.compile(
    rf"Init: {_NUMBER}, First inference: {_NUMBER}, Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}"
)
# Before 2020 the tool wrote one line with other words.
_OLD_SUMMARY = re.compile(
    rf"Average inference timings in us: Warmup: {_NUMBER}, Init: {_NUMBER}, (?:Inference|no stats): {_NUMBER}"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}")
_FOOTPRINT = re.compile(
    r"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init={_NUMBER} overall={_NUMBER}"
)
_REPLACED = re.compile(
    r"Replacing (\d+) out of (\d+) node\(s\) with delegate \(([^)]*)\) node, yielding (\d+) partitions"
)
_APPLIED = re.compile(
    r"Explicitly applied (\S+) delegate, and the model graph will be (completely|partially) executed by the delegate"
    r"(?: w/ (\d+) delegate kernels)?"
)
_NOT_APPLIED = re.compile(r"delegate is explicitly applied, the model graph will not be executed by the delegate")
_INITIALIZATION = "Profiling Info for Benchmark Initialization"
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs"
_RUN_ORDER = "Run Order"
_SECTION_END = re.compile(r"=+ .* =+|Number of nodes executed|Profiling Info")


@dataclass(frozen=True)
class Profiled:
    """One row of the op profile, by run order: time in ms (average), share in percent, calls per inference."""

    kind: str
    ms: float
    percent: float
    calls: int
    name: str


@dataclass(frozen=True)
class Log:
    """What one run of benchmark_model said. Times in ms, memory in MB; None where the log is silent.

    Attributes:
        delegate: name of the delegate that took the graph or a part of it.
        partitions: number of its kernels.
        delegate_refused: the delegate was asked for and took nothing: the times are those of the CPU.
    """

    count: int
    mean: float
    minimum: float | None
    maximum: float | None
    std: float | None
    p5: float | None
    median: float | None
    p95: float | None
    init: float | None
    first: float | None
    warmup: float | None
    peak_memory_mb: float | None
    footprint_mb: float | None
    delegate: str | None
    partitions: int | None
    delegate_refused: bool
    profile: tuple[Profiled, ...]


class LogError(ValueError):
    """The text is no benchmark_model log, or a broken one."""


def parse(text: str) -> Log:
    """Reads a log.

    Args:
        text: stdout and stderr of benchmark_model.

    Raises:
        LogError: no inference times, or impossible ones; the message quotes the end of the text.
    """
    text = text.replace("\r", "")
    runs = text.split(_INITIALIZATION)[0].split(_REGULAR)[0]  # profiles end with "count=" lines of their own
    stats = [_statistics(match) for match in _COUNT.finditer(runs)]
    summary, old = _SUMMARY.search(text), _OLD_SUMMARY.search(text)
    if summary:
        init, first, warmup, mean = (float(v) / 1e3 for v in summary.groups())
    elif old:
        warmup, init, mean = (float(v) / 1e3 for v in old.groups())
        first = None
    else:
        raise LogError(f"benchmark_model printed no line with 'Inference timings in us'. {_tail(text)}")
    run = stats[-1] if stats else {}
    if mean <= 0 or run.get("count", 1) < 1:
        raise LogError(f"benchmark_model printed impossible times (average {mean} ms). {_tail(text)}")
    delegate, partitions, refused = _delegate(text)
    peak, footprint = _PEAK.search(text), _FOOTPRINT.search(text)
    return Log(
        count=int(run.get("count", 1)),
        mean=mean,
        minimum=run.get("min"),
        maximum=run.get("max"),
        std=run.get("std"),
        p5=run.get("p5"),
        median=run.get("median"),
        p95=run.get("p95"),
        init=init,
        first=first,
        warmup=warmup,
        peak_memory_mb=float(peak[1]) if peak else None,
        footprint_mb=float(footprint[2]) if footprint else None,
        delegate=delegate,
        partitions=partitions,
        delegate_refused=refused,
        profile=_profile(text),
    )


def _statistics(match: re.Match) -> dict[str, float]:
    """A "count=50 first=.. min=.." line; us to ms. A single run prints "count=1 curr=.." only."""
    values = {k: float(v) / 1e3 for k, v in (pair.split("=") for pair in match[2].split())}
    if "min" not in values and "curr" in values:
        values |= {"min": values["curr"], "max": values["curr"], "std": 0.0}
    return values | {"count": int(match[1])}


def _delegate(text: str) -> tuple[str | None, int | None, bool]:
    refused = bool(_NOT_APPLIED.search(text))
    replaced = [m for m in _REPLACED.finditer(text) if int(m[1]) > 0]
    if replaced:
        return replaced[-1][3], int(replaced[-1][4]), refused
    applied = _APPLIED.search(text)
    if applied:
        # Executed completely means one kernel; older versions do not print the number.
        return applied[1], int(applied[3]) if applied[3] else (1 if applied[2] == "completely" else None), refused
    return ("XNNPACK" if "Created TensorFlow Lite XNNPACK delegate" in text else None), None, refused


def _profile(text: str) -> tuple[Profiled, ...]:
    _, found, rest = text.partition(_REGULAR)
    _, ordered, rest = rest.partition(_RUN_ORDER)
    if not found or not ordered:
        return ()
    columns, rows = None, []
    for line in rest.splitlines()[1:]:
        line = line.removeprefix("INFO: ").strip()
        if _SECTION_END.match(line):
            break
        # Columns are separated by a tab or by two and more blanks; node types contain single blanks.
        cells = [c for c in re.split(r"\t+\s*|\s{2,}", line) if c]
        if line.startswith("[node type]"):
            columns = re.findall(r"\[[^\]]*\]", line)
        elif columns and len(cells) >= len(columns) - 1:
            row = dict(zip(columns, cells, strict=False))
            try:
                rows.append(
                    Profiled(
                        row["[node type]"],
                        float(row["[avg ms]"]),
                        float(row["[%]"].rstrip("%")),
                        int(row["[times called]"]),
                        row.get("[Name]", ""),
                    )
                )
            except (KeyError, ValueError) as error:
                raise LogError(f"op profile of benchmark_model: cannot read the line {line!r} ({error})") from error
    return tuple(rows)


def _tail(text: str, lines: int = 4) -> str:
    end = [line[:160] for line in text.strip().splitlines()[-lines:]]
    return "Its output ends with: " + (" | ".join(end) if end else "(nothing)")
