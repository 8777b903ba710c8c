"""The samples behind a number: prompts side by side, single samples, groups; the worst first.

Everything is chosen where the samples are, and at most `n` rows of it come here, however many there
are. Ties are settled by ids, so that the same data give the same rows in the same order.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import narwhals as nw
import pyarrow as pa

from rolloutlib.measure.expressions import latency_expression
from rolloutlib.measure.moments import collect
from rolloutlib.plan.metrics import is_binary
from rolloutlib.runs.columns import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["OUTCOMES", "Asked", "Behind", "Outcome", "groups", "side_by_side", "singles"]

Outcome = Literal["worse", "better", "same", "both passed", "both failed", "all"]
OUTCOMES: Final = ("worse", "better", "same", "both passed", "both failed", "all")
EDGE = 1e-9  # a difference of means that rounding makes of none
# Of a sample, beside both arms' values; and what is told of each arm's sample.
_SHARED: Final = ("category", "difficulty")
_OF_ARM: Final = (
    "status", "score", "latency_ms", "issues", "veto_reason", "edited", "user_id", "run_id",
    "sample_id",
)  # fmt: skip
_SINGLE: Final = (
    "arm", "prompt_id", "user_id", "category", "difficulty", "status", "score", "latency_ms",
    "issues", "veto_reason", "edited", "started_at", "run_id", "sample_id",
)  # fmt: skip


class Asked(NamedTuple):
    """The number that is asked about.

    Attributes:
        metric: its name in the moments, such as `passed` or `issue:decoder_failed`.
        harm: the direction in which it gets worse.
        timeout_cap_ms: latency of a timeout that reports none.
    """

    metric: str
    harm: Literal["lower", "higher"]
    timeout_cap_ms: float

    @property
    def is_binary(self) -> bool:
        """Whether a sample passes or fails by it."""
        return is_binary(self.metric)

    @property
    def value(self) -> nw.Expr:
        """A sample's own value; null where it does not tell. Latencies are as they were."""
        name, _, tag = self.metric.partition(":")
        if name == "issue":
            return nw.col("issues").list.contains(tag).cast(nw.Float64)
        if name == "any_issue":
            return (nw.col("issues").list.len() > 0).cast(nw.Float64)
        if name in {"latency_ms", "slow"}:
            return latency_expression(self.timeout_cap_ms).cast(nw.Float64)
        return nw.col(self.metric).cast(nw.Float64)


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """Rows that were asked for.

    Attributes:
        rows: at most as many as were asked for.
        total: how many there are in all.
        counts: of prompts side by side how many there are of each outcome, and how many are in one
            arm only (`one arm`).
    """

    rows: pa.Table
    total: int
    counts: Mapping[str, int]


def side_by_side(
    frame: nw.LazyFrame[Any], pair: tuple[str, str], number: Asked, *,
    outcome: Outcome = "all", n: int = 100, extras: Sequence[str] = (),
) -> Behind:  # fmt: skip
    """Lay the prompts that both arms answered side by side, the largest loss first.

    A prompt that an arm answered several times has the mean of its answers: of a pass the share
    that passed. So `worse` holds every prompt whose share fell, from "all passed, none passes" down
    to one answer in many, in this order. Beside the means stands one answer of each arm as an
    example: the one that shows the change most, the first by run and sample where several do.

    Args:
        frame: the samples.
        pair: names of the control and the treatment.
        number: which number, and where its harm is.
        outcome: which prompts.
        n: how many rows at most.
        extras: further columns of the samples.
    """
    valued = _valued(frame.drop_nulls("prompt_id"), pair, number)
    both = _by(valued, "prompt_id", pair)
    old, new, change = nw.col("control"), nw.col("treatment"), nw.col("change")
    loss = -change if number.harm == "lower" else change
    good = 1.0 if number.harm == "lower" else 0.0
    rules = {
        "worse": loss > EDGE,
        "better": loss < -EDGE,
        "same": (loss <= EDGE) & (loss >= -EDGE),
        "both passed": (old == good) & (new == good),
        "both failed": (old == 1 - good) & (new == 1 - good),
        "all": nw.col("n_control") > 0,
    }
    matched = both.filter((nw.col("n_control") > 0) & (nw.col("n_treatment") > 0))
    counts = _counted(matched, rules)
    counts["one arm"] = _rows(both) - counts["all"]
    keyed = matched.filter(rules[outcome]).with_columns(loss.alias("loss"))
    backwards = outcome == "better"  # the largest gain first
    first = keyed.sort("loss", "prompt_id", descending=[not backwards, False]).head(n)
    chosen = collect(first)
    examples = _examples(valued, pair, number, first, outcome, extras) if len(chosen) else {}
    return Behind(_beside(chosen.to_pylist(), examples, extras), counts[outcome], counts)


