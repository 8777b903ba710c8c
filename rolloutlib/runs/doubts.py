"""Numbers that look as if they were in another unit than the one they are read in.

Only where nobody says the unit: a unit or scale in source.yaml is believed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingImports=false
# pyright: reportUnknownArgumentType=false
# (duckdb carries few types, and Spark is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rolloutlib.plan.metrics import SCORER
from rolloutlib.reason import Reason, because
from rolloutlib.runs.further import is_scorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from rolloutlib.runs.sources import SourceSpec

__all__ = ["by_metric", "doubts", "doubts_on_spark"]

_FAST_MS, _SLOW_MS = 20.0, 600_000.0  # seconds or minutes, microseconds, read as milliseconds
_OF_ARM: Final = (
    "count(CASE WHEN latency_ms > 0 THEN 1 END) AS timed",
    f"count(CASE WHEN latency_ms > 0 AND latency_ms < {_FAST_MS} THEN 1 END) AS fast",
    f"count(CASE WHEN latency_ms > {_SLOW_MS} THEN 1 END) AS slow",
)
_TINY = 0.1  # of 10: a hundredth of the scale, as fractions are that are read as percent
_TIMES: Final = ("latency_ms", "slow")
_METRICS: Final = {
    "units.latency": _TIMES, "units.latency_long": _TIMES, "units.score": ("score",),
}  # fmt: skip


def doubts(samples: duckdb.DuckDBPyRelation, spec: SourceSpec | None) -> tuple[Reason, ...]:
    """Return why latencies or scores may be in another unit, at most once each.

    Looked at arm by arm, since one arm alone may be written in another unit. Latencies of 0 say
    nothing of their unit, and neither do scores of 0.

    Args:
        samples: with the columns of `rolloutlib.runs.columns.SCHEMA`.
        spec: what source.yaml says.
    """
    scores = _scores(samples.columns)
    highest = (f'max("{name}")' for name in scores)
    rows = samples.aggregate(", ".join(("arm", *_OF_ARM, *highest)), "arm").fetchall()
    return _doubts(rows, scores, spec)


def doubts_on_spark(table: Any, spec: SourceSpec | None) -> tuple[Reason, ...]:  # noqa: ANN401
    """Return what `doubts` does, of a table of samples on Spark."""
    from pyspark.sql import functions as sql

    scores = _scores(table.columns)
    highest = (f"max(`{name}`) AS highest_{place}" for place, name in enumerate(scores))
    arms = table.groupBy("arm").agg(*map(sql.expr, (*_OF_ARM, *highest))).toArrow().to_pylist()
    return _doubts([tuple(arm.values()) for arm in arms], scores, spec)


def _scores(columns: Iterable[str]) -> tuple[str, ...]:
    return ("score", "human_score", *filter(is_scorer, columns))


def _doubts(
    rows: list[tuple[Any, ...]], scores: Sequence[str], spec: SourceSpec | None
) -> tuple[Reason, ...]:
    arms = sorted(rows, key=lambda row: row[0])
    reasons: list[Reason] = []
    if confirm := _unsaid(spec, "latency_ms", "unit", "ms"):
        doubtful = (
            _latency(arm, timed, fast, slow, confirm) for arm, timed, fast, slow, *_ in arms
        )
        reasons += [reason for reason in doubtful if reason][:1]
    for place, name in enumerate(scores, start=4):
        if confirm := _unsaid(spec, name, "scale", "[0, 10]"):
            small = [row[0] for row in arms if row[place] is not None and 0 < row[place] <= 1]
            reasons += [_score(name, arm, confirm) for arm in small[:1]]
        elif scale := _scale_of(spec, name):
            tiny = [row[0] for row in arms if row[place] is not None and 0 < row[place] <= _TINY]
            facts = {"scorer": name.removeprefix(SCORER), "scale": scale}
            reasons += [because("units.narrow", arm=arm, **facts) for arm in tiny[:1]]
    return tuple(reasons)


def _score(name: str, arm: str, confirm: str) -> Reason:
    if name == "score":
        return because("units.score", arm=arm, confirm=confirm)
    return because("units.scorer", scorer=name.removeprefix(SCORER), arm=arm, confirm=confirm)


def by_metric(reasons: Iterable[Reason]) -> dict[str, Reason]:
    """Return doubts by the metric whose numbers they are about."""
    return {metric: reason for reason in reasons for metric in _about(reason)}


def _about(reason: Reason) -> tuple[str, ...]:
    if reason.code not in {"units.scorer", "units.narrow"}:
        return _METRICS.get(reason.code, ())
    scorer = str(reason.facts["scorer"])
    return (SCORER + scorer, scorer)  # the score of a person is a metric by its own name


def _latency(arm: str, timed: int, fast: int, slow: int, confirm: str) -> Reason | None:
    if 2 * fast > timed:
        return because("units.latency", arm=arm, share=fast / timed, confirm=confirm)
    if 2 * slow > timed:
        return because("units.latency_long", arm=arm, share=slow / timed, confirm=confirm)
    return None


def _scale_of(spec: SourceSpec | None, field: str) -> str:
    """Return the scale that source.yaml names for a score; nothing where it names none."""
    column = (spec.mapped | spec.scorers).get(field) if spec else None
    is_named = column is not None and column.says("scale")
    return f"[{column.scale[0]:g}, {column.scale[1]:g}]" if column and is_named else ""


def _unsaid(spec: SourceSpec | None, field: str, option: str, usual: str) -> str:
    """Return what would say the unit in source.yaml; nothing where it says one."""
    column = (spec.mapped | spec.scorers).get(field) if spec else None
    envelopes = spec.envelopes if spec else None
    if (column and column.says(option)) or (envelopes and getattr(envelopes, option) is not None):
        return ""
    if column:
        mapping = f"{field.removeprefix(SCORER)}: {{column: {column.column}, {option}: {usual}}}"
        return f"scores: {{{mapping}}}" if is_scorer(field) else mapping
    return f"envelopes: {{{option}: {usual}}}"
