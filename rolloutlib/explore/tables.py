"""Records as tables in an analyst's hands: a sequence of records, and a tidy frame of any library.

A column says what it holds and in which unit. Frames have text, whole numbers, numbers, flags, and
moments in UTC; nothing else, and the same types whether there are rows or not.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast, overload

import pyarrow as pa

from rolloutlib.errors import UsageError
from rolloutlib.explore.arrow import Kind, array_of, kind_of, pandas_of, tidy
from rolloutlib.explore.public import Public
from rolloutlib.show.face import Grid, grid
from rolloutlib.words.sentences import Sentence, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import polars as pl

    from rolloutlib.show.tables import Html

__all__ = ["Column", "Kind", "Table"]

Row = TypeVar("Row")
GLANCE: Final = 20  # rows that a notebook shows; a terminal shows fewer


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    >>> Column[str]("letters", len, "how long the word is", kind="whole").name
    'letters'

    Attributes:
        name: what it is called in every frame.
        get: takes its value from a record; None is null.
        doc: what it means.
        unit: of its numbers: `share` (0–1), `ms`, `score 0–10`, the name of the column that tells
            it, or nothing.
        kind: `text`, `whole` number, `number`, `flag` (yes or no), or `moment`.
        brief: whether a glance at the table shows it; where none is brief, all are.
    """

    name: str
    get: Callable[[Row], object]
    doc: str
    unit: str = ""
    kind: Kind = "text"
    brief: bool = False


