"""Record → the card that people read, under the headings that the team writes today; rendered, never signed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rolloutlib.ledger.chain import SignoffFile
    from rolloutlib.ledger.records import (
        CheckState,
        FlagState,
        GateState,
        Person,
        Predicate,
        Record,
    )

__all__ = ["card"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_HOLDS: Final = {True: say("holds"), False: say("fails"), None: say("open")}
_VERDICTS: Final = {
    "pass": say("pass"),
    "fail": say("fail"),
    "inconclusive": say("inconclusive"),
    "invalid": say("invalid"),
}
_AUDIENCES: Final = {
    "internal": say("the internal team"),
    "dogfood": say("the dogfood team"),
    "opted_in": say("users who opted in"),
    "everyone": say("everyone"),
}
_MEANINGS: Final = {
    "review": say("review"),
    "approval": say("approval"),
    "responsibility": say("responsibility"),
}


def card(record: Record, digest: str, signoffs: Sequence[SignoffFile]) -> str:
    """Render a record as Markdown in the record's language.

    Args:
        record: what was decided.
        digest: the record's sha256: the ledger's head once it was written.
        signoffs: who has signed so far, as their files say; `rollout verify` says whether they hold.
    """
    p = record.predicate
    lines = (
        _keys(p)
        if p.kind == "keys"
        else _rollback(p)
        if p.kind == "rollback"
        else _promotion(record)
    )
    lines = [*lines, "", *_signatures(p, signoffs), "", *_foot(p, digest)]
    return (
        "\n".join(line.text(p.lang) if isinstance(line, Sentence) else line for line in lines)
        + "\n"
    )


def _promotion(record: Record) -> list[Sentence | str]:
    p = record.predicate
    if p.stage is None:
        return [_title(say("Decision Card"), p)]
    judged = _bold(
        say("Decision"),
        say(
            "{verdict} (recommended: {recommendation})",
            verdict=p.verdict,
            recommendation=_safe(p.recommendation or "–"),
        ),
    )
    move = say(
        "Exit of stage {from_} towards stage {to}, for {cohort}.",
        from_=p.stage.from_,
        to=p.stage.to,
        cohort=_AUDIENCES.get(p.cohort or "", _safe(p.cohort or "–")),
    )
    head: list[Sentence | str] = [
        _title(say("Decision Card"), p),
        "",
        judged,
        *_waivers(p),
        _bold(say("Problem"), move),
    ]
    head += [f"  - {_safe(reason)}" for reason in p.reasons]
    head += [
        _bold(say("Tag(s)"), ", ".join(map(_safe, p.tags)) or "–"),
        _bold(say("Goals"), _joined(_goal(gate) for gate in p.gates)),
    ]
    head += [
        _bold(
            say("Experts"),
            ", ".join(f"{_safe(who.name)} ({'/'.join(who.roles)})" for who in _experts(p)) or "–",
        )
    ]
    head += [_bold(say("Knob Changes"), ""), *_knobs(p.flags_before, p.flags_after)]
    head += [
        _bold(
            say("Expected Effects"),
            _joined(_effect(gate) for gate in p.gates if gate.value is not None),
        )
    ]
    head += [_bold(say("Links"), _links(record))]
    if p.note:
        head.append(_bold(say("Note"), _safe(p.note)))
    return [*head, "", *_gates(p.gates), "", *_checks(p.checks)]


def _links(record: Record) -> str:
    """The review's files, and the folder of evidence as one."""
    names = dict.fromkeys("/".join(subject.name.split("/")[:2]) for subject in record.subject)
    return ", ".join(f"[{_safe(name.rpartition('/')[2])}](<{name}>)" for name in names) or "–"


def _keys(p: Predicate) -> list[Sentence | str]:
    change = p.change
    did = (
        {
            "add": say("{who} may sign from now on.", who=_safe(change.principal)),
            "revoke": say("{who} may no longer sign.", who=_safe(change.principal)),
            "accept": say("Roles, keys or thresholds changed."),
        }[change.action]
        if change
        else ""
    )
    people = [
        f"  - {who}: {_safe(person.name)} ({', '.join(person.roles)})"
        for who, person in p.trust.people.items()
    ]
    key = [_bold(say("Key"), f"`{change.key}`")] if change and change.key else []
    return [
        _title(say("Key Change"), p),
        "",
        _bold(say("Decision"), did),
        *key,
        _bold(say("Who may sign"), ""),
        *people,
    ]


def _rollback(p: Predicate) -> list[Sentence | str]:
    told = p.rollback
    if told is None:
        return [_title(say("Rollback Decision"), p)]
    said = (
        (say("Trigger (signal/time/owner)"), told.trigger),
        (say("Root Cause (suspected)"), told.cause),
        (say("Actions (flags turned off, profile reset)"), "; ".join(told.actions)),
        (say("Restored From (ledger id/link)"), told.restored_from),
        (say("Impact & Follow-ups"), told.impact),
    )
    return [
        _title(say("Rollback Decision"), p),
        "",
        _bold(say("Rolls back"), told.rolls_back.id),
        *(_bold(name, _safe(text)) for name, text in said),
    ]


def _title(kind: Sentence, p: Predicate) -> Sentence:
    return say("# {kind} — {id}", kind=kind, id=p.id)


def _bold(heading: Sentence, text: Sentence | str) -> Sentence:
    return say("- **{heading}**: {text}", heading=heading, text=text)


def _waivers(p: Predicate) -> list[Sentence | str]:
    return [
        say("- **WAIVED: {gate} — {reason}**", gate=_safe(w.gate), reason=_safe(w.reason))
        for w in p.waivers
    ]


