"""Record → the card that people read, under the team's headings; rendered, never signed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.card_parts import bold, row
from rolloutlib.ledger.findings import finding
from rolloutlib.ledger.first_card import first_card
from rolloutlib.ledger.gate_rows import as_written
from rolloutlib.ledger.promotion_card import promotion_card
from rolloutlib.ledger.rollback_card import rollback_lines
from rolloutlib.phrase import only_after_hangul
from rolloutlib.text import markdown
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rolloutlib.ledger.card_parts import Line
    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.findings import Finding
    from rolloutlib.ledger.folder import SignoffFile
    from rolloutlib.ledger.records import Predicate, Record

NEWEST: Final = 3  # form of cards; of form 2 they tell 10.00 % from 10.0 % without a sign
MEANINGS: Final = {
    "review": say("review"), "approval": say("approval"), "responsibility": say("responsibility"),
}  # fmt: skip


def card_findings(folder: Path, node: Node) -> Iterator[Finding]:
    """Yield a finding where a record's card is not what the record says."""
    path, card = folder / f"{node.id}.md", render(node)
    same = path.is_file() and path.stat().st_size == len(card) and path.read_bytes() == card
    if not same:
        yield finding(node.id, "card", name=path.name)


def render(node: Node) -> bytes:
    """Return the card's bytes: Markdown in the record's language, in the form that it names.

    Its signatures are those that files claim; `rollout verify` says whether they hold.
    """
    p = node.predicate
    kinds = {"keys": _keys, "rollback": _rollback, "promotion": _promotion}
    particles = nullcontext() if p.card else only_after_hangul()
    with speaking(p.lang), particles, nullcontext() if p.card == NEWEST else as_written():
        lines = [*kinds[p.kind](node.record), "", *_signatures(p, node.signoffs), ""]
        lines += _foot(p, node.digest)
        return "".join(f"{line}\n" for line in lines).encode()


def _promotion(record: Record) -> list[Line]:
    p = record.predicate
    drawn = promotion_card if p.card else first_card
    return [_title(say("Decision Card"), p), *drawn(record)]


def _keys(record: Record) -> list[Line]:
    p = record.predicate
    done: Line = ""
    if p.change:
        who = markdown(p.change.principal)
        done = {
            "add": say("{who} may sign from now on.", who=who),
            "revoke": say("{who} may no longer sign.", who=who),
            "accept": say("Roles, keys or thresholds changed."),
        }[p.change.action]
    lines = [_title(say("Key Change"), p), "", bold(say("Decision"), done)]
    if p.change and p.change.key:
        lines.append(bold(say("Key"), f"`{p.change.key}`"))
    lines.append(bold(say("Who may sign"), ""))
    for who, person in p.trust.people.items():
        lines.append(f"  - {who}: {markdown(person.name)} ({', '.join(person.roles)})")
    return lines


def _rollback(record: Record) -> list[Line]:
    p = record.predicate
    title = _title(say("Rollback Decision"), p)
    return [title, "", *rollback_lines(p.rollback)] if p.rollback else [title]


def _title(kind: Sentence, p: Predicate) -> Line:
    return say("# {kind} — {id}", kind=kind, id=p.id)


def _signatures(p: Predicate, files: Sequence[SignoffFile]) -> Iterator[Line]:
    signoffs = [file.signoff for file in files if file.signoff and file.signature]
    yield row(say("Signed"), say("Role"), say("Decision"), say("Meaning"), say("Time"))
    yield "| --- | --- | --- | --- | --- |"
    for s in sorted(signoffs, key=lambda s: (s.signed_at, s.signer)):
        who = f"{markdown(s.name)} ({s.signer})"
        yield row(who, s.role, s.decision, MEANINGS[s.meaning], s.signed_at)
    threshold, roles = p.trust.thresholds.get(p.verdict), {s.role for s in signoffs}
    missing = [role for role in threshold.all if role not in roles] if threshold else []
    if missing:
        yield from ("", bold(say("Signatures missing"), ", ".join(missing)))


def _foot(p: Predicate, digest: str) -> Iterator[Line]:
    ledger = {"digest": digest, "seq": p.seq, "ledger": markdown(p.ledger)}
    yield say("- **Ledger head**: `{digest}` (number {seq} of {ledger})", **ledger)
    follows = ", ".join(f"{head.id} `{head.sha256[:12]}`" for head in p.prev) or "–"
    green = p.builds_on.id if p.builds_on else "–"
    yield say("- **Follows**: {follows}; **green then**: {green}", follows=follows, green=green)
    yield say("- **Prepared by**: {who}, {at}", who=p.prepared.by, at=p.prepared.at)
    if p.pins and p.pins.dirty:
        yield say("- **The code had changes that no commit holds**")
    yield ""
    yield say(
        "Drawn from {id}.record, which is what people sign; "
        "check it with `rollout verify {id}` or `sh verify.sh {id}`.",
        id=p.id,
    )
