"""Does the ledger hold? Records, signoffs, signatures, roles, thresholds, files: a sentence for what does not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.ledger.cards import card
from rolloutlib.ledger.chain import Finding, Ledger, Node, SignoffFile, read_ledger
from rolloutlib.ledger.durable import Files
from rolloutlib.ledger.records import Head, LedgerError, Signoff, Trust, digest_of, instant, moment
from rolloutlib.ledger.signing import lint, load_roles, load_signers, signed_by, trust, verify
from rolloutlib.plan.model import load_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rolloutlib.ledger.records import Verdict

__all__ = [
    "FOLDER",
    "Judge",
    "Line",
    "SignatureState",
    "Verification",
    "Workbook",
    "card_findings",
    "ledger_head",
    "render",
    "sign_off_status",
    "verify_ledger",
]

FOLDER: Final = "docs/LEDGER"
_CLOCK_SKEW: Final = timedelta(minutes=5)
_DAY: Final = timedelta(hours=24)


class SignatureState(NamedTuple):
    """One role of a record: who has signed it, or the command that does it."""

    role: str
    signer: str | None
    signed_at: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Line:
    """What `verify` says of one record.

    Attributes:
        signed: role and signer of the signatures that count.
        missing: roles whose signature is due and not there; `pending` ones still have time.
        dissent: signers who decided otherwise.
    """

    node: Node
    signed: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    pending: tuple[str, ...]
    dissent: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether all holds."""
        return not self.findings

    def __str__(self) -> str:
        """Say it in a line."""
        p = self.node.record.predicate
        names = ", ".join(f"{role} {who}" for role, who in self.signed) or "nobody"
        late = f"; {', '.join(self.pending)} within 24 h" if self.pending else ""
        told = (
            f"signed by {names}{late}"
            if self.ok
            else "; ".join(finding.sentence for finding in self.findings)
        )
        return f"{p.id}  {'ok   ' if self.ok else 'WRONG'}  {p.verdict}: {told}"


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was found: a line a record, what belongs to none, the heads and the green record."""

    lines: tuple[Line, ...]
    strays: tuple[Finding, ...]
    heads: tuple[Head, ...]
    green: Head | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, those of no record first."""
        return (*self.strays, *(finding for line in self.lines for finding in line.findings))


