"""One sheet of a workbook as JSON Lines: run as a process of its own, with bounds of its own.

A workbook of a kilobyte can announce a sheet of terabytes, and the library that reads it cannot
refuse that: it ends the process. So this process is not the one that judges.

What a spreadsheet made of what was written is never taken for it: a date where none belongs, a
percentage, an error, a number that lost digits become cells that no field accepts.
"""

from __future__ import annotations

import io
import json
import re
import resource
import signal
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from python_calamine import CalamineSheet, CalamineWorkbook

__all__ = ["REFUSED", "column_letters", "lines_of"]

REFUSED: Final = 3  # exit code: standard error is the refusal, as JSON
_EXACT = 10**15  # from here on a spreadsheet's numbers have lost digits
_ERROR = re.compile(r"#(?:N/A|DIV/0!|NAME\?|[A-Z_]+!)|Err:[0-9]{3}")
_AT = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_FORMULA = re.compile(
    rb"(<(?:\w+:)?c\b[^>]*>)\s*<(?:\w+:)?f\b(?:[^>]*/>|[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_STYLES = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<numFmt\b[^>]*>")
_STYLE = re.compile(rb"<xf\b[^>]*>")
_PERCENTS: Final = (9, 10)  # formats that every workbook has
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_ODD_IN_ODS: Final = (
    (rb'office:value-type="percentage"', "percentages"),
    (rb'calcext:value-type="error"', "errors"),
    (rb'table:number-rows-spanned="(?!1")', "cells that are merged over several rows"),
)


class Refusal(Exception):  # noqa: N818 -- it is no fault of the program
    """A workbook that is refused: what was got, what is expected, and the key that mends it."""

    def __init__(self, got: str, expected: str, key: str = "") -> None:
        """Keep the parts of its sentence."""
        super().__init__(got)
        self.told = {"got": got, "expected": expected, "key": key}


class _Marks(NamedTuple):
    """Cells (row and column from 0) that are not the values that the library gives for them."""

    errors: frozenset[tuple[int, int]] = frozenset()
    percents: frozenset[tuple[int, int]] = frozenset()


def lines_of(data: bytes, options: dict[str, Any]) -> Iterator[str]:
    """Yield a sheet's rows as objects, each on the line of its number, blank where there is none.

    Args:
        data: the workbook.
        options: kind (how the file's name ends), sheet, and columns by what they may hold: wanted,
            times, strict, words (see `sheets`).

    Raises:
        Refusal: it is no workbook, or no table stands in the sheet.
    """
    workbook = _workbook(data, options["kind"])
    sheet = _sheet_of(workbook, options["sheet"])
    marks = _marks(data, sheet, options["kind"])
    rows = _rows(sheet)
    number, names = _header(rows, {*options["wanted"]})
    _check_merged(sheet, number, rows)
    line = 0
    for row, cells in rows[number + 1 :]:
        told = {
            name: _cell(cell, name, options, _mark(marks, row, column))
            for column, (name, cell) in enumerate(zip(names, cells, strict=True))
            if name
        }
        if any(cell is not None for cell in told.values()):
            yield from [""] * (row - line)
            yield json.dumps(told, ensure_ascii=False)
            line = row + 1


def _workbook(data: bytes, kind: str) -> CalamineWorkbook:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise Refusal("is locked by a password", "it saved without one") from None
    except (CalamineError, OSError, ValueError) as error:
        why = str(error).partition("\n")[0][:200].rstrip(".")
        due = f"a whole workbook; save it again as {kind}, or as CSV in UTF-8"
        raise Refusal(f"cannot be read as a workbook ({why})", due) from None


def _sheet_of(workbook: CalamineWorkbook, asked: str | None) -> CalamineSheet:
    """Return the sheet that was asked for, or else the only one that has rows."""
    names = workbook.sheet_names
    if asked is not None:
        if asked not in names:
            told = ", ".join(map(repr, names))
            raise Refusal(f"has no sheet {asked!r}", f"sheet: to name one of {told}", "sheet")
        return workbook.get_sheet_by_name(asked)
    opened = [workbook.get_sheet_by_name(name) for name in names]
    filled = [sheet for sheet in opened if sheet.height]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise Refusal("has 0 rows", "a sheet with a header and a row a sample")
    told = ", ".join(repr(sheet.name) for sheet in filled)
    due = f"sheet: {filled[0].name} in source.yaml, or another of them"
    raise Refusal(f"has several sheets with rows ({told})", due, "sheet")


