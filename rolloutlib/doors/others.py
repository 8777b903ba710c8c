"""Files that may hold samples in a form that is not read here: what it is, and what helps."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final, NamedTuple

from rolloutlib.phrase import Phrase, phrase

__all__ = ["ARROW", "AVRO", "OLD_WORKBOOK", "PDF", "SQLITE", "XML", "Other", "other_by_name"]


class Other(NamedTuple):
    """A form that is not read: what it is, and what is expected instead."""

    what: Phrase
    expected: Phrase


_SAVED: Final = phrase("its table saved as .xlsx, or as CSV in UTF-8")
_PARQUET: Final = phrase("its table written as Parquet or CSV")
OLD_WORKBOOK: Final = Other(phrase("an old workbook"), _SAVED)
SQLITE: Final = Other(phrase("SQLite"), phrase("a table of it as CSV"))
XML: Final = Other(
    phrase("XML"),
    phrase("JSON or CSV; JMeter writes CSV by -Jjmeter.save.saveservice.output_format=csv"),
)
ARROW: Final = Other(phrase("a table of Arrow"), _PARQUET)
AVRO: Final = Other(phrase("Avro"), _PARQUET)
PDF: Final = Other(phrase("a document (PDF)"), phrase("the table that it was made of"))
_BINARY_WORKBOOK: Final = Other(phrase("a binary workbook"), _SAVED)
_BY_ENDING: Final = {
    ".xls": OLD_WORKBOOK,
    ".xlsb": _BINARY_WORKBOOK,
    ".numbers": Other(phrase("a workbook of Numbers"), _SAVED),
    ".gsheet": Other(phrase("a link to a sheet of Google"), _SAVED),
    **dict.fromkeys((".db", ".db3", ".sqlite", ".sqlite3"), SQLITE),
    ".duckdb": Other(phrase("a database of DuckDB"), _PARQUET),
    ".xml": XML,
    **dict.fromkeys((".arrow", ".feather", ".ipc"), ARROW),
    ".avro": AVRO,
    ".orc": Other(phrase("ORC"), _PARQUET),
    **dict.fromkeys(
        (".pickle", ".pkl"), Other(phrase("a pickle, which could run any program"), _PARQUET)
    ),
    **dict.fromkeys((".rda", ".rdata", ".rds"), Other(phrase("data of R"), _PARQUET)),
    ".sav": Other(phrase("data of SPSS"), _PARQUET),
    ".dta": Other(phrase("data of Stata"), _PARQUET),
    ".pdf": PDF,
}


def other_by_name(name: str) -> Other | None:
    """Return what a file is by its ending, where that is a form that is known and not read.

    >>> other = other_by_name("runs.XLSB")
    >>> other and str(other.what)
    'a binary workbook'
    """
    return _BY_ENDING.get(PurePath(name).suffix.lower())
