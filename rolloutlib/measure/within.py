"""Which samples a slice is of: conditions on what was there before the answer, as expressions.

A slice holds both arms, and is chosen by what nobody's answer can change: a category, a user, a
column of the source. Chosen by an outcome, it would say what it was chosen for.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import narwhals as nw

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.measure.moments import collect
from rolloutlib.phrase import phrase
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.runs.further import is_scorer, labels_in
from rolloutlib.text import LABEL, listed, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.phrase import Phrase

__all__ = ["Condition", "conditions_of", "joined", "matching", "named", "sliceable", "within"]

COLUMNS: Final = (
    "category", "difficulty", "profile", "run_id", "user_id", "session_id", "prompt_id", "cluster",
)  # fmt: skip
SHORT: Final = {"run": "run_id", "user": "user_id", "session": "session_id", "prompt": "prompt_id"}
NO_SLICE: Final = {
    "arm": phrase("a slice holds both arms"),
    **dict.fromkeys(
        ("status", "passed", "vetoed", "error", "score", "latency_ms", "issues", "edited",
         "veto_reason", "style_violations", "suggested", "suggested_tags", "cost", "tokens_in",
         "tokens_out", "cached", "human_passed", "human_score"),
        phrase(
            "it is told by the answer, and samples that are chosen by their outcome only tell what "
            "they were chosen for; samples(…) shows the answers behind a number"
        ),
    ),
}  # fmt: skip
MOST = 10_000  # values of one condition
SHOWN = 12  # values that a message lists
COMPARED = 500  # values that are looked at for what may have been meant, the most frequent


class Condition(msgspec.Struct, frozen=True):
    """One condition on the samples of both arms.

    Attributes:
        column: of the samples.
        values: any of them matches; None stands for a sample that does not tell. In order, without
            repetition, so that equal conditions are equal.
    """

    column: str
    values: tuple[str | None, ...]


def sliceable(extras: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the columns that a slice may be chosen by: the usual ones, and those of the source."""
    return (*COLUMNS, *labels_in(extras))


def conditions_of(
    conditions: Mapping[str, object], extras: Sequence[str] = ()
) -> tuple[Condition, ...]:
    """Read conditions as an analyst writes them: a value, several values, or None, a column each.

    >>> conditions_of({"category": ["b", "a", "a"], "user": 17})
    (Condition(column='category', values=('a', 'b')), Condition(column='user_id', values=('17',)))

    Args:
        conditions: column → what is wanted of it. `user`, `run`, `session` and `prompt` are short
            for their ids.
        extras: further columns of the samples, named by the source's `segments:`.

    Raises:
        UsageError: no condition, no value, or a column that no slice can be chosen by.
    """
    names = sliceable(extras)
    if not conditions:
        raise UsageError(
            "where() got no condition; name a column and a value, such as {few}.",
            few=(*names[:3],),
        )  # fmt: skip
    read: tuple[Condition, ...] = ()
    for name, values in conditions.items():
        read = joined(read, (Condition(_column(name, names), _values(name, values)),))
    return read


def _column(name: str, names: Sequence[str]) -> str:
    column = name if name in names else SHORT.get(name, name)
    if column in names:
        return column
    if why := NO_SLICE.get("score" if is_scorer(column) else column):
        raise UsageError("no slice is chosen by {column}: {why}.", column=column, why=why)
    what = phrase("is no column to slice by")
    raise UsageError(
        "{name!r} {what}; there are {columns}. Name a further column of your table under "
        "`segments:` of source.yaml.{hint}",
        name=plain(name, LABEL), columns=listed(names, most=20),
        what=what if column in SCHEMA.names else phrase("is no column of the samples"),
        hint=did_you_mean(name, [*names, *SHORT]),
    )  # fmt: skip


def _values(name: str, written: object) -> tuple[str | None, ...]:
    several = isinstance(written, Iterable) and not isinstance(written, str | bytes)
    each = cast("Iterable[object]", written) if several else (cast("object", written),)
    values = {_text(item) for item in each}
    if not values:
        raise UsageError(
            "{name} got no value; give one, several, or None.", name=plain(name, LABEL)
        )
    if len(values) > MOST:
        raise UsageError(
            "{name} got {n:,} values; at most {most:,} fit.",
            name=plain(name, LABEL), n=len(values), most=MOST,
        )  # fmt: skip
    return tuple(sorted(values, key=lambda value: (value is None, value or "")))


