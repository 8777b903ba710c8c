"""Record → the card that people read, under the team's headings; rendered, never signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.deviations import accepted
from rolloutlib.ledger.findings import finding
from rolloutlib.ledger.rollback_card import bold, rollback_lines
from rolloutlib.text import link, markdown
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.findings import Finding
    from rolloutlib.ledger.folder import SignoffFile
    from rolloutlib.ledger.found import CheckState, GateState
    from rolloutlib.ledger.records import FlagSet, Person, Predicate, Record

Line = Sentence | str
_HOLDS: Final = {True: say("holds"), False: say("fails"), None: say("open")}
_VERDICTS: Final = {
    "pass": say("pass"), "fail": say("fail"), "inconclusive": say("inconclusive"),
    "invalid": say("invalid"),
}  # fmt: skip
_AUDIENCES: Final = {
    "internal": say("the internal team"),
    "dogfood": say("the dogfood team"),
    "opted_in": say("users who opted in"),
    "everyone": say("everyone"),
}
_MEANINGS: Final = {
    "review": say("review"), "approval": say("approval"), "responsibility": say("responsibility"),
}  # fmt: skip


def card_findings(folder: Path, node: Node) -> Iterator[Finding]:
    """Yield a finding where a record's card is not what the record says."""
    path = folder / f"{node.id}.md"
    if not path.is_file() or path.read_bytes() != render(node):
        yield finding(node.id, "card", name=path.name)


def render(node: Node) -> bytes:
    """Return the card's bytes: Markdown in the record's language.

    Its signatures are those that files claim; `rollout verify` says whether they hold.
    """
    p = node.predicate
    kinds = {"keys": _keys, "rollback": _rollback, "promotion": _promotion}
    with speaking(p.lang):
        lines = [*kinds[p.kind](node.record), "", *_signatures(p, node.signoffs), ""]
        lines += _foot(p, node.digest)
        return "".join(f"{line}\n" for line in lines).encode()


def _promotion(record: Record) -> list[Line]:
    p = record.predicate
    head = [_title(say("Decision Card"), p)]
    if p.stage is None:
        return head
    recommended = markdown(p.recommendation or "–")
    judged = say("{verdict} (recommended: {recommendation})", verdict=p.verdict,
                 recommendation=recommended)  # fmt: skip
    move = say("Exit of stage {from_} towards stage {to}, for {cohort}.", from_=p.stage.from_,
               to=p.stage.to, cohort=_audience(p.cohort or "–"))  # fmt: skip
    experts = ", ".join(f"{markdown(who.name)} ({'/'.join(who.roles)})" for who in _experts(p))
    effects = [_number_of(gate, gate.value) for gate in p.gates if gate.value is not None]
    return [
        *head,
        "",
        bold(say("Decision"), judged),
        *(
            say("- **WAIVED: {gate} — {reason}**", gate=markdown(w.gate), reason=markdown(w.reason))
            for w in p.waivers
        ),
        *(say("- **ACCEPTED: {why}**", why=markdown(sentence(why))) for why in accepted(p)),
        bold(say("Problem"), move),
        *(f"  - {markdown(reason)}" for reason in p.reasons),
        *_measured(p),
        bold(say("Tag(s)"), ", ".join(map(markdown, p.tags)) or "–"),
        bold(say("Goals"), _joined([_number_of(gate, gate.limit) for gate in p.gates])),
        bold(say("Experts"), experts or "–"),
        bold(say("Knob Changes"), ""),
        *_knobs(p),
        bold(say("Expected Effects"), _joined(effects)),
        bold(say("Links"), _links(record)),
        *([bold(say("Note"), markdown(p.note))] if p.note else []),
        "",
        *_gates(p.gates),
        "",
        *_checks(p.checks),
    ]


def _measured(p: Predicate) -> list[Line]:
    """Say what ran in each arm, for how many, and from when to when."""
    lines: list[Line] = []
    for arm in p.measured if isinstance(p.measured, tuple) else ():
        ran = ", ".join(f"{key} = {_flag(value)}" for key, value in (arm.flags or {}).items())
        about = [ran, *arm.profiles, *arm.strategies, f"{arm.first or '–'} – {arm.last or '–'}"]
        count = say("{users} users, {samples} samples, {runs} runs",
                    users="–" if arm.users is None else arm.users, samples=arm.samples,
                    runs=arm.runs)  # fmt: skip
        said = "; ".join(filter(None, (markdown(part) for part in about)))
        lines.append(
            say("  - {arm}: {count}; {about}", arm=markdown(arm.arm), count=count, about=said)
        )
    lines += [
        say("  - carried from stage {stage}: {control} and {treatment} samples, the same candidate",
            stage=one.stage, control=f"{one.control:,}", treatment=f"{one.treatment:,}")
        for one in (p.carried if isinstance(p.carried, tuple) else ())
    ]  # fmt: skip
    return [bold(say("Measured"), ""), *lines] if lines else []


