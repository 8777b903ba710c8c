"""What a review measures in its samples, whether by a scan of them or from stored days: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw

from rolloutlib.measure.moments import (
    Histogram,
    MomentTable,
    columns,
    histogram,
    merge_histograms,
    metric_expressions,
    scan,
    top_tags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.estimates import Unit
    from rolloutlib.runs.samples import Samples

__all__ = ["STRATA", "Count", "Measured", "measure"]

TOP_ISSUES = 3
STEPS = 10  # a unit, of the histograms: tenths of a millisecond, tenths of a point
STRATA = ("category", "difficulty", "profile")


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of an arm, how many carry a user or prompt id, and how many different ones."""

    samples: int
    with_user: int
    users: int
    with_prompt: int
    prompts: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a review needs of its samples.

    Attributes:
        counts: by arm, the control first.
        unit: what a cluster is in `table`.
        named: the smaller arm's share of samples that name their unit, 0–1; 1 where the unit is the sample.
        tags: issue tags in the moments; the first `ranked` are the control arm's top ones.
        table: moments by arm, run_id, cluster and the strata.
        latency, score: histograms by (arm, run).
    """

    counts: Mapping[str, Count]
    unit: Unit
    named: float
    tags: tuple[str, ...]
    ranked: int
    table: MomentTable
    latency: Mapping[tuple[str, str], Histogram]
    score: Mapping[tuple[str, str], Histogram]

    def merged(self, metric: str, arm: str) -> Histogram:
        """Return one arm's histogram of `latency_ms` or `score`."""
        source = self.latency if metric == "latency_ms" else self.score
        return merge_histograms([part for (where, _), part in source.items() if where == arm])


def measure(
    samples: Samples, arms: tuple[str, str], *,
    timeout_cap_ms: float, slow_above_ms: float, apart: bool = False,
) -> Measured:  # fmt: skip
    """Measure both arms.

    Args:
        samples: of both arms; others are left out.
        arms: names of the control and the treatment.
        timeout_cap_ms: latency of a timeout that reports none.
        slow_above_ms: samples slower than this count as `slow`.
        apart: whether samples without user and prompt stay clusters of their own (the slope needs each by itself).

    Raises:
        RunsError: a metric holds NaN or an infinite value.
    """
    frame = samples.frame().filter(nw.col("arm").is_in(arms))
    counts = {arm: _count(samples, arm) for arm in arms}
    unit, named = choose_unit(counts)
    ranked, others = (top_tags(frame, arm=arm, most=TOP_ISSUES) for arm in arms)
    tags = tuple(dict.fromkeys((*ranked, *others)))
    metrics = metric_expressions(
        timeout_cap_ms=timeout_cap_ms, slow_above_ms=slow_above_ms, tags=tags
    )
    cluster = {"user": "user_id", "prompt": "prompt_id", "sample": "arm"}[unit]
    if unit == "sample" and apart:
        key = nw.concat_str("arm", "run_id", "sample_id", separator="\x1f")
        frame, cluster = frame.with_columns(key.alias("apart")), "apart"
    by = {"arm": "arm", "run_id": "run_id", "cluster": cluster, **{name: name for name in STRATA}}
    table = scan(frame, metrics, by=by)
    latency, score = (
        histogram(frame, metrics[name], per_unit=STEPS) for name in ("latency_ms", "score")
    )
    return Measured(counts, unit, named, tags, len(ranked), table, latency, score)


def _count(samples: Samples, arm: str) -> Count:
    ids = (
        (nw.col(c).count().alias(f"with_{c}"), nw.col(c).n_unique().alias(c))
        for c in ("user_id", "prompt_id")
    )
    counted = (
        samples.frame()
        .filter(nw.col("arm") == arm)
        .select(nw.len().alias("n"), *(e for pair in ids for e in pair))
    )
    found = {name: int(column[0] or 0) for name, column in columns(counted).items()}
    # n_unique counts null as a value of its own.
    users, prompts = (
        found[c] - (found[f"with_{c}"] < found["n"]) for c in ("user_id", "prompt_id")
    )
    return Count(found["n"], found["with_user_id"], users, found["with_prompt_id"], prompts)


def choose_unit(counts: Mapping[str, Count]) -> tuple[Unit, float]:
    """Choose what a cluster is: users when samples name them, else prompts, else the sample itself.

    Samples of one user are not independent, so a user id that only some samples carry leaves the dependence unknown.

    Returns:
        The unit, and the smaller arm's share of samples that name it.

    >>> choose_unit({"control": Count(4, 0, 0, 4, 2), "treatment": Count(4, 0, 0, 3, 2)})
    ('prompt', 0.75)
    """
    known: dict[Unit, list[int]] = {
        "user": [count.with_user for count in counts.values()],
        "prompt": [count.with_prompt for count in counts.values()],
    }
    for unit, carrying in known.items():
        shares = [
            n / max(count.samples, 1) for n, count in zip(carrying, counts.values(), strict=True)
        ]
        if max(shares) > 0:
            return unit, min(shares)
    return "sample", 1.0
