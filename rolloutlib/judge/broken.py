"""Evals that broke: an arm of which most calls failed was not measured, whatever the other did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult
    from rolloutlib.reason import Reason

__all__ = ["broken"]

_MOST: Final = 0.5  # of the calls: what is left of an eval that broke is no eval


def broken(gates: Sequence[GateResult]) -> list[Reason]:
    """Say of which arms most calls failed: evals that broke alike are alike in nothing else."""
    errors = [gate for gate in gates if gate.metric == "error"]
    rates = [("control", gate.control) for gate in errors]
    rates += [("treatment", gate.treatment) for gate in errors]
    return [
        because("pair.broken", arm=arm, share=rate)
        for arm, rate in rates
        if rate is not None and rate > _MOST
    ]
