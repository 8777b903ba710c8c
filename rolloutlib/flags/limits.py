"""A step that may hang, with an end: the kill switch never waits without limit."""

from __future__ import annotations

import math
import time
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from rolloutlib.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class SlowError(RolloutError):
    """A step did not answer in time."""


def within(seconds: float, step: Callable[[], Result], *, busy: float = math.inf) -> Result:
    """Return what a step returns, or raise what it raises.

    Args:
        seconds: how long it may take; then it is left to itself, and ends with the process.
        step: what to do.
        busy: how many seconds of work it may take, on a machine that does other things too.

    Raises:
        SlowError: it takes longer.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(step())
        except BaseException as error:  # noqa: BLE001  # raised again where it was asked for
            failed.append(error)

    thread = Thread(target=copy_context().run, args=(run,), daemon=True)
    deadline, worked = time.monotonic() + seconds, time.process_time() + busy
    try:
        thread.start()
    except RuntimeError:  # no more threads for this user: better without an end than not at all
        run()
    while thread.is_alive() and time.monotonic() < deadline and time.process_time() < worked:
        thread.join(0.02)
    for error in failed:
        raise error
    if not done:
        raise SlowError("no answer in {seconds:g} s", seconds=min(seconds, busy))
    return done[0]
