"""Measured = decided: what each arm ran with, against what the stage table says of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from rolloutlib.reason import because
from rolloutlib.runs.columns import BILLED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rolloutlib.measure.counts import Count
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import FlagValue, Plan, Stage
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.reason import Fact, Reason
    from rolloutlib.runs import RunInfo, Runs

__all__ = ["ArmSummary", "bill", "mixed", "steered", "summary", "unplanned"]

_PREFIX = "feature."


class ArmSummary(msgspec.Struct, frozen=True):
    """What was measured in an arm; None, or nothing, where the source does not tell.

    Attributes:
        runs, samples, users, prompts: how many.
        flags: by short key, as the runs tell them.
        profiles: guardian profiles of the runs.
        strategies: strategy hashes of the runs.
        first, last: start of the first and of the last run, in UTC.
        copies: rows that repeat others and count once.
        simulated: whether a run says of itself that it is no real one.
        cost, tokens_in, tokens_out: mean of the samples that tell it.
    """

    arm: str
    runs: int
    samples: int
    users: int | None
    prompts: int | None
    flags: dict[str, bool | str] | None = None
    profiles: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    copies: int = 0
    simulated: bool = False
    cost: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None


def bill(table: MomentTable, arm: str) -> dict[str, float]:
    """Return what a sample of an arm cost on average, and its tokens, as far as any tells."""
    of_arm = table.where(arm=arm)
    cells = {name: of_arm.all(name) for name in BILLED if name in of_arm.metrics}
    return {name: float(of.mean[0]) for name, of in cells.items() if of.n[0]}


def summary(
    arm: str, runs: Runs, count: Count, billed: Mapping[str, float] | None = None
) -> ArmSummary:
    """Draw up what was measured in an arm; `billed` is its `bill`."""
    arm_runs = [run for run in runs.runs if run.arm == arm]
    starts = [run.started_at for run in arm_runs if run.started_at]
    ends = [run.last_at or run.started_at for run in arm_runs if run.started_at]
    return ArmSummary(
        arm, len(arm_runs), count.samples, count.users or None, count.prompts or None,
        flags=_flags_of(arm_runs),
        profiles=tuple(sorted({run.profile for run in arm_runs if run.profile})),
        strategies=tuple(sorted({run.strategy_hash for run in arm_runs if run.strategy_hash})),
        first=min(starts, default=None), last=max(filter(None, ends), default=None),
        copies=runs.copies.get(arm, 0), simulated=any(run.simulated for run in arm_runs),
        **(billed or {}),
    )  # fmt: skip


def unplanned(
    plan: Plan, stage: StageId, runs: Runs, summaries: Sequence[ArmSummary]
) -> list[Reason]:
    """Say in what the arms did not run as the stage table says."""
    planned = plan.flags_of_arms(stage)
    names = [key.removeprefix(_PREFIX) for key in planned["control"]]
    changed = {
        key.removeprefix(_PREFIX)
        for key, value in planned["control"].items()
        if planned["treatment"][key] != value
    }
    reasons: list[Reason] = []
    for summary, arm_flags in zip(summaries, planned.values(), strict=True):
        arm_runs = [run for run in runs.runs if run.arm == summary.arm]
        reasons += mixed(summary.arm, arm_runs)
        wrong = _unlike_plan(summary.arm, summary.flags, arm_flags, changed, stage)
        reasons += [wrong] if wrong else []
    reasons += _not_in_plan(summaries, names)
    over = _over_cap(summaries[1].users, plan.stages[stage])
    return [*reasons, *([over] if over else [])]


def _flags_of(runs: Sequence[RunInfo]) -> dict[str, bool | str] | None:
    """Return the flags that the runs of an arm tell, by short key; None where none does.

    A flag on which runs differ keeps its first value; `mixed` says that they do.
    """
    merged: dict[str, bool | str] = {}
    for run in runs:
        for key, value in run.flags or ():
            merged.setdefault(key, value)
    return merged or None


def mixed(arm: str, runs: Sequence[RunInfo]) -> list[Reason]:
    """Say in what the runs of one arm differ, so that they are not one candidate."""
    flag_sets = [dict(run.flags) for run in runs if run.flags is not None]
    keys = sorted({key for flags in flag_sets for key in flags})
    differing = tuple(
        f"{key} = {' | '.join(values)}"
        for key in keys
        if len(values := _different(flags.get(key) for flags in flag_sets)) > 1
    )
    reasons: list[Reason] = []
    if differing:
        reasons.append(because("config.flags_mixed", arm=arm, flags=differing))
    if 0 < len(flag_sets) < len(runs):
        counts = {"count": len(flag_sets), "runs": len(runs)}
        reasons.append(because("config.flags_untold", arm=arm, **counts))
    if len(profiles := _different(run.profile for run in runs)) > 1:
        facts: dict[str, Fact] = {"arm": arm, "count": len(profiles), "values": profiles}
        reasons.append(because("config.profiles_mixed", **facts))
    if len(hashes := _different(run.strategy_hash for run in runs)) > 1:
        facts = {"arm": arm, "count": len(hashes), "values": hashes}
        reasons.append(because("config.hashes_mixed", **facts))
    if len({run.seed is None for run in runs}) > 1:
        reasons.append(because("config.seeds_mixed", arm=arm))
    return reasons


def _different(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({"–" if value is None else str(value).lower() for value in values}))


def _unlike_plan(
    arm: str, flags: Mapping[str, bool | str] | None, planned: Mapping[str, FlagValue],
    changed: Collection[str], stage: StageId,
) -> Reason | None:  # fmt: skip
    """Return in which flags an arm ran otherwise than the stage table says of it.

    A flag that the stage changes has to be told, where any is.
    """
    expected = {key.removeprefix(_PREFIX): value for key, value in planned.items()}
    if not flags:
        return None
    assumed = {key: None if key in changed else value for key, value in expected.items()}
    wrong = [key for key, value in expected.items() if flags.get(key, assumed[key]) != value]
    if not wrong:
        return None
    got = tuple(f"{key} = {str(flags.get(key, '–')).lower()}" for key in wrong)
    as_planned = tuple(f"{key} = {str(expected[key]).lower()}" for key in wrong)
    return because("config.flags_differ", arm=arm, stage=stage, flags=got, planned=as_planned)


def _not_in_plan(summaries: Sequence[ArmSummary], planned: Collection[str]) -> list[Reason]:
    """Return the flags in which the arms differ and that the plan does not know."""
    before, after = (summary.flags or {} for summary in summaries)
    keys = sorted({*before, *after} - {*planned})
    unknown = [key for key in keys if before.get(key) != after.get(key)]
    if not before or not after or not unknown:
        return []
    values = tuple(
        f"{key} = {str(before.get(key, '–')).lower()} | {str(after.get(key, '–')).lower()}"
        for key in unknown
    )
    return [because("config.flags_unknown", flags=values)]


def steered(plan: Plan, summaries: Sequence[ArmSummary]) -> set[str]:
    """Return the mixes that a feature steers whose flag differs between the arms."""
    before, after = (summary.flags or {} for summary in summaries)
    short = {f.flag.removeprefix(_PREFIX): f.steers for f in plan.features.values() if f.steers}
    return {mix for flag, mix in short.items() if before.get(flag) != after.get(flag)}


def _over_cap(users: int | None, stage: Stage) -> Reason | None:
    """Return whether more people took part than the stage is for."""
    if stage.cap is None or not users or users <= stage.cap:
        return None
    return because("stage.over_cap", users=users, cap=stage.cap)
