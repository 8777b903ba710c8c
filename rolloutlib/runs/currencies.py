"""In which currencies the costs of a file are, where a column or its name says it.

A sum of two currencies is no amount: ₩27 beside $0.02 is no saving and no loss. Costs that tell
several are refused, whether rows, arms or files differ.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (duckdb carries few types)
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rolloutlib.doors.paths import Several, value_at
from rolloutlib.errors import RunsError
from rolloutlib.phrase import several
from rolloutlib.runs.casts import LINE, column_name
from rolloutlib.runs.layouts import lacking_column
from rolloutlib.runs.spellings import NOTHING, folded
from rolloutlib.runs.wrapping import NO_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from rolloutlib.runs.grouping import Mapped
    from rolloutlib.runs.sources import SourceSpec

__all__ = ["Billed", "check_currencies", "currencies_in_json", "currencies_in_rows"]
__all__ += ["currencies_in_table", "currencies_on_spark"]

Billed = tuple[str, str]  # an arm, or ALL, and a currency of its costs
ALL: Final = ""  # arms of a file whose column of costs says its currency in its name
_COLUMNS: Final = {
    "currency", "currencycode", "ccy", "costcurrency", "costcurrencycode", "costunit",
    "pricecurrency", "billingcurrency", "통화",
}  # fmt: skip
_CENTS: Final = "cents"
_CODES: Final = {code.lower(): code for code in (
    "USD", "EUR", "KRW", "JPY", "GBP", "CNY", "INR", "AUD", "CAD", "CHF", "SGD", "HKD", "TWD",
    "VND", "THB", "IDR", "BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "NZD", "ZAR", "AED", "SAR",
)}  # fmt: skip
# How people write a currency, in names and in cells, and what it is called in messages.
_SPELLED: Final = _CODES | {
    "$": "USD", "us$": "USD", "dollar": "USD", "dollars": "USD", "€": "EUR", "euro": "EUR",
    "euros": "EUR", "₩": "KRW", "won": "KRW", "원": "KRW", "£": "GBP", "cent": _CENTS,
    "cents": _CENTS, "¢": _CENTS,
}  # fmt: skip
# What only a whole cell can mean.
_CELLS: Final = _SPELLED | {
    "us dollar": "USD", "us dollars": "USD", "u.s. dollar": "USD", "u.s. dollars": "USD",
    "american dollar": "USD", "달러": "USD", "미국 달러": "USD", "korean won": "KRW",
    "south korean won": "KRW", "원화": "KRW", "rmb": "CNY", "cn¥": "CNY", "yuan": "CNY",
    "renminbi": "CNY", "위안": "CNY", "jp¥": "JPY", "yen": "JPY", "japanese yen": "JPY",
    "엔": "JPY", "유로": "EUR", "pound": "GBP", "pounds": "GBP", "pound sterling": "GBP",
    "british pound": "GBP", "₹": "INR", "rupee": "INR", "rupees": "INR", "usd cents": "USD cents",
    "us cents": "USD cents",
}  # fmt: skip
_NO_CURRENCY: Final = frozenset(NOTHING) | {"unknown", "other", "tbd"}
_CODE = re.compile(r"[A-Z]{3}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\da-zA-Z_]+|[$€₩£¢]")  # of a name, camel case or not
_MOST = 1_000  # currencies that are read of a column


class _Sample(msgspec.Struct):
    currency: str | None = None
    cost: object = None  # whatever it is: one odd sample hides no other


class _Result(msgspec.Struct):
    samples: list[_Sample]
    currency: str | None = None


class _Run(msgspec.Struct):
    result: _Result
    currency: str | None = None


_RUN = msgspec.json.Decoder(_Run)


def currencies_in_rows(rows: Iterable[Mapped], spec: SourceSpec, file: str) -> set[Billed]:
    """Return the currencies that kept rows of a flat table tell of their costs.

    Raises:
        RunsError: no row has what source.yaml calls their currency.
    """
    named = _named(spec)
    if "cost" not in spec.mapped or (named and not _is_column(spec.currency)):
        return named
    costly = [(row, run.arm) for row, run, sample in rows
              if isinstance(sample.cost, float | int) and sample.cached is not True]  # fmt: skip
    beside = [] if spec.currency else _beside(spec)
    billed = named
    is_there = not costly or not _is_column(spec.currency)
    for row, arm in costly:
        for path in (*_columns(row.cells, spec.currency), *beside):
            cell = value_at(row.cells, path, row.root)
            is_there = is_there or cell is not None or path in row.cells
            cells = cell if isinstance(cell, Several) else [cell]
            billed |= {(arm, unit) for item in cells if (unit := _meant(item, spec.currency))}
    if not is_there:
        raise lacking_column("currency", str(spec.currency), file, costly[0][0].cells)
    return billed


def currencies_in_table(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Iterable[str], usable: str,
    spec: SourceSpec,
) -> set[Billed]:  # fmt: skip
    """Return the currencies that kept rows of a flat table tell of their costs.

    Args:
        connection: the engine that reaches the table.
        relation: SQL of it, as it is, with `LINE`.
        columns: its names.
        usable: SQL of the rows that are kept, with line, arm and cost.
        spec: which column is which.
    """
    named = _named(spec)
    if "cost" not in spec.mapped or (named and not _is_column(spec.currency)):
        return named
    billed = named
    for name in _columns(columns, spec.currency):
        cell = f"SELECT {LINE} AS line, {column_name(name)} AS cell FROM {relation}"
        rows = connection.execute(f"""SELECT DISTINCT arm, cell FROM ({cell}) JOIN
            (SELECT line, arm FROM {usable} WHERE cost IS NOT NULL)
            USING (line) WHERE cell IS NOT NULL LIMIT {_MOST}""").fetchall()  # fmt: skip
        billed |= {(arm, unit) for arm, cell in rows if (unit := _meant(cell, spec.currency))}
    return billed


def currencies_on_spark(table: Any, spec: SourceSpec | None, file: str) -> set[Billed]:  # noqa: ANN401
    """Return the currencies that a table of samples on Spark tells of its costs.

    Args:
        table: its rows that are kept, with all columns that they have.
        spec: what source.yaml says.
        file: its name.

    Raises:
        RunsError: it lacks what source.yaml calls their currency.
    """
    if "cost" not in table.columns:
        return set()
    currency = spec.currency if spec else None
    billed: set[Billed] = set()
    for name in _columns(table.columns, currency):
        if name not in table.columns:
            raise lacking_column("currency", name, file, table.columns)
        cell = f"cast(`{name.replace('`', '``')}` AS string) AS cell"
        costly = table.where("cost IS NOT NULL").selectExpr("arm", cell).where("cell IS NOT NULL")
        rows = costly.distinct().limit(_MOST).toArrow().to_pylist()
        cells = [(row["arm"], row["cell"]) for row in rows]
        billed |= {(arm, unit) for arm, cell in cells if (unit := _meant(cell, currency))}
    return billed


def currencies_in_json(data: bytes, spec: SourceSpec | None = None) -> set[str]:
    """Return the currencies that a run envelope tells, of the whole run or of its samples.

    None where source.yaml says that nothing tells what costs are in.
    """
    is_untold = spec is not None and spec.currency == NO_COLUMN
    if is_untold or b'"currency"' not in data or b'"cost"' not in data:
        return set()
    try:
        run = _RUN.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    of_cost = [sample.currency for sample in run.result.samples
               if isinstance(sample.cost, float | int)]  # fmt: skip
    named = [*of_cost, run.currency, run.result.currency] if of_cost else []
    return {currency for currency in map(_meant, named) if currency}


def check_currencies(files: Mapping[str, Iterable[Billed]], pair: tuple[str, str]) -> None:
    """Refuse costs of several currencies.

    Args:
        files: the currencies that each file tells, each with its arm.
        pair: the arms that are compared; nothing is said of others.

    Raises:
        RunsError: they tell several; the sentence names them, each with a file.
    """
    arms = {*pair, ALL}
    places = {currency: file for file in reversed([*files])
              for arm, currency in files[file] if arm in arms}  # fmt: skip
    if len(places) > 1:
        named = [f"{currency} ({file})" for currency, file in sorted(places.items())]
        raise RunsError(
            "the costs are in several currencies: {names}; a sum or a difference of them says "
            "nothing. Write them in one currency and say it in the column's name (cost_usd), "
            "choose the rows of one (where in source.yaml), or leave cost out there. If these "
            "are what the data are about, and not what costs are in, add the line currency: none "
            "to source.yaml (or, for currency: COLUMN, the column that says what costs are in).",
            names=several(named),
        )  # fmt: skip


def _beside(spec: SourceSpec) -> list[str]:
    """Return where a currency may stand beside a cost inside of a record."""
    return [f"{path.rpartition('.')[0]}.currency" for path in _paths(spec) if "." in path]


def _paths(spec: SourceSpec) -> list[str]:
    """Return where the cost stands, of each arm."""
    sides = (side.mapped.get("cost") for side in spec.sides)
    return [path for column in sides if column for path in column.paths]


def _named(spec: SourceSpec) -> set[Billed]:
    """Return the currencies in the names of the columns of costs, such as cost_usd."""
    billed: set[Billed] = set()
    for side in spec.sides:
        arm = side.constants.arm or ALL
        billed |= {(arm, unit) for path in _paths(side) if (unit := _unit(path))}
    return billed


def _unit(path: str) -> str:
    """Return the one currency that a name tells; nothing where it has none, or several."""
    units = {_SPELLED[word] for word in map(str.lower, _WORD.findall(path)) if word in _SPELLED}
    codes = units - {_CENTS}
    return " ".join([*codes, *(units & {_CENTS})]) if len(codes) <= 1 else ""


def _meant(cell: object, named: str | None = None) -> str:
    """Return the currency that a cell names; one without any, or that nobody filled, has none.

    Args:
        cell: any cell.
        named: what source.yaml calls the column of currencies; of such a one every word is one.
    """
    text = "" if cell is None else str(cell).strip()
    plain = folded(text)
    if plain in _NO_CURRENCY:
        return ""
    if plain in _CELLS or _CODE.fullmatch(text):
        return _CELLS.get(plain, text)
    codes = {_CODES[word] for word in map(str.lower, _WORD.findall(text)) if word in _CODES}
    if len(codes) == 1:
        return codes.pop()
    return plain if _is_column(named) else ""


def _is_column(named: str | None) -> bool:
    """Whether source.yaml names the column of the currency."""
    return named not in {None, NO_COLUMN}


def _columns(names: Iterable[str], named: str | None) -> list[str]:
    """Return the columns of currencies; only those of costs, where there are such.

    Args:
        names: of all columns.
        named: what source.yaml calls that of currencies; it goes first, but where that is none, a
            column that is called after the cost is one all the same.
    """
    if named is not None and _is_column(named):
        return [named]
    matching = {name: plain for name in names if (plain := _letters(name)) in _COLUMNS}
    of_costs = [name for name, plain in matching.items() if plain.startswith("cost")]
    return of_costs or ([] if named == NO_COLUMN else [*matching])


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name)).lower()
