"""Gates and checks → recommendation, with the reasons in plain sentences and what would change it.

The rule (docs/statistics.md): INVALID if any gate is invalid; NO_GO if any gate's evidence fails or any check fails; GO
if every plan verdict passes, every gate's evidence passes and every check holds; otherwise HOLD.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rolloutlib.judge.verdicts import UNDECIDED, GateResult, Verdict
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.judge.checks import CheckResult

__all__ = ["Recommendation", "changes", "reasons", "recommend"]


class Recommendation(StrEnum):
    """What the numbers recommend; people decide."""

    GO = "GO"
    HOLD = "HOLD"
    NO_GO = "NO_GO"
    INVALID = "INVALID"


def recommend(gates: Sequence[GateResult], checks: Sequence[CheckResult]) -> Recommendation:
    """Apply the rule; no gates at all is invalid and no checks at all hold back, because an empty list says nothing."""
    evidence = [gate.evidence.verdict for gate in gates]
    if not gates or Verdict.INVALID in evidence:
        return Recommendation.INVALID
    if Verdict.FAIL in evidence or any(check.holds is False for check in checks):
        return Recommendation.NO_GO
    proven = all(_proven(gate) and gate.plan.verdict is Verdict.PASS for gate in gates)
    return (
        Recommendation.GO
        if proven and checks and all(check.holds for check in checks)
        else Recommendation.HOLD
    )


def _proven(gate: GateResult) -> bool:
    return gate.evidence.verdict is Verdict.PASS


def reasons(
    gates: Sequence[GateResult], checks: Sequence[CheckResult], hidden: Sequence[Sentence] = ()
) -> tuple[Sentence, ...]:
    """Say why, the weightiest first: proven broken, refused by the plan's rule, hidden, not proven, open."""
    failed = [gate for gate in gates if gate.evidence.verdict is Verdict.FAIL]
    unproven = [
        gate
        for gate in gates
        if gate.evidence.verdict is Verdict.INCONCLUSIVE and gate.evidence.estimate
    ]
    refused = [gate for gate in gates if gate.plan.verdict is Verdict.FAIL and gate not in failed]
    found = [_broken(gate) for gate in failed]
    found += [_check(check) for check in checks if check.holds is False]
    found += [_refused(gate) for gate in refused]
    found += hidden
    found += [_unproven(gate) for gate in unproven if gate.evidence.why == UNDECIDED]
    found += _blocked(gate for gate in unproven if gate.evidence.why != UNDECIDED)
    if empty := tuple(say(gate.gate.title) for gate in gates if gate.evidence.estimate is None):
        found.append(say("There are no data for: {gates}.", gates=empty))
    found += _silent(gates)
    found += _few_runs(gates)
    if waiting := _waiting(checks):
        found.append(say("No evidence yet for the checks: {checks}.", checks=waiting))
    return tuple(found) or (
        say("Every gate passes by the plan's rule and by the evidence, and every check holds."),
    )


def _numbers(gate: GateResult) -> dict[str, object]:
    unit, signed = unit_of(gate.gate.unit, gate.gate.statistic), gate.gate.contrast == "difference"
    estimate = gate.evidence.estimate
    values = (None,) * 3 if estimate is None else (estimate.point, estimate.lower, estimate.upper)
    point, lower, upper = (show(value, unit, signed=signed) for value in values)
    worst, best = (lower, upper) if gate.gate.harm == "lower" else (upper, lower)
    limit = show(gate.proof_limit, unit, signed=signed)
    return {"gate": title(gate), "point": point, "worst": worst, "best": best, "limit": limit}


def title(gate: GateResult) -> Sentence:
    """Return the gate's name, with what the data decided it to be about (the issue tag)."""
    return (
        say("{gate} ({subject})", gate=say(gate.gate.title), subject=gate.subject)
        if gate.subject
        else say(gate.gate.title)
    )


def _broken(gate: GateResult) -> Sentence:
    return say(
        "{gate}: {point}, at best {best}; the limit {limit} is proven broken.", **_numbers(gate)
    )