def _rows(sheet: CalamineSheet) -> list[tuple[int, list[Any]]]:
    """Return the rows that are not empty with their numbers from 0, from the first column on."""
    top, left = sheet.start or (0, 0)
    found = [(top + place, [""] * left + row) for place, row in enumerate(sheet.iter_rows())]
    return [(row, cells) for row, cells in found if any(cell != "" for cell in cells)]


def _header(rows: Sequence[tuple[int, list[Any]]], wanted: set[str]) -> tuple[int, list[str]]:
    """Return the place of the header among the rows, and its names; titles above it are skipped.

    The header is the first row that has all mapped columns, or else the first of two cells: a
    title is one (merged) cell.
    """
    texts = [[_name(cell) for cell in cells] for _, cells in rows[:200]]
    named = [place for place, row in enumerate(texts) if wanted and wanted <= {*row}]
    wide = [place for place, row in enumerate(texts) if sum(map(bool, row)) > 1]
    place = next(iter(named or wide), 0)
    names = texts[place]
    for name in filter(None, names):
        if names.count(name) > 1:
            at = f"row {rows[place][0] + 1}"
            raise Refusal(f"names {name!r} twice in {at}, its header", "each column once")
    filled = [any(cells[c] != "" for _, cells in rows[place + 1 :]) for c in range(len(names))]
    return place, [
        name or (f"(column {column_letters(column)})" if filled[column] else "")
        for column, name in enumerate(names)
    ]


def _name(cell: Any) -> str:  # noqa: ANN401 -- whatever stands there
    whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT
    return str(int(cell) if whole else cell)


def column_letters(column: int) -> str:
    """Return what a spreadsheet calls a column.

    >>> column_letters(0), column_letters(25), column_letters(26)
    ('A', 'Z', 'AA')
    """
    before, last = divmod(column, 26)
    return (column_letters(before - 1) if before else "") + chr(ord("A") + last)


def _check_merged(sheet: CalamineSheet, header: int, rows: Sequence[tuple[int, list[Any]]]) -> None:
    """Refuse merged cells among the rows: whether all of them have the value nobody can say."""
    try:
        merged = sheet.merged_cell_ranges or ()
    except Exception:  # noqa: BLE001 -- the library's, where a format tells no merged cells
        return
    for (top, left), (bottom, right) in merged:
        if bottom > rows[header][0] and (top, left) != (bottom, right):
            first, last = (
                f"{column_letters(column)}{row + 1}"
                for column, row in ((left, top), (right, bottom))
            )
            due = "a value in each cell: split it, and fill in what belongs there"
            raise Refusal(f"has merged cells among its rows ({first}:{last})", due)


def _mark(marks: _Marks, row: int, column: int) -> str:
    at = row, column
    return "error" if at in marks.errors else "percent" if at in marks.percents else ""


def _cell(cell: Any, name: str, options: dict[str, Any], mark: str) -> object:  # noqa: ANN401 -- whatever stands there
    """Return a cell as JSON; what is no value as an object, which no field accepts."""
    if mark == "error" or (isinstance(cell, str) and _ERROR.fullmatch(cell)):
        told = cell or "#ERROR"
        return told if name in options["words"] else {"error": told}
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float):
        return _number(cell, mark)
    return _time(cell, name, options)


def _number(cell: float, mark: str) -> object:
    if mark == "percent":  # as people see it, who may write its scale by what they see
        return f"{cell * 100:.15g}%"
    return int(cell) if float(cell).is_integer() and abs(cell) < _EXACT else cell


