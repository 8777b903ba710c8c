"""What holds or refuses a stage, in a few words: limits, checks, and reasons by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UnsetType

from rolloutlib.judge.record import Verdict
from rolloutlib.judge.risks import weight_of
from rolloutlib.judge.verdicts import named
from rolloutlib.reason import Reason
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.judge.record import Effects, GateResult, Review
    from rolloutlib.reason import Fact

__all__ = ["holding", "refusing"]

MOST: Final = 4  # kinds that are named: the line is read on a phone, and every reason stands below
# What holds nothing: rows that are left out already, values that the plan tolerates.
SILENT: Final = ("data.copies", "data.cached", "gate.tolerated", "all.")
# Whatever reason is about no gate, run, check or finding, as `open_items` has it.
DATA: Final = "data"
KINDS: Final = {
    "look.spent": "look",
    "gate.unproven": "unproven", "gates.blocked": "blocked", "gates.empty": "empty",
    "gate.refused": "refused", "gates.silent": "silent", "runs.few": "runs",
    "segment.": "beside", "issue.": "beside", "issues.": "beside", "drift.": "beside",
    "risk.": "risk", "check.open": "checks", "checks.open": "checks",
}  # fmt: skip
ALONE: Final = {DATA, "look", "runs", "beside", "risk"}
FORBIDDING: Final = ("beside", "risk")  # what may be a NO_GO where the plan says so
NAMES: Final = ("gate", "gates", "check", "checks")  # facts that name what a reason is about
# What a blocked gate lacks in parts, and what makes its numbers doubtful.
MISSING: Final = "missing."
UNITS: Final = "units."


def holding(review: Review) -> tuple[Sentence, ...]:
    """Return what is open, the weightiest first; names that two reasons share are one.

    A finding that the plan only tells holds nothing.
    """
    gates = {_label(named(gate)): gate for gate in review.gates}
    effects, names = _effects(review), dict[str, set[str]]()
    for reason in review.reasons:
        if not reason.code.startswith(SILENT) and effects.get(reason.code) != "tell":
            for name in _names(reason):
                names.setdefault(_kind_of(reason, gates.get(name)), set()).add(name)
    names["doubted"] = names.get("doubted", set()) - names.get("unproven", set())
    parts = [word(len(names[kind])) for kind, word in WORDS.items() if names.get(kind)]
    further = len(parts) - MOST
    return (*parts[:MOST], *((say("and {n} more", n=further),) if further > 0 else ()))


def refusing(review: Review) -> tuple[Sentence, ...]:
    """Return what a NO_GO rests on: broken limits and failed checks, else what the plan forbids."""
    broken = sum(gate.evidence.verdict is Verdict.FAIL for gate in review.gates)
    failed = sum(check.holds is False for check in review.checks)
    parts = (*([_broken(broken)] if broken else ()), *([_failed(failed)] if failed else ()))
    kinds = _forbidden(review)
    beside = [WORDS[kind](kinds.count(kind)) for kind in FORBIDDING if kind in kinds]
    return parts or tuple(beside) or (say("What the plan forbids was found"),)


def _forbidden(review: Review) -> list[str]:
    """Return the kind of each finding that the plan lets forbid the stage.

    A record of before effects were told says it of risks alone: where none of them forbids, it was
    a finding.
    """
    effects = _effects(review)
    holds = {risk.id for risk in review.risks if weight_of(risk) == "hold"}
    reasons = [reason for reason in review.reasons if _kind(reason) in FORBIDDING]
    risks = [r for r in reasons if _kind(r) == "risk" and r.facts.get("id") not in holds]
    beside = [reason for reason in reasons if _kind(reason) == "beside"]
    if effects or risks:
        beside = [reason for reason in beside if effects.get(reason.code) == "no_go"]
    return [_kind(reason) for reason in (*beside, *risks)]


def _effects(review: Review) -> Effects:
    return {} if isinstance(review.effects, UnsetType) else review.effects


def _kind(reason: Reason) -> str:
    return next((kind for code, kind in KINDS.items() if reason.code.startswith(code)), DATA)


def _kind_of(reason: Reason, gate: GateResult | None) -> str:
    """Return the kind of a reason for one of its gates: what blocks it, it may lack or misread."""
    kind, why = _kind(reason), reason.facts.get("why")
    if kind != "blocked":
        return kind
    code = why.code if isinstance(why, Reason) else ""
    if gate is not None and gate.evidence.why.code != code:
        return "doubted"  # by the plan's rule alone
    if code.startswith(MISSING):
        return "empty" if gate is not None and gate.evidence.point is None else "missing"
    return "doubted" if code.startswith(UNITS) else "unproven"


def _names(reason: Reason) -> list[str]:
    """Return the gates or checks that a reason names; whatever else counts as itself."""
    if _kind(reason) in ALONE:
        return [repr(reason)]
    facts = (reason.facts[name] for name in NAMES if name in reason.facts)
    return [
        _label(name) for fact in facts for name in (fact if isinstance(fact, tuple) else (fact,))
    ]


def _label(name: Fact) -> str:
    """Return a name as records and reviews have it alike: without the sentence that one adds."""
    return repr((name.code, name.facts) if isinstance(name, Reason) else name)


def _broken(n: int) -> Sentence:
    return say("1 limit is proven broken" if n == 1 else "{n} limits are proven broken", n=n)


def _failed(n: int) -> Sentence:
    return say("1 check failed" if n == 1 else "{n} checks failed", n=n)


WORDS: Final[dict[str, Callable[[int], Sentence]]] = {
    DATA: lambda _: say("data to mend"),
    "look": lambda _: say("no look left"),
    "refused": lambda n: say(
        "the plan's rule missed at 1 gate" if n == 1 else "the plan's rule missed at {n} gates", n=n
    ),
    "beside": lambda n: say(
        "1 finding beside the gates" if n == 1 else "{n} findings beside the gates", n=n
    ),
    "risk": lambda n: say("1 risk that fires" if n == 1 else "{n} risks that fire", n=n),
    "unproven": lambda n: say("1 gate unproven" if n == 1 else "{n} gates unproven", n=n),
    "doubted": lambda n: say("1 gate in doubt" if n == 1 else "{n} gates in doubt", n=n),
    "missing": lambda n: say(
        "1 gate with data missing" if n == 1 else "{n} gates with data missing", n=n
    ),
    "empty": lambda n: say("1 gate without data" if n == 1 else "{n} gates without data", n=n),
    "silent": lambda n: say(
        "1 gate silent in the last runs" if n == 1 else "{n} gates silent in the last runs", n=n
    ),
    "runs": lambda _: say("too few runs"),
    "checks": lambda n: say("1 check open" if n == 1 else "{n} checks open", n=n),
}
