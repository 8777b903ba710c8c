"""Where inside the whole: segments that lose, issues that fall or rise, Holm over each family."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec

from rolloutlib.measure.design import Arms, metric_of
from rolloutlib.measure.estimates import Estimate, estimate_gate
from rolloutlib.plan.segments import MOST_VALUES, OWN
from rolloutlib.reason import because, known
from rolloutlib.runs.further import labels_in
from rolloutlib.stats import sequential

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.model import Evidence, Gate
    from rolloutlib.reason import Reason

SIGNIFICANT = 0.05  # family-wise, after Holm


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's estimate within one segment, in the gate's unit.

    Attributes:
        control, treatment: the arms' own values.
        lower, upper: None is no bound.
        p_holm: one-sided test for a loss, adjusted over all segments of the review; None where too
            few clusters (or no variation at all) allow no test.
        loss: whether the loss holds after the adjustment.
    """

    by: str
    value: str
    gate: str
    control: float | None
    treatment: float | None
    point: float
    lower: float | None
    upper: float | None
    p_holm: float | None
    loss: bool
    n_control: int
    n_treatment: int


ANY_ISSUE = "*"  # in place of a tag: a sample with any issue at all


class IssueRate(msgspec.Struct, frozen=True, kw_only=True):
    """One issue tag before and after (share of samples that carry it).

    Attributes:
        rank: 1–3 among the control arm's issues; None for one that is shown for another reason (it
            is frequent in the treatment, it rises, or a gate is about it).
        point: treatment rate / control rate, with its bounds; None when the control has none.
        p_holm: one-sided test that the rate fell at all, adjusted over the ranked issues.
        p_rise: one-sided test that the rate rose at all, adjusted over all issues of both arms and
            over any issue at all, whose tag is `*`.
        rises: whether the rise holds after the adjustment.
        vanishes: whether only the control ever has it, beyond chance: another word may be meant.
    """

    tag: str
    rank: int | None
    control: float | None
    treatment: float | None
    point: float | None
    lower: float | None
    upper: float | None
    p_holm: float | None
    p_rise: float | None = None
    rises: bool = False
    vanishes: bool = False


def segments(
    gates: Mapping[str, Gate],
    strata: Mapping[str, MomentTable],
    rules: Evidence,
    *,
    arms_of: Callable[[MomentTable, str], Arms],
) -> tuple[Segment, ...]:
    """Estimate gates within every segment that both arms have; Holm over all of them.

    Args:
        gates: by their id in the plan; every segment has their contrast.
        strata: moments by stratum; one with a single value is no segmentation.
        rules: which strata, and how evidence is judged.
        arms_of: how to line the arms up for a metric.
    """
    rows: list[tuple[str, str, str, Arms, Estimate]] = []
    for gate_id, gate in gates.items():
        metric = metric_of(gate)
        for by, value, part in _parts(strata, rules):
            arms = arms_of(part, metric)
            estimate = estimate_gate(gate, arms, rules, metric=metric)
            if estimate is not None:
                rows.append((gate_id, by, value, arms, estimate))
    adjusted = holm_of([None if estimate.cap else estimate.p_worse for *_, estimate in rows])
    return tuple(
        Segment(
            by=by, value=value, gate=gate_id, **_means(arms), **_bounds(estimate), p_holm=p,
            loss=p is not None and p < SIGNIFICANT,
            n_control=estimate.n_control, n_treatment=estimate.n_treatment,
        )
        for (gate_id, by, value, arms, estimate), p in zip(rows, adjusted, strict=True)
    )  # fmt: skip


def _parts(
    strata: Mapping[str, MomentTable], rules: Evidence
) -> Iterator[tuple[str, str, MomentTable]]:
    """Yield every stratum and value with its moments."""
    for by in rules.segments:
        labels = strata[by].keys[by].labels if by in strata else ()
        values = [label for label in labels if label is not None]
        for value in values if len(values) > 1 else ():
            yield by, value, strata[by].where(**{by: value})


def unseen_segments(
    rules: Evidence, columns: Collection[str], measured: Measured
) -> tuple[Reason, ...]:
    """Say why segments that the plan names are not in the review.

    Args:
        rules: which segments.
        columns: those that the source names.
        measured: what the scan of the samples gave.
    """
    labels = labels_in(columns)
    return tuple(filter(None, (_unseen(name, labels, measured) for name in rules.segments)))


