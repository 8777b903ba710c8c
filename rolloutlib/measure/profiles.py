"""The guardian profile whose thresholds a comparison uses, and what counts as slow under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.plan.judging import GatesPlan
    from rolloutlib.plan.model import Profile
    from rolloutlib.runs import Runs

__all__ = ["profiles_of", "slow_limit", "strictest"]


def profiles_of(runs: Runs, arm: str, default: str | None) -> set[str]:
    """Return the guardian profiles of an arm's runs; `default` is that of runs that name none."""
    return {run.profile or default or "default" for run in runs.runs if run.arm == arm}


def strictest(plan: GatesPlan, names: Iterable[str]) -> tuple[str, Profile]:
    """Return the profile with the strictest latency target, of those that the arms ran under."""
    strictest = min(sorted(names), key=lambda name: plan.profile(name).max_latency_ms)
    return strictest, plan.profile(strictest)


def slow_limit(plan: GatesPlan, limits: Profile) -> float:
    """Return above which latency in ms a sample counts as slow: the quantile gate's limit."""
    gates = plan.gates.values()
    quantiles = (g for g in gates if g.statistic == "quantile" and not g.is_quantile_ratio)
    gate = next(quantiles, None)
    return gate.plan_limit(limits) if gate else limits.max_latency_ms
