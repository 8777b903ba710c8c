"""What cards are made of: bold lines, rows of tables, numbers, flags, and who signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.rollback_card import bold
from rolloutlib.text import link, markdown
from rolloutlib.words.audiences import audiences_word
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.decided import FlagMove
    from rolloutlib.ledger.record_parts import CarriedPart, KnobPart, MovePart
    from rolloutlib.ledger.records import FlagSet, Person, Predicate, Record

__all__ = [
    "AUDIENCES", "HOLDS", "VERDICTS", "Line", "audience_of", "bold", "carried_lines", "experts",
    "flag_word", "how_many", "joined", "knob_line", "knob_lines", "links_of", "move_line",
    "moved_flags", "number_of", "row", "title_of",
]  # fmt: skip

Line = Sentence | str
HOLDS: Final = {True: say("holds"), False: say("fails"), None: say("open")}
VERDICTS: Final = {
    "pass": say("pass"), "fail": say("fail"), "inconclusive": say("inconclusive"),
    "invalid": say("invalid"),
}  # fmt: skip
AUDIENCES: Final = {
    "internal": say("the internal team"),
    "dogfood": say("the dogfood team"),
    "opted_in": say("users who opted in"),
    "everyone": say("everyone"),
}


def row(*cells: Line) -> Sentence:
    """Return a row of a table."""
    template = " | ".join(f"{{c{number}}}" for number in range(len(cells)))
    return Sentence(f"| {template} |", tuple((f"c{n}", cell) for n, cell in enumerate(cells)))


def joined(parts: Sequence[Sentence], by: str = "; ") -> Line:
    """Return parts as one line; a dash where there are none."""
    template = by.join(f"{{c{number}}}" for number in range(len(parts)))
    filled = tuple((f"c{n}", part) for n, part in enumerate(parts))
    return Sentence(template, filled) if parts else "–"


def number_of(text: str | None, unit: str, *, signed: bool) -> Sentence:
    """Return a number of a record, which is a decimal string, with its unit."""
    return show(None if text is None else float(text), unit, signed=signed)


def flag_word(value: bool | str | None) -> str:  # noqa: FBT001
    """Return a flag's value; a dash for none."""
    return "–" if value is None else markdown(str(value).lower())


def audience_of(name: str) -> Line:
    """Return an audience of the plan in words."""
    return AUDIENCES.get(name, markdown(name))


def title_of(title: str) -> Line:
    """A title of the plan, to be translated; with anything special in it, it is data."""
    return Sentence(title) if markdown(title) == title else markdown(title)


def experts(p: Predicate) -> list[Person]:
    """The people whose roles the verdict asks for."""
    threshold, people = p.trust.thresholds.get(p.verdict), p.trust.people.values()
    return [person for person in people if threshold and {*threshold.all} & {*person.roles}]


def links_of(record: Record) -> str:
    """The review's files, and the folder of evidence as one."""
    names = dict.fromkeys("/".join(subject.name.split("/")[:2]) for subject in record.subject)
    return ", ".join(link(name.rpartition("/")[2], name) for name in names) or "–"


def moved_flags(before: FlagSet | None, after: FlagSet | None) -> dict[str, tuple[str, str]]:
    """Return the flags that move, by key, before and after; none where a record has no flags."""
    if before is None or after is None:
        return {}
    return {
        key: (flag_word(before.values.get(key)), flag_word(value))
        for key, value in after.values.items()
        if before.values.get(key) != value
    }


def move_line(move: MovePart | FlagMove) -> Sentence:
    """Return a flag that moves: from which value to which, and for whom."""
    return say(
        "`{key}` ({title}): {before} → {after} for {audience}", key=move.flag,
        title=title_of(move.title), before=flag_word(move.before), after=flag_word(move.after),
        audience=audiences_word(move.audiences, move.stays),
    )  # fmt: skip


def how_many(stage: int, cap: int | None) -> Sentence:
    """Say how many people an entered stage lets in."""
    if cap is None:
        return say("stage {stage} has no cap:", stage=stage)
    return say("stage {stage} lets in at most {cap} users; among them:", stage=stage,
               cap=f"{cap:,}")  # fmt: skip


def knob_line(key: str, before: str, after: str, why: Line) -> Line:
    """Return a change of a flag or knob, and why or for whom."""
    change = {"before": before, "after": after, "why": why}
    return say("  - `{key}`: {before} → {after} ({why})", key=key, **change)


def knob_lines(p: Predicate) -> list[Line]:
    """List the knobs that were turned since the last record."""
    turned: tuple[KnobPart, ...] = p.knobs if isinstance(p.knobs, tuple) else ()
    return [
        knob_line(knob.path, flag_word(knob.before), flag_word(knob.after), markdown(knob.why))
        for knob in turned
    ]


def carried_lines(p: Predicate) -> list[Line]:
    """List the earlier stages whose samples count."""
    parts: tuple[CarriedPart, ...] = p.carried if isinstance(p.carried, tuple) else ()
    return [
        say("  - carried from stage {stage}: {control} and {treatment} samples, the same candidate",
            stage=part.stage, control=f"{part.control:,}", treatment=f"{part.treatment:,}")
        for part in parts
    ]  # fmt: skip
