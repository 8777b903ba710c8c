"""Can the arms be compared at all, may any gate pass, and what should a reader know: reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.reason import because
from rolloutlib.stats import divergence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.design import Design, Unit
    from rolloutlib.measure.looks import Look
    from rolloutlib.plan.model import Evidence
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason
    from rolloutlib.runs import Runs

__all__ = ["described", "invalid", "set_aside", "unusable", "warnings"]

IMBALANCE = 2  # larger arm / smaller, in clusters


def described(design: Design) -> Reason:
    """Say how the arms compare and by which unit."""
    if design.kind == "paired":
        return because("design.paired", pairs=design.pairs, unit=design.unit)
    if design.kind == "crossed":
        return because("design.crossed", pairs=design.pairs, unit=design.unit)
    if design.kind == "nested":
        control, treatment = design.clusters_control, design.clusters_treatment
        return because("design.nested", unit=design.unit, control=control, treatment=treatment)
    return because("design.independent")


def invalid(
    arms: tuple[str, str], profiles: Mapping[str, set[str]], design: Design, rules: Evidence
) -> Reason | None:
    """Return why the arms cannot be compared at all, or None: every gate is then invalid."""
    if arms == ("treatment", "control"):
        return because("arms.swapped")
    control, treatment = (", ".join(sorted(names)) for names in profiles.values())
    if control != treatment:
        return because("profiles.differ", control=control, treatment=treatment)
    return _sample_ratio(design, rules)


def _sample_ratio(design: Design, rules: Evidence) -> Reason | None:
    """Test the planned 1 : 1 allocation of users; a replay, with most in both arms, has none."""
    counts = (design.clusters_control, design.clusters_treatment)
    if design.unit != "user" or not min(counts) or 2 * design.pairs > max(counts):
        return None
    p = float(divergence.goodness_of_fit(counts, [0.5, 0.5]).p_value)
    if p >= rules.sample_ratio_p:
        return None
    return because("arms.sample_ratio", control=counts[0], treatment=counts[1], p=p)


def unusable(look: Look, runs: Runs, rules: Evidence, unit: Unit, named: float) -> Reason | None:
    """Return why no gate may pass although there are estimates, or None.

    Args:
        look: a spent one leaves no error to make.
        runs: whose quarantine may be too large.
        rules: how large is too large.
        unit: what a cluster is.
        named: share of samples that name it. Samples of one user are not independent: an id that
            only some carry leaves the dependence unknown.
    """
    share = runs.rows_quarantined / runs.read if runs.read else 0.0
    if share > rules.max_quarantined:
        return because("data.quarantined", share=share, most=rules.max_quarantined)
    if named < 1:
        return because("unit.gaps", share=named, unit=unit)
    if look.confidence is None:  # last: a look at data that prove nothing is not spent
        return because("look.spent", number=look.number, planned=look.planned)
    return None


def warnings(design: Design, profiles: Mapping[str, set[str]], runs: Runs) -> tuple[Reason, ...]:
    """Return what a reader should know although it changes no verdict."""
    reasons = list(runs.warnings)
    fewer, more = sorted((design.clusters_control, design.clusters_treatment))
    if design.kind == "nested" and more > IMBALANCE * fewer:
        reasons.append(because("arms.imbalance"))
    if design.dropped:
        reasons.append(because("pairs.dropped", dropped=design.dropped))
    if len(set[str]().union(*profiles.values())) > 1:
        reasons.append(because("profiles.mixed"))
    return tuple(reasons)


def set_aside(runs: Runs, params: ReviewParams) -> tuple[Reason, ...]:
    """Return what was read but belongs to another stage or moment."""
    reasons: list[Reason] = []
    if runs.other_stage:
        reasons.append(because("aside.stages", count=runs.other_stage, stage=params.stage))
    if runs.after_as_of:
        moment = f"{params.as_of:%Y-%m-%d %H:%M %z}"
        reasons.append(because("aside.later", count=runs.after_as_of, moment=moment))
    return tuple(reasons)