def _text(value: object) -> str | None:
    """Return a value as the samples hold it, which is text; what is no number is unknown."""
    plain_of = getattr(value, "item", None)  # of NumPy's scalars
    value = plain_of() if callable(plain_of) else value
    if value is None or value != value or type(value).__name__ in {"NAType", "NaTType"}:  # noqa: PLR0124 -- NaN alone differs from itself
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def joined(first: Sequence[Condition], then: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return conditions that hold together, in one order: a slice of a slice.

    >>> joined([Condition("category", ("a", "b"))], [Condition("category", ("b", "c"))])
    (Condition(column='category', values=('b',)),)

    Raises:
        UsageError: two of them on one column leave no value.
    """
    by_column: dict[str, tuple[str | None, ...]] = {}
    for condition in (*first, *then):
        before = by_column.get(condition.column, condition.values)
        left = tuple(value for value in before if value in condition.values)
        if not left:
            inside, narrowed = (named([Condition(condition.column, values)])
                             for values in (before, condition.values))  # fmt: skip
            raise UsageError(
                "no sample is {inside} and {asked} at once.", inside=inside, asked=narrowed
            )
        by_column[condition.column] = left
    return tuple(Condition(column, by_column[column]) for column in sorted(by_column))


def named(conditions: Sequence[Condition]) -> str:
    """Name a slice in one line.

    >>> named([Condition("category", ("law", None)), Condition("user_id", ("u1",))])
    'category law or unknown, user_id u1'
    """
    parts: list[str] = []
    for condition in conditions:
        words = ["unknown" if v is None else plain(v, LABEL) for v in condition.values[:SHOWN]]
        more = len(condition.values) - SHOWN
        parts.append(f"{plain(condition.column, LABEL)} {' or '.join(words)}"
                     + (f" and {more:,} more" if more > 0 else ""))  # fmt: skip
    return ", ".join(parts)


def within(frame: nw.LazyFrame[Any], conditions: Sequence[Condition]) -> nw.LazyFrame[Any]:
    """Return the samples that meet every condition, lazily."""
    for condition in conditions:
        frame = frame.filter(_meets(condition))
    return frame


def _meets(condition: Condition) -> nw.Expr:
    column = nw.col(condition.column)
    texts = [value for value in condition.values if value is not None]
    if not texts:
        return column.is_null()
    meets = column.is_in(texts)
    return (meets | column.is_null()) if None in condition.values else meets


def matching(frame: nw.LazyFrame[Any], conditions: Sequence[Condition]) -> nw.LazyFrame[Any]:
    """Return what `within` does, after a look that there is a sample of every value.

    Args:
        frame: the samples of both arms, or those of a slice that is sliced on.
        conditions: what they have to meet.

    Raises:
        UsageError: no sample has a value, or none meets all conditions.
    """
    for condition in conditions:
        column = condition.column
        counted = within(frame, [condition]).group_by(column).agg(nw.len().alias("n"))
        values = set(collect(counted)[column].to_pylist())
        missing = [value for value in condition.values if value not in values]
        if missing:
            raise UsageError(_nobody(frame, column, missing[0]))
    chosen = within(frame, conditions)
    if not collect(chosen.select(nw.len().alias("n")))["n"][0].as_py():
        raise UsageError(
            "no sample is {slice}, although some are each of it.", slice=named(conditions)
        )
    return chosen


def _nobody(frame: nw.LazyFrame[Any], column: str, value: str | None) -> Phrase:
    """Say that no sample has a value, and which ones there are."""
    counted = frame.group_by(column).agg(nw.len().alias("n"))
    ordered = counted.sort("n", column, descending=[True, False], nulls_last=True).head(COMPARED)
    rows = collect(ordered).to_pylist()
    texts = [row[column] for row in rows if row[column] is not None]
    title = plain(column, LABEL)
    if value is None:
        return phrase(
            "every sample tells its {column}; there are {values}.",
            column=title, values=_listed(rows, column),
        )  # fmt: skip
    if not texts:
        return phrase(
            "no sample tells its {column}, so none is {value!r}; map the column in source.yaml.",
            column=title, value=plain(value, LABEL),
        )  # fmt: skip
    return phrase(
        "no sample's {column} is {value!r}; there are {values}.{hint}",
        column=title, value=plain(value, LABEL), values=_listed(rows, column),
        hint=did_you_mean(value, texts),
    )  # fmt: skip


def _listed(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    names = ("unknown" if row[column] is None else row[column] for row in rows)
    pairs = zip(names, rows, strict=True)
    return listed((f"{plain(name, LABEL)} ({row['n']:,})" for name, row in pairs), most=SHOWN)
