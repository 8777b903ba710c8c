"""One scan of the samples → additive moments per group; nothing after it sees a row.

A group is one combination of keys: an arm's cluster, run or stratum. For each metric it holds the
count of known values, their mean and the centred sum of squares, so that the moments of two parts
add up to those of the whole without cancellation (Chan, Golub & LeVeque 1983, Am. Stat. 37:242).
The scan is one Narwhals expression, whatever engine holds the samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import duckdb
import numpy as np
import pyarrow.compute as pc

from rolloutlib.errors import RunsError
from rolloutlib.plan.metrics import is_binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import narwhals as nw
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "Cells", "Key", "MomentTable", "added", "collect", "key_of", "numbers", "scan",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cells:
    """Moments of one metric, one entry a group.

    Count, mean and centred sum of squares, each (K,).
    """

    n: Floats
    mean: Floats
    m2: Floats

    @property
    def total(self) -> Floats:
        """Sums per group, (K,)."""
        return self.n * self.mean

    def pooled(self, codes: Ints, size: int) -> Cells:
        """Add groups up by Chan's rule: group i goes to place `codes[i]` of `size`."""
        n = added(codes, self.n, size)
        mean = np.divide(added(codes, self.total, size), n, out=np.zeros(size), where=n > 0)
        shift = self.mean - mean[codes]
        return Cells(n, mean, added(codes, self.m2 + self.n * shift**2, size))

    def take(self, rows: NDArray[Any]) -> Cells:
        """Return the groups that a boolean mask or an index selects."""
        return Cells(self.n[rows], self.mean[rows], self.m2[rows])

    @classmethod
    def joined(cls, parts: Sequence[Cells]) -> Cells:
        """Put the groups of several parts one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in ("n", "mean", "m2")))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """A grouping column: `codes` (K,) index into `labels`; None is a label of its own."""

    codes: Ints
    labels: tuple[str | None, ...]

    def code(self, label: str | None) -> int:
        """Return a label's code, or −1 when no group carries it."""
        return self.labels.index(label) if label in self.labels else -1

    def placed(self, place: Mapping[Any, int]) -> Ints:
        """Return the codes (K,) that these groups have where labels stand in other places."""
        return np.array([place[label] for label in self.labels], np.int64)[self.codes]


@dataclass(frozen=True, slots=True)
class MomentTable:
    """Moments per group.

    Attributes:
        keys: grouping columns by name (`arm`, `run_id`, `cluster`, and the strata).
        rows: (K,) samples in each group, whatever is known of them.
        metrics: moments by metric name; a metric that no sample knows has n = 0 everywhere.
    """

    keys: Mapping[str, Key]
    rows: Floats
    metrics: Mapping[str, Cells]

    def where(self, **labels: str | None) -> MomentTable:
        """Return the groups that carry these labels."""
        mask = np.ones(len(self.rows), dtype=bool)
        for name, label in labels.items():
            mask &= self.keys[name].codes == self.keys[name].code(label)
        return self.take(mask)

    def by(self, name: str, metric: str) -> Cells:
        """Return a metric's moments per label of one key, (number of labels,).

        The other keys are added up.
        """
        key = self.keys[name]
        return self.metrics[metric].pooled(key.codes, len(key.labels))

    def all(self, metric: str) -> Cells:
        """Return a metric's moments over all groups, (1,)."""
        return self.metrics[metric].pooled(np.zeros(len(self.rows), dtype=np.int64), 1)

    def take(self, rows: NDArray[np.bool_]) -> MomentTable:
        """Return the groups that a mask selects."""
        keys = {name: Key(key.codes[rows], key.labels) for name, key in self.keys.items()}
        return MomentTable(keys, self.rows[rows], _Selected(self.metrics, rows))

    def only(self, metric: str) -> MomentTable:
        """Return the same groups with moments of nothing but one metric."""
        return MomentTable(self.keys, self.rows, {metric: self.metrics[metric]})

    def grouped(self, *names: str) -> MomentTable:
        """Add groups up that agree in these keys."""
        sizes = [len(self.keys[name].labels) for name in names]
        place = np.zeros(len(self.rows), dtype=np.int64)
        for name, size in zip(names, sizes, strict=True):
            place = place * size + self.keys[name].codes
        groups, codes = np.unique(place, return_inverse=True)
        keys: dict[str, Key] = {}
        for name, size in reversed(list(zip(names, sizes, strict=True))):
            keys[name] = Key(groups % size, self.keys[name].labels)
            groups = groups // size
        metrics = {name: cells.pooled(codes, len(groups)) for name, cells in self.metrics.items()}
        rows = added(codes, self.rows, len(groups))
        return MomentTable({name: keys[name] for name in names}, rows, metrics)

    def with_unknown(self, names: Iterable[str]) -> MomentTable:
        """Return the same with these metrics too, which no sample knows unless they are there."""
        nothing = np.zeros(len(self.rows))
        unknown = {name: Cells(nothing, nothing, nothing) for name in names}
        return MomentTable(self.keys, self.rows, {**unknown, **self.metrics})

    def __add__(self, other: MomentTable) -> MomentTable:
        """Put two tables of the same shape together.

        Equal groups may then stand twice, which changes no sum.
        """
        keys = {name: _joined(key, other.keys[name]) for name, key in self.keys.items()}
        metrics = {
            name: Cells.joined([cells, other.metrics[name]]) for name, cells in self.metrics.items()
        }
        return MomentTable(keys, np.concatenate([self.rows, other.rows]), metrics)


