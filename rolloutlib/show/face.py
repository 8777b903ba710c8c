"""What a notebook's cell and a terminal show of a review and of its tables: a glance."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from rolloutlib.judge.record import Verdict
from rolloutlib.show.measured import simulated
from rolloutlib.show.report import SIGNS, meaning_of, title_of
from rolloutlib.show.rows import badge, estimate, proof_limit
from rolloutlib.show.tables import Html, aligned, render, sheet, width_of
from rolloutlib.text import LABEL, plain
from rolloutlib.words.reasons import texts
from rolloutlib.words.sentences import say, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult, Review

__all__ = ["Grid", "glance", "grid"]

CELL: Final = 120  # characters of a text in a notebook's table
REASONS: Final = 6  # of a review
LINE: Final = 100  # places of a terminal's line, where twelve lines are a glance
TEXT_CELL: Final = 40
TEXT_ROWS: Final = 8
TEXT_REASONS: Final = 4
WHOLE: Final = 100  # from here on a number is shown without decimals
_TABLES: Final = ".gates .segments .issues .checks .runs"


class Grid(NamedTuple):
    """The first rows of a table.

    Attributes:
        columns: name, and whether it holds numbers.
        rows: as many as a notebook shows.
    """

    title: str
    note: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[object]]
    rows_in_all: int
    columns_in_all: int


def glance(review: Review, note: str = "") -> Html:
    """Show a review as a cell's value, in the language that is spoken.

    Args:
        review: its recommendation, reasons and gates are shown, and where its numbers are.
        note: what a reader must know of this copy of it.
    """
    sign, heading, meaning = SIGNS[review.recommendation], title_of(review), str(meaning_of(review))
    reasons = texts(review.reasons)
    notes = " ".join(filter(None, (note, simulated(review))))
    gates = [_gate(gate) for gate in review.gates]
    head = [str(name) for name in (say("Gate"), say("Plan"), say("Evidence"),
                                   say("Estimate [bounds]"), say("Limit"))]  # fmt: skip
    further = str(say("{n} more: .reasons", n=len(reasons) - REASONS))
    html = render(
        "glance.html.j2", kind=review.recommendation.value.lower(), sign=sign, title=heading,
        meaning=meaning, told=notes, why=str(say("Why")), reasons=reasons[:REASONS],
        left_out=further if len(reasons) > REASONS else "", head=head, gates=gates,
        more=f"{say('Numbers')}: {_TABLES}", style=sheet("face.css"),
    )  # fmt: skip
    first = [f"- {plain(reason, LINE - 2)}" for reason in reasons[:TEXT_REASONS]]
    rest = len(reasons) - TEXT_REASONS
    if rest > 0:
        first.append(f"- {say('{n} more: .reasons', n=rest)}")
    lines = [plain(f"{sign} {heading}"), meaning, notes, *first, _counted(review),
             f"{say('Numbers')}: {_TABLES}"]  # fmt: skip
    return Html(html, "\n".join(filter(None, lines)), heading)


def grid(table: Grid) -> Html:
    """Show the first rows of a table, in the language that is spoken."""
    size = str(say("{rows} rows × {columns} columns", rows=f"{table.rows_in_all:,}",
                   columns=table.columns_in_all))  # fmt: skip
    cells = [[_cell(value) for value in row] for row in table.rows]
    title, note = plain(table.title, LABEL), plain(table.note)
    more = str(say("All of it: .to_pandas(); what the columns mean: .columns"))
    below = f"… {more}" if table.rows_in_all > TEXT_ROWS else more
    html = render(
        "grid.html.j2", title=title, note=note, size=size, more=more, rows=cells,
        columns=table.columns, style=sheet("face.css"),
    )  # fmt: skip
    heading = " · ".join(filter(None, (title, size)))
    lines = [heading, note, *_narrow(table, cells[:TEXT_ROWS]), below]
    return Html(html, "\n".join(filter(None, lines)))


def _gate(gate: GateResult) -> tuple[str, tuple[str, str], tuple[str, str], str, str]:
    """Return a gate's cells: name, both verdicts with their classes, estimate, limit."""
    plan, evidence = gate.plan.verdict, gate.evidence.verdict
    name = f"{translate(gate.title)} · {gate.subject}" if gate.subject else translate(gate.title)
    return (
        plain(name, LABEL), (str(badge(plan)), plan.value), (str(badge(evidence)), evidence.value),
        estimate(gate), proof_limit(gate),
    )  # fmt: skip


def _counted(review: Review) -> str:
    """Say how many gates the evidence passes, fails and leaves open; nothing without gates."""
    verdicts = [gate.evidence.verdict for gate in review.gates]
    counts = [f"{badge(kind)} {verdicts.count(kind)}" for kind in Verdict if kind in verdicts]
    return f"{say('Gates')}: {', '.join(counts)}" if counts else ""


def _narrow(table: Grid, rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in a terminal, with as many columns as a line has places for."""
    lines = [[name for name, _ in table.columns], *([plain(c, TEXT_CELL) for c in r] for r in rows)]
    fitting, used = 0, 0
    for k in range(len(table.columns)):
        used += max(width_of(line[k]) for line in lines) + 2
        if used > LINE + 2:
            break
        fitting += 1
    if fitting == len(table.columns) and not table.columns[-1][1]:  # a last text has what is left
        left = LINE - used + max(width_of(line[-1]) for line in lines) + 2
        lines[1:] = [
            [*line[:-1], plain(row[-1], left)] for line, row in zip(lines[1:], rows, strict=True)
        ]
    right = frozenset(k for k, (_, number) in enumerate(table.columns[:fitting]) if number)
    return aligned([tuple(line[:fitting]) for line in lines], right) if fitting else []


def _cell(value: object) -> str:
    """Return a value as a glance shows it; frames and records hold all of its digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(say("yes") if value else say("no"))
    if isinstance(value, int | float):
        whole = isinstance(value, int) or abs(value) >= WHOLE
        return f"{value:,.0f}" if whole else f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M %Z}".strip()
    if isinstance(value, tuple | list):
        return ", ".join(map(_cell, cast("Sequence[object]", value)))
    return plain(str(value.value if isinstance(value, Enum) else value), CELL)