class Workbook:
    """A workbook's ledger with the files under params/ that decide whose signatures count.

    Args:
        root: the workbook's root.
        files: the calls into the operating system.
    """

    def __init__(self, root: Path, files: Files | None = None) -> None:
        """Read params/; every error names file and key."""
        self.root, self.folder, self.files = root, root / FOLDER, files or Files()
        self.roles, self.signers = load_roles(root), load_signers(root)
        self.trust = trust(root, load_plan(root / "params" / "plan.yaml"), self.roles)

    def read(self) -> Ledger:
        """Read the ledger and check its chain."""
        return read_ledger(self.folder, self.roles.ledger)

    def problems(self, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
        """Return what the lint of roles and keys finds, where these verdicts are to be signed."""
        return lint(
            self.roles,
            self.signers,
            [self.trust.thresholds[v] for v in {*verdicts, "KEYS"} if v in self.trust.thresholds],
        )


# --- verify ---------------------------------------------------------------------------------------------------------


def verify_ledger(
    book: Workbook,
    *,
    now: datetime,
    head: str | None = None,
    since: str | None = None,
    workers: int | None = None,
) -> Verification:
    """Check everything: folder, chain, subjects, cards, signoffs, signatures, roles, thresholds, keys.

    Args:
        book: the workbook.
        now: the moment of checking; later signatures, and deadlines that it has passed, are findings.
        head: a head that a report printed: it must still be there.
        since: a head at which everything was verified before. The chain to it is checked again, and that the signatures
            which its records witness are still those; subjects, cards and SSH signatures are, from there on only.
        workers: how many ssh-keygen run at once.
    """
    ledger = book.read()
    judge = Judge(book, ledger, now)
    strays = [*ledger.strays, *_global(book, ledger), *_missing_heads(ledger, head, since)]
    trusted = ledger.by_name.get(since or "")
    settled = ledger.up_to(trusted) if trusted else 0
    judge.settle(settled)
    judge.check_signatures(workers or os.cpu_count() or 1)
    lines = tuple(judge.line(node, files=not settled >> node.index & 1) for node in ledger.nodes)
    strays += [
        Finding(
            name,
            "orphan",
            f"{name} is left over from an interrupted command; the next one removes it",
        )
        for name in ledger.orphans
    ]
    return Verification(lines, tuple(strays), ledger.heads, judge.green())


def ledger_head(root: Path) -> str | None:
    """Return the ledger's head as reports print it: a sha256, several joined by + in a fork, None when empty."""
    book = Workbook(root)
    return "+".join(head.sha256 for head in book.read().heads) or None


def sign_off_status(book: Workbook, name: str, *, now: datetime) -> tuple[SignatureState, ...]:
    """Return each role of a record with its signer or the command that signs (for a report's sign-off block)."""
    ledger = book.read()
    node = ledger.find(name)
    line = Judge(book, ledger, now).line(node, files=False)
    due = node.record.predicate.trust.thresholds[node.record.predicate.verdict]
    signed = dict(line.signed)
    times = {file.who: file.signoff.signed_at for file in node.signoffs if file.signoff}
    return tuple(
        SignatureState(
            role,
            signed.get(role),
            times.get(signed.get(role, "")),
            f"rollout sign {node.id} --as {role}",
        )
        for role in (*due.now, *due.within24h)
    )


def _global(book: Workbook, ledger: Ledger) -> Iterator[Finding]:
    heads = ledger.heads
    if len(heads) > 1:
        names = " and ".join(head.id for head in heads)
        yield Finding(
            "ledger",
            "fork",
            f"{names} follow the same record and nothing joins them; the next record will",
        )
    if heads and all(
        ledger.find(head.sha256).record.predicate.trust != book.trust for head in heads
    ):
        yield Finding(
            "params",
            "trust",
            f"{_difference(ledger.find(heads[0].sha256), book.trust)} changed without a keys record; "
            "undo it or record it (rollout keys accept)",
        )
    for sentence in (
        book.problems(node.record.predicate.verdict for node in ledger.nodes) if heads else ()
    ):
        yield Finding("params", "lint", sentence)


def _difference(head: Node, new: Trust) -> str:
    named = (
        ("params/allowed_signers", "allowed_signers"),
        ("params/revoked_keys", "revoked_keys"),
        ("params/roles.yaml", "people"),
        ("the thresholds of plan.yaml or roles.yaml", "thresholds"),
    )
    return " and ".join(
        file
        for file, field in named
        if getattr(head.record.predicate.trust, field) != getattr(new, field)
    )


def _missing_heads(ledger: Ledger, *pinned: str | None) -> Iterator[Finding]:
    for one in {part for pin in pinned if pin for part in pin.split("+")} - ledger.by_name.keys():
        yield Finding(
            "ledger",
            "head-missing",
            f"the head {one[:12]}… is not in this ledger: records were deleted or rewritten since it was printed",
        )


class Judge:
    """Judges signoffs against roles and thresholds; the signatures themselves once, in parallel where many are due."""

    def __init__(self, book: Workbook, ledger: Ledger, now: datetime) -> None:
        """Judge a ledger, as it was read, at a moment."""
        self.book, self.ledger, self.now = book, ledger, now
        self.keys: dict[tuple[str, str], str | LedgerError] = {}
        self.lines: dict[int, Line] = {}
        self.trusted: set[str] = set()

    def settle(self, settled: int) -> None:
        """Take the signatures that settled records witness as verified."""
        for node in self.ledger.nodes:
            if settled >> node.index & 1:
                self.trusted |= {
                    digest
                    for signed in node.record.predicate.witnesses.values()
                    for digest in signed.values()
                }

    def check_signatures(self, workers: int) -> None:
        """Ask ssh-keygen about every signature that is not settled, several at once."""
        due = [
            (node, file)
            for node in self.ledger.nodes
            for file in node.signoffs
            if file.digest not in self.trusted
        ]
        with ThreadPoolExecutor(workers) as pool:
            told = pool.map(self._ask, *zip(*due, strict=True)) if due else ()
            self.keys |= {
                (file.id, file.who): key for (_, file), key in zip(due, told, strict=True)
            }

    def key(self, node: Node, file: SignoffFile) -> str:
        """Return the key that signed, or raise with the cause; asked once a file."""
        if (file.id, file.who) not in self.keys:
            self.keys[file.id, file.who] = self._ask(node, file)
        found = self.keys[file.id, file.who]
        if isinstance(found, LedgerError):
            raise found
        return found

    def _ask(self, node: Node, file: SignoffFile) -> str | LedgerError:
        if file.signature is None:
            return LedgerError("no-signature", "its signature is missing: there is no .signoff.sig")
        try:
            if file.digest in self.trusted:
                return signed_by(file.signature)
            at = moment(file.signoff.signed_at, "signedAt") if file.signoff else self.now
            return verify(
                file.data,
                file.signature,
                file.who,
                at,
                self.book.signers,
                witnessed=self._witnessed(node, file),
            )
        except LedgerError as error:
            return error

    def _witnessed(self, node: Node, file: SignoffFile) -> bool:
        """Whether a record at or before the revocation of a key had seen this signature."""
        revoked = [
            n
            for n in self.ledger.nodes
            if (c := n.record.predicate.change)
            and c.action == "revoke"
            and c.key in self.book.signers.revoked
        ]
        seen = {
            n.index
            for n in self.ledger.nodes
            if n.record.predicate.witnesses.get(node.id, {}).get(file.who) == file.digest
        }
        return any(self.ledger.up_to(late) >> index & 1 for late in revoked for index in seen)

    # --- one record -------------------------------------------------------------------------------------------------

    def line(self, node: Node, *, files: bool) -> Line:
        """Judge one record: chain, then signoffs by time, thresholds, and (with `files`) subjects and card."""
        if node.index not in self.lines:
            self.lines[node.index] = self._judged(node, files=files)
        return self.lines[node.index]

    def _judged(self, node: Node, *, files: bool) -> Line:
        p, counted, dissent, findings = (
            node.record.predicate,
            dict[str, str](),
            list[str](),
            list(node.findings),
        )
        keys: dict[str, str] = {}
        for file in sorted(
            node.signoffs, key=lambda one: (one.signoff.signed_at if one.signoff else "", one.who)
        ):
            try:
                signoff = self.check(node, file, keys)
            except LedgerError as error:
                findings.append(Finding(node.id, error.code, f"signoff of {file.who}: {error}"))
                continue
            if signoff.decision == p.verdict:
                counted.setdefault(signoff.role, file.who)
            else:
                dissent.append(file.who)
        findings += self._source(node)
        missing, pending = self._threshold(node, counted)
        if missing:
            findings.append(
                Finding(
                    node.id,
                    "unsigned",
                    f"{p.verdict} needs the signature of {' and '.join(missing)}",
                )
            )
        findings += _subjects(self.book.folder, node) if files else []
        findings += card_findings(self.book.folder, node) if files else []
        return Line(node, tuple(counted.items()), missing, pending, tuple(dissent), tuple(findings))

    def check(self, node: Node, file: SignoffFile, keys: dict[str, str]) -> Signoff:
        """Check one signoff of a record.

        Order: its form; its signature; that it is this person's, and of this record's bytes; role; preparer; times; the
        heads that it saw; and that its key has not signed this record already.
        """
        if file.problem or file.signoff is None:
            raise LedgerError(
                *(file.problem[1:] if file.problem else ("signoff-fields", "it cannot be read"))
            )
        key, s = self.key(node, file), file.signoff
        if s.signer != file.who:
            raise LedgerError(
                "misattributed", f"it is the signoff of {s.signer} under the name of {file.who}"
            )
        if s.record.id != node.id:
            raise LedgerError("copied", f"it was signed for {s.record.id} and copied here")
        if s.record.sha256 != node.digest:
            raise LedgerError(
                "edited", f"the record was changed after {s.signer} signed it (restore it from git)"
            )
        self.check_role(node, s, key)
        self.check_times(node, s)
        if key in keys:
            raise LedgerError(
                "same-key",
                f"it was made with the key of {keys[key]}, who has signed already; one key counts once",
            )
        keys[key] = file.who
        return s

    def check_role(self, node: Node, s: Signoff, key: str) -> None:
        """Check that the signer has the role under the trust that holds for this record, and did not prepare it."""
        p = node.record.predicate
        person = self.rules(node).people.get(s.signer)
        if person is None or s.role not in person.roles:
            has = f"has the role {' and '.join(person.roles)}" if person else "has no role"
            raise LedgerError(
                "role", f"{s.signer} {has} in this ledger and cannot sign as {s.role}"
            )
        if s.name != person.name:
            raise LedgerError(
                "role", f"the printed name is {s.name!r}; {s.signer} is {person.name!r}"
            )
        if s.signer == p.prepared.by and (
            p.verdict in {"GO", "KEYS"} or s.meaning == "approval" or s.role == "owner"
        ):
            raise LedgerError("preparer", f"{s.signer} prepared the record and cannot approve it")
        if p.change and p.change.action != "accept" and key == p.change.key:
            raise LedgerError(
                "preparer", f"the key of {s.signer} cannot sign the record about itself"
            )

    def check_times(self, node: Node, s: Signoff) -> None:
        """Check that what it saw is there, holds the record and is no later; and that it is not later than now."""
        at = moment(s.signed_at, "signedAt")
        seen = [(head, self.ledger.by_name.get(head.sha256)) for head in s.seen_head]
        if lost := next((head.id for head, there in seen if there is None), None):
            raise LedgerError(
                "deleted",
                f"{s.signer} saw the record {lost}, which is no longer there: it was deleted or edited",
            )
        nodes = [there for _, there in seen if there]
        if not any(self.ledger.up_to(n) >> node.index & 1 for n in nodes):
            raise LedgerError("seen-head", "the ledger that it saw did not hold this record")
        latest = max(moment(n.record.predicate.prepared.at, "prepared.at") for n in (node, *nodes))
        if at < latest:
            raise LedgerError(
                "backdated",
                f"it is dated {s.signed_at}, before a record that it saw ({instant(latest)})",
            )
        if at > self.now + _CLOCK_SKEW:
            raise LedgerError(
                "future",
                f"it is dated {s.signed_at}, later than now ({instant(self.now)}); check the clock",
            )

    def rules(self, node: Node) -> Trust:
        """Return the trust under which a record is judged: a change of keys by that of before."""
        source = (
            self.ledger.nodes[max(node.source, 0)]
            if node.record.predicate.kind == "keys" and node.before
            else node
        )
        return source.record.predicate.trust

    def _source(self, node: Node) -> list[Finding]:
        """A record stands on the change of keys before it, which must be signed."""
        if node.source < 0 or self.line(self.ledger.nodes[node.source], files=True).ok:
            return []
        name = self.ledger.nodes[node.source].id
        return [
            Finding(
                node.id,
                "trust-unsigned",
                f"it stands on the change of keys {name}, which does not hold",
            )
        ]

    def _threshold(
        self, node: Node, counted: Mapping[str, str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        due = self.rules(node).thresholds.get(node.record.predicate.verdict)
        if due is None or not (*due.now, *due.within24h):
            return (f"a role that the plan does not name for {node.record.predicate.verdict}",), ()
        late = moment(node.record.predicate.prepared.at, "prepared.at") + _DAY < self.now
        open_ = [role for role in due.within24h if role not in counted]
        return (
            *(r for r in due.now if r not in counted),
            *(open_ if late else ()),
        ), () if late else tuple(open_)

    def green(self) -> Head | None:
        """Return the newest promotion that says GO, holds in full, and was not rolled back."""
        undone = {
            r.rolls_back.sha256 for n in self.ledger.nodes if (r := n.record.predicate.rollback)
        }
        for node in reversed(self.ledger.nodes):
            if (
                node.record.predicate.verdict == "GO"
                and node.digest not in undone
                and self.line(node, files=True).ok
            ):
                return node.head
        return None


def _subjects(folder: Path, node: Node) -> Iterator[Finding]:
    for subject in node.record.subject:
        path = folder / subject.name
        if (
            path.is_symlink()
            or not path.is_file()
            or path.resolve() != folder.resolve() / subject.name
        ):
            yield Finding(
                node.id,
                "subject-missing",
                f"{subject.name}, which it rests on, is not there (restore it from git)",
            )
        elif digest_of(path.read_bytes()) != subject.digest.sha256:
            yield Finding(
                node.id,
                "subject-changed",
                f"{subject.name}, which it rests on, was changed (restore it from git)",
            )


def card_findings(folder: Path, node: Node) -> Iterator[Finding]:
    """Yield a finding where a record's card is not what the record says."""
    path = folder / f"{node.id}.md"
    if not path.is_file() or path.read_bytes() != render(node):
        yield Finding(
            node.id,
            "card",
            f"the card {path.name} is not what the record says, which counts (rollout ledger --cards draws it again)",
        )


def render(node: Node) -> bytes:
    """Return the card's bytes."""
    return card(node.record, node.digest, node.signoffs).encode()
