"""Runs that seem to be evidence, looked at again where a batch of them does not add up."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rolloutlib.runs.agreement import check_summary, unlike_samples
from rolloutlib.runs.evidence import RefusedError, check_hidden
from rolloutlib.runs.opening import distinct, understood
from rolloutlib.runs.quarantine import Quarantined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.runs.columns import SampleColumns
    from rolloutlib.runs.envelopes import FoundRun

__all__ = ["second_look"]


def second_look(
    runs: Sequence[FoundRun], arms: Sequence[str], columns: SampleColumns
) -> list[FoundRun | Quarantined]:
    """Return the same runs, others in their place, or why they are refused.

    Args:
        runs: a batch of runs that no rule refused.
        arms: of each.
        columns: of all their samples.
    """
    suspects = set(unlike_samples(runs, columns.arrays))
    if not suspects and understood(runs, columns.keys):
        return list(runs)
    looked: list[FoundRun | Quarantined] = []
    for place, new in enumerate(distinct(runs, columns.keys)):
        old, outcome = runs[place], new
        if not isinstance(new, Quarantined):
            try:
                check_hidden(new)
                if place in suspects or new is not old:
                    check_summary(new)
            except RefusedError as error:
                refused = old.refused(error.field, error.value, error.expectation)
                outcome = replace(refused, arm=arms[place])
        looked.append(outcome)
    return looked
