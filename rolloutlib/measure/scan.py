"""What a review measures in its samples, by scans or from stored days: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw

from rolloutlib.measure.histograms import Histogram, histogram, merge_histograms
from rolloutlib.measure.moments import (
    MomentTable,
    collect,
    metric_expressions,
    scan,
    tag_counts,
    top_tags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.design import Unit
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
        unit: what a cluster is in `table` and `strata`.
        named: the smaller arm's share of samples that name their unit, 0–1; 1 where
            the unit is the sample.
        tags: issue tags in the moments; the first `ranked` are the control arm's top ones.
        table: moments by arm and cluster.
        by_run: moments by arm and run_id.
        strata: moments of `passed` by arm, cluster and stratum, for each that has several values.
        latency, score: histograms by (arm, run).
    """

    counts: Mapping[str, Count]
    unit: Unit
    named: float
    tags: tuple[str, ...]
    ranked: int
    table: MomentTable
    by_run: MomentTable
    strata: Mapping[str, MomentTable]
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
        apart: whether samples without user and prompt stay clusters of their own (the slope needs
            each by itself).

    Raises:
        RunsError: a metric holds NaN or an infinite value.
    """
    frame = samples.frame().filter(nw.col("arm").is_in(arms))
    counts, tagged = _counts(frame, arms), tag_counts(frame)
    unit, named = choose_unit(counts)
    ranked, others = (top_tags(tagged, arm=arm, most=TOP_ISSUES) for arm in arms)
    tags = tuple(dict.fromkeys((*ranked, *others)))
    metrics = metric_expressions(
        timeout_cap_ms=timeout_cap_ms, slow_above_ms=slow_above_ms, tags=tags
    )
    cluster = {"user": "user_id", "prompt": "prompt_id", "sample": "arm"}[unit]
    if unit == "sample" and apart:
        key = nw.concat_str("arm", "run_id", "sample_id", separator="\x1f")
        frame, cluster = frame.with_columns(key.alias("apart")), "apart"
    units = {"arm": "arm", "cluster": cluster}
    latency, score = (
        histogram(frame, metrics[name], per_unit=STEPS) for name in ("latency_ms", "score")
    )
    return Measured(
        counts, unit, named, tags, len(ranked),
        table=scan(frame, metrics, by=units),
        by_run=scan(frame, metrics, by={"arm": "arm", "run_id": "run_id"}),
        strata=_strata(frame, {"passed": metrics["passed"]}, units),
        latency=latency, score=score,
    )  # fmt: skip


def _strata(
    frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], units: Mapping[str, str]
) -> dict[str, MomentTable]:
    different = frame.select(*(nw.col(name).n_unique().alias(name) for name in STRATA))
    counted = collect(different).to_pylist()[0]
    several = [name for name in STRATA if counted[name] > 1]
    return {name: scan(frame, metrics, by={**units, name: name}) for name in several}


def _counts(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> dict[str, Count]:
    """Count samples and ids of each arm; an arm without samples has zeros."""
    ids = [nw.col(name) for name in ("user_id", "prompt_id")]
    known = [expression for name in ids for expression in (name.count(), name.n_unique())]
    names = ("with_user", "users", "with_prompt", "prompts")
    aggregates = [expression.alias(name) for name, expression in zip(names, known, strict=True)]
    grouped = frame.group_by("arm").agg(nw.len().alias("samples"), *aggregates)
    counted = {row["arm"]: row for row in collect(grouped).to_pylist()}
    nothing = dict.fromkeys(("samples", *names), 0)
    return {arm: _count(counted.get(arm, nothing)) for arm in arms}


def _count(row: Mapping[str, int]) -> Count:
    """Take null out of the different ids, where it counts as one of its own."""
    n, with_user, with_prompt = row["samples"], row["with_user"], row["with_prompt"]
    users, prompts = row["users"] - (with_user < n), row["prompts"] - (with_prompt < n)
    return Count(n, with_user, users, with_prompt, prompts)


def choose_unit(counts: Mapping[str, Count]) -> tuple[Unit, float]:
    """Choose what a cluster is: users when samples name them, else prompts, else the sample itself.

    Samples of one user are not independent, so a user id that only some samples carry leaves the
    dependence unknown.

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
