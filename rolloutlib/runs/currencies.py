"""In which currencies the costs of a file are, where a column or its name says it.

A sum of two currencies is no amount: ₩27 beside $0.02 is no saving and no loss. Costs that tell
several are refused, whether rows, arms or files differ.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (duckdb carries few types)
from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.doors.paths import value_at
from rolloutlib.errors import RunsError
from rolloutlib.phrase import several
from rolloutlib.runs.casts import column_name
from rolloutlib.runs.picked import as_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from rolloutlib.runs.rows import Rows
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["check_currencies", "currencies_in_json", "currencies_in_rows", "currencies_in_table"]

_COLUMNS: Final = {
    "currency", "currencycode", "ccy", "costcurrency", "costcurrencycode", "costunit",
    "pricecurrency", "billingcurrency", "통화",
}  # fmt: skip
# How people write a currency, and what it is called in messages.
_SPELLED: Final = {
    "$": "USD", "us$": "USD", "dollar": "USD", "dollars": "USD", "€": "EUR", "euro": "EUR",
    "euros": "EUR", "₩": "KRW", "won": "KRW", "원": "KRW", "£": "GBP", "cent": "cents",
    "cents": "cents", "¢": "cents",
    **{code.lower(): code for code in (
        "USD", "EUR", "KRW", "JPY", "GBP", "CNY", "INR", "AUD", "CAD", "CHF", "SGD", "HKD", "TWD",
        "VND", "THB", "IDR", "BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "NZD", "ZAR", "AED", "SAR",
    )},
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\da-zA-Z_]+|[$€₩£¢]")  # of a name, camel case or not
_MOST = 20  # currencies that are read of a column


class _Sample(msgspec.Struct):
    currency: str | None = None


class _Result(msgspec.Struct):
    samples: list[_Sample]
    currency: str | None = None


class _Run(msgspec.Struct):
    result: _Result
    currency: str | None = None


_RUN = msgspec.json.Decoder(_Run)


def currencies_in_rows(rows: Rows, spec: SourceSpec) -> set[str]:
    """Return the currencies that rows of a flat table tell of their costs."""
    named = _named(spec)
    if "cost" not in spec.mapped or named:
        return named
    paths = [name for name in rows.columns if _folded(name) in _COLUMNS]
    paths += [path.rpartition(".")[0] + ".currency" for path in _paths(spec) if "." in path]
    cells = ((value_at(row.cells, path, row.root), path) for row in rows.rows for path in paths)
    return _told(as_one(cell, path) for cell, path in cells)


def currencies_in_table(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Iterable[str], spec: SourceSpec
) -> set[str]:
    """Return the currencies that the columns of a flat table tell of its costs."""
    named = _named(spec)
    if "cost" not in spec.mapped or named:
        return named
    names = [column_name(name) for name in columns if _folded(name) in _COLUMNS]
    queries = (f"SELECT DISTINCT {name} FROM {relation} LIMIT {_MOST}" for name in names)
    rows = chain.from_iterable(connection.execute(query).fetchall() for query in queries)
    return _told(cell for (cell,) in rows)


def currencies_in_json(data: bytes) -> set[str]:
    """Return the currencies that a run envelope tells, of the whole run or of its samples."""
    if b'"currency"' not in data or b'"cost"' not in data:
        return set()
    try:
        run = _RUN.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    of_run = run.currency, run.result.currency
    return _told([*of_run, *(sample.currency for sample in run.result.samples)])


def check_currencies(files: Mapping[str, Iterable[str]]) -> None:
    """Refuse costs of several currencies.

    Args:
        files: the currencies that each file tells.

    Raises:
        RunsError: they tell several; the sentence names them, each with a file.
    """
    places = {currency: file for file in reversed([*files]) for currency in files[file]}
    if len(places) > 1:
        named = [f"{currency} ({file})" for currency, file in sorted(places.items())]
        raise RunsError(
            "the costs are in several currencies: {names}; a sum or a difference of them says "
            "nothing. Write them in one currency and say it in the column's name (cost_usd), "
            "choose the rows of one (where in source.yaml), or leave cost out there.",
            names=several(named),
        )  # fmt: skip


def _paths(spec: SourceSpec) -> list[str]:
    """Return where the cost stands, of each arm."""
    sides = (side.mapped.get("cost") for side in spec.sides)
    return [path for column in sides if column for path in column.paths]


def _named(spec: SourceSpec) -> set[str]:
    """Return the currencies in the names of the columns of costs, such as cost_usd."""
    words = (_WORD.findall(path) for path in _paths(spec))
    return {_SPELLED[word.lower()] for of in words for word in of if word.lower() in _SPELLED}


def _told(cells: Iterable[object]) -> set[str]:
    """Return what cells name; one that nobody filled names nothing."""
    words = {str(cell).strip() for cell in cells if cell is not None} - {""}
    return {_SPELLED.get(word.lower(), word.upper()) for word in words}


def _folded(name: str) -> str:
    return "".join(filter(str.isalpha, name)).lower()
