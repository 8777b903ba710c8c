"""Evals that broke: an arm of which most calls failed was not measured, whatever the other did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.reason import Reason

__all__ = ["broken"]

_MOST: Final = 0.5  # of the calls: what is left of an eval that broke is no eval


def broken(compared: Comparison) -> list[Reason]:
    """Say of which arms most calls failed, whatever the plan judges.

    Evals that broke alike are alike in nothing else.
    """
    reasons: list[Reason] = []
    for arm in compared.pair:
        errors = compared.measured.table.where(arm=arm).all("error")
        rate = float(errors.mean[0]) if errors.n[0] else 0.0
        if rate > _MOST:
            reasons.append(because("pair.broken", arm=arm, share=rate))
    return reasons
