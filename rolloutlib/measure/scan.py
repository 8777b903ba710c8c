"""What a review measures in its samples, by scans or from stored days: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from rolloutlib.measure import labelled
from rolloutlib.measure.by_prompt import scan_answers
from rolloutlib.measure.components import Overlap, overlap_of
from rolloutlib.measure.histograms import Histogram, histogram, merge_histograms
from rolloutlib.measure.moments import (
    MomentTable,
    collect,
    latency_expression,
    metric_expressions,
    scan,
    tag_counts,
    top_tags,
)
from rolloutlib.measure.people import People, scan_people
from rolloutlib.measure.prompts import scan_prompts
from rolloutlib.measure.subject import (
    Subject,
    Wanted,
    also_listed,
    among,
    choosers_of,
    settled,
    split,
    without_choosers,
)  # fmt: skip
from rolloutlib.measure.tails import beyond
from rolloutlib.plan.segments import MOST_VALUES
from rolloutlib.runs.further import is_scorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.prompts import Prompts
    from rolloutlib.runs.samples import Samples

__all__ = ["STRATA", "Count", "Measured", "listed_tags", "measure", "run_scale"]

TOP_ISSUES = 3
RISING = 5  # further tags that are measured because they may rise
NO_TAGS = ("",)  # measured where no sample has an issue: whether it tells so
CLOSE = 1.0  # standard errors by which a tag has to rise to be looked at
STEPS = 10  # a unit, of the histograms: tenths of a millisecond, tenths of a point
CLUSTERS: Final[Mapping[Unit, str]] = {
    "user": "user_id", "prompt": "prompt_id", "sample": "arm", "cluster": "cluster",
}  # fmt: skip
CHOOSING: Final[Mapping[Unit, str]] = {"sample": "sample_id"}  # who chooses, where not clusters
ANY_ISSUE: Final = Wanted()
STRATA = ("category", "difficulty", "profile")


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of an arm, how many carry a user or prompt id, and how many different ones.

    Attributes:
        runs: different runs.
        labelled: samples that tell their issues, be it that there are none.
        with_cluster, people: those of a declared cluster above users, and labels of people.
    """

    samples: int
    with_user: int
    users: int
    with_prompt: int
    prompts: int
    runs: int = 0
    labelled: int = 0
    with_cluster: int = 0
    people: int = 0


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

    @property
    def of_issue(self) -> Measured:
        """What the top-issue gate is judged by; `table` and `by_run` tell nothing but its issue."""
        return self.tested or self

    def merged(self, metric: str, arm: str) -> Histogram:
        """Return one arm's histogram of `latency_ms` or `score`."""
        source = self.latency if metric == "latency_ms" else self.score
        return merge_histograms([part for (where, _), part in source.items() if where == arm])


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
    counts, tagged = _counts(frame, arms), tag_counts(frame)
    unit, named = choose_unit(counts)
    subject = settled(tagged, arms[0], issues) or _choice(frame, arms, unit, tagged, issues)
    tags, ranked = listed_tags(tagged, counts, arms, also=also_listed(subject, issues, tagged))
    metrics = metric_expressions(
        timeout_cap_ms=timeout_cap_ms, slow_above_ms=slow_above_ms, latency_cap_ms=latency_cap_ms,
        tags=tags or NO_TAGS, scorers=filter(is_scorer, samples.extras),
    )  # fmt: skip
    cluster = CLUSTERS[unit]
    if unit == "sample" and apart:
        each = nw.concat_str("arm", "run_id", "sample_id", separator="\x1f")
        frame, cluster = frame.with_columns(apart=each), "apart"
    units = {"arm": "arm", "cluster": cluster}
    took = latency_expression(timeout_cap_ms)
    latency, score = (histogram(frame, value, per_unit=STEPS) for value in (took, metrics["score"]))
    metrics |= beyond(latency, arms, tails, took, per_unit=STEPS)
    names = (*STRATA, *(name for name in segments if name in samples.extras))
    strata, crowded = _strata(frame, {m: metrics[m] for m in within if m in metrics}, units, names)
    related = unit != "sample" and max(count.runs for count in counts.values()) > 1
    whole = Measured(
        counts, unit, named, tags, ranked,
        table=scan(frame, metrics, by=units),
        by_run=scan(frame, metrics, by={"arm": "arm", "run_id": "run_id"}),
        strata=strata, crowded=crowded,
        latency=latency, score=score, carried=tagged, prompts=_prompts(frame, arms, counts),
        people=scan_people(frame, arms) if unit == "cluster" else None,
        subject=subject, latency_cap_ms=latency_cap_ms,
        overlap=overlap_of(scan(frame, {}, by={"run_id": "run_id", **units})) if related else None,
        answers=scan_answers(frame, metrics, units, counts),
        labels=labelled.labels_among(frame, counts, None if unit == "sample" else CLUSTERS[unit]),
    )  # fmt: skip

    def rest(leaving: Sequence[str]) -> Measured:
        if subject is None or subject.choosers is None:
            return whole
        metric, others = f"issue:{subject.tag}", split(frame, subject.choosers, leaving)[1]
        metrics_left, by_run = {metric: metrics[metric]}, {"arm": "arm", "run_id": "run_id"}
        shared = overlap_of(scan(others, {}, by=by_run | units)) if whole.overlap else None
        return replace(whole, table=scan(others, metrics_left, by=units),
                       by_run=scan(others, metrics_left, by=by_run), overlap=shared)  # fmt: skip

    return without_choosers(whole, arms, rest)


