"""k6's results (--out csv=… and --out json=…): a row a metric, of which the requests are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.drafts.gathering import Gathering, records_of, seen_in
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import time_unit
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_REQUESTS = "http_req_duration"
_CODES = {"*": True, "null": False}
_FAILED = {"true": False, "false": True}  # whether the response was the expected one


def _recognises(peek: Peek) -> bool:
    csv = seen_in(peek, "metric_name", "timestamp", "metric_value")
    lines = seen_in(peek, "type", "metric", "data.time", "data.value")
    return (csv or lines) and any(_metric(row) == _REQUESTS for row in records_of(peek))


def _metric(record: dict[str, object]) -> object:
    return record.get("metric_name") or record.get("metric")


def _drafts(peek: Peek) -> Draft:
    csv = seen_in(peek, "metric_name")
    requests = [row for row in records_of(peek) if _metric(row) == _REQUESTS]
    points = requests if csv else [row for row in requests if row.get("type") == "Point"]
    making = Gathering("k6", peek, points)
    selected = {"metric_name": _REQUESTS} if csv else {"type": "Point", "metric": _REQUESTS}
    making.head["where"] = selected
    making.notes["where"] = because("draft.k6.requests")
    value, moment, tags = (
        ("metric_value", "timestamp", "") if csv else ("data.value", "data.time", "data.tags.")
    )
    making.take("latency_ms", value, because("draft.load.whole"), unit="ms")
    failed = because("draft.load.failed")
    if not making.take("error", f"{tags}expected_response", failed, values=_FAILED):
        making.take("error", f"{tags}error_code", failed, values=_CODES)  # k6 before 0.31
    _take_moment(making, moment)
    making.take("category", f"{tags}name", because("draft.load.kind"))
    making.take("user_id", f"{tags}vu", because("draft.load.user"))
    for column in ("group", "scenario", "status", "url"):
        if making.cells(f"{tags}{column}"):
            making.left[f"{tags}{column}"] = because("draft.load.other")
    return making.draft()


def _take_moment(making: Gathering, column: str) -> None:
    """Map when a request was made, in the unit of its numbers, or as RFC 3339."""
    unit = time_unit(making.cells(column))
    if unit == "iso":
        making.take("started_at", column, because("draft.moments"))
    elif unit not in {None, "local"}:
        making.take("started_at", column, because("draft.epoch", unit=str(unit)), unit=unit)
    else:
        making.left[column] = because("draft.no_offset")


PRESET = Preset("k6", "k6", _recognises, _drafts)
