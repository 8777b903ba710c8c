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
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rolloutlib.doors.marks import Refusal, marks_in
from rolloutlib.phrase import foreign, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from python_calamine import CalamineSheet, CalamineWorkbook

__all__ = ["REFUSED", "TOO_LARGE", "column_letters", "lines_of"]

REFUSED: Final = 3  # exit code: standard error is the refusal, as JSON
TOO_LARGE: Final = 4
_EXACT = 10**15  # from here on a spreadsheet's numbers have lost digits
_ERROR = re.compile(r"#(?:N/A|DIV/0!|NAME\?|[A-Z_]+!)|Err:[0-9]{3}")


def lines_of(data: bytes, options: dict[str, Any]) -> Iterator[str]:
    """Yield a sheet's rows as objects, each on the line of its number, blank where there is none.

    Args:
        data: the workbook.
        options: kind (how the file's name ends), sheet, and columns by what they may hold: wanted,
            times, strict, numbers, words (see `sheets`).

    Raises:
        Refusal: it is no workbook, or no table stands in the sheet.
    """
    workbook = _workbook(data, options["kind"])
    sheet = _sheet_of(workbook, options["sheet"])
    marks = marks_in(data, sheet.name, options["kind"])
    rows = _rows(sheet, {row for row, _ in marks.errors})
    number, names = _header(rows, {*options["wanted"]})
    _check_merged(sheet, number, rows)
    line = 0
    for row, cells in rows[number + 1 :]:
        values = {
            name: _cell(cell, name, options, marks.of(row, column))
            for column, (name, cell) in enumerate(zip(names, cells, strict=True))
            if name
        }
        if any(cell is not None for cell in values.values()):
            yield from [""] * (row - line)
            yield json.dumps(values, ensure_ascii=False)
            line = row + 1


def _workbook(data: bytes, kind: str) -> CalamineWorkbook:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise Refusal(phrase("is locked by a password"), phrase("it saved without one")) from None
    except (CalamineError, OSError, ValueError) as error:
        raise _damaged(error, kind) from None


def _damaged(error: Exception, kind: str) -> Refusal:
    why = str(error).partition("\n")[0][:200].rstrip(".")
    expected = phrase("a whole workbook; save it again as {kind}, or as CSV in UTF-8", kind=kind)
    return Refusal(phrase("cannot be read as a workbook ({why})", why=foreign(why)), expected)


def _sheet_of(workbook: CalamineWorkbook, sheet_name: str | None) -> CalamineSheet:
    """Return the sheet that was asked for, or else the only one that has rows."""
    names = workbook.sheet_names
    if sheet_name is not None:
        if sheet_name not in names:
            expected = phrase(
                "sheet: to name one of {sheets}", sheets=[repr(name) for name in names]
            )
            raise Refusal(phrase("has no sheet {name!r}", name=sheet_name), expected, "sheet")
        return workbook.get_sheet_by_name(sheet_name)
    opened = [workbook.get_sheet_by_name(name) for name in names]
    filled = [sheet for sheet in opened if sheet.height]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise Refusal(phrase("has 0 rows"), phrase("a sheet with a header and a row a sample"))
    filled_names = [repr(sheet.name) for sheet in filled]
    expected = phrase("sheet: {name} in source.yaml, or another of them", name=filled[0].name)
    raise Refusal(
        phrase("has several sheets with rows ({sheets})", sheets=filled_names), expected, "sheet"
    )


def _rows(sheet: CalamineSheet, with_errors: set[int]) -> list[tuple[int, list[Any]]]:
    """Return the rows that are not empty with their numbers from 0, from the first column on.

    A row of errors alone is not empty, although the library gives nothing else.
    """
    top, left = sheet.start or (0, 0)
    numbered = [(top + place, [""] * left + row) for place, row in enumerate(sheet.iter_rows())]
    return [
        (row, cells) for row, cells in numbered
        if row in with_errors or any(cell != "" for cell in cells)
    ]  # fmt: skip


def _header(rows: Sequence[tuple[int, list[Any]]], required: set[str]) -> tuple[int, list[str]]:
    """Return the place of the header among the rows, and its names; titles above it are skipped.

    The header is the first row that has all mapped columns, or else the first of two cells: a
    title is one (merged) cell.
    """
    texts = [[_name(cell) for cell in cells] for _, cells in rows[:200]]
    named = [place for place, row in enumerate(texts) if required and required <= {*row}]
    wide = [place for place, row in enumerate(texts) if sum(map(bool, row)) > 1]
    place = next(iter(named or wide), 0)
    names = texts[place]
    for name in filter(None, names):
        if names.count(name) > 1:
            got = phrase(
                "names {name!r} twice in row {row}, its header", name=name, row=rows[place][0] + 1
            )
            raise Refusal(got, phrase("each column once"))
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
            expected = phrase("a value in each cell: split it, and fill in what belongs there")
            got = phrase("has merged cells among its rows ({cells})", cells=f"{first}:{last}")
            raise Refusal(got, expected)


def _cell(cell: Any, name: str, options: dict[str, Any], mark: str) -> object:  # noqa: ANN401 -- whatever stands there
    """Return a cell as JSON; what is no value as an object, which no field accepts."""
    if mark == "error" or (isinstance(cell, str) and _ERROR.fullmatch(cell)):
        error_word = cell or "#ERROR"
        return error_word if name in options["words"] else {"error": error_word}
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float):
        is_word = name in options["strict"] and name not in options["numbers"]
        return _number(cell, mark, is_word=is_word)
    return _time(cell, name, options)


def _number(cell: float, mark: str, *, is_word: bool) -> object:
    if mark == "percent":  # as people see it, who may write its scale by what they see
        percentage = f"{cell * 100:.15g}%"
        return {"error": f"a percentage ({percentage})"} if is_word else percentage
    return int(cell) if float(cell).is_integer() and abs(cell) < _EXACT else cell


def _time(cell: object, name: str, options: dict[str, Any]) -> object:
    """Return a moment as text where one belongs; 3-4 that became a date is none of them."""
    if isinstance(cell, datetime | date):
        moment = cell.isoformat()
        return {"date": moment} if name in options["strict"] else moment
    if isinstance(cell, time | timedelta):
        text = str(cell)
        return {"time": text} if {name} & {*options["strict"], *options["times"]} else text
    return {"cell": str(cell)}


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
    except MemoryError:
        return TOO_LARGE
    except Refusal as refusal:
        sys.stderr.write(msgspec.json.encode(refusal.told).decode())
        return REFUSED
    except Exception as error:  # noqa: BLE001 -- whatever a damaged workbook does to its readers
        sys.stderr.write(msgspec.json.encode(_damaged(error, options["kind"]).told).decode())
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main())
