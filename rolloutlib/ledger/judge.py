"""Whose signatures count: signoffs against the record, its roles, its thresholds and its time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from rolloutlib.ledger.admission import Admissions, key_holders
from rolloutlib.ledger.cards import card_findings
from rolloutlib.ledger.chain import undone_by
from rolloutlib.ledger.documents import instant, moment
from rolloutlib.ledger.findings import Finding, LedgerError, finding
from rolloutlib.ledger.folder import subject_findings
from rolloutlib.ledger.lines import Line
from rolloutlib.ledger.signing import signed_by, verify
from rolloutlib.phrase import Clause, both, phrase

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import datetime

    from rolloutlib.ledger.chain import Ledger, Node
    from rolloutlib.ledger.folder import SignoffFile
    from rolloutlib.ledger.records import Head, Role, Signoff, Trust
    from rolloutlib.ledger.workbook import Workbook

_CLOCK_SKEW, _DAY = timedelta(minutes=5), timedelta(hours=24)


class _Missing(NamedTuple):
    """Roles without a signature: those needed now, those with time, and when that ended."""

    now: tuple[str, ...]
    later: tuple[str, ...]
    late: str = ""


class Judge:
    """Judges signoffs; the signatures themselves once, in parallel where there are many.

    Args:
        book: the workbook, whose keys sign.
        ledger: the ledger as it was read.
        now: the moment of judging.
    """

    def __init__(self, book: Workbook, ledger: Ledger, now: datetime) -> None:
        """Judge nothing yet."""
        self.book, self.ledger, self.now = book, ledger, now
        self._keys: dict[tuple[str, str], str | LedgerError] = {}
        self._lines: dict[int, Line] = {}
        self._rules: dict[int, Trust] = {}
        self._settled: set[str] = set()
        self.admissions = Admissions(book.root, ledger)

    # --- signatures -------------------------------------------------------------------------------

    def settle(self, settled: int) -> None:
        """Take the signatures that settled records (as bits) witness as verified."""
        for node in self.ledger.nodes:
            if settled >> node.index & 1:
                for digests in node.predicate.witnesses.values():
                    self._settled.update(digests.values())

    def check_signatures(self, workers: int) -> None:
        """Ask ssh-keygen about every signature that is not settled, several at once."""
        pairs = [(node, file) for node in self.ledger.nodes for file in node.signoffs]
        unsettled = [(node, file) for node, file in pairs if file.digest not in self._settled]
        with ThreadPoolExecutor(workers) as pool:
            answers = [pool.submit(self._ask, node, file) for node, file in unsettled]
        for (_, file), answer in zip(unsettled, answers, strict=True):
            self._keys[file.id, file.who] = answer.result()

    def _key(self, node: Node, file: SignoffFile) -> str:
        """Return the key that signed, or raise with the cause; asked once a file."""
        name = (file.id, file.who)
        if name not in self._keys:
            self._keys[name] = self._ask(node, file)
        answer = self._keys[name]
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    def _ask(self, node: Node, file: SignoffFile) -> str | LedgerError:
        if file.signature is None:
            return LedgerError("no-signature")
        try:
            if file.digest in self._settled:
                return signed_by(file.signature)
            at = moment(file.signoff.signed_at, "signedAt") if file.signoff else self.now
            key, signers = signed_by(file.signature), self.book.signers
            witnessed = key in signers.revoked and self._witnessed(node, file, key)
            return verify(file.data, file.signature, file.who, at, signers, witnessed=witnessed)
        except LedgerError as error:
            return error

    def _witnessed(self, node: Node, file: SignoffFile, key: str) -> bool:
        """Whether a record at or before the revocation of its own key had seen this signature."""
        witnesses = 0
        for other in self.ledger.nodes:
            if other.predicate.witnesses.get(node.id, {}).get(file.who) == file.digest:
                witnesses |= 1 << other.index
        ends = self._revocations(key, file.who)
        return bool(ends) and all(self.ledger.up_to(end) & witnesses for end in ends)

    def _revocations(self, key: str, who: str) -> list[Node]:
        """Return the first revocation of a key; of one revoked by hand, that of its owner's others.

        A later one says nothing: what was signed in between would count again. Two branches may
        each have a first one.
        """
        changes = [(node, node.predicate.change) for node in self.ledger.nodes]
        ends = [(node, change) for node, change in changes if change and change.action == "revoke"]
        own = [node for node, change in ends if change.key == key]
        own = own or [node for node, change in ends if change.principal == who]
        return [end for end in own if not any(end.before >> other.index & 1 for other in own)]

    # --- one record -------------------------------------------------------------------------------

    def line(self, node: Node, *, files: bool) -> Line:
        """Judge one record, once.

        Order: (1) its chain, (2) its signoffs by time, (3) the change of keys that it stands on,
        (4) its threshold, and with `files` (5) its subjects and (6) its card.
        """
        if node.index not in self._lines:
            self._lines[node.index] = self._judged(node, files=files)
        return self._lines[node.index]

    def _judged(self, node: Node, *, files: bool) -> Line:
        findings = list(node.findings)  # (1)
        signed: dict[str, str] = {}
        dissent: list[str] = []
        keys: dict[str, str] = {}
        for file in sorted(node.signoffs, key=_by_time):  # (2)
            try:
                signoff = self.check(node, file, keys)
            except LedgerError as error:
                sentence = phrase("signoff of {who}: {error}", who=file.who, error=error)
                findings.append(Finding(node.id, error.code, sentence))
                continue
            if signoff.decision == node.predicate.verdict:
                signed.setdefault(signoff.role, file.who)
            else:
                dissent.append(file.who)
        findings += self._source(node)  # (3)
        missing = self._missing(node, signed)
        if missing.now:  # (4)
            verdict, roles = node.predicate.verdict, both(missing.now)
            findings.append(
                finding(node.id, "late", verdict=verdict, roles=roles, by=missing.late)
                if missing.late
                else finding(node.id, "unsigned", verdict=verdict, roles=roles)
            )
        if files:
            findings += subject_findings(self.book.folder, node.id, node.record)  # (5)
            findings += card_findings(self.book.folder, node)  # (6)
        people = tuple(signed.items())
        lacking = (*missing.now, *missing.later)
        commands = tuple(self._how_to_sign(node, role) for role in lacking)
        return Line(
            node, people, missing.now, missing.later, tuple(dissent), tuple(findings), commands
        )

    def _how_to_sign(self, node: Node, role: str) -> Clause:
        """Return the command that makes a signature, or what has to come before it."""
        command, people = f"`rollout sign {node.id} --as {role}`", self.rules(node).people.values()
        if any(role in person.roles for person in people):
            return command
        if any(role in person.roles for person in self.book.trust.people.values()):
            return phrase("{command} once the change of keys is signed", command=command)
        return phrase("{command} once somebody is {role}", command=command, role=role)

    def check(self, node: Node, file: SignoffFile, keys: dict[str, str]) -> Signoff:
        """Check one signoff of a record, and add its key to those that have signed it.

        Order: (1) its form, (2) its signature, (3) that it is this person's, and of these bytes,
        (4) role and preparer, (5) times and heads that it saw, (6) that its key signs once.
        """
        signoff = file.signoff
        if signoff is None:  # (1)
            refusal = LedgerError("signoff-fields")
            if file.problem:
                refusal.code, refusal.phrase = file.problem.code, file.problem.phrase
            raise refusal
        key = self._key(node, file)  # (2)
        if signoff.signer != file.who:  # (3)
            raise LedgerError("misattributed", signer=signoff.signer, who=file.who)
        if signoff.record.id != node.id:
            raise LedgerError("copied", id=signoff.record.id)
        if signoff.record.sha256 != node.digest:
            raise LedgerError("edited.signed", who=signoff.signer)
        self.check_role(node, signoff, key)  # (4)
        self.check_times(node, signoff)  # (5)
        if key in keys:  # (6)
            raise LedgerError("same-key", other=keys[key])
        keys[key] = file.who
        return signoff

    def refuse_unadmitted(self, node: Node, who: str, key: str) -> None:
        """Refuse to sign with a key that no change which holds admits; signed ones stay."""
        if not self.founds(node):
            self.admissions.refuse(node, who, key, lambda n: self.line(n, files=True).ok)

    def check_role(self, node: Node, signoff: Signoff, key: str) -> None:
        """Check that the signer has the role for this record, and did not prepare it."""
        p, who = node.predicate, signoff.signer
        person = self.rules(node).people.get(who)
        if person is None or signoff.role not in person.roles:
            roles = both(person.roles) if person else ""
            has = phrase("has the role {roles}" if person else "has no role", roles=roles)
            raise LedgerError("role", who=who, has=has, role=signoff.role)
        if signoff.name != person.name:
            raise LedgerError("role.name", got=signoff.name, who=who, expected=person.name)
        approves = p.verdict in {"GO", "KEYS"} or signoff.meaning == "approval"
        if who == p.prepared.by and (approves or signoff.role == "owner"):
            raise LedgerError("preparer", who=who)
        if p.change and p.change.action != "accept" and key == p.change.key:
            raise LedgerError("preparer.key", who=who)

    def check_times(self, node: Node, signoff: Signoff) -> None:
        """Check that what it saw is there, holds the record and is no later; nor is it than now."""
        at, seen_nodes = moment(signoff.signed_at, "signedAt"), [node]
        for head in signoff.seen_head:
            if head.sha256 not in self.ledger.by_name:
                raise LedgerError("deleted.seen", who=signoff.signer, id=head.id)
            seen_nodes.append(self.ledger.by_name[head.sha256])
        if not any(self.ledger.up_to(other) >> node.index & 1 for other in seen_nodes[1:]):
            raise LedgerError("seen-head")
        latest = max(moment(other.predicate.prepared.at, "prepared.at") for other in seen_nodes)
        if at < latest:
            raise LedgerError("backdated", at=signoff.signed_at, latest=instant(latest))
        if at > self.now + _CLOCK_SKEW:
            raise LedgerError("future", at=signoff.signed_at, now=instant(self.now))

    def rules(self, node: Node) -> Trust:
        """Return the trust under which a record is judged.

        A change of keys is judged by that of before; any other record by its own, where a role that
        nobody had then is signed for by whom a later change of keys gave it.
        """
        if node.index not in self._rules:
            trust = node.predicate.trust
            if node.predicate.kind == "keys" and node.before and not self.founds(node):
                trust = self.ledger.nodes[max(node.source, 0)].predicate.trust
            if node.predicate.kind != "keys":
                trust = self._filled(node, trust)
            self._rules[node.index] = trust
        return self._rules[node.index]

    def founds(self, node: Node) -> bool:
        """Whether a change of keys needs no signature, because nobody before it could ever sign.

        A rollback may be a ledger's first record, before anybody was admitted. As in an empty
        ledger, the first people are then admitted by the records that stand on them.
        """
        if node.predicate.kind != "keys" or not node.before:
            return False
        before = (n for n in self.ledger.nodes if node.before >> n.index & 1)
        return not any(key_holders(n.predicate.trust) for n in before)

    def _filled(self, node: Node, trust: Trust) -> Trust:
        threshold = trust.thresholds.get(node.predicate.verdict)
        held_roles = {role for person in trust.people.values() for role in person.roles}
        vacant = {*threshold.all} - held_roles if threshold else frozenset[str]()
        later = next((n for n in reversed(self.ledger.nodes) if self._admits(n, node)), None)
        if not vacant or later is None:
            return trust
        people = dict(trust.people)
        for who, person in later.predicate.trust.people.items():
            if fresh := tuple(role for role in person.roles if role in vacant):
                person_then = people.get(who, structs.replace(person, roles=()))
                people[who] = structs.replace(person_then, roles=(*person_then.roles, *fresh))
        return structs.replace(trust, people=people)

    def _admits(self, later: Node, node: Node) -> bool:
        """Whether a record is a change of keys after another one, and holds."""
        follows = later.predicate.kind == "keys" and later.before >> node.index & 1
        return bool(follows) and self.line(later, files=True).ok

    def _source(self, node: Node) -> Iterator[Finding]:
        """A record stands on the change of keys before it, which must be signed."""
        source = self.ledger.nodes[node.source] if node.source >= 0 else None
        if source and not (line := self.line(source, files=True)).ok:
            waits = line.state == "waits"
            yield finding(node.id, "trust-unsigned" if waits else "trust-wrong", id=source.id)

    def _missing(self, node: Node, signed: Container[str]) -> _Missing:
        p = node.predicate
        threshold = self.rules(node).thresholds.get(p.verdict)
        if self.founds(node):
            return _Missing((), ())
        if threshold is None or not threshold.all:
            return _Missing((f"a role that the plan does not name for {p.verdict}",), ())

        def lacking(roles: tuple[Role, ...]) -> tuple[str, ...]:
            return tuple(role for role in roles if role not in signed)

        # A rollback moved flags already; any other record moves nothing before it is signed.
        if p.verdict == "ROLLBACK" or threshold.within24h:
            end = moment(p.prepared.at, "prepared.at") + _DAY
            if end < self.now:
                return _Missing(lacking(threshold.all), (), instant(end))
        return _Missing(lacking(threshold.now), lacking(threshold.within24h))

    def green(self) -> Head | None:
        """Return the newest promotion that says GO, holds in full, and was not rolled back."""
        undone = undone_by(self.ledger.nodes)
        for node in reversed(self.ledger.nodes):
            promoted = node.predicate.verdict == "GO" and node.digest not in undone
            if promoted and self.line(node, files=True).ok:
                return node.head
        return None


def _by_time(file: SignoffFile) -> tuple[str, str]:
    return file.signoff.signed_at if file.signoff else "", file.who
