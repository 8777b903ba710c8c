"""Can the arms be compared at all, may any gate pass, and what should a reader know: reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.measure.unseen import due_units, missable
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.measure.design import Design, Unit
    from rolloutlib.measure.looks import Look
    from rolloutlib.measure.scan import Measured
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Fact, Reason
    from rolloutlib.runs import Runs
    from rolloutlib.runs.sources import SourceSpec

__all__ = [
    "clusters",
    "copies",
    "described",
    "invalid",
    "nameless",
    "set_aside",
    "spent",
    "unnamed",
    "warnings",
]

IMBALANCE = 2  # larger arm / smaller, in clusters
NAMELESS = 0.05  # share of an arm's rows that may be like others and have nothing of their own
RARE_TROUBLE = 0.01  # share of users that have it, about which nothing is said


def described(design: Design) -> Reason:
    """Say how the arms compare and by which unit."""
    if design.kind == "paired":
        return because("design.paired", pairs=design.pairs, unit=design.unit)
    control, treatment = design.clusters_control, design.clusters_treatment
    if design.kind == "crossed":
        union = control + treatment - design.pairs
        if design.pairs < union:
            return because("design.partly", pairs=design.pairs, union=union, unit=design.unit)
        return because("design.crossed", pairs=design.pairs, unit=design.unit)
    if design.kind == "nested":
        return because("design.nested", unit=design.unit, control=control, treatment=treatment)
    return because("design.independent")


def invalid(
    arms: tuple[str, str], profiles: Mapping[str, set[str]], ratio: Reason | None
) -> Reason | None:
    """Return why the arms cannot be compared at all, or None: every gate is then invalid."""
    if arms == ("treatment", "control"):
        return because("arms.swapped")
    control, treatment = (", ".join(sorted(names)) for names in profiles.values())
    if control != treatment:
        return because("profiles.differ", control=control, treatment=treatment)
    return ratio


def spent(look: Look) -> Reason | None:
    """Return whether a look has no error left to make."""
    if look.confidence is not None:
        return None
    return because("look.spent", number=look.number, planned=look.planned)


def unnamed(unit: Unit, named: float) -> list[Reason]:
    """Return that only some samples name their unit.

    Samples of one user are not independent: an id that only some carry leaves the dependence
    unknown.
    """
    return [because("unit.gaps", share=named, unit=unit)] if named < 1 else []


def nameless(runs: Runs, measured: Measured, pair: tuple[str, str]) -> list[Reason]:
    """Return which arms have too many rows that nobody can tell from copies.

    Each counts as a unit of its own, so a table that stands there twice would be twice the
    evidence.
    """
    rows = {arm: (runs.nameless.get(arm, 0), measured.counts[arm].samples) for arm in pair}
    return [
        because("data.nameless", arm=arm, rows=count, expected=samples)
        for arm, (count, samples) in rows.items()
        if count > NAMELESS * samples
    ]


def clusters(measured: Measured, source: SourceSpec | None) -> list[Reason]:
    """Say why declared clusters are not what a bound may rest on.

    Users who are in several make these alike, so that there are fewer than it seems; and a declared
    column that no sample fills leaves every bound to users, whom clusters make alike.
    """
    if source and source.columns.cluster and measured.unit != "cluster":
        return [because("unit.gaps", share=0.0, unit="cluster")]
    several = measured.people.several if measured.people else 0
    return [because("clusters.shared", count=several)] if several else []


def warnings(
    design: Design, runs: Runs, pair: tuple[str, str], summaries: Sequence[ArmSummary],
    partly: Reason | None = None,
) -> tuple[Reason, ...]:  # fmt: skip
    """Return what a reader should know although it changes no verdict.

    `partly`: that the arms are of one time only in part.
    """
    reasons = [
        *([partly] if partly else []),
        *copies(runs, pair),
        *_counts(*summaries),
        *runs.warnings,
    ]
    reasons += [
        because("data.word_in_arm", word=word.word, rows=word.rows, arm=word.arm or "?")
        for word in runs.unknown_words
    ]
    fewer, more = sorted((design.clusters_control, design.clusters_treatment))
    if design.kind == "nested" and more > IMBALANCE * fewer:
        reasons.append(because("arms.imbalance"))
    reasons += _unseen(design)
    if design.kind == "paired" and design.dropped:
        reasons.append(because("pairs.dropped", dropped=design.dropped))
    if design.unit == "user" and 0 < 2 * design.pairs <= max(fewer, more):
        reasons.append(because("users.both", count=design.pairs))
    return tuple(reasons)


def _unseen(design: Design) -> list[Reason]:
    """Say which share of all users may have a trouble that none of so few of them had.

    With a share q of users in whom everything fails, G users show none of it with (1 - q)^G.
    """
    few = min(design.clusters_control, design.clusters_treatment)
    share = float(missable(few))
    if design.unit not in {"user", "cluster"} or not few or share <= RARE_TROUBLE:
        return []
    enough = due_units(RARE_TROUBLE)
    facts: dict[str, Fact] = {"clusters": few, "unit": design.unit, "share": share, "total": enough}
    return [because("clusters.unseen", **facts)]


def _counts(control: ArmSummary, treatment: ArmSummary) -> list[Reason]:
    """Say whether the arms did not run as often."""
    if control.runs == treatment.runs:
        return []
    return [because("runs.differ", control=control.runs, treatment=treatment.runs)]


def copies(runs: Runs, pair: tuple[str, str]) -> list[Reason]:
    """Say how many rows of each arm are copies of others, by what they say of themselves or not."""
    cached = {arm: runs.cached.get(arm, 0) for arm in pair}
    others = {arm: runs.copies.get(arm, 0) - cached[arm] for arm in pair}
    reasons = [because("data.copies", arm=arm, rows=n) for arm, n in others.items() if n]
    return reasons + [because("data.cached", arm=arm, rows=n) for arm, n in cached.items() if n]


def set_aside(runs: Runs, params: ReviewParams) -> tuple[Reason, ...]:
    """Return what was read but belongs to another stage or moment."""
    reasons: list[Reason] = []
    if runs.other_stage:
        reasons.append(because("aside.stages", count=runs.other_stage, stage=params.stage))
    if runs.after_as_of:
        moment = f"{params.as_of:%Y-%m-%d %H:%M %z}"
        reasons.append(because("aside.later", count=runs.after_as_of, moment=moment))
    return tuple(reasons)
