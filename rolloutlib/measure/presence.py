"""Both arms have evidence, or a sentence says which has none and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.errors import NoEvidenceError, UsageError, did_you_mean
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from rolloutlib.phrase import Phrase
    from rolloutlib.runs import Runs

__all__ = ["after", "of_cache", "require_both"]


def require_both(pair: tuple[str, str], runs: Runs) -> None:
    """Refuse a pair that is one arm, or an arm without a run that is evidence.

    Raises:
        UsageError: the arms are one and the same, or the runs know no such arm.
        NoEvidenceError: an arm, or every run, has no evidence left.
    """
    if pair[0] == pair[1]:
        raise UsageError(
            "control and treatment are both {arm!r}; name two different arms", arm=pair[0]
        )
    arms = sorted({run.arm for run in runs.runs})
    first = runs.quarantined[0].said if runs.quarantined else ""
    if not arms:
        why = phrase("; the first reason: {why}", why=first)
        raise NoEvidenceError(
            "no run is left as evidence ({read:,} rows read, {refused:,} refused){why}",
            read=runs.read, refused=runs.rows_quarantined,
            why=why if first else of_cache(sum(runs.cached.values())),
        )  # fmt: skip
    for name, arm in zip(("control", "treatment"), pair, strict=True):
        if arm in arms:
            continue
        if arm in runs.cached:
            raise NoEvidenceError(
                "arm {arm} has no run that is evidence{why}",
                arm=arm, why=of_cache(runs.cached[arm]),
            )  # fmt: skip
        if arm not in {"control", "treatment"}:
            raise UsageError(
                "{parameter} is {arm!r}; the runs have the arms {arms}.{hint}",
                parameter=name, arm=arm, arms=(*arms,), hint=did_you_mean(arm, arms),
            )  # fmt: skip
        way_out = phrase("name one of the arms {arms} with --{name}", arms=(*arms,), name=name)
        raise NoEvidenceError(
            "the {name} arm has no run that is evidence; {why}", name=name, why=first or way_out
        )


def of_cache(rows: int) -> Phrase | str:
    """Say how many rows were left out as copies of earlier answers; "" for none."""
    if not rows:
        return ""
    return phrase(
        "; {rows:,} of its answers came from a cache, and copies of earlier ones are no evidence: "
        "ask again without the cache", rows=rows,
    )  # fmt: skip


def after(why: Phrase | str) -> Phrase | str:
    """Return a reason as it follows a sentence; "" for none."""
    return phrase("; {why}", why=why) if why else ""
