"""Gates and checks → recommendation, with the reasons and what would change it.

The rule (docs/statistics.md): INVALID if any gate is invalid; NO_GO if any gate's evidence fails,
any check fails, or the plan lets a finding (a segment that loses, an issue that rises) decide so;
GO if every gate's evidence passes, every plan verdict passes or misses within the tolerance that
the plan declares (`tolerated`), every check holds and no finding holds back; otherwise HOLD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.judge.verdicts import named, of_share
from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from msgspec import UnsetType

    from rolloutlib.judge.record import CheckResult, Effects, GateResult
    from rolloutlib.measure.segments import Segment
    from rolloutlib.plan.gates import Effect
    from rolloutlib.reason import Fact

__all__ = [
    "Finding",
    "changes",
    "effects_of",
    "hidden_loss",
    "reasons",
    "recommend",
    "rising_issue",
    "segment_worse",
    "vanished_issue",
]

# Whatever the bounds say, these keep a gate open; more clusters lift them.
TOO_FEW = ("clusters.few", "clusters.heavy")
# Codes of what a gate lacks or may misread: no verdict until the data are mended.
MISSING = ("missing.", "units.")
SPENT = "look.spent"
RISK = "risk."


class Finding(NamedTuple):
    """What stands beside the gates, and what the plan lets it do."""

    why: Reason
    effect: Effect


def recommend(
    gates: Sequence[GateResult], checks: Sequence[CheckResult], findings: Sequence[Finding] = (),
    *, attests: bool = True,
) -> Recommendation:  # fmt: skip
    """Apply the rule; an empty list says nothing: no gates are invalid, no checks hold back.

    `attests`: whether there are to be checks at all; a comparison of files has none.
    """
    effects = {finding.effect for finding in findings}
    evidence = [gate.evidence.verdict for gate in gates]
    if not gates or Verdict.INVALID in evidence:
        return Recommendation.INVALID
    failed = Verdict.FAIL in evidence or any(check.holds is False for check in checks)
    if failed or "no_go" in effects:
        return Recommendation.NO_GO
    proven = all(_proven(gate) and _kept(gate) for gate in gates)
    attested = all(check.holds for check in checks) and bool(checks) is attests
    free = proven and attested and "hold" not in effects
    return Recommendation.GO if free else Recommendation.HOLD


def effects_of(findings: Iterable[Finding]) -> Effects | UnsetType:
    """Return what findings do that do not hold, by their codes; risks say it of themselves."""
    effects: Effects = {
        finding.why.code: finding.effect
        for finding in findings
        if finding.effect != "hold" and not finding.why.code.startswith(RISK)
    }
    return effects or UNSET


def _proven(gate: GateResult) -> bool:
    return gate.evidence.verdict is Verdict.PASS


def _kept(gate: GateResult) -> bool:
    """Return whether the plan's rule holds nothing back: it passes, or misses within tolerance."""
    return gate.plan.verdict is Verdict.PASS or gate.tolerated is not None


def _undecided(gate: GateResult) -> bool:
    return gate.evidence.why.code == "bound.undecided"


