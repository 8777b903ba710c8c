"""A run's own summary against its samples: rates, averages, p95 and counts, within rounding."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from math import ceil, floor, fsum, inf, isfinite
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import UNSET

from rolloutlib.phrase import phrase
from rolloutlib.runs.evidence import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from rolloutlib.runs.columns import Sample
    from rolloutlib.runs.envelopes import FoundRun, Metrics

__all__ = ["check_rates", "check_summary", "unlike_samples"]

_REPORTED_TO: Final = 0.005  # rates: two digits
_SCORE_TO: Final = 0.05  # one digit
_LATENCY_TO: Final = (1.0, 0.01)  # a millisecond, or three digits
_EXACT: Final = 1e-6  # of a mean: what agrees so far needs no second look
_FAILED_CALLS: Final = ("error", "timeout")
_OTHERS: Final = {  # a count in metrics: the statuses that it counts at least, and at most
    "passed": (("passed",), ("passed",)), "vetoed": (("vetoed",), ("vetoed",)),
    "failed": (("failed",), ("failed", "vetoed", *_FAILED_CALLS)),
    "errors": (("error",), _FAILED_CALLS), "timeouts": (("timeout",), ("timeout",)),
}  # fmt: skip


class _Average(NamedTuple):
    """A field's average in the metrics, and between what a value lies that could not be read."""

    field: str
    reported: str
    wire: str
    low: float
    high: float


_AVERAGES: Final = (
    _Average("score", "avg_score", "avgScore", -10.0, 100.0),
    _Average("latency_ms", "avg_latency", "avgLatency", -1_000.0, inf),
)


def check_rates(run: FoundRun) -> None:
    """Hold reported rates against the samples.

    Rows that could not be read, or ended in an error, may count either way.

    Raises:
        RefusedError: they disagree.
    """
    statuses = [sample.status for sample in run.envelope.result.samples]
    if not statuses:
        return
    metrics, rows = run.envelope.result.metrics, run.rows
    for status, name, reported in (
        ("passed", "passRate", metrics.pass_rate),
        ("vetoed", "vetoedPct", metrics.vetoed_pct),
    ):
        if reported is UNSET:
            continue
        count, tolerance = statuses.count(status), _REPORTED_TO + 1 / rows
        most = count + len(run.bad)
        if not count / rows - tolerance <= reported <= most / rows + tolerance:
            judged = rows - sum(map(statuses.count, _FAILED_CALLS))
            if judged == rows or abs(reported - count / max(1, judged)) > tolerance:
                raise _disagrees(name, reported, count / len(statuses), len(statuses))


def unlike_samples(runs: Sequence[FoundRun], columns: Mapping[str, pa.Array]) -> list[int]:
    """Return which runs' summaries need a second look (`check_summary`): most need none.

    Args:
        runs: of one batch.
        columns: their samples, one run after the other.
    """
    ends = np.cumsum([0, *(len(run.envelope.result.samples) for run in runs)])
    suspects = {place for place, run in enumerate(runs) if run.envelope.result.metrics.more}
    for average in _AVERAGES:
        values = columns[average.field].to_numpy(zero_copy_only=False)
        is_number = np.isfinite(values)
        sums = np.concatenate([[0.0], np.cumsum(np.where(is_number, values, 0.0))])
        counts = np.concatenate([[0], np.cumsum(is_number)])
        total, n = np.diff(sums[ends]), np.diff(counts[ends])
        summaries = [getattr(run.envelope.result.metrics, average.reported) for run in runs]
        reported = np.array([np.nan if summary is UNSET else summary for summary in summaries])
        off = np.abs(total / np.maximum(n, 1) - reported) > _EXACT * np.maximum(reported, 1.0)
        suspects.update(np.flatnonzero(off & (n > 0)).tolist())
    return sorted(suspects)


def check_summary(run: FoundRun) -> None:
    """Hold averages, p95 and counts against the samples; what the run does not tell is not asked.

    An average may be of all samples, or leave out failed calls, or vetoed samples too.

    Raises:
        RefusedError: they disagree; both numbers are named.
    """
    metrics, samples = run.envelope.result.metrics, run.envelope.result.samples
    if not samples:
        return
    for average in _AVERAGES:
        reported = getattr(metrics, average.reported)
        if not isinstance(reported, float):
            continue
        means = _means(samples, average.field)
        if means and not any(_agrees(average, reported, mean, len(run.bad)) for mean in means):
            raise _disagrees(average.wire, reported, means[0][0], means[0][1])
    _check_p95(run, metrics)
    _check_counts(run, metrics)


def _means(samples: Sequence[Sample], field: str) -> list[tuple[float, int]]:
    """Return means of a field, each with how many values it is of; the first is of all."""
    pairs = [(getattr(sample, field), sample.status) for sample in samples]
    numbers = [(value, status) for value, status in pairs if isinstance(value, float)]
    subsets = (
        [value for value, _ in numbers],
        [value for value, status in numbers if status not in _FAILED_CALLS],
        [value for value, status in numbers if status in {"passed", "failed"}],
        [value for value, status in numbers if status == "passed"],
    )
    return [(fsum(values) / len(values), len(values)) for values in subsets if values]


def _agrees(average: _Average, reported: float, of: tuple[float, int], bad: int) -> bool:
    """Return whether a mean is the reported one, where `bad` rows more can have been in it."""
    mean, n = of
    least, share = _LATENCY_TO if average.field == "latency_ms" else (_SCORE_TO, 0.0)
    slack = max(least, share * max(mean, reported)) + 1e-9
    low = (mean * n + average.low * bad) / (n + bad)
    high = (mean * n + average.high * bad) / (n + bad) if bad else mean
    return min(mean, low) - slack <= reported <= max(mean, high) + slack


def _check_p95(run: FoundRun, metrics: Metrics) -> None:
    latencies = [sample.latency_ms for sample in run.envelope.result.samples]
    values = sorted(value for value in latencies if isinstance(value, float))
    reported = next(filter(_is_number, metrics.p95s), None)
    if reported is None or not values or run.bad:
        return
    at = 0.95 * len(values)
    least = values[max(0, floor(at) - 2)]
    most = values[min(len(values) - 1, ceil(at) + 1)]
    slack = max(_LATENCY_TO[0], _LATENCY_TO[1] * most)
    if not least - slack <= reported <= most + slack:
        middle = values[min(len(values) - 1, ceil(at) - 1)]
        raise _disagrees("p95", reported, middle, len(values))


def _check_counts(run: FoundRun, metrics: Metrics) -> None:
    statuses, bad = [sample.status for sample in run.envelope.result.samples], len(run.bad)
    total = next(filter(_is_number, metrics.totals), None)
    if total is not None and total != run.rows:
        raise _disagrees("count", total, run.rows, run.rows)
    for name, (least, most) in _OTHERS.items():
        reported = getattr(metrics, name)
        if not _is_number(reported):
            continue
        low, high = (sum(map(statuses.count, of)) for of in (least, most))
        share = 0 < reported < 1 or (reported == 1 and len(statuses) > 1 and high == len(statuses))
        slack, size = (_REPORTED_TO + 1 / run.rows, run.rows) if share else (0, 1)
        if not low / size - slack <= reported <= (high + bad) / size + slack:
            raise _disagrees(name, reported, low / size, len(statuses))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _disagrees(name: str, reported: float, measured: float, samples: int) -> RefusedError:
    expectation = phrase(
        "expected {measured} as in the run's {samples} samples",
        measured=f"{measured:.4g}", samples=samples,
    )  # fmt: skip
    return RefusedError(name, reported, expectation)