def _goal(gate: GateState) -> Sentence:
    return say(
        "{gate}: {limit}", gate=_text(gate.title), limit=_number(gate.limit, gate.unit, gate.signed)
    )


def _effect(gate: GateState) -> Sentence:
    return say(
        "{gate}: {limit}", gate=_text(gate.title), limit=_number(gate.value, gate.unit, gate.signed)
    )


def _knobs(before: FlagState | None, after: FlagState | None) -> list[Sentence | str]:
    if before is None or after is None:
        return []
    changed = [key for key in after.values if before.values.get(key) != after.values[key]]
    why = say(
        "stage {number}, {audience}",
        number=after.stage,
        audience=_AUDIENCES.get(after.audience, _safe(after.audience)),
    )
    lines = [
        say(
            "  - `{key}`: {before} → {after} ({why})",
            key=key,
            before=_flag(before.values.get(key)),
            after=_flag(after.values[key]),
            why=why,
        )
        for key in changed
    ]
    return [*lines] or [say("  - no flag changes")]


def _gates(gates: Iterable[GateState]) -> list[Sentence | str]:
    head = _row(
        say("Gate"), say("Limit"), say("Plan"), say("Evidence"), say("Estimate"), say("Bounds"), "n"
    )
    rows = [
        _row(
            _text(g.title),
            _number(g.limit, g.unit, g.signed),
            _word(g.plan),
            _word(g.evidence),
            *_estimate(g),
            f"{g.n_control or 0} / {g.n_treatment or 0}",
        )
        for g in gates
    ]
    return [head, "| --- | ---: | --- | --- | ---: | ---: | ---: |", *rows]


def _estimate(gate: GateState) -> tuple[Sentence | str, Sentence | str]:
    if gate.point is None:
        return "–", "–"
    lower, upper = (
        say("no bound") if b is None else _number(b, gate.evidence_unit, gate.signed)
        for b in (gate.lower, gate.upper)
    )
    return _number(gate.point, gate.evidence_unit, gate.signed), say(
        "{lower} to {upper}", lower=lower, upper=upper
    )


def _checks(checks: Iterable[CheckState]) -> list[Sentence | str]:
    rows = [_row(_text(check.title), _HOLDS[check.holds], _safe(check.why)) for check in checks]
    return [_row(say("Check"), say("State"), say("Why")), "| --- | --- | --- |", *rows]


def _signatures(p: Predicate, signoffs: Sequence[SignoffFile]) -> list[Sentence | str]:
    head = _row(say("Signed"), say("Role"), say("Decision"), say("Meaning"), say("Time"))
    there = sorted(
        (file.signoff for file in signoffs if file.signoff and file.signature),
        key=lambda s: (s.signed_at, s.signer),
    )
    rows = [
        _row(f"{_safe(s.name)} ({s.signer})", s.role, s.decision, _MEANINGS[s.meaning], s.signed_at)
        for s in there
    ]
    due = p.trust.thresholds.get(p.verdict)
    missing = (
        [role for role in (*due.now, *due.within24h) if role not in {s.role for s in there}]
        if due
        else []
    )
    rest = [_bold(say("Signatures missing"), ", ".join(missing))] if missing else []
    return [head, "| --- | --- | --- | --- | --- |", *rows, *(["", *rest] if rest else [])]


def _foot(p: Predicate, digest: str) -> list[Sentence | str]:
    follows = ", ".join(f"{head.id} `{head.sha256[:12]}`" for head in p.prev) or "–"
    return [
        say(
            "- **Ledger head**: `{digest}` (number {seq} of {ledger})",
            digest=digest,
            seq=p.seq,
            ledger=_safe(p.ledger),
        ),
        say(
            "- **Follows**: {follows}; **green then**: {green}",
            follows=follows,
            green=p.builds_on.id if p.builds_on else "–",
        ),
        say("- **Prepared by**: {who}, {at}", who=p.prepared.by, at=p.prepared.at),
        *(
            [say("- **The code had changes that no commit holds**")]
            if p.pins and p.pins.dirty
            else []
        ),
        "",
        say(
            "Drawn from {id}.record, which is what people sign; "
            "check it with `rollout verify {id}` or `sh verify.sh {id}`.",
            id=p.id,
        ),
    ]


def _row(*cells: Sentence | str) -> Sentence:
    return Sentence(
        "| " + " | ".join(f"{{c{i}}}" for i in range(len(cells))) + " |",
        tuple((f"c{i}", cell) for i, cell in enumerate(cells)),
    )


def _joined(parts: Iterable[Sentence]) -> Sentence | str:
    listed = tuple((f"c{i}", part) for i, part in enumerate(parts))
    return Sentence("; ".join(f"{{{key}}}" for key, _ in listed), listed) if listed else "–"


def _number(text: str | None, unit: str, signed: bool) -> Sentence:  # noqa: FBT001
    return show(None if text is None else float(text), unit, signed=signed)


def _flag(value: bool | str | None) -> str:  # noqa: FBT001
    return "–" if value is None else _safe(str(value).lower())


def _word(verdict: str) -> Sentence | str:
    return _VERDICTS.get(verdict, _safe(verdict))


def _experts(p: Predicate) -> list[Person]:
    """The people whose roles the verdict asks for."""
    due = p.trust.thresholds.get(p.verdict)
    return [
        person
        for person in p.trust.people.values()
        if due and {*due.now, *due.within24h} & {*person.roles}
    ]


def _text(title: str) -> Sentence | str:
    """A title of the plan, which the catalogue translates; with anything special in it, it is data."""
    return Sentence(title) if _safe(title) == title else _safe(title)


def _safe(text: str) -> str:
    """Escape what Markdown or HTML would act on; labels and notes come from data."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
