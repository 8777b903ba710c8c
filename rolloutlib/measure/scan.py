"""What a review measures in its samples, by scans or from stored days: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from rolloutlib.measure import labelled
from rolloutlib.measure.by_prompt import scan_answers
from rolloutlib.measure.components import Overlap, overlap_of
from rolloutlib.measure.counts import (
    CLUSTERS,
    Count,
    choose_unit,
    count_groups,
    count_samples,
    names_of,
    run_scale,
    with_different_ids,
)
from rolloutlib.measure.expressions import latency_expression, metric_expressions
from rolloutlib.measure.histograms import Histogram, histogram, merge_histograms
from rolloutlib.measure.moments import MomentTable, collect, scan
from rolloutlib.measure.people import People, scan_people
from rolloutlib.measure.prompts import scan_prompts
from rolloutlib.measure.subject import (
    Subject,
    Wanted,
    also_listed,
    among,
    choosers_of,
    left_by,
    samples_of,
    settled,
    split,
    without_choosers,
)  # fmt: skip
from rolloutlib.measure.tags import NO_TAGS, listed_tags, tag_counts
from rolloutlib.measure.tails import beyond
from rolloutlib.plan.segments import MOST_VALUES
from rolloutlib.runs.columns import BILLED
from rolloutlib.runs.further import is_scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.prompts import Prompts
    from rolloutlib.measure.subject import Choosers
    from rolloutlib.runs.samples import Samples

__all__ = ["STRATA", "Measured", "measure"]

STEPS = 10  # a unit, of the histograms: tenths of a millisecond, tenths of a point
FEW_GROUPS = 100_000  # of arm, run and cluster: up to here one scan measures them all
CHOOSING: Final[Mapping[Unit, str]] = {"sample": "sample_id"}  # who chooses, where not clusters
BARE: Final = ("edited", "style_violations", "suggested", "covariate", *BILLED)  # often null
ANY_ISSUE: Final = Wanted()
STRATA = ("category", "difficulty", "profile")


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
        overlap, answers: which units runs share; moments by arm, prompt and perhaps cluster.
        strata: moments, as of `passed`, by arm, cluster and stratum that has several values.
        latency, score: histograms by (arm, run), latencies as they were.
        people: the users inside of declared clusters; None where no clusters are declared.
        subject: the issue that the top-issue gate is about; None where the control has none.
        tested: the same without the samples that chose the subject; None where none had to.
        latency_cap_ms: what the moments of `latency_ms` count of a slower sample.
        crowded: segments with more than `MOST_VALUES` values, and how many; they have no strata.
        labels: what people said of some samples; None where nobody said anything.
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
    overlap: Overlap | None = None
    answers: MomentTable | None = None
    people: People | None = None
    subject: Subject | None = None
    tested: Measured | None = None
    latency_cap_ms: float = inf
    crowded: Mapping[str, int] = field(default_factory=dict[str, int])
    labels: labelled.Labels | None = None
    _merged: dict[tuple[str, str], Histogram] = field(
        init=False, repr=False, compare=False, default_factory=dict[tuple[str, str], Histogram]
    )

    @property
    def of_issue(self) -> Measured:
        """What the top-issue gate is judged by; `table` and `by_run` tell nothing but its issue."""
        return self.tested or self

    def merged(self, metric: str, arm: str) -> Histogram:
        """Return one arm's histogram of `latency_ms` or `score`."""
        if (metric, arm) not in self._merged:
            source = self.latency if metric == "latency_ms" else self.score
            parts = [part for (where, _), part in source.items() if where == arm]
            self._merged[metric, arm] = merge_histograms(parts)
        return self._merged[metric, arm]


def measure(  # noqa: PLR0913 -- each decides what is counted
    samples: Samples, arms: tuple[str, str], *,
    timeout_cap_ms: float, slow_above_ms: float, latency_cap_ms: float, apart: bool = False,
    issues: Wanted = ANY_ISSUE, segments: Sequence[str] = (), tails: Sequence[float] = (),
    within: Sequence[str] = ("passed",),
) -> Measured:  # fmt: skip
    """Measure both arms.

    Args:
        samples: of both arms; others are left out.
        arms: names of the control and the treatment.
        timeout_cap_ms: latency of a timeout that reports none.
        slow_above_ms: samples slower than this count as `slow`.
        latency_cap_ms: what the moments of `latency_ms` count of a slower sample.
        apart: whether samples without user and prompt stay clusters of their own, for the slope.
        issues: what decides which issue the top-issue gate is about.
        segments: those that the plan names; the samples' own are measured in any case.
        within: metrics of each segment.
        tails: quantiles of the latency beyond which each arm's samples are counted.

    Raises:
        RunsError: a metric holds NaN or an infinite value.
    """
    frame = samples.frame().filter(nw.col("arm").is_in(arms))
    counts, tagged = count_samples(frame, arms), tag_counts(frame)
    unit, named = choose_unit(counts)
    groups = count_groups(frame, unit)
    counts = with_different_ids(counts, groups, unit, frame)
    subject = settled(tagged, arms[0], issues) or _choice(frame, arms, unit, groups, tagged, issues)
    tags, ranked = listed_tags(tagged, counts, arms, also=also_listed(subject, issues, tagged))
    metrics = metric_expressions(
        timeout_cap_ms=timeout_cap_ms, slow_above_ms=slow_above_ms, latency_cap_ms=latency_cap_ms,
        tags=tags or NO_TAGS, scorers=filter(is_scorer, samples.extras),
    )  # fmt: skip
    took = latency_expression(timeout_cap_ms)
    latency, score = (histogram(frame, value, per_unit=STEPS) for value in (took, metrics["score"]))
    metrics |= beyond(latency, arms, tails, took, per_unit=STEPS)
    units = {"arm": "arm", "cluster": CLUSTERS[unit]}
    measurable = _measurable(frame, metrics)
    if each := unit == "sample" and apart:
        names = nw.concat_str("arm", "run_id", "sample_id", separator="\x1f")
        frame, units = frame.with_columns(apart=names), units | {"cluster": "apart"}
    finest = _Finest.of(frame, measurable, units, inf if each else len(groups.rows))
    strata, crowded = _strata(
        frame, {m: metrics[m] for m in within if m in metrics}, units,
        (*STRATA, *(name for name in segments if name in samples.extras)),
    )  # fmt: skip
    whole = Measured(
        counts, unit, named, tags, ranked,
        table=finest.by("cluster").with_unknown(metrics),
        by_run=finest.by("run_id").with_unknown(metrics),
        strata=strata, crowded=crowded,
        latency=latency, score=score, carried=tagged, prompts=_prompts(frame, arms, counts),
        people=scan_people(frame, arms) if unit == "cluster" else None,
        subject=subject, latency_cap_ms=latency_cap_ms,
        overlap=_overlap(groups, counts, unit),
        answers=scan_answers(frame, measurable, units, counts),
        labels=labelled.labels_among(frame, counts, None if unit == "sample" else CLUSTERS[unit]),
    )  # fmt: skip
    return without_choosers(whole, arms, finest.without)


