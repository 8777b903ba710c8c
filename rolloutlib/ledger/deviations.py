"""What the signers of a GO accept with it: values that miss the plan's limit within the tolerance.

A record holds their numbers; the sentence is made of them, so that it cannot say anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from rolloutlib.ledger.documents import decimal
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.record_parts import Deviation
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rolloutlib.judge.record import GateResult
    from rolloutlib.ledger.record_parts import GateState
    from rolloutlib.ledger.records import Predicate
    from rolloutlib.reason import Fact

__all__ = ["accepted", "check_deviations", "deviations"]

_SIDES: Final = {"lower": "≥", "higher": "≤"}  # of the limit, on which a value is to be


def deviations(gates: Iterable[GateResult]) -> Iterator[Deviation]:
    """Yield the deviations of a review's gates."""
    for gate in gates:
        if (why := gate.tolerated) is None:
            continue
        worst = cast("float | None", why.facts.get("worst"))
        numbers = (gate.limit, gate.plan.value, gate.tolerance)
        limit, value, tolerance = (decimal(number) or "" for number in numbers)
        yield Deviation(gate.id, gate.harm, limit, value, decimal(worst), tolerance)


def check_deviations(p: Predicate) -> None:
    """Check that only a GO accepts deviations, and only what its own gates say.

    Raises:
        LedgerError: one is no deviation of its gate.
    """
    for deviation in p.accepted:
        if p.verdict != "GO" or not _fits(deviation, p.gates):
            raise LedgerError("deviation", gate=deviation.gate)


def _fits(deviation: Deviation, gates: Sequence[GateState]) -> bool:
    """Whether its gate's evidence passes, and its value misses by less than the tolerance."""
    gate = next((gate for gate in gates if gate.id == deviation.gate), None)
    if gate is None or gate.evidence != "pass" or gate.plan not in {"fail", "inconclusive"}:
        return False
    judged = float(deviation.value if deviation.worst is None else deviation.worst)
    limit, tolerance = float(deviation.limit), float(deviation.tolerance)
    miss = limit - judged if deviation.harm == "lower" else judged - limit
    return (gate.limit, gate.value) == (deviation.limit, deviation.value) and 0 < miss < tolerance


def accepted(p: Predicate) -> Iterator[Reason]:
    """Yield what the signers of a record accept, to be said in any language."""
    gates = {gate.id: gate for gate in p.gates}
    for deviation in p.accepted:
        if (gate := gates.get(deviation.gate)) is None:
            continue  # a record that does not hold
        facts: dict[str, Fact] = {
            "gate": gate.title, "id": gate.id, "value": float(deviation.value),
            "side": _SIDES[deviation.harm], "limit": float(deviation.limit),
            "tolerance": float(deviation.tolerance), "measure": gate.unit, "signed": gate.signed,
        }  # fmt: skip
        if deviation.worst is None:
            yield because("gate.tolerated", **facts)
        else:
            yield because("gate.tolerated_worst", **facts, worst=float(deviation.worst))
