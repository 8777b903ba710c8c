"""What stands between the cells of a text table: said by its name, its first line, or source.yaml.

It is never guessed. Where a table has one column by the one and several by another, the message
names the other.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

from rolloutlib.doors.refusal import DoorError
from rolloutlib.limits import COLUMNS
from rolloutlib.phrase import phrase
from rolloutlib.text import exact

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["DELIMITERS", "WRITTEN", "delimiter_of", "without_sep"]

DELIMITERS: Final = (",", ";", "\t", "|")
WRITTEN: Final = {"\t": '"\\t"', ",": '","', ";": '";"', "|": '"|"'}  # as source.yaml writes them
_BY_NAME: Final = {".tsv": "\t", ".tab": "\t"}
_TITLES: Final = {
    "\t": phrase("tabs"), ",": phrase("commas"), ";": phrase("semicolons"), "|": phrase("bars"),
}  # fmt: skip
_SEP = re.compile(rb'"?sep=(.)"?[ \t,;|]*(\r\n|\n|\r|\Z)', re.IGNORECASE)
_HEAD = 1 << 20


def without_sep(data: bytes) -> tuple[bytes, str | None]:
    r"""Return a table without Excel's line `sep=;`, which stays as a blank one, and what it says.

    >>> without_sep(b"sep=;\na;b\n")
    (b'\na;b\n', ';')
    """
    line = _SEP.match(data)
    mark = line[1].decode("latin-1") if line else ""
    if not line or mark not in DELIMITERS:
        return data, None
    return line[2] + data[line.end() :], mark


def delimiter_of(
    name: str, kind: str, data: bytes, declared: str | None, required: Collection[str] = ()
) -> str:
    """Return what is between the cells of a table.

    Args:
        name: the file's, for messages.
        kind: how its name ends.
        data: its bytes, as UTF-8.
        declared: what source.yaml or the file's first line says.
        required: the columns that source.yaml maps.

    Raises:
        DoorError: the header has its columns by another one.
    """
    delimiter = declared or _BY_NAME.get(kind, ",")
    head, mapped = _header(data), {*required}
    cells = _cells(head, delimiter)
    if mapped <= {*cells} and (mapped or len(cells) > 1):
        return delimiter
    others = {mark: _cells(head, mark) for mark in DELIMITERS if mark != delimiter}
    tables = {mark: names for mark, names in others.items() if len(names) > 1 and all(names)}
    if not tables:
        return delimiter
    likely = max(tables, key=lambda mark: (len(mapped & {*tables[mark]}), len(tables[mark])))
    names = tables[likely]
    if len(cells) > 1 and len(mapped & {*names}) <= len(mapped & {*cells}):
        return delimiter
    columns = phrase("column" if len(cells) == 1 else "columns")
    got = phrase(
        "has {n} {columns} between {marks}", n=len(cells), columns=columns, marks=_TITLES[delimiter]
    )
    expected = phrase(
        "delimiter: {mark} in source.yaml, by which it has {n} columns ({names})",
        mark=WRITTEN[likely], n=len(names), names=exact(", ".join(names)),
    )  # fmt: skip
    raise DoorError(name, got, expected, key="delimiter", value=likely)


def _header(data: bytes) -> str:
    """Return the first line that is not blank."""
    head = data[:_HEAD].lstrip(b"\r\n").splitlines()
    return head[0].decode("utf-8", "replace") if head else ""


def _cells(head: str, delimiter: str) -> list[str]:
    if head.count(delimiter) > COLUMNS.value:  # which the reader refuses
        return []
    try:
        for cells in csv.reader(io.StringIO(head), delimiter=delimiter):
            return cells
    except csv.Error:
        return []
    return []
