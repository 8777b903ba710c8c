"""A rollback's why and what came of it: what could not be done is listed as open, never skipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from rolloutlib.ledger.findings import said_by
from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.flags.document import FlagState


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why it is rolled back: what people saw, who pulls the switch, what they suspect.

    `review`: the path of the report, of a review or a watch, that shows it.
    """

    text: str
    signal: str = ""
    owner: str = ""
    cause: str = ""
    review: str = ""


@dataclass(slots=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        before: the flags that were in force; None when the file was missing or damaged.
        after: the safe flags that are in force now.
        switched: False when they were in force already.
        data: the flag document that is in force now.
        flags: keys of the flags that are off now, such as `feature.searchLite`.
        unread: what could not be read, and so was done without: the plan, the flag file.
        record: id of the rollback record, written now or before; None while it is open.
        green: the decision to return to; None when there is none, or nobody can tell.
        done, open: what was done beside switching them off, and what could not be done, in order.
        filed: what was written about it: notes, record, overview.
        follows: what people still have to do: signatures.
    """

    before: FlagState | None
    after: FlagState
    switched: bool
    data: bytes
    flags: tuple[str, ...]
    unread: list[Phrase] = field(default_factory=list[Phrase])
    record: str | None = None
    green: str | None = None
    done: list[Phrase] = field(default_factory=list[Phrase])
    open: list[Phrase] = field(default_factory=list[Phrase])
    follows: list[Phrase] = field(default_factory=list[Phrase])
    filed: list[Phrase] = field(default_factory=list[Phrase])

    @property
    def digest(self) -> str:
        """Return the sha256 of the flag document that is in force now."""
        return sha256(self.data).hexdigest()

    @property
    def steps(self) -> tuple[Phrase, ...]:
        """All that was done, in order, as the terminal and the record tell it."""
        off = phrase("Flags off: {flags}", flags=", ".join(self.flags))
        return (off, *self.done, *self.filed)

    def file(self, what: Phrase, step: Callable[[], object]) -> None:
        """Write about it, as `attempt` does a step."""
        self.attempt(what, step, self.filed)

    def attempt(
        self, what: Phrase, step: Callable[[], object], done: list[Phrase] | None = None
    ) -> None:
        """Do a step; where it fails, keep why among what is open, else add it to what is done."""
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self.open.append(phrase("{what}: {why}", what=what, why=said_by(error)))
        else:
            (self.done if done is None else done).append(what)