def _links(record: Record) -> str:
    """The review's files, and the folder of evidence as one."""
    names = dict.fromkeys("/".join(subject.name.split("/")[:2]) for subject in record.subject)
    return ", ".join(link(name.rpartition("/")[2], name) for name in names) or "–"


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


def _number_of(gate: GateState, value: str | None) -> Sentence:
    number = _number(value, gate.unit, signed=gate.signed)
    return say("{gate}: {limit}", gate=_text(gate.title), limit=number)


def _knobs(p: Predicate) -> list[Line]:
    """List what changes: flags by the stage, and knobs that were turned since the last record."""
    turned = p.knobs if isinstance(p.knobs, tuple) else ()
    return _flags(p.flags_before, p.flags_after) + [
        _knob(knob.path, _flag(knob.before), _flag(knob.after), markdown(knob.why))
        for knob in turned
    ]


def _flags(before: FlagSet | None, after: FlagSet | None) -> list[Line]:
    if before is None or after is None:
        return []
    why = say("stage {number}, {audience}", number=after.stage, audience=_audience(after.audience))
    lines: list[Line] = []
    for key, value in after.values.items():
        old = before.values.get(key)
        if old != value:
            lines.append(_knob(key, _flag(old), _flag(value), why))
    return lines or [say("  - no flag changes")]


def _knob(key: str, before: str, after: str, why: Line) -> Line:
    change = {"before": before, "after": after, "why": why}
    return say("  - `{key}`: {before} → {after} ({why})", key=key, **change)


def _gates(gates: Iterable[GateState]) -> Iterator[Line]:
    yield _row(say("Gate"), say("Limit"), say("Plan"), say("Evidence"), say("Estimate"),
               say("Bounds"), "n")  # fmt: skip
    yield "| --- | ---: | --- | --- | ---: | ---: | ---: |"
    for gate in gates:
        limit = _number(gate.limit, gate.unit, signed=gate.signed)
        counts = f"{gate.n_control or 0} / {gate.n_treatment or 0}"
        judged = (_word(gate.plan), _word(gate.evidence))
        yield _row(_text(gate.title), limit, *judged, *_estimate(gate), counts)


def _estimate(gate: GateState) -> tuple[Line, Line]:
    if gate.point is None:
        return "–", "–"
    point, lower, upper = (
        _number(value, gate.evidence_unit, signed=gate.signed)
        for value in (gate.point, gate.lower, gate.upper)
    )
    none = say("no bound")
    lower, upper = (none if gate.lower is None else lower), (none if gate.upper is None else upper)
    return point, say("{lower} to {upper}", lower=lower, upper=upper)


def _checks(checks: Iterable[CheckState]) -> Iterator[Line]:
    yield _row(say("Check"), say("State"), say("Why"))
    yield "| --- | --- | --- |"
    for check in checks:
        yield _row(_text(check.title), _HOLDS[check.holds], markdown(check.why))


def _signatures(p: Predicate, files: Sequence[SignoffFile]) -> Iterator[Line]:
    signoffs = [file.signoff for file in files if file.signoff and file.signature]
    yield _row(say("Signed"), say("Role"), say("Decision"), say("Meaning"), say("Time"))
    yield "| --- | --- | --- | --- | --- |"
    for s in sorted(signoffs, key=lambda s: (s.signed_at, s.signer)):
        who = f"{markdown(s.name)} ({s.signer})"
        yield _row(who, s.role, s.decision, _MEANINGS[s.meaning], s.signed_at)
    asked, roles = p.trust.thresholds.get(p.verdict), {s.role for s in signoffs}
    missing = [role for role in asked.all if role not in roles] if asked else []
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


def _row(*cells: Line) -> Sentence:
    template = " | ".join(f"{{c{number}}}" for number in range(len(cells)))
    return Sentence(f"| {template} |", tuple((f"c{n}", cell) for n, cell in enumerate(cells)))


def _joined(parts: Sequence[Sentence]) -> Line:
    template = "; ".join(f"{{c{number}}}" for number in range(len(parts)))
    filled = tuple((f"c{n}", part) for n, part in enumerate(parts))
    return Sentence(template, filled) if parts else "–"


def _number(text: str | None, unit: str, *, signed: bool) -> Sentence:
    return show(None if text is None else float(text), unit, signed=signed)


def _flag(value: bool | str | None) -> str:  # noqa: FBT001
    return "–" if value is None else markdown(str(value).lower())


def _word(verdict: str) -> Line:
    return _VERDICTS.get(verdict, markdown(verdict))


def _audience(name: str) -> Line:
    return _AUDIENCES.get(name, markdown(name))


def _experts(p: Predicate) -> list[Person]:
    """The people whose roles the verdict asks for."""
    asked, people = p.trust.thresholds.get(p.verdict), p.trust.people.values()
    return [person for person in people if asked and {*asked.all} & {*person.roles}]


def _text(title: str) -> Line:
    """A title of the plan, to be translated; with anything special in it, it is data."""
    return Sentence(title) if markdown(title) == title else markdown(title)