def reasons(
    gates: Sequence[GateResult], checks: Sequence[CheckResult], hidden: Sequence[Reason] = (), *,
    blocks: Sequence[Reason] = (), copied: Sequence[Reason] = (), go: bool = False,
) -> tuple[Reason, ...]:  # fmt: skip
    """Say why, the weightiest first.

    What blocks every gate, what is proven broken, what is missing of a gate, what the plan refuses,
    what it tolerates, what is hidden, what is unproven, what is open.

    Args:
        gates: with their verdicts.
        checks: with what they found.
        hidden: findings beside the gates.
        blocks: what keeps every gate from passing, whatever it says.
        copied: what was left out as a copy; told with everything but a GO.
        go: whether GO is recommended: what is tolerated is then the first thing to know.
    """
    failed = [gate for gate in gates if gate.evidence.verdict is Verdict.FAIL]
    refused = [gate for gate in gates if _refuses(gate) and gate not in failed]
    within = [gate.tolerated for gate in gates if gate.tolerated is not None]
    waiting = [gate for gate in gates if gate.evidence.verdict is Verdict.INCONCLUSIVE]
    free = [gate for gate in waiting if gate.evidence.why not in blocks]
    spent = [gate.evidence.why for gate in free if gate.evidence.why.code == SPENT]
    lacking = [gate for gate in free if gate.evidence.why.code.startswith(MISSING)]
    unproven = [gate for gate in free if not _empty(gate) and gate not in lacking]
    data = [*blocks, *map(_broken, failed), *_blocked(lacking)]
    data += _doubted(gate for gate in gates if gate not in lacking and not blocks)
    rest = [*spent[:1], *(_failed(check) for check in checks if check.holds is False)]
    rest += [*map(_refused, refused), *([] if go else within), *hidden]
    rest += [because("gate.unproven", **_numbers(gate)) for gate in unproven if _undecided(gate)]
    rest += _blocked(g for g in unproven if not _undecided(g) and g.evidence.why.code != SPENT)
    if empty := tuple(gate.title for gate in waiting if _empty(gate) and gate not in lacking):
        rest.append(because("gates.empty", gates=empty))
    rest += [*_silent(gates), *_few_runs(gates), *_open(checks)]
    if not data and not rest:
        return (*within, because("all.tolerated")) if within else (because("all.pass"),)
    return (*(within if go else ()), *data[:1], *copied, *data[1:], *rest)


def _empty(gate: GateResult) -> bool:
    return gate.evidence.point is None


def _broken(gate: GateResult) -> Reason:
    if _empty(gate):
        return because("gates.blocked", gate=(named(gate),), why=gate.evidence.why)
    return because("gate.broken", **_numbers(gate))


def _failed(check: CheckResult) -> Reason:
    return because("check.failed", check=check.title, why=check.why)


def changes(
    gates: Sequence[GateResult], checks: Sequence[CheckResult], blocks: Sequence[Reason] = ()
) -> tuple[Reason, ...]:
    """Say what would change the recommendation: the data, gate by gate, then the checks."""
    verdicts = {Verdict.FAIL, Verdict.INCONCLUSIVE}
    wanting = [
        gate
        for gate in gates
        if gate.evidence.verdict in verdicts and gate.evidence.why not in blocks
    ]
    listed = [because("data.mend", why=why) for why in blocks]
    listed += [_change(gate) for gate in wanting if _settles(gate)]
    listed += _blocked(gate for gate in wanting if not _settles(gate))
    listed += [
        because("check.repair", check=check.title) for check in checks if check.holds is False
    ]
    listed += [_refused(gate) for gate in gates if _refuses(gate) and _proven(gate)]
    listed += _doubted(gate for gate in gates if gate not in wanting)
    listed += _silent(gates)
    listed += _few_runs(gates)
    if waiting := _waiting(checks):
        listed.append(because("checks.bring", checks=waiting))
    return tuple(listed)


def segment_worse(gate: GateResult, part: Segment) -> Reason:
    """Say that a segment loses by a gate although the whole does not."""
    if gate.metric == "passed" and gate.contrast == "difference":
        return hidden_loss(part.by, part.value, part.point, part.p_holm)
    return because(
        "segment.worse", gate=named(gate), id=gate.id, by=part.by, value=part.value,
        change=part.point, p=part.p_holm, measure=gate.unit, signed=gate.signed,
    )  # fmt: skip


def hidden_loss(by: str, value: str, change: float, p: float | None) -> Reason:
    """Say that a segment's pass rate loses although the whole does not."""
    return because(
        "segment.loss", by=by, value=value, change=change, p=p, measure="proportion", signed=True
    )


def vanished_issue(tag: str, control: float | None) -> Reason:
    """Say that only the control ever has an issue, as if the treatment called it otherwise."""
    return because("issue.vanishes", issue=tag, value=control, measure="proportion", signed=False)


