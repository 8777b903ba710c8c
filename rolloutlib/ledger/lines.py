"""What `verify` says of a record, in a word and in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rolloutlib.ledger.findings import together
from rolloutlib.phrase import phrase
from rolloutlib.words.sentences import translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.findings import Finding
    from rolloutlib.phrase import Clause, Phrase

State = Literal["ok", "waits", "LATE", "WRONG"]


@dataclass(frozen=True, slots=True)
class Line:
    """What `verify` says of one record.

    Attributes:
        signed: role and signer of the signatures that count.
        missing: roles whose signature is needed and not there; `pending` ones still have time.
        dissent: signers who decided otherwise.
        commands: what makes the missing signatures, in order.
    """

    node: Node
    signed: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    pending: tuple[str, ...]
    dissent: tuple[str, ...]
    findings: tuple[Finding, ...]
    commands: tuple[Clause, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all holds that has to hold by now."""
        return not self.findings

    @property
    def state(self) -> State:
        """Return the one word for it; what was tampered with is never taken for what waits."""
        if self.ok:
            return "waits" if self.pending else "ok"
        return state_of(self.findings)

    def __str__(self) -> str:
        """Say it in a line, with the commands that help where something only waits.

        In the language that is spoken.
        """
        head = f"{self.node.id}  {self.state:5}  {self.node.predicate.verdict}"
        return f"{head}: {translated(self.said)}"

    @property
    def said(self) -> Phrase:
        """Return what the line says after id, state and verdict."""
        then = phrase(" → {commands}", commands=self.commands) if self.commands else ""
        if not self.ok:
            sentence = together(problem.phrase for problem in self.findings)
            return (
                sentence
                if self.state == "WRONG"
                else phrase("{said}{then}", said=sentence, then=then)
            )
        names = ", ".join(f"{role} {who}" for role, who in self.signed)
        if not names and not self.pending:  # nobody before this change of keys could sign it
            return phrase("needs no signature")
        signed = phrase("signed by {names}", names=names) if names else phrase("signed by nobody")
        if not self.pending:
            return signed
        return phrase("{signed}; {roles} within 24 h{then}", signed=signed,
                      roles=", ".join(self.pending), then=then)  # fmt: skip


def state_of(findings: Iterable[Finding]) -> State:
    """Return the one word for findings: the worst of them."""
    codes = {"waits" if problem.waits else problem.code for problem in findings}
    if not codes:
        return "ok"
    return "waits" if codes == {"waits"} else "LATE" if codes <= {"waits", "late"} else "WRONG"


def admit(role: str) -> str:
    """Return the command that admits somebody for a role."""
    return f"rollout keys add NAME@HOST --name NAME --role {role} --key FILE.pub"
