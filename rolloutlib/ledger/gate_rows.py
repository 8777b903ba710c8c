"""What a record's gates were judged at: the plan's limit and the stage's, each beside its number.

A gate on one arm's quantile is judged as the share of samples beyond the limit, and said so: a
percentage alone says nothing of a latency.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.card_parts import VERDICTS, joined, number_of, row, title_of
from rolloutlib.text import markdown, prose
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from rolloutlib.ledger.card_parts import Line
    from rolloutlib.ledger.record_parts import GateState

__all__ = [
    "SIDES",
    "as_written",
    "gate_name",
    "gate_table",
    "goal_of",
    "is_share",
    "obstacles_of",
    "plan_limit",
    "value_of",
]

_NO_DIGITS: Final = re.compile(r"[^0-9.−]+")
_READ_AS_NUMBERS: ContextVar[bool] = ContextVar("numbers_are_read", default=True)
SIDES: Final = {"lower": "≥", "higher": "≤"}  # of the limit, on which a number is to be


def gate_table(gates: Iterable[GateState], stage: int) -> Iterator[Line]:
    """Yield the rows of all gates: the plan's rule, then the evidence at this stage's limit."""
    yield row(
        say("Gate"), say("Limit of the plan"), say("Last runs"), say("Plan"),
        say("Limit of stage {stage}", stage=stage), say("Estimate"), say("Bounds"), say("Evidence"),
        "n",
    )  # fmt: skip
    yield "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- | ---: |"
    for gate in gates:
        counts = f"{gate.n_control or 0:,} / {gate.n_treatment or 0:,}"
        yield row(
            gate_name(gate), plan_limit(gate), _apart(gate, gate.value, gate.limit, gate.unit),
            _plan_word(gate), _proof_limit(gate), *_estimate(gate), _evidence_word(gate), counts,
        )  # fmt: skip


def gate_name(gate: GateState) -> Line:
    """Return a gate's title, with the issue that the data decided it to be about."""
    title = title_of(gate.title)
    if not isinstance(gate.subject, str):
        return title
    return say("{gate} ({subject})", gate=title, subject=markdown(gate.subject))


def goal_of(gate: GateState) -> Sentence:
    """Return what the plan asks of a gate; of a quantile also as the share that may be beyond."""
    if is_share(gate) and isinstance(gate.quantile, str):
        share = number_of(str(round(1 - float(gate.quantile), 9)), "proportion", signed=False)
        return say(
            "{gate} {limit} (at most {share} of samples slower)",
            gate=gate_name(gate), limit=plan_limit(gate), share=share,
        )  # fmt: skip
    return say("{gate} {limit}", gate=gate_name(gate), limit=plan_limit(gate))


def value_of(gate: GateState) -> Sentence:
    """Return what the last runs say of a gate."""
    value = number_of(gate.value, gate.unit, signed=gate.signed)
    return say("{gate} {limit}", gate=gate_name(gate), limit=value)


def obstacles_of(gate: GateState) -> Line:
    """Say in words what keeps a gate from holding, by the plan's rule and by the evidence."""
    parts: list[Sentence] = []
    if gate.plan != "pass":
        value = _apart(gate, gate.value, gate.limit, gate.unit)
        numbers = say("{value}, and {limit} is asked", value=value, limit=plan_limit(gate))
        numbers = say("no data") if gate.value is None else numbers
        parts.append(say("plan {verdict}; {found}", verdict=_plan_word(gate), found=numbers))
    if gate.evidence != "pass":
        parts.append(say("evidence {verdict}; {found}", verdict=_evidence_word(gate),
                         found=_proven(gate)))  # fmt: skip
    return joined(parts)


def _proven(gate: GateState) -> Line:
    if gate.point is None:
        return say("no data")
    point, bounds = _estimate(gate)
    if is_share(gate):
        return say(
            "{point} are slower than {limit} (bounds {bounds}); at most {most} may be",
            point=point, limit=number_of(gate.limit, gate.unit, signed=False), bounds=bounds,
            most=number_of(gate.proof_limit, gate.evidence_unit, signed=False),
        )  # fmt: skip
    return say("{value} (bounds {bounds}), and {limit} is asked", value=point, bounds=bounds,
               limit=_proof_limit(gate))  # fmt: skip


def is_share(gate: GateState) -> bool:
    """Whether the evidence judges the share of samples beyond the plan's limit."""
    return gate.evidence_unit != gate.unit


def plan_limit(gate: GateState) -> Line:
    """Return the plan's limit, and on which side of it a value is to be where the record says."""
    return _sided(gate, number_of(gate.limit, gate.unit, signed=gate.signed))


def _proof_limit(gate: GateState) -> Line:
    sided = _sided(gate, number_of(gate.proof_limit, gate.evidence_unit, signed=gate.signed))
    if not is_share(gate):
        return sided
    slow = number_of(gate.limit, gate.unit, signed=False)
    return say("slower than {limit}: {share}", limit=slow, share=sided)


def _sided(gate: GateState, limit: Sentence) -> Line:
    side = SIDES.get(gate.harm) if isinstance(gate.harm, str) else None
    return Sentence(f"{side} {{limit}}", (("limit", limit),)) if side else limit


def _estimate(gate: GateState) -> tuple[Line, Line]:
    if gate.point is None:
        return "–", "–"
    none = say("no bound")
    ends = {
        name: none if end is None else _apart(gate, end, gate.proof_limit, gate.evidence_unit)
        for name, end in (("lower", gate.lower), ("upper", gate.upper))
    }
    point = number_of(gate.point, gate.evidence_unit, signed=gate.signed)
    return point, say("{lower} to {upper}", **ends)


def _apart(gate: GateState, value: str | None, limit: str | None, unit: str) -> Line:
    """Return a number; where rounding makes it the limit, say on which side of it it is."""
    shown = number_of(value, unit, signed=gate.signed)
    if value is None or limit is None or float(value) == float(limit):
        return shown
    if _digits(shown) != _digits(number_of(limit, unit, signed=gate.signed)):
        return shown
    sign = "<" if float(value) < float(limit) else ">"
    return Sentence(f"{markdown(sign)} {{number}}", (("number", shown),))


@contextmanager
def as_written() -> Generator[None]:
    """Tell 10.00 % from 10.0 % without a sign, as cards of forms 1 and 2 do and have to keep."""
    token = _READ_AS_NUMBERS.set(False)
    try:
        yield
    finally:
        _READ_AS_NUMBERS.reset(token)


def _digits(number: Sentence) -> float | str:
    """Return the number that people read: 10.00 % and 10.0 % are one, however many places."""
    if not _READ_AS_NUMBERS.get():
        return str(number)
    return float(_NO_DIGITS.sub("", str(number)).replace("−", "-") or "nan")


def _plan_word(gate: GateState) -> Line:
    word = VERDICTS.get(gate.plan, markdown(gate.plan))
    if isinstance(gate.plan_why, str):
        return say("{verdict}: {why}", verdict=word, why=prose(gate.plan_why))
    if not isinstance(gate.runs, int) or not isinstance(gate.runs_wanted, int):
        return word
    if gate.runs >= gate.runs_wanted:
        return word
    return say("{verdict} ({runs} of {wanted} runs)", verdict=word, runs=gate.runs,
               wanted=gate.runs_wanted)  # fmt: skip


def _evidence_word(gate: GateState) -> Line:
    word = VERDICTS.get(gate.evidence, markdown(gate.evidence))
    if isinstance(gate.why, str):
        return say("{verdict}: {why}", verdict=word, why=prose(gate.why))
    return word
