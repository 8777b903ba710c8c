"""The records of a CSV, each with its line and text; broken quotes cost the line they are on."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Record", "csv_records"]

csv.field_size_limit(2**31 - 1)  # answers of models are long texts, and no fault


class Record(NamedTuple):
    """A record of a CSV: the line on which it starts, its cells and text, what is wrong and due."""

    line: int
    cells: list[str]
    text: str
    fault: tuple[Phrase, Phrase] | None = None


def csv_records(text: str, escape: str | None = None, delimiter: str = ",") -> Iterator[Record]:
    """Yield each record that is not blank; a quoted cell may span lines.

    A record whose quotes are broken costs the line on which it starts, and the next line is read
    as if it began a record.
    """
    lines, start = list(io.StringIO(text, newline="")), 0
    while start < len(lines):
        rest = (lines[place] for place in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True, escapechar=escape)
        first = start
        try:
            for cells in reader:
                end = first + reader.line_num
                if cells:
                    yield Record(start + 1, cells, "".join(lines[start:end]).rstrip("\r\n"))
                start = end
        except csv.Error as error:
            yield Record(start + 1, [], lines[start].rstrip("\r\n"), _fault(error, lines[start]))
            start += 1


def _fault(error: csv.Error, line: str) -> tuple[Phrase, Phrase]:
    if "end of data" in str(error):  # what Python's csv says, in English everywhere
        expectation = phrase("expected every quote that is opened in this row to be closed")
        return phrase("a quote is not closed"), expectation
    got = phrase("text follows a quote that closes its cell")
    if '\\"' not in line:
        return got, phrase("expected a quote inside of quotes to be doubled")
    return got, phrase(
        "expected a quote inside of quotes to be doubled, or escape: {escape} in source.yaml, "
        "since it is written {written}",
        escape='"\\\\"', written='\\"',
    )  # fmt: skip