class Table(Public, Sequence[Row]):
    """Records, one a row, and what is asked of each of them as columns.

    It is a sequence of the records, so `table[0].id`, `len(table)` and loops work.

    >>> words = Table(("go", "hold"), (Column("word", str, "a word"),), title="Words")
    >>> len(words), words[1]
    (2, 'hold')
    >>> words.to_pandas()
       word
    0    go
    1  hold
    """

    _glance = GLANCE

    def __init__(
        self,
        rows: Sequence[Row],
        columns: Sequence[Column[Row]],
        *,
        title: Sentence | str = "",
        lang: str = "en",
        note: Sentence | str = "",
    ) -> None:
        """Keep the records; nothing is computed before it is asked for.

        Args:
            rows: the records.
            columns: what is taken from each.
            title: what the table shows.
            lang: language of its sentences; names of columns are the same in every language.
            note: what a reader must know of it, below the title.
        """
        self._rows: Sequence[Row] | None = rows  # None: they are made of the Arrow table
        self._columns = tuple(columns)
        self._title, self._lang, self._note = title, lang, note
        self._arrow: pa.Table | None = None  # made once

    @classmethod
    def from_arrow(
        cls,
        table: pa.Table,
        columns: Sequence[Column[Any]] = (),
        *,
        title: Sentence | str = "",
        lang: str = "en",
        note: Sentence | str = "",
    ) -> Self:
        """Take an Arrow table, whose rows come as named tuples; lists become one text.

        >>> import pyarrow as pa
        >>> Table.from_arrow(pa.table({"ms": [120, None]}))[0].ms
        120

        Args:
            table: its columns are narrowed to the five kinds of a table.
            columns: say what its columns mean; their `get` and `kind` are not asked. A column
                that none of them names has no meaning told.
            title: what the table shows.
            lang: language of its sentences.
            note: what a reader must know of it, below the title.
        """
        narrowed = tidy(table)
        documented = {column.name: column for column in columns}
        named = [
            _of_arrow(place, field, documented.get(field.name))
            for place, field in enumerate(narrowed.schema)
        ]
        made = cls((), named, title=title, lang=lang, note=note)
        made._rows, made._arrow = None, narrowed
        return made

    @property
    def columns(self) -> Table[Column[Any]]:
        """What the columns hold: name, kind, unit and meaning, as a table.

        >>> table = Table([2.5], [Column("took", float, "the whole call", "ms", "number")])
        >>> table.columns[0].unit
        'ms'
        """
        return _Columns(self._columns, _OF_COLUMNS, lang=self._lang)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table.

        >>> table = Table([2.5], [Column("took", float, "the whole call", "ms", "number")])
        >>> table.to_arrow().column("took").to_pylist()
        [2.5]
        """
        if self._arrow is None:
            rows = self._records()
            with speaking(self._lang):
                arrays = [array_of([c.get(row) for row in rows], c.kind) for c in self._columns]
            self._arrow = pa.table(arrays, names=[column.name for column in self._columns])
        return self._arrow

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame of pandas; whole numbers and flags may be missing (Int64, boolean).

        >>> table = Table([1, None], [Column("n", lambda n: n, "a count", kind="whole")])
        >>> table.to_pandas()["n"].dtype
        Int64Dtype()
        """
        return pandas_of(self.to_arrow())

    def to_polars(self) -> pl.DataFrame:
        """Return a data frame of Polars, where it is installed.

        >>> Table(["go"], [Column("word", str, "a word")]).to_polars()["word"].to_list()
        ['go']

        Raises:
            UsageError: it is not.
        """
        try:
            import polars as pl
        except ImportError:
            raise UsageError(
                "polars is not installed; run `pip install polars`, or take .to_pandas() or "
                ".to_arrow()"
            ) from None
        return cast("pl.DataFrame", pl.from_arrow(self.to_arrow()))

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.to_arrow().num_rows if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        """Return a record, or several."""
        if not isinstance(place, int | slice):  # pyright: ignore[reportUnnecessaryIsInstance] -- in a notebook nobody checks types
            raise TypeError(
                f"{place!r} is no place in this table; expected a number, such as [0]; to choose "
                "rows or columns by name, take .to_pandas()"
            )
        return self._records()[place]

    def __iter__(self) -> Iterator[Row]:
        """Yield the records."""
        return iter(self._records())

    def __eq__(self, other: object) -> bool:
        """Compare the records with those of another table, or with a tuple of them."""
        if isinstance(other, Table | tuple):
            return tuple(self) == tuple(cast("Sequence[object]", other))
        return NotImplemented

    def __hash__(self) -> int:
        """Return a hash of the records."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """Show the first rows, at most twelve lines."""
        return self._shown().text

    def _repr_html_(self) -> str:
        """Show the first rows in a notebook."""
        return self._shown().html

    def _records(self) -> Sequence[Row]:
        if self._rows is None:
            self._rows = _rows_of(self.to_arrow())
        return self._rows

    def _shown(self) -> Html:
        """Return a glance: the brief columns of the first rows."""
        brief = [column for column in self._columns if column.brief] or self._columns
        with speaking(self._lang):
            return grid(Grid(
                str(self._title), str(self._note),
                [(column.name, column.kind in {"whole", "number"}) for column in brief],
                [[column.get(row) for column in brief] for row in self._first(self._glance)],
                rows_in_all=len(self), columns_in_all=len(self._columns),
            ))  # fmt: skip

    def _first(self, most: int) -> Sequence[Row]:
        """Return the first records; of an Arrow table no more are made than these."""
        if self._rows is None:
            return _rows_of(self.to_arrow().slice(0, most))
        return self._rows[:most]


class _Columns(Table[Column[Any]]):
    """What columns mean: a notebook shows all of it."""

    _glance = 100


def _rows_of(table: pa.Table) -> tuple[Any, ...]:
    """Return the rows of an Arrow table as named tuples."""
    row = namedtuple("Row", table.column_names, rename=True)  # noqa: PYI024 # pyright: ignore[reportUntypedNamedTuple] -- the data name its fields
    return tuple(map(row, *(column.to_pylist() for column in table.columns)))


def _of_arrow(place: int, field: pa.Field, like: Column[Any] | None) -> Column[Any]:
    """Return the column of an Arrow table, with what another says of its own."""
    doc, unit, brief = (like.doc, like.unit, like.brief) if like else ("", "", False)
    return Column(field.name, itemgetter(place), doc, unit, kind_of(field.type), brief)


_OF_COLUMNS: Final[tuple[Column[Column[Any]], ...]] = (
    Column("name", lambda column: column.name, "what it is called in every frame"),
    Column("kind", lambda column: column.kind, "text, whole number, number, flag or moment (UTC)"),
    Column("unit", lambda column: column.unit or None, "of its numbers, or the column that tells"),
    Column("meaning", lambda column: column.doc, "what it holds"),
)
