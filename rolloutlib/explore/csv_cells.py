"""CSV that a spreadsheet opens and does not run: a cell of text is never a formula.

What begins like a formula gets an apostrophe before it, as spreadsheets write text themselves
(OWASP, "CSV Injection"). Numbers stay numbers, and Parquet beside the CSV keeps every text as it
was.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from codecs import BOM_UTF8
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

__all__ = ["csv_file", "disarmed"]

# Spreadsheets skip what is no ink, and quotes (straight and typographic), before they look for a
# sign; those of East Asia take full-width and small signs, too.
_SKIPPED: Final = r"""[\pZ\p{Cc}\p{Cf}'"\x{2018}\x{2019}\x{201c}\x{201d}]*"""
_SIGNS: Final = r"=@\x{ff1d}\x{ff20}\x{fe66}\x{fe6b}"
_SIGNS_OF_NUMBERS: Final = r"+\-\x{2212}\x{ff0b}\x{ff0d}\x{fe62}\x{fe63}"
_FIRST: Final = rf"^({_SKIPPED}[{_SIGNS}{_SIGNS_OF_NUMBERS}]|[\t\r\n])"
# Where a semicolon separates cells, as in much of Europe, what follows one begins a cell, and after
# a quote that is taken for a letter so does what follows a line break. An item of a list ("- x") is
# no formula.
_LATER: Final = rf"([;\t\r\n]{_SKIPPED})([{_SIGNS}]|[{_SIGNS_OF_NUMBERS}][^\pZ\p{{Cc}}])"


def disarmed(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    r"""Return texts that no spreadsheet runs.

    >>> disarmed(pa.array(["=1+1", " \uff1d1", "a;=1", "x = 1", None])).to_pylist()
    ["'=1+1", "' \uff1d1", "a;'=1", 'x = 1', None]
    """
    shown = pc.replace_substring(texts, "\0", "\\u0000")  # it ends a text for many programs
    inside = pc.replace_substring_regex(shown, _LATER, r"\1'\2")
    return pc.replace_substring_regex(inside, _FIRST, r"'\1")


@contextmanager
def csv_file(path: Path, schema: pa.Schema) -> Generator[Callable[[pa.Table], object]]:
    """Open a CSV file for tables of a schema; Excel reads it as UTF-8, in Korea, too."""
    with path.open("xb") as file:
        file.write(BOM_UTF8)
        writer: Any = csv.CSVWriter(file, schema)
        with writer:

            def add(table: pa.Table) -> None:
                texts = [disarmed(c) if pa.types.is_string(c.type) else c for c in table.columns]
                writer.write_table(pa.table(texts, schema=schema))

            yield add
