"""JMeter's results (.jtl as CSV): a row a request.

A load test measures how long calls take and which fail. Whether an answer was good it does not
know, so nothing is mapped to pass or fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts.gathering import Gathering, records_of, seen_in
from rolloutlib.drafts.names import measures_beside
from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.values import time_unit
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

# What JMeter writes that is called like a field.
_OWN: Final = frozenset({"timeStamp", "elapsed", "label", "success", "Latency"})
_TRANSACTION = "Number of samples in transaction"


def _recognises(peek: Peek) -> bool:
    every = (column for file in peek.files for column in file.columns)
    return seen_in(peek, "timeStamp", "elapsed", "label") and not measures_beside(every, _OWN)


def _drafts(peek: Peek) -> Draft:
    making = Gathering("jmeter", peek, records_of(peek))
    making.take("latency_ms", "elapsed", because("draft.load.whole"), unit="ms")
    failed = {"true": False, "false": True}
    making.take("error", "success", because("draft.load.failed"), values=failed)
    if time_unit(making.cells("timeStamp")) == "ms":
        making.take("started_at", "timeStamp", because("draft.epoch", unit="ms"), unit="ms")
    else:
        making.left["timeStamp"] = because("draft.no_offset")
    making.take("category", "label", because("draft.load.kind"))
    if len(making.words("threadName")) > 1:  # a listener of other tools writes one name for all
        making.take("user_id", "threadName", because("draft.load.user"))
    _without_transactions(making)
    if making.cells("Latency"):
        making.left["Latency"] = because("draft.load.first_byte")
    other = [name for name in ("Connect", "responseCode", "threadName") if making.cells(name)]
    making.left |= dict.fromkeys(other, because("draft.load.other"))
    return making.draft()


def _without_transactions(making: Gathering) -> None:
    """A transaction's row adds up requests that have rows of their own."""
    sums = {
        row.get("label")
        for row in making.rows
        if str(row.get("responseMessage") or "").startswith(_TRANSACTION)
    }
    labels = [label for label in making.words("label") if label not in sums]
    if sums and labels:
        why = because("draft.load.transactions", words=tuple(map(str, sums)))
        making.take_where({"label": labels}, why)


PRESET = Preset("jmeter", "JMeter", _recognises, _drafts)
