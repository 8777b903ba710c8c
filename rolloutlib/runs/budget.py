"""What one read may cost in all: bytes, rows and seconds, and a clock that ends a long query."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from rolloutlib.errors import RunsError
from rolloutlib.limits import SECONDS
from rolloutlib.phrase import phrase
from rolloutlib.runs.database import readable

if TYPE_CHECKING:
    from collections.abc import Generator

    import duckdb

    from rolloutlib.limits import Limit

__all__ = ["Budget"]

_AGAIN = 0.2  # seconds until a query that began after the end is interrupted, too


@dataclass(slots=True)
class Budget:
    """What is left for one read of a folder."""

    seconds: int = field(default_factory=lambda: SECONDS.value)
    began: float = field(default_factory=monotonic)
    used: Counter[str] = field(default_factory=Counter[str])
    file: str = ""

    def still(self) -> None:
        """Go on, unless the time is up.

        Raises:
            RunsError: the read took longer than it may.
        """
        if monotonic() - self.began > self.seconds:
            raise self.late()

    def late(self) -> RunsError:
        """Say where the time was up."""
        return RunsError(
            "Reading the runs took {refusal}; it was at {file}.",
            refusal=SECONDS.refusal(phrase("more than {n:,}", n=self.seconds)),
            file=self.file or phrase("their account"),
        )

    def add(self, limit: Limit, amount: int) -> None:
        """Count bytes or rows, before they are read where a file tells how many it has.

        Raises:
            RunsError: those of the folder are more than may be.
        """
        self.used[limit.variable] += amount
        if self.used[limit.variable] > limit.value:
            refusal = limit.refusal(self.used[limit.variable])
            raise RunsError(
                "The files up to {file} have {refusal}.", file=self.file, refusal=refusal
            )

    @contextmanager
    def over(self, connection: duckdb.DuckDBPyConnection) -> Generator[None]:
        """Interrupt the engine's queries when the time is up.

        Raises:
            RunsError: that happened, or the engine cannot read what a file holds.
        """
        done = Event()

        def watch() -> None:
            left = self.seconds - (monotonic() - self.began)
            while not done.wait(max(left, _AGAIN)):
                left = 0.0
                connection.interrupt()

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            with readable():
                yield
        except RunsError:
            self.still()
            raise
        finally:
            done.set()
            watcher.join()