def _valued(frame: nw.LazyFrame[Any], pair: tuple[str, str], number: Asked) -> nw.LazyFrame[Any]:
    """Return both arms' samples that tell the number, with it."""
    valued = frame.filter(nw.col("arm").is_in(pair)).with_columns(number.value.alias("asked_value"))
    return valued.filter(~nw.col("asked_value").is_null())


def _by(frame: nw.LazyFrame[Any], key: str, pair: tuple[str, str]) -> nw.LazyFrame[Any]:
    """Return both arms' means and counts of each group, and how the mean changes."""
    value = nw.col("asked_value")
    columns = [nw.when(nw.col("arm") == arm).then(value).alias(name)
               for arm, name in zip(pair, ("control", "treatment"), strict=True)]  # fmt: skip
    means = [nw.col(name).mean().alias(name) for name in ("control", "treatment")]
    counts = [nw.col(name).count().alias(f"n_{name}") for name in ("control", "treatment")]
    grouped = frame.select(key, *columns).group_by(key).agg(*means, *counts)
    return grouped.with_columns((nw.col("treatment") - nw.col("control")).alias("change"))


def _counted(frame: nw.LazyFrame[Any], rules: Mapping[str, nw.Expr]) -> dict[str, int]:
    """Count the rows that meet each rule."""
    places = {name: f"c{place}" for place, name in enumerate(rules)}
    sums = [rules[name].cast(nw.Int64).sum().alias(place) for name, place in places.items()]
    row = collect(frame.select(*sums)).to_pylist()[0]
    return {name: int(row[place] or 0) for name, place in places.items()}


def _rows(frame: nw.LazyFrame[Any]) -> int:
    return int(collect(frame.select(nw.len().alias("n")))["n"][0].as_py())


def _examples(
    frame: nw.LazyFrame[Any], pair: tuple[str, str], number: Asked, prompts: nw.LazyFrame[Any],
    outcome: Outcome, extras: Sequence[str],
) -> dict[tuple[str, str], dict[str, Any]]:  # fmt: skip
    """Return one sample of each prompt and arm: of a change the one that shows it most."""
    harm = nw.col("asked_value") * (-1.0 if number.harm == "lower" else 1.0)
    shows = nw.when(nw.col("arm") == pair[0]).then(harm).otherwise(-harm)
    keys = {"worse": shows, "all": shows, "better": -shows}
    # A join, since a list of so many literals costs the engine more with each of them.
    keyed = frame.join(prompts.select("prompt_id"), on="prompt_id", how="semi").with_columns(
        keys.get(outcome, harm * 0.0).alias("asked_key"), nw.lit(1).alias("asked_one")
    )
    order = ("asked_key", "run_id", "sample_id")
    place = nw.col("asked_one").cum_sum().over("prompt_id", "arm", order_by=order)
    first = keyed.with_columns(place.alias("asked_place")).filter(nw.col("asked_place") == 1)
    names = ("prompt_id", "arm", *_SHARED, *_OF_ARM, *extras)
    rows = collect(first.select(*names)).to_pylist()
    return {(row["prompt_id"], "control" if row["arm"] == pair[0] else "treatment"): row
            for row in rows}  # fmt: skip