class _Selected(Mapping[str, Cells]):
    """Metrics of selected groups, each selected when asked for: of many mostly one is needed."""

    def __init__(self, whole: Mapping[str, Cells], rows: NDArray[np.bool_]) -> None:
        self._whole, self._rows = whole, rows
        self._selected: dict[str, Cells] = {}

    def __getitem__(self, metric: str) -> Cells:
        if metric not in self._selected:
            self._selected[metric] = self._whole[metric].take(self._rows)
        return self._selected[metric]

    def __contains__(self, metric: object) -> bool:
        return metric in self._whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def added(codes: Ints, values: Floats, size: int) -> Floats:
    """Add values up: value i goes to place `codes[i]` of `size`."""
    return np.bincount(codes, values, size).astype(np.float64, copy=False)


def _joined(a: Key, b: Key) -> Key:
    labels = tuple(dict.fromkeys((*a.labels, *b.labels)))
    place = {label: code for code, label in enumerate(labels)}
    return Key(np.concatenate([a.codes, b.placed(place)]), labels)


def scan(
    frame: nw.LazyFrame[Any], metrics: Mapping[str, nw.Expr], *, by: Mapping[str, str]
) -> MomentTable:
    """Aggregate the samples once.

    Args:
        frame: the table of samples, lazily, on any engine.
        metrics: numeric expressions by metric name.
        by: grouping keys of the result → column of the table.

    Raises:
        RunsError: a metric holds NaN or an infinite value.
    """
    import narwhals as nw

    places = {name: f"m{place}" for place, name in enumerate(metrics)}
    wide = frame.select(
        *(nw.col(column).cast(nw.String).alias(f"k_{key}") for key, column in by.items()),
        *(expression.alias(places[name]) for name, expression in metrics.items()),
    )
    groups = wide.group_by(*(f"k_{key}" for key in by))
    try:
        sums = collect(groups.agg(*_aggregates(places)))
    except duckdb.OutOfRangeException:  # an infinite value: the means will tell whose
        sums = collect(groups.agg(*_aggregates(places, finite=True)))
    cells = {name: _cells(name, place, sums) for name, place in places.items()}
    keys = {key: key_of(sums[f"k_{key}"]) for key in by}
    return MomentTable(keys, numbers(sums["rows"]), cells)


def _aggregates(places: Mapping[str, str], *, finite: bool = False) -> list[nw.Expr]:
    """Return how many samples a group has, and how many know each metric, its mean and variance."""
    import narwhals as nw

    aggregates = [nw.len().alias("rows")]
    for name, place in places.items():
        value = nw.col(place)
        aggregates += [value.count().alias(f"{place}_n"), value.mean().alias(f"{place}_mean")]
        if not is_binary(name):
            values = nw.when(value.is_finite()).then(value) if finite else value
            aggregates.append(values.var(ddof=0).alias(f"{place}_var"))
    return aggregates


def collect(frame: nw.LazyFrame[Any]) -> Any:  # noqa: ANN401 -- pyarrow has no types
    """Run a lazy frame on its engine and return its rows as an Arrow table."""
    return cast("Any", frame.collect("pyarrow")).to_arrow()


def numbers(column: Any) -> Floats:  # noqa: ANN401
    """Return a column of numbers, NaN for null."""
    return column.to_numpy().astype(np.float64)


def _cells(metric: str, place: str, sums: Any) -> Cells:  # noqa: ANN401
    """Make cells of a metric.

    What no sample knows has no mean, but one that is no number is an error.
    """
    n, mean = (numbers(sums[f"{place}_{part}"]) for part in ("n", "mean"))
    var = mean * (1 - mean) if is_binary(metric) else numbers(sums[f"{place}_var"])
    has_values = n > 0
    if not np.isfinite(mean[has_values] + var[has_values]).all():
        raise RunsError(
            "{metric} holds NaN or an infinite value; expected numbers, or nothing where there is "
            "none", metric=metric,
        )  # fmt: skip
    return Cells(n, np.where(has_values, mean, 0.0), np.where(has_values, n * var, 0.0))


def key_of(column: Any) -> Key:  # noqa: ANN401
    """Code a column of texts, None last.

    Sorted labels, so that every engine gives the same codes.
    """
    encoded = column.combine_chunks().dictionary_encode()
    labels = encoded.dictionary
    order: Ints = cast("Any", pc).sort_indices(labels).to_numpy()
    rank = np.full(len(labels) + 1, len(labels))
    rank[order] = np.arange(len(labels))
    codes = rank[encoded.indices.fill_null(len(labels)).to_numpy()]
    missing = (None,) if column.null_count else ()
    return Key(codes, (*labels.take(order).to_pylist(), *missing))
