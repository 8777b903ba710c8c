"""Numbers that are written with a decimal comma: 0,87 and 1.234,5.

Source.yaml may say which mark is the decimal one. Where it does not, and something else than a
comma stands between the cells, the table's own numbers have to say it: 0,87 can only be one thing,
1,234 two. What all of them leave open is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.doors.refusal import DoorError
from rolloutlib.phrase import Clause, phrase
from rolloutlib.plan.metrics import SCORER
from rolloutlib.runs.database import quoted
from rolloutlib.runs.spellings import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Seen", "dotted", "dotted_cast", "hint", "is_number", "seen_in", "seen_sql", "settled"]

# Fields whose cells are numbers.
_NUMERIC: Final = frozenset(
    {"score", "latency_ms", "covariate", "style_violations", "seed", "human_score", "cost",
     "tokens_in", "tokens_out"}
)  # fmt: skip
_SPACES = " \xa0\u202f"  # which stand between thousands, too
_PERCENT = f"(?:[{_SPACES}]?%)?"
_POWER = "(?:[eE][-+]?[0-9]+)"
_COMMA: Final = (
    rf"-?(?:[0-9]+|[0-9]{{1,3}}(?:[.{_SPACES}][0-9]{{3}})+)(?:,[0-9]+)?{_POWER}?"  # 1.234,5
)


def _sure(decimal: str, other: str) -> str:
    """Return what only numbers with this decimal mark match, whose `other` is between thousands."""
    grouped = rf"[0-9]{{1,3}}(?:[{other}{_SPACES}][0-9]{{3}})+[{decimal}][0-9]+"
    fraction = rf"0*[{decimal}][0-9]+|[0-9]+[{decimal}](?:[0-9]{{1,2}}|[0-9]{{4,}})"
    long = rf"[0-9]{{4,}}[{decimal}][0-9]+|[0-9]{{1,3}}(?:[{other}][0-9]{{3}}){{2,}}"
    either = rf"(?:{grouped}|{fraction}|{long}){_POWER}?|[0-9]+[{decimal}][0-9]+{_POWER}"
    return rf"-?(?:{either}){_PERCENT}"


# What a cell says of the decimal mark: that it is a comma, a point, or either.
_SAYING: Final = {
    "comma": _sure(",", "."), "point": _sure(".", ","),
    "open": r"-?[1-9][0-9]{0,2}[.,][0-9]{3}" + _PERCENT,
}  # fmt: skip
_NUMBER, _WITH_COMMA = re.compile(NUMBER), re.compile(_COMMA)
_PATTERNS = {name: re.compile(pattern) for name, pattern in _SAYING.items()}


def is_number(field: str) -> bool:
    """Whether the cells of a field are numbers."""
    return field in _NUMERIC or field.startswith(SCORER)


class Seen(NamedTuple):
    """One cell, if there is any, that says each thing of the decimal mark."""

    comma: str | None = None
    point: str | None = None
    open: str | None = None


def dotted(cell: object) -> object:
    """Return a text with a decimal comma as Python writes the number.

    A number with a decimal point is none then: it comes back as a text that is no number.

    >>> dotted("1.234,5"), dotted("12"), dotted("0.5"), dotted("n/a"), dotted(0.5)
    ('1234.5', '12', '0.5?', 'n/a', 0.5)
    """
    if not isinstance(cell, str):
        return cell
    if cell.endswith("%"):
        return f"{dotted(cell[:-1].rstrip(_SPACES))}%"
    if _WITH_COMMA.fullmatch(cell):
        return re.sub(rf"[.{_SPACES}]", "", cell).replace(",", ".")
    return f"{cell}?" if _NUMBER.fullmatch(cell) else cell


def dotted_cast(cell: str) -> str:
    """Return what `dotted` does as SQL, of a cell that is text."""
    plain = f"replace(regexp_replace({cell}, '[.{_SPACES}]', '', 'g'), ',', '.')"
    return (
        f"CASE WHEN regexp_full_match({cell}, {quoted(_COMMA)}) THEN {plain} "
        f"WHEN regexp_full_match({cell}, {quoted(NUMBER)}) THEN {cell} || '?' ELSE {cell} END"
    )


def hint(cell: object) -> Clause:
    """Return the key of source.yaml that would read a cell; nothing where none would.

    >>> str(hint("0,87")), hint("2,050")
    ('; if its comma is a decimal one, say decimal: "," in source.yaml', '')
    """
    if isinstance(cell, str) and "," in cell and _PATTERNS["comma"].fullmatch(cell):
        return phrase('; if its comma is a decimal one, say decimal: "," in source.yaml')
    return ""


def seen_in(cells: Iterable[object]) -> Seen:
    """Look what cells say of the decimal mark."""
    examples: dict[str, str] = {}
    for cell in cells:
        if isinstance(cell, str):
            for name, pattern in _PATTERNS.items():
                if name not in examples and pattern.fullmatch(cell):
                    examples[name] = cell
    return Seen(**examples)


def seen_sql(columns: Iterable[str], relation: str) -> str:
    """Return the query by which the engine looks for the same; each row of it is a `Seen`.

    Args:
        columns: of text, quoted.
        relation: the table.
    """
    parts = (
        ", ".join(
            f"any_value({column}) FILTER (WHERE regexp_full_match({column}, {quoted(pattern)}))"
            for pattern in _SAYING.values()
        )
        for column in columns
    )
    return " UNION ALL ".join(f"SELECT {part} FROM {relation}" for part in parts)


def settled(file: str, columns: Iterable[Seen]) -> str:
    """Return the decimal mark of a table by what its columns of numbers say.

    Raises:
        DoorError: they say both, or leave it open.
    """
    examples: Mapping[str, str | None] = {
        name: next((cell for cell in cells if cell is not None), None)
        for name, cells in zip(Seen._fields, zip(Seen(), *columns, strict=True), strict=True)
    }
    comma, point, either = examples.values()
    if comma and point:
        got = phrase("has numbers such as {one!r} and such as {other!r}", one=comma, other=point)
        alike = phrase(
            'one decimal mark; write them alike, and say decimal: "," or decimal: "." in '
            "source.yaml"
        )
        raise DoorError(file, got, alike, key="decimal")
    if either and not (comma or point):
        got = phrase(
            "has numbers such as {one!r}, whose mark may be between thousands or decimals",
            one=either,
        )
        expectation = phrase('decimal: "," or decimal: "." in source.yaml')
        raise DoorError(file, got, expectation, key="decimal")
    return "," if comma else "."
