"""A private DuckDB for one read.

It reaches the named files, texts that were laid out for it, and nothing else outside.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rolloutlib.errors import RunsError
from rolloutlib.phrase import foreign

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

__all__ = ["connect", "quoted", "readable", "texts_folder"]

_MEMORY = "600MB"  # of the engine's own buffers; what exceeds it goes to the spill folder
_KIND = re.compile(r"^[A-Z][\w ]* Error: ")  # the engine's name of its error
_NUMBERS = count()


def connect(readable: Iterable[Path] = ()) -> duckdb.DuckDBPyConnection:
    """Open an engine in memory that can read these files, write to its own spill folder.

    Nothing else.

    One thread: sums in parallel add up in another order each time, and a replay compares to the
    last digit.
    """
    spill = _spill_folder() / str(next(_NUMBERS))
    paths = ", ".join(quoted(str(path)) for path in readable)
    connection = duckdb.connect(":memory:")
    connection.execute(
        f"SET temp_directory = {quoted(str(spill))}; SET allowed_paths = [{paths}];"
        f"SET allowed_directories = [{quoted(str(texts_folder()))}];"
        f"SET memory_limit = '{_MEMORY}'; SET threads = 1; SET TimeZone = 'UTC';"
        "SET enable_progress_bar = false;"  # a notebook would show it among its cells' outputs
        "SET enable_external_access = false; SET lock_configuration = true"
    )
    return connection


def quoted(text: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@cache
def texts_folder() -> Path:
    """One folder a process for texts that were unpacked or decoded, for the engine to scan."""
    folder = _spill_folder() / "texts"
    folder.mkdir()
    return folder


@cache
def _spill_folder() -> Path:
    """One folder a process, for nobody else to read.

    The engine removes its files, this removes the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="rolloutlib-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def readable() -> Generator[None]:
    """Say in a sentence what the engine cannot read or do in the memory that it has.

    Raises:
        RunsError: that happened.
    """
    try:
        yield
    except duckdb.Error as error:
        first = _KIND.sub("", str(error).partition("\n")[0])[:300].rstrip(".!")
        raise RunsError(
            "The runs cannot be read: {why}; expected whole files; take out or write again the one "
            "that is not.",
            why=foreign(first),
        ) from error
