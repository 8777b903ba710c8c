"""The sums of a stored day, made by the scan that a review would make."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.measure.counts import CLUSTERS
from rolloutlib.measure.days import SEPARATOR, SUMS, StoredRun, capped, name_of, sum_file
from rolloutlib.measure.expressions import latency_expression, metric_expressions
from rolloutlib.measure.histograms import histogram
from rolloutlib.measure.latency import latency_cap
from rolloutlib.measure.moments import scan
from rolloutlib.measure.profiles import slow_limit
from rolloutlib.measure.scan import STEPS, STRATA
from rolloutlib.measure.shares import COUNTED, counted
from rolloutlib.plan.metrics import is_binary
from rolloutlib.plan.segments import MOST_VALUES
from rolloutlib.runs.columns import CLUSTER, SCHEMA, TEXTS, TOLD_LATER
from rolloutlib.runs.database import quoted
from rolloutlib.runs.further import is_scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from rolloutlib.measure.days import Day
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable
    from rolloutlib.plan.model import Plan
    from rolloutlib.runs import RunInfo

__all__ = ["Values", "about_runs", "day_sums", "extras_of", "stored_run", "strata_of", "unit_of"]

_OF_RUNS = (
    "SELECT arm, run_id, sum({first}), sum({second}), count(user_id),"
    " count(prompt_id), count(issues), count(cluster), count(human_passed) + count(human_score)"
    " FROM rows GROUP BY arm, run_id"
)
_PROMPTS = """SELECT arm, run_id, md5_number_lower(prompt_id) AS prompt, count(*) AS n FROM rows
    WHERE prompt_id IS NOT NULL GROUP BY ALL ORDER BY ALL"""
_TAGS = """SELECT arm, run_id, tag, count(*) FROM (SELECT arm, run_id,
    unnest(list_distinct(issues)) AS tag FROM rows) WHERE tag IS NOT NULL
    GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True, slots=True)
class Values:
    """The plan's values that sums depend on: every profile's latency limit, the caps, segments."""

    timeout_cap_ms: float
    slow_above_ms: tuple[float, ...]
    latency_cap_ms: tuple[float, ...]
    segments: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan) -> Values:
        """Return those of a plan."""
        limits = {slow_limit(plan, profile) for profile in plan.profiles.values()}
        caps = {latency_cap(plan, profile) for profile in plan.profiles.values()}
        segments = tuple(name for name in plan.evidence.segments if name not in STRATA)
        cap = plan.evidence.timeout_cap_ms
        return cls(cap, tuple(sorted(limits)), tuple(sorted(caps)), segments)

    def made(self, day: Day) -> bool:
        """Return whether a day's sums were made with these."""
        of_day = (day.timeout_cap_ms, day.slow_above_ms, day.latency_cap_ms)
        current = (self.timeout_cap_ms, self.slow_above_ms, self.latency_cap_ms)
        return of_day == current and {*self.segments} & {*day.extras} <= day.strata.keys()


def about_runs(
    connection: duckdb.DuckDBPyConnection, extras: Sequence[str] = ()
) -> dict[str, tuple[list[int], dict[str, int]]]:
    """Return, by run, what its rows say: two sums of hashes and five counts, and its tags."""
    rest = ", ".join(name for name in SCHEMA.names if name not in {"run_id", *TOLD_LATER})
    first, second = (  # a row that tells none of the later columns has the hash of before they were
        f"CASE WHEN suggested_tags IS NOT NULL THEN hash({n}, {rest}, cluster, suggested_tags)"
        f" WHEN cluster IS NOT NULL THEN hash({n}, {rest}, cluster) ELSE hash({n}, {rest}) END"
        for n in (1, 2)
    )
    further = (*(name for name in TOLD_LATER if name not in {CLUSTER, "suggested_tags"}), *extras)
    hashed = "".join(  # likewise: what a row does not tell of these leaves its hash as it is
        f' + CASE WHEN "{name}" IS NULL THEN 0 ELSE hash({{row}}, {quoted(name)}, "{name}") END'
        for name in further
    )
    first, second = (f"({row})::HUGEINT{hashed.format(row=row)}" for row in (first, second))
    rows = connection.execute(_OF_RUNS.format(first=first, second=second)).fetchall()
    about = {f"{arm}{SEPARATOR}{run}": (list(numbers), {}) for arm, run, *numbers in rows}
    for arm, run, tag, count in connection.execute(_TAGS).fetchall():
        about[f"{arm}{SEPARATOR}{run}"][1][tag] = count
    return about


def stored_run(
    info: RunInfo, source: str, about: Mapping[str, tuple[list[int], dict[str, int]]]
) -> StoredRun:
    """Put what is known of a run together; its content is a digest of its rows in any order."""
    numbers, tags = about.get(name_of(info), ([0] * 7, {}))
    first, second, with_user, with_prompt, labelled, with_cluster, people = numbers
    content = msgspec.json.encode((str(first), str(second), info.reported))
    return StoredRun(
        info,
        source,
        sha256(content).hexdigest(),
        with_user,
        with_prompt,
        labelled,
        tags,
        with_cluster,
        people,
    )


def unit_of(runs: Sequence[StoredRun]) -> Unit:
    """Choose the day's cluster as a review does: users when any sample names one, else prompts."""
    if any(run.with_user for run in runs):
        return "user"
    return "prompt" if any(run.with_prompt for run in runs) else "sample"


