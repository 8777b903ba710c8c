"""locust: a log of its request event, a line a request. Its own files are aggregates.

`--csv` and `--json` write counts, averages and rounded percentiles: which request was whose and how
they vary together is lost in them, so that nothing can be proven by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.gathering import Gathering, records_of, seen_in
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import time_unit
from rolloutlib.errors import RunsError
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

# What tells each file of aggregates.
_AGGREGATES: Final = (
    ("Type", "Name", "Request Count", "Average Response Time"),
    ("Timestamp", "User Count", "Total Request Count"),
    ("Method", "Name", "Error", "Occurrences"),
    ("Count", "Message", "Traceback", "Nodes"),
    ("num_requests", "total_response_time"),
)
_USERS: Final = ("user", "user_id", "context.user", "context.user_id")


def _recognises(peek: Peek) -> bool:
    return seen_in(peek, "request_type", "name", "response_time") or _aggregate(peek) != ""


def _aggregate(peek: Peek) -> str:
    """Return the name of a file of aggregates."""
    return next(
        (
            file.name
            for file in peek.files
            if any({*columns} <= {*file.columns} for columns in _AGGREGATES)
        ),
        "",
    )


def _drafts(peek: Peek) -> Draft:
    if name := _aggregate(peek):
        raise RunsError(
            "{file} holds locust's totals and percentiles, not its requests; expected a line a "
            "request: log the request event, as docs/load-tests.md shows.",
            file=name,
        )
    making = Gathering("locust", peek, records_of(peek))
    making.take("latency_ms", "response_time", because("draft.load.whole"), unit="ms")
    making.take("error", "failed", because("draft.load.failed"))
    if "error" not in making.columns:
        texts = {"*": True, "null": False}  # the text of what went wrong, or nothing
        making.take("error", "exception", because("draft.load.failed"), values=texts)
    unit = time_unit(making.cells("start_time"))
    if unit == "iso":
        making.take("started_at", "start_time", because("draft.moments"))
    elif unit not in {None, "local"}:
        making.take("started_at", "start_time", because("draft.epoch", unit=str(unit)), unit=unit)
    making.take("category", "name", because("draft.load.kind"))
    for column in _USERS:
        if "user_id" not in making.columns and len(making.words(column)) > 1:
            making.take("user_id", column, because("draft.load.user"))
    for column in ("request_type", "response_length", "url"):
        if making.cells(column):
            making.left[column] = because("draft.load.other")
    return making.draft()


PRESET = Preset("locust", "locust", _recognises, _drafts)