def _choice(
    frame: nw.LazyFrame[Any], arms: tuple[str, str], unit: Unit,
    tagged: Mapping[tuple[str, str], int], issues: Wanted,
) -> Subject | None:  # fmt: skip
    """Let a held-out part of the control choose the issue."""
    control = arms[0]
    if not issues.open or all(arm != control for arm, _ in tagged):
        return None
    of_control, column = frame.filter(nw.col("arm") == control), CHOOSING.get(unit, CLUSTERS[unit])
    named_units = of_control.drop_nulls(column).select(column).unique()
    names: list[str] = [] if unit == "sample" else collect(named_units)[column].to_pylist()
    choosers = choosers_of(column, unit, names)
    chose, rest = split(of_control, choosers, arms[:1])
    if unit == "sample":
        count, others = (collect(part.select(nw.len()))[0][0].as_py() for part in (chose, rest))
        choosers = replace(choosers, count=count, units=count + others)
    carried = {tag: n for (_, tag), n in tag_counts(chose).items()}
    return Subject(among(tagged, carried, control), "held_out", unit, choosers)


def listed_tags(
    carried: Mapping[tuple[str, str], int], counts: Mapping[str, Count], arms: tuple[str, str],
    *, also: Iterable[str] = (),
) -> tuple[tuple[str, ...], int]:  # fmt: skip
    """Choose the tags to measure: both arms' top ones, those that rise most, and `also`.

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
    return tuple(dict.fromkeys((*ranked, *others, *rising[:RISING], *also))), len(ranked)


def run_scale(counts: Mapping[str, Count], arms: tuple[str, str]) -> float:
    """Return how many runs the treatment has for one of the control."""
    return counts[arms[1]].runs / counts[arms[0]].runs


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


def _counts(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> dict[str, Count]:
    """Count samples and ids of each arm; an arm without samples has zeros."""
    user, prompt, run, issues = map(nw.col, ("user_id", "prompt_id", "run_id", "issues"))
    aggregates = {
        "with_user": user.count(), "users": user.n_unique(), "with_prompt": prompt.count(),
        "prompts": prompt.n_unique(), "runs": run.n_unique(), "labelled": issues.count(),
        "with_cluster": nw.col("cluster").count(),
        "people": nw.col("human_passed").count() + nw.col("human_score").count(),
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
    more = (row["runs"], row["labelled"], row["with_cluster"], row["people"])
    return Count(n, with_user, users, with_prompt, prompts, *more)


def choose_unit(counts: Mapping[str, Count]) -> tuple[Unit, float]:
    """Choose what a cluster is: a declared one, else users, else prompts, else the sample itself.

    The first that any sample names. Samples of one user are not independent, so a user id that only
    some samples carry leaves the dependence unknown.

    Returns:
        The unit, and the smaller arm's share of samples that name it.

    >>> choose_unit({"control": Count(4, 0, 0, 4, 2), "treatment": Count(4, 0, 0, 3, 2)})
    ('prompt', 0.75)
    """
    every = counts.values()
    naming: dict[Unit, list[int]] = {"cluster": [count.with_cluster for count in every],
                                    "user": [count.with_user for count in every],
                                    "prompt": [count.with_prompt for count in every]}  # fmt: skip
    sizes = [max(count.samples, 1) for count in every]
    for unit, carrying in naming.items():
        shares = [n / size for n, size in zip(carrying, sizes, strict=True)]
        if max(shares) > 0:
            return unit, min(shares)
    return "sample", 1.0