def extras_of(rows: pa.Table) -> tuple[str, ...]:
    """Return the segments that rows have beside every source's own."""
    own = {*SCHEMA.names, *TEXTS}
    return tuple(sorted(name for name in rows.column_names if name not in own))


def strata_of(rows: pa.Table, values: Values) -> dict[str, tuple[str | None, ...]]:
    """Return the values of each segment that a day is summed by; of an id, some."""
    names = (*STRATA, *(name for name in values.segments if name in extras_of(rows)))
    every = {name: tuple(pc.unique(rows[name]).to_pylist()) for name in names}
    return {
        name: of if _is_segment(name, of) else of[: MOST_VALUES + 1] for name, of in every.items()
    }


def _is_segment(name: str, values: Sequence[str | None]) -> bool:
    return name in STRATA or len(values) <= MOST_VALUES


def day_sums(
    connection: duckdb.DuckDBPyConnection, unit: Unit, values: Values, runs: Sequence[StoredRun],
    strata: Mapping[str, Sequence[str | None]],
) -> dict[str, pa.Table]:  # fmt: skip
    """Sum a day: moments and strata by (arm, run, cluster), histograms by (arm, run), prompts.

    And the counts of the risk register (`shares`). `strata` are those of `strata_of`.
    """
    frame = nw.from_native(connection.table("rows"))
    tags = sorted({"", *(tag for run in runs for tag in run.tags)})
    scorers = [name for name in connection.table("rows").columns if is_scorer(name)]
    cap_ms = values.timeout_cap_ms
    made = partial(metric_expressions, timeout_cap_ms=cap_ms, tags=tags, scorers=scorers)
    slow, cap = values.slow_above_ms[0], values.latency_cap_ms[0]
    metrics = made(slow_above_ms=slow, latency_cap_ms=cap)
    del metrics["slow"], metrics["latency_ms"]
    for limit in values.slow_above_ms:
        of_limit = made(slow_above_ms=limit, latency_cap_ms=cap)
        metrics[f"slow:{limit:g}"] = of_limit["slow"]
    for limit in values.latency_cap_ms:
        of_limit = made(slow_above_ms=slow, latency_cap_ms=limit)
        metrics[capped(limit)] = of_limit["latency_ms"]
    cluster = CLUSTERS[unit]
    by = {"arm": "arm", "run_id": "run_id", "cluster": cluster}
    tables = {f"moments{SUMS}": _columns(scan(frame, metrics, by=by))}
    for name in (name for name, values in strata.items() if _is_segment(name, values)):
        tables[sum_file(name)] = _columns(
            scan(frame, {"passed": metrics["passed"]}, by={**by, name: name})
        )
    whole = {"latency_ms": latency_expression(values.timeout_cap_ms), "score": metrics["score"]}
    for name, value in whole.items():
        tables[f"{name}{SUMS}"] = _steps(frame, value)
    shares = counted(frame, cluster)
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("arm", "run_id", "tags")})
    rows = pa.array([], pa.int64())
    tags = _columns(shares.tags) if shares.tags else nothing.append_column("rows", rows)
    counts = (_columns(shares.mix), _columns(shares.vetoes), tags)
    tables |= dict(zip(COUNTED, counts, strict=True))
    return tables | {f"prompts{SUMS}": connection.sql(_PROMPTS).to_arrow_table()}


def _columns(table: MomentTable) -> pa.Table:
    """Lay moments out as columns, by their keys in order; a metric that nobody tells has none."""
    order = np.lexsort([key.codes for key in reversed([*table.keys.values()])])
    columns = {name: _texts(key.labels, key.codes[order]) for name, key in table.keys.items()}
    columns["rows"] = pa.array(table.rows[order].astype(np.int64))
    for name, cells in table.metrics.items():
        if cells.n.any():
            parts = cells.take(order)
            columns[f"{name}.n"] = pa.array(parts.n.astype(np.int64))
            columns[f"{name}.mean"] = pa.array(parts.mean)
            if not is_binary(name):
                columns[f"{name}.m2"] = pa.array(parts.m2)
    return pa.table(columns)


def _texts(
    labels: Sequence[str | None], codes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pa.Array:
    texts = [label for label in labels if label is not None]
    index = pa.array(codes.astype(np.int32), mask=codes >= len(texts))  # None comes last
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string()))


def _steps(frame: nw.LazyFrame[duckdb.DuckDBPyRelation], value: nw.Expr) -> pa.Table:
    histograms = sorted(histogram(frame, value, per_unit=STEPS).items())
    sizes = [len(steps.values) for _, steps in histograms]
    codes = np.repeat(np.arange(len(histograms)), sizes)
    arm, run = ([name[at] for name, _ in histograms] for at in (0, 1))
    joined = [np.concatenate([getattr(s, of) for _, s in histograms] or [np.empty(0)])
              for of in ("values", "counts")]  # fmt: skip
    return pa.table({
        "arm": pa.array(arm, pa.string()).take(pa.array(codes)).dictionary_encode(),
        "run_id": pa.array(run, pa.string()).take(pa.array(codes)).dictionary_encode(),
        "value": pa.array(joined[0]), "n": pa.array(joined[1].astype(np.int64)),
    })  # fmt: skip
