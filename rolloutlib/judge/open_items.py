"""What a review leaves open, and which role owes it: its reasons, put to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from rolloutlib.judge.owed import OpenItem, owes
from rolloutlib.judge.record import Recommendation
from rolloutlib.plan.workbook import STAGES
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rolloutlib.judge.owed import Owed
    from rolloutlib.judge.record import CheckResult, GateResult
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.workbook import StageId

__all__ = ["open_items"]

_SETTLED: Final = ("all.", "gate.tolerated")  # nobody owes anything for these
_OF_GATES: Final = ("gate.", "gates.empty")  # one by one; here those that lack the same together
_OF_CHECKS: Final = ("check.", "checks.")
_REGRESSION: Final = ("segment.", "issue.", "issues.", "drift.")
_RUNS: Final = ("gates.silent", "runs.few")

Item = tuple["Owed", Reason]
Part = TypeVar("Part")
Key = TypeVar("Key")


def open_items(
    plan: Plan, stage: StageId, recommended: Recommendation, reasons: Sequence[Reason],
    gates: Sequence[GateResult] = (), checks: Sequence[CheckResult] = (),
) -> tuple[OpenItem, ...]:  # fmt: skip
    """Return what is owed: for the data, gates, checks and findings, then the decision itself.

    Args:
        plan: whose roles and their duties they are.
        stage: the reviewed one.
        recommended: by the review.
        reasons: of the recommendation; each that is no good news is owed by somebody.
        gates: with their verdicts.
        checks: with what they found.
    """
    items = (
        *_of_data(reasons), *_of_gates(reasons, gates), *_of_runs(reasons),
        *_of_checks(plan, checks), *_of_findings(reasons), *_of_people(plan, stage, recommended),
    )  # fmt: skip
    return tuple(OpenItem(owes(plan, what), why) for what, why in items)


def _of_data(reasons: Sequence[Reason]) -> Iterator[Item]:
    """Ask to mend what no other reason is about: data that are no evidence, or not yet."""
    specific = (
        *_SETTLED,
        *_OF_GATES,
        *_OF_CHECKS,
        *_REGRESSION,
        *_RUNS,
        "gates.blocked",
        "risk.",
        "look.spent",
    )
    if any(not reason.code.startswith(specific) for reason in reasons):
        yield "data", because("open.data")
    for reason in reasons:
        if reason.code == "gates.blocked":
            yield "data", reason


def _of_runs(reasons: Sequence[Reason]) -> Iterator[Item]:
    """Ask for the runs that the plan averages, and for values in the last ones."""
    for reason in reasons:
        if reason.code in _RUNS:
            yield "data", reason


def _of_gates(reasons: Sequence[Reason], gates: Sequence[GateResult]) -> Iterator[Item]:
    """Ask for gates, those together of which the same duty asks the same."""
    by_id = {gate.id: gate for gate in gates}

    def listed_of(code: str) -> list[tuple[GateResult, str | Reason]]:
        listed = [reason for reason in reasons if reason.code == code]
        return [(by_id[str(reason.facts["id"])], _name(reason)) for reason in listed]

    for what, group in _grouped(listed_of("gate.broken"), _of_pair):
        yield what, because("open.broken", gates=_names(group))
    for what, group in _grouped(listed_of("gate.refused"), _of_pair):
        yield what, because("open.refused", gates=_names(group))
    for (what, unit), group in _grouped(listed_of("gate.unproven"), _lacking):
        if unit:
            yield what, because("open.needs", gates=_names(group), unit=unit, further=_most(group))
        else:
            yield what, because("open.unproven", gates=_names(group))
    empty = {title for r in reasons if r.code == "gates.empty" for title in _titles(r)}
    without = [gate for gate in gates if gate.title in empty]
    for what, group in _grouped(without, _duty):
        yield what, because("gates.empty", gates=tuple(gate.title for gate in group))


def _of_checks(plan: Plan, checks: Sequence[CheckResult]) -> Iterator[Item]:
    """Ask to repair what a check found, and for evidence where there is none that holds."""
    for check in checks:
        if check.holds is False:
            yield (
                plan.checks[check.id].kind,
                because("check.failed", check=check.title, why=check.why),
            )
        elif check.holds is None and check.evidence:
            yield (
                plan.checks[check.id].kind,
                because("check.open", check=check.title, why=check.why),
            )
    bare = [check for check in checks if check.holds is None and not check.evidence]
    for _, group in _grouped(bare, lambda check: owes(plan, plan.checks[check.id].kind)):
        kind = plan.checks[group[0].id].kind
        yield kind, because("checks.bring", checks=tuple(check.title for check in group))


def _of_findings(reasons: Sequence[Reason]) -> Iterator[Item]:
    for reason in reasons:
        if reason.code.startswith(_REGRESSION):
            yield "regression", because("open.look", why=reason)
        elif reason.code.startswith("risk."):
            yield "risk", reason
        elif reason.code == "look.spent":
            yield "decision", reason


def _of_people(plan: Plan, stage: StageId, recommended: Recommendation) -> Iterator[Item]:
    """Ask for the decision, and after a GO for the step that it takes; INVALID decides nothing."""
    if recommended is not Recommendation.INVALID:
        yield "decision", because("open.decide")
    if recommended is Recommendation.GO and stage != STAGES[-1]:
        entered = STAGES[stage + 1]
        yield "promotion", because("open.promote", stage=entered, title=plan.stages[entered].name)


def _duty(gate: GateResult) -> Owed:
    return "tags" if gate.metric == "edited" else "gate"


def _of_pair(pair: tuple[GateResult, object]) -> Owed:
    return _duty(pair[0])


def _lacking(pair: tuple[GateResult, object]) -> tuple[Owed, str]:
    needed = pair[0].evidence.needed
    return _duty(pair[0]), needed.unit if needed else ""


def _most(group: Sequence[tuple[GateResult, object]]) -> int:
    """Return how many more units settle all of them."""
    needed = (gate.evidence.needed for gate, _ in group)
    return max(need.further for need in needed if need is not None)


def _name(reason: Reason) -> str | Reason:
    name = reason.facts["gate"]
    return name if isinstance(name, Reason) else str(name)


def _titles(reason: Reason) -> tuple[object, ...]:
    titles = reason.facts["gates"]
    return titles if isinstance(titles, tuple) else (titles,)


def _names(group: Sequence[tuple[GateResult, str | Reason]]) -> tuple[str | Reason, ...]:
    return tuple(name for _, name in group)


def _grouped(parts: Iterable[Part], key: Callable[[Part], Key]) -> list[tuple[Key, list[Part]]]:
    """Return parts by key, keys in the order in which they come first."""
    groups: dict[Key, list[Part]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return [*groups.items()]
