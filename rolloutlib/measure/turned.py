"""Samples of two reviews: which only one of them has, and prompts whose answers say something else.

The two may lie in two engines, so ids and means by prompt are brought here as Arrow tables and
joined; whole rows are brought of the few that are shown.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.measure.moments import collect

if TYPE_CHECKING:
    from rolloutlib.measure.behind import Asked

__all__ = ["only_in", "turned"]

Frame: TypeAlias = nw.LazyFrame[Any]
_ID: Final = ("arm", "run_id", "sample_id")
EDGE = 1e-9  # a difference of means that rounding makes of none


def only_in(
    first_review: tuple[Frame, tuple[str, str]],
    second_review: tuple[Frame, tuple[str, str]],
    n: int,
) -> tuple[pa.Table, int]:
    """Return samples that only one of two reviews has, by arm, run and id, and how many there are.

    Args:
        first_review: the samples of the one, and its arms.
        second_review: the samples of the other.
        n: how many rows at most; the first by arm, run and id.
    """
    ids, other_ids = (_ids(*review) for review in (first_review, second_review))
    alone = ids.join(other_ids, list(_ID), join_type="left anti")
    order = [(name, "ascending") for name in _ID]
    first = alone.sort_by(order).slice(0, n)
    frame, arms = first_review
    candidates = frame.filter(
        nw.col("arm").is_in(arms),
        nw.col("run_id").is_in(pc.unique(first["run_id"]).to_pylist()),
        nw.col("sample_id").is_in(first["sample_id"].to_pylist()),
    )
    if not first.num_rows:
        return collect(frame.head(0)), 0
    rows = collect(candidates)
    numbered = rows.append_column("place", pa.array(range(rows.num_rows), pa.int64()))
    places = numbered.select([*_ID, "place"]).join(first, list(_ID), join_type="inner")
    return rows.take(places.sort_by(order)["place"]), alone.num_rows


def _ids(frame: Frame, arms: tuple[str, str]) -> pa.Table:
    """Return the ids of both arms' samples, as plain text."""
    rows = collect(frame.filter(nw.col("arm").is_in(arms)).select(*_ID))
    return rows.cast(pa.schema([(name, pa.string()) for name in _ID]))


def turned(
    before: tuple[Frame, str], after: tuple[Frame, str], number: Asked, which: str, n: int
) -> tuple[pa.Table, dict[str, int]]:
    """Return prompts whose answers say something else in one arm than in another review's.

    Args:
        before: the samples of the first review, and its arm.
        after: those of the second.
        number: which number of a sample.
        which: `worse`, `better`, or `turned` for both, the largest change first.
        n: how many rows at most.

    Returns:
        The rows, and how many prompts are in `both`, are `worse` and `better`.
    """
    old, new = (_means(*source, number) for source in (before, after))
    both = old.join(new, "prompt_id", join_type="inner", left_suffix="_before",
                    right_suffix="_after")  # fmt: skip
    change = pc.subtract(both["mean_after"], both["mean_before"])
    loss = pc.negate(change) if number.harm == "lower" else change
    worse, better = pc.greater(loss, EDGE), pc.less(loss, -EDGE)
    chosen = {"worse": worse, "better": better}.get(which, pc.or_(worse, better))
    rows = pa.table({
        "prompt_id": both["prompt_id"], "before": both["mean_before"], "after": both["mean_after"],
        "change": change, "n_before": both["n_before"], "n_after": both["n_after"],
        "size": pc.abs(change),
    }).filter(chosen)  # fmt: skip
    counts = {"both": both.num_rows, "worse": _true(worse), "better": _true(better)}
    ordered = rows.sort_by([("size", "descending"), ("prompt_id", "ascending")])
    return ordered.slice(0, n).drop_columns("size"), counts


def _means(frame: Frame, arm: str, number: Asked) -> pa.Table:
    """Return each prompt's mean of the number over an arm's answers, and how many there are."""
    answers = frame.filter(nw.col("arm") == arm).drop_nulls("prompt_id")
    valued = answers.select("prompt_id", number.value.alias("value")).drop_nulls("value")
    rows = collect(valued.group_by("prompt_id").agg(
        nw.col("value").mean().alias("mean"), nw.len().alias("n"),
    ))  # fmt: skip
    kinds = {"prompt_id": pa.string(), "mean": pa.float64(), "n": pa.int64()}
    return rows.select(list(kinds)).cast(pa.schema(list(kinds.items())))


def _true(flags: Any) -> int:  # noqa: ANN401 -- pyarrow has no types
    return int(pc.sum(flags).as_py() or 0)
