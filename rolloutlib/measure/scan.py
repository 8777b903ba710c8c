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
from rolloutlib.measure.prompts import scan_prompts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.prompts import Prompts
    from rolloutlib.runs.samples import Samples

__all__ = ["STRATA", "Count", "Measured", "listed_tags", "measure", "run_scale"]

TOP_ISSUES = 3
RISING = 5  # further tags that are measured because they may rise
NO_TAGS = ("",)  # measured where no sample has an issue: whether it tells so
CLOSE = 1.0  # standard errors by which a tag has to rise to be looked at
STEPS = 10  # a unit, of the histograms: tenths of a millisecond, tenths of a point
STRATA = ("category", "difficulty", "profile")


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of an arm, how many carry a user or prompt id, and how many different ones.

    Attributes:
        runs: different runs.
        labelled: samples that tell their issues, be it that there are none.
    """

    samples: int
    with_user: int
    users: int
    with_prompt: int
    prompts: int
    runs: int = 0
    labelled: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a review needs of its samples.

    Attributes:
        counts: by arm, the control first.
        unit: what a cluster is in `table` and `strata`.
        named: the smaller arm's share of samples that name their unit, 0–1; 1 where
            the unit is the sample.
        tags: issue tags in the moments; the first `ranked` are the control arm's top ones.
        carried: how many samples of each arm carry each issue tag, by (arm, tag).
        prompts: which prompts both arms have; None where an arm names none.
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
    carried: Mapping[tuple[str, str], int]
    prompts: Prompts | None

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
    tags, ranked = listed_tags(tagged, counts, arms)
    metrics = metric_expressions(
        timeout_cap_ms=timeout_cap_ms, slow_above_ms=slow_above_ms, tags=tags or NO_TAGS
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
        counts, unit, named, tags, ranked,
        table=scan(frame, metrics, by=units),
        by_run=scan(frame, metrics, by={"arm": "arm", "run_id": "run_id"}),
        strata=_strata(frame, {"passed": metrics["passed"]}, units),
        latency=latency, score=score, carried=tagged, prompts=_prompts(frame, arms, counts),
    )  # fmt: skip


def listed_tags(
    carried: Mapping[tuple[str, str], int], counts: Mapping[str, Count], arms: tuple[str, str]
) -> tuple[tuple[str, ...], int]:
    """Choose the tags to measure: both arms' top ones, and those that rise most.

    Returns:
        The tags, and how many of them are the control's top ones, which come first.
    """
    ranked, others = (top_tags(carried, arm=arm, most=TOP_ISSUES) for arm in arms)
    before, after = (max(counts[arm].labelled, 1) for arm in arms)
    rises: dict[str, float] = {}
    for tag in {tag for _, tag in carried}:
        old, new = (carried.get((arm, tag), 0) for arm in arms)
        pooled = (old + new) / (before + after)
        spread = (pooled * (1 - pooled) * (1 / before + 1 / after)) ** 0.5
        rises[tag] = (new / after - old / before) / spread if spread else 0.0
    rising = sorted((tag for tag in rises if rises[tag] > CLOSE), key=lambda t: (-rises[t], t))
    return tuple(dict.fromkeys((*ranked, *others, *rising[:RISING]))), len(ranked)


def run_scale(counts: Mapping[str, Count], arms: tuple[str, str]) -> float:
    """Return how many runs the treatment has for one of the control."""
    return counts[arms[1]].runs / counts[arms[0]].runs


def _prompts(
    frame: nw.LazyFrame[Any], arms: tuple[str, str], counts: Mapping[str, Count]
) -> Prompts | None:
    named = all(counts[arm].with_prompt for arm in arms)
    return scan_prompts(frame, arms, run_scale(counts, arms)) if named else None


def _strata(
    frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], units: Mapping[str, str]
) -> dict[str, MomentTable]:
    different = frame.select(*(nw.col(name).n_unique().alias(name) for name in STRATA))
    counted = collect(different).to_pylist()[0]
    several = [name for name in STRATA if counted[name] > 1]
    return {name: scan(frame, metrics, by={**units, name: name}) for name in several}


def _counts(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> dict[str, Count]:
    """Count samples and ids of each arm; an arm without samples has zeros."""
    user, prompt, run, issues = map(nw.col, ("user_id", "prompt_id", "run_id", "issues"))
    aggregates = {
        "with_user": user.count(), "users": user.n_unique(), "with_prompt": prompt.count(),
        "prompts": prompt.n_unique(), "runs": run.n_unique(), "labelled": issues.count(),
    }  # fmt: skip
    named = [expression.alias(name) for name, expression in aggregates.items()]
    grouped = frame.group_by("arm").agg(nw.len().alias("samples"), *named)
    counted = {row["arm"]: row for row in collect(grouped).to_pylist()}
    nothing = dict.fromkeys(("samples", *aggregates), 0)
    return {arm: _count(counted.get(arm, nothing)) for arm in arms}


def _count(row: Mapping[str, int]) -> Count:
    """Take null out of the different ids, where it counts as one of its own."""
    n, with_user, with_prompt = row["samples"], row["with_user"], row["with_prompt"]
    users, prompts = row["users"] - (with_user < n), row["prompts"] - (with_prompt < n)
    return Count(n, with_user, users, with_prompt, prompts, row["runs"], row["labelled"])


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
