"""What each metric is of a sample: a numeric expression over the table of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.plan.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import narwhals as nw

__all__ = ["latency_expression", "metric_expressions"]

DERIVED = ("issue", "any_issue", "latency_ms", "slow")  # the others are columns as they are


def latency_expression(timeout_cap_ms: float) -> nw.Expr:
    """Return a sample's latency as it was; a timeout that reports none counts as this long."""
    import narwhals as nw

    return nw.when(_timed_out()).then(nw.lit(timeout_cap_ms)).otherwise(nw.col("latency_ms"))


def _timed_out() -> nw.Expr:
    """Return whether a sample timed out and reports no latency."""
    import narwhals as nw

    return nw.col("latency_ms").is_null() & (nw.col("status") == "timeout")


def metric_expressions(
    *, timeout_cap_ms: float, slow_above_ms: float, latency_cap_ms: float, tags: Iterable[str],
    scorers: Iterable[str] = (),
) -> dict[str, nw.Expr]:  # fmt: skip
    """Return each metric as a numeric expression over the table of samples.

    Null where the sample does not tell.

    Args:
        timeout_cap_ms: latency of a timeout that reports none (it is never dropped).
        slow_above_ms: samples slower than this count as `slow` (the exceedances of the p95 gate).
        latency_cap_ms: what `latency_ms` counts of a slower sample, so that its mean has bounds
            which hold; quantiles and curves are drawn from latencies as they were.
        tags: issue tags; each becomes the metric `issue:<tag>`.
        scorers: the columns of further scorers, which are called as their metrics are.
    """
    import narwhals as nw

    latency, timed_out = nw.col("latency_ms"), _timed_out()
    beyond = (latency > latency_cap_ms) & latency.is_finite()
    capped = nw.when(beyond).then(nw.lit(latency_cap_ms)).otherwise(latency)
    capped = nw.when(timed_out).then(nw.lit(min(timeout_cap_ms, latency_cap_ms))).otherwise(capped)
    is_slow = nw.lit(timeout_cap_ms > slow_above_ms)
    slow = nw.when(timed_out).then(is_slow).otherwise(latency > slow_above_ms)
    plain = (*(name for name in METRICS if name not in DERIVED), *scorers)
    columns = {name: nw.col(name) for name in plain}
    issues = {f"issue:{tag}": nw.col("issues").list.contains(tag) for tag in tags}
    flawed = nw.col("issues").list.len() > 0
    metrics = columns | issues | {"any_issue": flawed, "latency_ms": capped, "slow": slow}
    return {name: expression.cast(nw.Float64) for name, expression in metrics.items()}
