"""Who owes what: a review's open items go to the role whose duties in the plan name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from rolloutlib.reason import Reason

if TYPE_CHECKING:
    from rolloutlib.plan.model import Plan

__all__ = ["OpenItem", "Owed", "owes"]

Owed = Literal[
    "junit", "incidents", "documents", "release_notes", "data", "gate", "tags", "regression",
    "risk", "decision", "promotion",
]  # fmt: skip

# Kind of check, or of what is open → the duty that names it, as plan.yaml words it.
DUTIES: Final[dict[Owed, str]] = {
    "junit": "test plan", "incidents": "rollback", "documents": "flag wiring",
    "release_notes": "communication", "data": "metrics", "gate": "metrics", "tags": "tag policy",
    "regression": "regressions", "risk": "flag wiring", "decision": "Go/No-Go",
    "promotion": "stage promotion",
}  # fmt: skip


class OpenItem(msgspec.Struct, frozen=True):
    """Something that is still owed.

    Attributes:
        role: who owes it, a key of the plan's `roles`.
        why: what it is.
    """

    role: str
    why: Reason


def owes(plan: Plan, what: Owed) -> str:
    """Return the role that owes something: whose duties name it, else who is responsible.

    >>> from rolloutlib.plan.model import load_plan, workbook_root
    >>> owes(load_plan(workbook_root() / "params" / "plan.yaml"), "junit")
    'qa'
    """
    duty = DUTIES[what].casefold()
    named = (
        role
        for role, entry in plan.roles.items()
        if duty in (text.casefold() for text in entry.duties)
    )
    responsible = (role for role, entry in plan.roles.items() if entry.raci == "responsible")
    return next(named, next(responsible, "pm"))