def rising_issue(
    tag: str, control: float | None, treatment: float | None, p: float | None
) -> Reason:
    """Say that an issue, or any issue at all, became more frequent, or is new."""
    if tag == ANY_ISSUE:
        return because("issues.rise", limit=control, value=treatment, p=p, measure="proportion",
                       signed=False)  # fmt: skip
    if not control:
        return because("issue.new", issue=tag, value=treatment, p=p, measure="proportion",
                       signed=False)  # fmt: skip
    return because("issue.rises", issue=tag, limit=control, value=treatment, p=p,
                   measure="proportion", signed=False)  # fmt: skip


def _numbers(gate: GateResult) -> dict[str, Fact]:
    """Return the facts of a gate's bounds, in the unit that `measure` names."""
    worst, best = gate.evidence.lower, gate.evidence.upper
    if gate.harm == "higher":
        worst, best = best, worst
    return {
        "gate": named(gate), "id": gate.id, "point": gate.evidence.point, "worst": worst,
        "best": best, "limit": gate.proof_limit, "measure": gate.evidence_unit,
        "signed": gate.signed, **of_share(gate, gate.limit),
    }  # fmt: skip


def _refuses(gate: GateResult) -> bool:
    return gate.plan.verdict is Verdict.FAIL and gate.tolerated is None


def _refused(gate: GateResult) -> Reason:
    return because(
        "gate.refused", gate=named(gate), id=gate.id, value=gate.plan.value, limit=gate.limit,
        measure=gate.unit, signed=gate.signed,
    )  # fmt: skip


def _blocked(gates: Iterable[GateResult]) -> list[Reason]:
    """Say what keeps gates from a verdict whatever their bounds say, each cause once."""
    causes: list[tuple[Reason, list[str | Reason]]] = []
    for gate in gates:
        titles = next((names for why, names in causes if why == gate.evidence.why), None)
        if titles is None:
            causes.append((gate.evidence.why, titles := []))
        titles.append(named(gate))
    return [because("gates.blocked", gate=tuple(names), why=why) for why, names in causes]


def _doubted(gates: Iterable[GateResult]) -> list[Reason]:
    """Say which gates pass by the plan only as long as what is missing is not bad."""
    return [
        because("gates.blocked", gate=(named(gate),), why=gate.plan.why)
        for gate in gates
        if gate.plan.why is not None and gate.tolerated is None
    ]


def _silent(gates: Iterable[GateResult]) -> list[Reason]:
    """Name the gates whose metric only runs before the last ones know: the plan has no value."""
    silent = tuple(named(gate) for gate in gates if gate.plan.value is None and not _empty(gate))
    return [because("gates.silent", gates=silent)] if silent else []


def _few_runs(gates: Iterable[GateResult]) -> list[Reason]:
    plans = [gate.plan for gate in gates if gate.plan.value is not None]
    few = [plan for plan in plans if plan.runs < plan.runs_wanted]
    if not few:
        return []
    runs = min(plan.runs for plan in few)
    return [because("runs.few", wanted=few[0].runs_wanted, runs=runs)]


def _waiting(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    return tuple(check.title for check in checks if check.holds is None)


def _open(checks: Iterable[CheckResult]) -> list[Reason]:
    """Say why checks are open: one by one what their evidence lacks, together what has none."""
    waiting = [check for check in checks if check.holds is None]
    attested = [check for check in waiting if check.evidence]
    listed = [because("check.open", check=check.title, why=check.why) for check in attested]
    if bare := _waiting(check for check in waiting if not check.evidence):
        listed.append(because("checks.open", checks=bare))
    return listed


def _settles(gate: GateResult) -> bool:
    """Return whether more data, or a better candidate, settles the gate."""
    capped = gate.evidence.why.code in TOO_FEW and gate.evidence.needed is not None
    return gate.evidence.verdict is Verdict.FAIL or _undecided(gate) or capped


def _change(gate: GateResult) -> Reason:
    name, needed = named(gate), gate.evidence.needed
    if gate.evidence.verdict is Verdict.FAIL:
        return because("gate.better", gate=name, id=gate.id)
    if needed is None:
        return because("gate.enough", gate=name, id=gate.id)
    return because(
        "gate.needs", gate=name, id=gate.id, unit=needed.unit, further=needed.further,
        total=needed.total,
    )  # fmt: skip
