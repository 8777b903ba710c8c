"""Which rows of a table of samples on Spark are evidence: answered anew, and not later."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (Spark is an extra)
from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import narwhals as nw

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["cached_rows", "uncached", "until"]


def cached_rows(table: Any) -> dict[str, int]:  # noqa: ANN401
    """Count the rows whose answers came from a cache, by arm; they are left out."""
    if "cached" not in table.columns:
        return {}
    counts = table.where("cached").groupBy("arm").count().toArrow().to_pylist()
    return {row["arm"]: row["count"] for row in sorted(counts, key=lambda row: row["arm"])}


def uncached(table: Any) -> Any:  # noqa: ANN401
    """Return the others."""
    return table.where("NOT coalesce(cached, false)") if "cached" in table.columns else table


def until(lazy: Any, as_of: datetime | None) -> tuple[Any, dict[tuple[str, str], int]]:  # noqa: ANN401
    """Leave out the rows that started later; count them by arm and run."""
    if as_of is None:
        return lazy, {}
    table = nw.to_native(lazy)
    moment = f"TIMESTAMP '{as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"  # its session is in UTC
    counts = table.where(f"started_at > {moment}").groupBy("arm", "run_id").count().toArrow()
    later = {(row["arm"], row["run_id"]): row["count"] for row in counts.to_pylist()}
    return nw.from_native(table.where(f"started_at IS NULL OR started_at <= {moment}")), later
