"""Measured = decided: what each arm ran with, against what the stage table says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rolloutlib.plan.model import FlagValue, Stage, StageId
    from rolloutlib.reason import Reason
    from rolloutlib.runs import RunInfo

__all__ = ["flags_of", "mixed", "over_cap", "steered", "unlike_plan"]

_PREFIX = "feature."


def flags_of(runs: Sequence[RunInfo]) -> dict[str, FlagValue] | None:
    """Return the flags that the runs of an arm tell, by short key; None where none does.

    A flag on which runs differ keeps its first value; `mixed` says that they do.
    """
    merged: dict[str, FlagValue] = {}
    for run in runs:
        for key, value in run.flags or ():
            merged.setdefault(key, value)
    return merged or None


def mixed(arm: str, runs: Sequence[RunInfo]) -> list[Reason]:
    """Say in what the runs of one arm differ, so that they are not one candidate."""
    told = [dict(run.flags) for run in runs if run.flags is not None]
    keys = sorted({key for flags in told for key in flags})
    differing = tuple(
        f"{key} = {' | '.join(values)}"
        for key in keys
        if len(values := _different(flags.get(key) for flags in told)) > 1
    )
    reasons: list[Reason] = []
    if differing:
        reasons.append(because("config.flags_mixed", arm=arm, flags=differing))
    if 0 < len(told) < len(runs):
        telling = {"count": len(told), "runs": len(runs)}
        reasons.append(because("config.flags_untold", arm=arm, **telling))
    named: dict[str, Callable[[RunInfo], object]] = {
        "config.profiles_mixed": lambda run: run.profile,
        "config.hashes_mixed": lambda run: run.strategy_hash,
        "config.seeds_mixed": lambda run: run.seed is not None,
    }
    for code, of in named.items():
        values = _different(of(run) for run in runs)
        if len(values) > 1:
            reasons.append(because(code, arm=arm, count=len(values), values=values))
    return reasons


def _different(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({"–" if value is None else str(value).lower() for value in values}))


def unlike_plan(
    arm: str, flags: Mapping[str, FlagValue] | None, planned: Mapping[str, FlagValue],
    stage: StageId,
) -> Reason | None:  # fmt: skip
    """Return in which flags an arm ran otherwise than the stage table says of it."""
    due = {key.removeprefix(_PREFIX): value for key, value in planned.items()}
    wrong = [key for key in due if flags and key in flags and flags[key] != due[key]]
    if not flags or not wrong:
        return None
    got = tuple(f"{key} = {str(flags[key]).lower()}" for key in wrong)
    wanted = tuple(f"{key} = {str(due[key]).lower()}" for key in wrong)
    return because("config.flags_differ", arm=arm, stage=stage, flags=got, planned=wanted)


def steered(
    features: Mapping[str, str], control: Mapping[str, FlagValue] | None,
    treatment: Mapping[str, FlagValue] | None,
) -> set[str]:  # fmt: skip
    """Return the mixes that a feature with different flags in the arms steers.

    Args:
        features: flag → the mix that its feature changes on purpose.
        control: the control's flags by short key; None where its runs do not tell.
        treatment: the treatment's.
    """
    before, after = control or {}, treatment or {}
    short = {flag.removeprefix(_PREFIX): mix for flag, mix in features.items()}
    return {mix for flag, mix in short.items() if before.get(flag) != after.get(flag)}


def over_cap(users: int | None, stage: Stage) -> Reason | None:
    """Return whether more people took part than the stage is for."""
    if stage.cap is None or not users or users <= stage.cap:
        return None
    return because("stage.over_cap", users=users, cap=stage.cap)
