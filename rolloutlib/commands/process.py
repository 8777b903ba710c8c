"""The process that `rollout` is: signals end it in order, and libraries do not talk to its user."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rolloutlib.commands.failures import SHOW, StoppedBySignal

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

__all__ = ["own_process"]

ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def own_process() -> Generator[None]:
    """Arrange what only the owner of a process may: not for who calls `main` with arguments."""
    _open_closed_streams()
    # numpy's sums of many numbers add up in one order, however many cores there are: a replay on
    # another machine compares to the last digit. Notebooks that a command runs inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for number in ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP, and so it stays
            signal.signal(number, _stop)
    if SHOW not in os.environ:
        _hush()
    try:
        yield
    finally:  # what is left is Python's own end; a second Ctrl-C then ends it without a word
        for number in (signal.SIGINT, *ENDS):
            if signal.getsignal(number) not in {signal.SIG_IGN, None}:
                signal.signal(number, signal.SIG_DFL)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise StoppedBySignal(number)


def _open_closed_streams() -> None:
    """Give closed streams a place: else the first file that is opened would be standard output."""
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)


def _hush() -> None:
    """Keep warnings, log lines and errors of libraries' threads from the user's terminal.

    What matters to the user, the command says itself; ROLLOUT_TRACEBACK=1 shows all of it.
    """
    import logging
    import threading
    import warnings

    if not sys.warnoptions:  # python -W …, PYTHONWARNINGS: asked for
        warnings.simplefilter("ignore")
    logging.lastResort = logging.NullHandler()
    threading.excepthook = _unheard
    sys.unraisablehook = _unheard


def _unheard(_: object) -> None:
    """Say nothing."""