def _refused(gate: GateResult) -> Sentence:
    unit, signed = gate.gate.unit, gate.gate.contrast == "difference"
    value, limit = (show(number, unit, signed=signed) for number in (gate.plan.value, gate.limit))
    return say(
        "{gate}: the plan's rule fails, {value} against a limit of {limit}.",
        gate=title(gate),
        value=value,
        limit=limit,
    )


def _unproven(gate: GateResult) -> Sentence:
    return say(
        "{gate}: {point}, but it could be as bad as {worst}; the limit {limit} is not proven.",
        **_numbers(gate),
    )


def _blocked(gates: Iterable[GateResult]) -> list[Sentence]:
    """Say what keeps gates from a verdict whatever their bounds say: too few clusters, data with gaps; each once."""
    by_reason: dict[Sentence, list[Sentence]] = {}
    for gate in gates:
        by_reason.setdefault(gate.evidence.why, []).append(title(gate))
    return [say("{gate}: {why}", gate=tuple(titles), why=why) for why, titles in by_reason.items()]


def _silent(gates: Iterable[GateResult]) -> list[Sentence]:
    """Name the gates whose metric is known only in runs before the last ones, so that the plan's rule has no value."""
    silent = tuple(
        title(gate)
        for gate in gates
        if gate.plan.value is None and gate.evidence.estimate is not None
    )
    return [say("The last runs hold no value for: {gates}.", gates=silent)] if silent else []


def _few_runs(gates: Iterable[GateResult]) -> list[Sentence]:
    few = [
        gate.plan
        for gate in gates
        if gate.plan.value is not None and gate.plan.runs < gate.plan.runs_wanted
    ]
    if not few:
        return []
    return [
        say(
            "The plan averages the last {wanted} runs; there are {runs}.",
            wanted=few[0].runs_wanted,
            runs=min(plan.runs for plan in few),
        )
    ]


def _waiting(checks: Iterable[CheckResult]) -> tuple[Sentence, ...]:
    return tuple(say(check.title) for check in checks if check.holds is None)


def _check(check: CheckResult) -> Sentence:
    return say("Check failed: {check}. {why}", check=say(check.title), why=check.why)


def changes(gates: Sequence[GateResult], checks: Sequence[CheckResult]) -> tuple[Sentence, ...]:
    """Say what would change the recommendation: gate by gate, then the checks."""
    verdicts = {Verdict.FAIL, Verdict.INCONCLUSIVE}
    wanting = [gate for gate in gates if gate.evidence.verdict in verdicts]
    found = [_change(gate) for gate in wanting if _settles(gate)]
    found += _blocked(gate for gate in wanting if not _settles(gate))
    found += [
        say("Repair what the check found: {check}.", check=say(check.title))
        for check in checks
        if check.holds is False
    ]
    found += [
        _refused(gate) for gate in gates if gate.plan.verdict is Verdict.FAIL and _proven(gate)
    ]
    found += _silent(gates)
    found += _few_runs(gates)
    if waiting := _waiting(checks):
        found.append(say("Bring evidence for the checks: {checks}.", checks=waiting))
    return tuple(found)


def _settles(gate: GateResult) -> bool:
    """Return whether more data, or a better candidate, settles the gate: nothing but their number is in its way."""
    why, estimate = gate.evidence.why, gate.evidence.estimate
    capped = estimate is not None and estimate.cap == why and gate.evidence.needed is not None
    return gate.evidence.verdict is Verdict.FAIL or why == UNDECIDED or capped


def _change(gate: GateResult) -> Sentence:
    name, needed = title(gate), gate.evidence.needed
    if gate.evidence.verdict is Verdict.FAIL:
        return say("{gate}: a better candidate; more data will not help.", gate=name)
    if needed is not None:
        return say(
            "{gate}: about {further} more {unit} ({total} in all).",
            gate=name,
            further=f"{needed.further:,}",
            unit=say(needed.unit),
            total=f"{needed.total:,}",
        )
    return say(
        "{gate}: enough data to recognise a good candidate, but this one is not proven good.",
        gate=name,
    )