def _unseen(name: str, columns: Collection[str], measured: Measured) -> Reason | None:
    if name in OWN:  # many sources have none, and no plan needs to say so
        return None
    if name not in columns:
        near = get_close_matches(name, columns, n=1)
        if near:
            return because("segments.misspelled", segment=name, near=near[0])
        return because("segments.unmapped", segment=name)
    if values := measured.crowded.get(name):
        return because("segments.crowded", segment=name, values=values, most=MOST_VALUES)
    labels = measured.strata[name].keys[name].labels if name in measured.strata else ()
    if len([label for label in labels if label is not None]) > 1:
        return None
    return because("segments.alike", segment=name)


def issue_rates(
    gate: Gate,
    table: MomentTable,
    rules: Evidence,
    *,
    tags: Sequence[str],
    ranked: int,
    family: int,
    arms_of: Callable[[MomentTable, str], Arms],
) -> tuple[IssueRate, ...]:
    """Compare issue rates before and after.

    Args:
        gate: the gate on the top issue; every tag has its contrast.
        table: moments of both arms.
        rules: how evidence is judged.
        tags: the control arm's top issues first, then others to show.
        ranked: how many of the tags are the control's top ones; only their tests are adjusted.
        family: how many tags either arm carries; those that are not listed do not rise.
        arms_of: how to line the arms up for a metric.
    """
    if not tags:
        return ()
    arms = {tag: arms_of(table, metric_of(gate, tag)) for tag in tags}
    estimates = [estimate_gate(gate, arms[tag], rules, metric=metric_of(gate, tag)) for tag in tags]
    tested = [None if e is None or e.cap else e.p_better for e in estimates[:ranked]]
    adjusted = [*holm_of(tested), *(None for _ in tags[ranked:]), None]
    listed = [*tags, ANY_ISSUE]
    arms[ANY_ISSUE] = arms_of(table, "any_issue")
    rises, falls = _tests(gate, arms, rules, family)
    rank = [place + 1 if place < ranked else None for place in range(len(listed))]
    any_issue = gate.model_copy(update={"metric": "any_issue"})
    estimates.append(estimate_gate(any_issue, arms[ANY_ISSUE], rules, metric="any_issue"))
    rows = zip(listed, rank, estimates, adjusted, rises, falls, strict=True)
    return tuple(
        IssueRate(
            tag=tag, rank=place, **_means(arms[tag]), **_bounds(estimate), p_holm=p, p_rise=rise,
            rises=rise is not None and rise < SIGNIFICANT,
            vanishes=fall is not None and fall < SIGNIFICANT and tag != ANY_ISSUE
            and not arms[tag].treatment.total.sum(),
        )
        for tag, place, estimate, p, rise, fall in rows
    )  # fmt: skip


def _tests(
    gate: Gate, arms: Mapping[str, Arms], rules: Evidence, family: int
) -> tuple[list[float | None], list[float | None]]:
    """Test each tag for a rise and for a fall, as differences: a new one has no ratio."""
    change = gate.model_copy(update={"contrast": "difference"})
    estimates = [
        estimate_gate(
            change, both, rules, metric="any_issue" if tag == ANY_ISSUE else f"issue:{tag}"
        )
        for tag, both in arms.items()
    ]
    usable = [None if e is None or e.cap else e for e in estimates]
    unlisted = [1.0] * (family + 1 - len(usable))
    worse, better = ([getattr(e, name) if e else None for e in usable]
                     for name in ("p_worse", "p_better"))  # fmt: skip
    return tuple(holm_of([*part, *unlisted])[: len(part)] for part in (worse, better))  # pyright: ignore[reportReturnType]


def _means(arms: Arms) -> dict[str, float | None]:
    cells = {"control": arms.control, "treatment": arms.treatment}
    sums = {arm: (float(c.total.sum()), float(c.n.sum())) for arm, c in cells.items()}
    return {arm: total / n if n else None for arm, (total, n) in sums.items()}


def _bounds(estimate: Estimate | None) -> dict[str, Any]:
    names = ("point", "lower", "upper")
    return {name: known(getattr(estimate, name, None)) for name in names}


def holm_of(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust what has a p-value and leave the rest None."""
    tested = [place for place, p in enumerate(p_values) if p is not None]
    adjusted = sequential.holm([p for p in p_values if p is not None])
    by_place = dict(zip(tested, adjusted.tolist(), strict=True))
    return [by_place.get(place) for place in range(len(p_values))]