@dataclass(frozen=True, slots=True)
class _Finest:
    """Moments by arm, run and cluster, or what scans them where there are very many groups.

    Attributes:
        frame: the samples of both arms.
        metrics: as `scan` takes them.
        keys: arm, run and cluster → their columns.
        whole: all moments; None where they are scanned by cluster and by run, each alone.
    """

    frame: nw.LazyFrame[Any]
    metrics: Mapping[str, nw.Expr]
    keys: Mapping[str, str]
    whole: MomentTable | None

    @classmethod
    def of(
        cls, frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], units: Mapping[str, str],
        groups: float,
    ) -> _Finest:  # fmt: skip
        """Scan the samples where they have few groups."""
        keys = {"run_id": "run_id", **units}
        whole = scan(frame, metrics, by=keys) if groups <= FEW_GROUPS else None
        return cls(frame, metrics, keys, whole)

    def by(self, key: str) -> MomentTable:
        """Return moments by arm and this key."""
        if self.whole is not None:
            return self.whole.grouped("arm", key)
        return scan(self.frame, self.metrics, by={"arm": "arm", key: self.keys[key]})

    def without(self, choosers: Choosers, metric: str, arms: Sequence[str]) -> MomentTable:
        """Return moments of one metric, without the choosers of these arms."""
        of_metric = {metric: self.metrics[metric]}
        if not choosers.names:  # samples choose
            return scan(split(self.frame, choosers, arms)[1], of_metric, by=self.keys)
        whole = self.whole or scan(self.frame, of_metric, by=self.keys)
        return left_by(choosers, whole.only(metric), arms)


def _overlap(groups: MomentTable, counts: Mapping[str, Count], unit: Unit) -> Overlap | None:
    """Return which units the runs share; None where samples are the units, or runs are single."""
    several = max(count.runs for count in counts.values()) > 1
    return overlap_of(groups) if unit != "sample" and several else None


def _measurable(frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr]) -> dict[str, nw.Expr]:
    """Return the metrics that any sample tells, or may tell: most sources lack several columns."""
    columns = [name for name in metrics if name in BARE]
    counts = collect(frame.select(*(nw.col(name).count().alias(name) for name in columns)))
    untold = {name for name in columns if not counts[name][0].as_py()}
    return {name: metrics[name] for name in metrics if name not in untold}


def _choice(
    frame: nw.LazyFrame[Any], arms: tuple[str, str], unit: Unit, groups: MomentTable,
    tagged: Mapping[tuple[str, str], int], issues: Wanted,
) -> Subject | None:  # fmt: skip
    """Let a held-out part of the control choose the issue."""
    control = arms[0]
    if not issues.open or all(arm != control for arm, _ in tagged):
        return None
    of_control, column = frame.filter(nw.col("arm") == control), CHOOSING.get(unit, CLUSTERS[unit])
    names = [] if unit == "sample" else names_of(groups, control, "cluster")
    choosers = choosers_of(column, unit, names)
    chose = samples_of(of_control, choosers, arms[:1])
    if unit == "sample":
        count, units = collect(chose.select(nw.len()))[0][0].as_py(), groups.where(arm=control).rows
        choosers = replace(choosers, count=count, units=int(units.sum()))
    carried = {tag: n for (_, tag), n in tag_counts(chose).items()}
    return Subject(among(tagged, carried, control), "held_out", unit, choosers)


def _prompts(
    frame: nw.LazyFrame[Any], arms: tuple[str, str], counts: Mapping[str, Count]
) -> Prompts | None:
    named = all(counts[arm].with_prompt for arm in arms)
    return scan_prompts(frame, arms, run_scale(counts, arms)) if named else None


def _strata(
    frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], units: Mapping[str, str],
    names: Sequence[str],
) -> tuple[dict[str, MomentTable], dict[str, int]]:  # fmt: skip
    """Scan by each stratum that has several values; count those of what has too many."""
    different = frame.select(*(nw.col(name).n_unique().alias(name) for name in names))
    counted = collect(different).to_pylist()[0]
    crowded = {name: counted[name] for name in names[len(STRATA) :] if counted[name] > MOST_VALUES}
    several = [name for name in names if counted[name] > 1 and name not in crowded]
    return {name: scan(frame, metrics, by={**units, name: name}) for name in several}, crowded
