"""JSON Lines of flat objects as a table of the engine.

Each line is one flat object: Arrow refuses a key that is there twice, and a column costs a cell in
every row. Anything else is for the careful reader (`rows`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from rolloutlib.limits import COLUMNS
from rolloutlib.runs.casts import LINE
from rolloutlib.runs.located import read_object
from rolloutlib.runs.part import RawTable
from rolloutlib.runs.raw import is_text, raw_csv, registered, types_of
from rolloutlib.runs.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from rolloutlib.runs.files import RunFile

__all__ = ["raw_lines", "raw_text"]

_HEAD = 1_000_000  # bytes of JSON Lines from which the columns of texts are seen
_HIDDEN = (b"\\u0000", b"\\ud", b"\\uD")  # a NUL, perhaps half a character
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = b"0" * 41  # digits of an integer that the careful reader refuses
_NESTED = re.compile(rb"\[\s*\[")  # a list in a list, which the engine's reader may drown in
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*+)"[ \t]*+:')


def raw_text(connection: duckdb.DuckDBPyConnection, file: RunFile, data: bytes) -> RawTable | None:
    """Open a text as columns; None where the careful reader has to look."""
    return (raw_csv if file.kind == ".csv" else raw_lines)(connection, file, data)


def raw_lines(connection: duckdb.DuckDBPyConnection, file: RunFile, data: bytes) -> RawTable | None:
    """Open JSON Lines of flat objects as columns; None where the careful reader has to look."""
    above = len(data) - len(data.lstrip(b"\n"))  # a sheet's lines above its first row
    table = _arrow_lines(data[above:], above) if file.kind == ".jsonl" else None
    if table is None:
        return None
    relation = registered(connection, table)

    def rows_at(numbers: Sequence[int]) -> Iterator[Row]:
        lines = data.splitlines()
        for line in numbers:
            yield Row(line, read_object(lines[line - 1]), lines[line - 1].decode())

    types = types_of(connection, relation)
    types.pop(LINE)
    return RawTable(file.name, relation, types, rows_at, texts=True)


def _arrow_lines(data: bytes, above: int) -> pa.Table | None:
    """Return the columns of flat objects, one a line, and their lines."""
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    each = data.startswith(b"{") and data.count(b"\n{") == lines - 1
    if not each or not is_text(data) or any(mark in data for mark in _HIDDEN):
        return None
    if data.translate(_DIGITS).find(_LONG) >= 0 or data.count(b"{") > lines or _NESTED.search(data):
        return None
    head = data[: data.rfind(b"\n", 0, _HEAD) + 1] or data
    table = None if _has_many_keys(head) else _laid_out(data, head)
    if table is None:
        return None
    names, kinds = table.column_names, table.schema.types
    if not names or table.num_rows != lines or len({n.casefold() for n in names}) < len(names):
        return None
    if LINE in names or not all(map(_is_flat, kinds)):
        return None
    table = table.cast(pa.schema([(f.name, _known(f.type)) for f in table.schema]))
    return table.append_column(LINE, pa.array(np.arange(1, lines + 1) + above))


def _laid_out(data: bytes, head: bytes) -> pa.Table | None:
    """Parse lines by the columns of their head, or by all columns where the head lacks one."""
    try:
        columns = _parsed(head)
    except pa.ArrowException:
        return None
    try:
        return _parsed(data, _columns_of(columns), further="error")
    except pa.ArrowException:
        if _has_many_keys(data):
            return None
    try:
        return _parsed(data, _columns_of(columns, times=True))
    except pa.ArrowException:
        return None


def _parsed(data: bytes, schema: pa.Schema | None = None, further: str = "infer") -> pa.Table:
    options = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=further)
    read = pa_json.ReadOptions(use_threads=False, block_size=1 << 24)
    return pa_json.read_json(pa.BufferReader(data), read, options)


def _columns_of(table: pa.Table, *, times: bool = False) -> pa.Schema:
    """Return the columns, or only those in which Arrow would see `times`: they are texts."""
    types = {field.name: field.type for field in table.schema}
    kinds = {n: pa.string() if pa.types.is_timestamp(t) else t for n, t in types.items()}
    return pa.schema([(n, t) for n, t in kinds.items() if not times or t != types[n]])


def _has_many_keys(data: bytes) -> bool:
    """Whether lines name more different keys than a table may have, which Arrow would lay out."""
    names, most = set[bytes](), COLUMNS.value
    for match in _KEY.finditer(data):
        names.add(match[1])
        if len(names) > most:
            return True
    return False


def _known(kind: pa.DataType) -> pa.DataType:
    """Return the type itself, or text for a column of which nothing is known."""
    if pa.types.is_list(kind):
        return pa.list_(_known(kind.value_type))
    return pa.string() if pa.types.is_null(kind) else kind


def _is_flat(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        kind = kind.value_type
        return pa.types.is_string(kind) or pa.types.is_null(kind)
    scalars = (pa.types.is_string, pa.types.is_integer, pa.types.is_floating)
    return any(rule(kind) for rule in (*scalars, pa.types.is_boolean, pa.types.is_null))