def _beside(
    prompts: Sequence[Mapping[str, Any]], examples: Mapping[tuple[str, str], Mapping[str, Any]],
    extras: Sequence[str],
) -> pa.Table:  # fmt: skip
    """Put both arms' values and examples of each prompt into one row."""
    arms = ("control", "treatment")
    fields: list[tuple[str, pa.DataType]] = [("prompt_id", pa.string())]
    fields += [(name, pa.string()) for name in _SHARED]
    fields += [(name, pa.float64()) for name in ("control", "treatment", "change")]
    fields += [(f"n_{arm}", pa.int64()) for arm in arms]
    fields += [(f"{arm}_{name}", SCHEMA.field(name).type) for name in _OF_ARM for arm in arms]
    taken = {name for name, _ in fields} | {"prompt_text", *(f"{arm}_answer" for arm in arms)}
    named = {name: f"{name}_of_source" if name in taken else name for name in extras}
    fields[3:3] = [(name, pa.string()) for name in named.values()]
    rows: list[dict[str, Any]] = []
    for prompt in prompts:
        of_arm = {arm: examples.get((prompt["prompt_id"], arm), {}) for arm in arms}
        either = {name: _first(of_arm["treatment"].get(name), of_arm["control"].get(name))
                  for name in (*_SHARED, *extras)}  # fmt: skip
        row = {named.get(name, name): value for name, value in either.items()} | {**prompt}
        for arm in arms:
            row |= {f"{arm}_{name}": of_arm[arm].get(name) for name in _OF_ARM}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def singles(
    frame: nw.LazyFrame[Any], arms: Sequence[str], *,
    order: nw.Expr | None = None, n: int = 100, extras: Sequence[str] = (),
) -> Behind:  # fmt: skip
    """List single samples of these arms.

    Args:
        frame: the samples, those that are asked for only.
        arms: whose; the last named come first among equals.
        order: a number, the largest first; samples without it are left out. Without one the
            samples come by arm, run and id.
        n: how many rows at most.
        extras: further columns of the samples.
    """
    samples = frame.filter(nw.col("arm").is_in([*arms]))
    last = (nw.col("arm") != arms[-1]).cast(nw.Int64)
    key = nw.lit(0.0) if order is None else order
    samples = samples.with_columns(key.alias("asked_key"), last.alias("asked_arm"))
    samples = samples.filter(~nw.col("asked_key").is_null())
    by = ("asked_key", "asked_arm", "run_id", "sample_id", "arm")
    top = samples.sort(*by, descending=[True, False, False, False, False]).head(n)
    table = collect(top.select(*_SINGLE, *extras))
    return Behind(table, _rows(samples), {})


def groups(
    frame: nw.LazyFrame[Any], pair: tuple[str, str], number: Asked, by: str, *, n: int = 100
) -> Behind:
    """Compare both arms within each group, such as each user; what costs the whole most first.

    A group's cost is its loss times its samples in the treatment: of a pass rate, how many passes
    fewer than with the control's rate. A group that the control lacks is held against the control's
    mean over all, which stands in no column of its own.

    Args:
        frame: the samples.
        pair: names of the control and the treatment.
        number: which number, and where its harm is.
        by: the column that names the group.
        n: how many groups at most.
    """
    valued = _valued(frame, pair, number)
    whole = collect(valued.filter(nw.col("arm") == pair[0]).select(nw.col("asked_value").mean()))
    mean = whole["asked_value"][0].as_py()
    grouped = _by(valued.drop_nulls(by), by, pair).filter(nw.col("n_treatment") > 0)
    before = nw.when(nw.col("n_control") > 0).then(nw.col("control"))
    against = before if mean is None else before.otherwise(nw.lit(float(mean)))
    change = nw.col("treatment") - against
    loss = -change if number.harm == "lower" else change
    costed = grouped.with_columns((loss * nw.col("n_treatment") + 0.0).alias("cost"))  # no −0
    names = (by, "control", "treatment", "change", "n_control", "n_treatment", "cost")
    with_cost = costed.filter(~nw.col("cost").is_null())
    table = collect(with_cost.sort("cost", by, descending=[True, False]).head(n).select(*names))
    rules = {"worse": nw.col("cost") > EDGE, "all": nw.col("n_treatment") > 0}
    counts = _counted(with_cost, rules)
    return Behind(table, counts["all"], counts)