def _time(cell: object, name: str, options: dict[str, Any]) -> object:
    """Return a moment as text where one belongs; 3-4 that became a date is none of them."""
    if isinstance(cell, datetime | date):
        moment = cell.isoformat()
        return {"date": moment} if name in options["strict"] else moment
    if isinstance(cell, time | timedelta):
        told = str(cell)
        return {"time": told} if {name} & {*options["strict"], *options["times"]} else told
    return {"cell": str(cell)}


def _marks(data: bytes, sheet: CalamineSheet, kind: str) -> _Marks:
    """Find the cells that the library gives as empty (errors) or as other numbers (percentages)."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    if kind == ".ods":
        content = archive.read("content.xml")
        for pattern, what in _ODD_IN_ODS:
            if re.search(pattern, content):
                due = "plain values: change or format them, or save it as .xlsx"
                raise Refusal(f"has {what}", due)
        return _Marks()
    xml = archive.read(_part_of(archive, sheet.name))
    _check_computed(xml)
    percents = _percent_styles(archive)
    styles = b"|".join(b"%d" % style for style in percents)
    either = rb'\bt="e"' + (rb'|\bs="(?:' + styles + rb')"' if styles else b"")
    errors, shown = set[tuple[int, int]](), set[tuple[int, int]]()
    for found in re.finditer(rb"<(?:\w+:)?c\b(?=[^>]*(?:" + either + rb"))[^>]*>", xml):
        at = _AT.search(found[0])
        if at is None:
            raise Refusal("has cells without an address", "it saved by a spreadsheet")
        place = int(at[2]) - 1, _column(at[1])
        (errors if b't="e"' in found[0] else shown).add(place)
    return _Marks(frozenset(errors), frozenset(shown))


def _check_computed(xml: bytes) -> None:
    """Refuse formulas without values: who wrote them left computing them to a spreadsheet."""
    for found in _FORMULA.finditer(xml):
        if b't="str"' not in found[1]:  # a formula may give an empty text
            at = _AT.search(found[1])
            cell = (at[1] + at[2]).decode() if at else "somewhere"
            due = "it opened and saved by a spreadsheet, which computes them"
            raise Refusal(f"has formulas without their values ({cell})", due)


def _column(letters: bytes) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + letter - ord("A") + 1
    return column - 1


def _part_of(archive: zipfile.ZipFile, name: str) -> str:
    """Return the entry that holds a sheet."""
    from html import unescape

    sheets = _SHEET.findall(archive.read("xl/workbook.xml"))
    relations = _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {_said(one, b"Id"): _said(one, b"Target") for one in relations}
    for one in sheets:
        if unescape(_said(one, b"name")) == name:
            target = targets.get(_said(one, b"(?:\\w+:)?id"), "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise Refusal(f"does not say where its sheet {name!r} is", "it saved by a spreadsheet")


def _said(tag: bytes, attribute: bytes) -> str:
    found = re.search(rb"\s" + attribute + rb"=(?:\"([^\"]*)\"|'([^']*)')", tag)
    return (found[1] or found[2] or b"").decode() if found else ""


def _percent_styles(archive: zipfile.ZipFile) -> list[int]:
    """Return the styles by which a cell shows 0.85 as 85 %."""
    if "xl/styles.xml" not in archive.namelist():
        return []
    xml = archive.read("xl/styles.xml")
    formats = {_said(one, b"numFmtId") for one in _FORMAT.findall(xml)
               if "%" in _said(one, b"formatCode")}  # fmt: skip
    formats |= {*map(str, _PERCENTS)}
    styles = _STYLES.search(xml)
    every = _STYLE.findall(styles[0]) if styles else []
    return [place for place, one in enumerate(every) if _said(one, b"numFmtId") in formats]


def _bounded(seconds: int, memory: int) -> None:
    """End this process where it takes longer or holds more than it may."""
    signal.alarm(seconds)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))


def _main() -> int:
    options = json.loads(sys.argv[1])
    _bounded(options["seconds"], options["memory"])
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass", newline="\n")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  a file here
    try:
        for line in lines_of(sys.stdin.buffer.read(), options):
            sys.stdout.write(line + "\n")
    except Refusal as refusal:
        sys.stderr.write(json.dumps(refusal.told))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main())
