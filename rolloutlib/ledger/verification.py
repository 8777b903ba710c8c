"""Does the ledger hold? Records, signoffs, signatures, roles, thresholds and files, all at once."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.ledger.beside import read_beside
from rolloutlib.ledger.changes import behind
from rolloutlib.ledger.durable import BusyError, locked
from rolloutlib.ledger.findings import Finding, finding
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.signers import SIGNERS_FILE, lint
from rolloutlib.ledger.signing import signed_by
from rolloutlib.ledger.undoing import holding, lacks
from rolloutlib.ledger.workbook import unreadable
from rolloutlib.phrase import Clause, Phrase, both, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.chain import Ledger
    from rolloutlib.ledger.lines import Line
    from rolloutlib.ledger.records import Head
    from rolloutlib.ledger.workbook import Workbook

_PATIENCE: Final = 5.0  # seconds for who writes in the ledger while it is read
_TRUST_FILES: Final[dict[str, tuple[Clause, str]]] = {
    "allowed_signers": ("params/allowed_signers", "params/allowed_signers"),
    "revoked_keys": ("params/revoked_keys", "params/revoked_keys"),
    "people": ("params/roles.yaml", "params/roles.yaml"),
    "thresholds": (
        phrase("the thresholds of plan.yaml or roles.yaml"),
        "params/plan.yaml params/roles.yaml",
    ),
}


class SignatureState(NamedTuple):
    """One role of a record: who has signed it, or the command that does it."""

    role: str
    signer: str | None
    signed_at: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was found.

    Attributes:
        lines: one a record.
        strays: findings that belong to no record.
        ledger: the ledger as it was read for this.
        green: the record that the flags in force stand on.
    """

    lines: tuple[Line, ...]
    strays: tuple[Finding, ...]
    ledger: Ledger
    green: Head | None

    @property
    def heads(self) -> tuple[Head, ...]:
        """The records that none follows."""
        return self.ledger.heads

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, those of no record first."""
        return (*self.strays, *(problem for line in self.lines for problem in line.findings))

    def line(self, name: str) -> Line | None:
        """Return what is said of a record, or None where there is none of this id."""
        return next((line for line in self.lines if line.node.id == name), None)


def verify_ledger(
    book: Workbook,
    *,
    now: datetime,
    head: str | None = None,
    since: str | None = None,
    workers: int | None = None,
) -> Verification:
    """Check everything, of one moment: what was not finished yet while it was read is read again.

    Args:
        book: the workbook.
        now: the moment of checking; later signatures, and deadlines that it has passed, are
            findings.
        head: a head that a report printed: it must still be there.
        since: a head at which everything was verified before. The chain to it is checked again, and
            that the signatures which its records witness are still those; subjects, cards and SSH
            signatures are, from there on only.
        workers: how many ssh-keygen run at once.
    """
    verified = _verified(book, now, head, since, workers)
    if all(problem.waits for problem in verified.findings) or not book.folder.is_dir():
        return verified
    with suppress(BusyError, OSError), locked(book.folder, _PATIENCE):  # somebody may write here
        book.reload()
        return _verified(book, now, head, since, workers)
    return verified


def _verified(
    book: Workbook, now: datetime, head: str | None, since: str | None, workers: int | None
) -> Verification:
    """Check: (1) folder and chain, (2) heads, trust, keys, (3) signatures, (4) records."""
    ledger = book.read()  # (1)
    strays = [*ledger.strays, *_whole(book, ledger), *_missing_heads(ledger, head, since)]  # (2)
    judge = Judge(book, ledger, now)
    trusted = ledger.by_name.get(since or "")
    settled = ledger.up_to(trusted) if trusted else 0
    judge.settle(settled)
    judge.check_signatures(workers or os.cpu_count() or 1)  # (3)
    lines = [judge.line(node, files=not settled >> node.index & 1) for node in ledger.nodes]  # (4)
    strays += [finding(name, "orphan", name=name) for name in ledger.orphans]
    strays += beside_findings(book.root, ledger)
    return Verification(tuple(lines), tuple(strays), ledger, judge.green())


def self_admitted(book: Workbook, verified: Verification, now: datetime) -> dict[str, Phrase]:
    """Return what people should look at, by record: a key that signed its own admission.

    It is no finding: the signature counts as it did when it was made. Where nobody can tell whose
    keys there were, nothing is said.
    """
    judge, remarks = Judge(book, verified.ledger, now), dict[str, Phrase]()
    for line in verified.lines:
        counted = {who for _, who in line.signed}
        for file in line.node.signoffs:
            if file.signature is None or file.who not in counted or judge.founds(line.node):
                continue
            if judge.admissions.came_late(line.node, file.who, signed_by(file.signature)):
                remarks[line.node.id] = phrase(
                    "{who} signed with a key that this change or a later one admits: look at who "
                    "added it (`git log -p {file}`)", who=file.who, file=SIGNERS_FILE,
                )  # fmt: skip
    return remarks


def beside_findings(root: Path, ledger: Ledger | None) -> Iterator[Finding]:
    """Yield what waits beside the ledger to be joined, and what is damaged there.

    Args:
        root: the workbook's root.
        ledger: the ledger; None where the files that say who may sign in it cannot be read.
    """
    files = read_beside(root)
    damaged = [problem for file in files for problem in file.damage()]
    yield from damaged
    first: Clause = ""
    if damaged or (ledger and ledger.damage):
        first = phrase("mend what is WRONG here first, then ")
    if ledger is None and (broken := unreadable(root)):
        first = phrase("mend {file} (`git restore {file}`), then ", file=broken)
    for file in files:
        if file.said is None:
            continue
        gone = ledger and not holding(ledger, file) and lacks(ledger, file.said.way, waits=True)
        if gone:
            yield finding(file.name, "lost.beside", id=file.said.id, decision=gone)
        else:
            yield finding(file.name, "unjoined", id=file.said.id, first=first)


def sign_off_status(
    book: Workbook, name: str, *, now: datetime, ledger: Ledger | None = None
) -> tuple[SignatureState, ...]:
    """Return each role of a record with its signer or the command that signs.

    Args:
        book: the workbook.
        name: the record's id.
        now: the moment at which signatures are judged.
        ledger: the ledger, where it was read already.
    """
    ledger = ledger or book.read()
    node, judge = ledger.find(name), Judge(book, ledger, now)
    signers = dict(judge.line(node, files=False).signed)
    times = {file.who: file.signoff.signed_at for file in node.signoffs if file.signoff}

    def state(role: str) -> SignatureState:
        who = signers.get(role)
        return SignatureState(role, who, times.get(who or ""), f"rollout sign {name} --as {role}")

    roles = node.predicate.trust.thresholds[node.predicate.verdict].all
    return () if judge.founds(node) else tuple(map(state, roles))


def _whole(book: Workbook, ledger: Ledger) -> Iterator[Finding]:
    """What is of no single record: one head, the trust that params/ says, its lint."""
    heads = [ledger.find(head.sha256) for head in ledger.heads]
    if len(heads) > 1:
        yield finding("ledger", "fork", ids=both([node.id for node in heads]))
    if heads and all(node.predicate.trust != book.trust for node in heads):
        recorded = heads[0].predicate.trust
        changed = [
            file
            for name, file in _TRUST_FILES.items()
            if getattr(recorded, name) != getattr(book.trust, name)
        ]
        files, paths = zip(*changed, strict=True)
        each = dict.fromkeys(" ".join(paths).split())
        names = both(files)
        if left := behind(book, ledger):
            yield finding("params", "trust.behind", files=names, id=left[0].id)
        else:
            yield finding("params", "trust.files", files=names, paths=" ".join(each))
    if heads:
        for problem in lint(book.roles, book.signers, ()):
            yield Finding("params", "lint", problem)
        held_roles = {role for person in book.trust.people.values() for role in person.roles}
        record_thresholds = (
            book.trust.thresholds.get(node.predicate.verdict) for node in ledger.nodes
        )
        thresholds = (each for each in (*record_thresholds, book.trust.thresholds["KEYS"]) if each)
        needed = {role for each in thresholds for role in each.all}
        for role in sorted(needed - held_roles):
            yield finding("params/roles.yaml", "vacant", role=role)


def _missing_heads(ledger: Ledger, *pinned: str | None) -> Iterator[Finding]:
    heads = {head for pin in pinned if pin for head in pin.split("+")}
    for head in heads - ledger.by_name.keys():
        yield finding("ledger", "head-missing", head=head[:12])
