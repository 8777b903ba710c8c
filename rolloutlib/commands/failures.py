"""Whatever stops a command, as one sentence: what happened, where, what to do next.

A known error is its own sentence. What the system refuses (files, memory, the disk) is told with
the file and a way out. Anything else is a fault of rolloutlib: it is called so, and what a
developer needs is in a file beside no workbook, or with ROLLOUT_TRACEBACK=1 on standard error.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.commands.worded import worded
from rolloutlib.errors import RolloutError
from rolloutlib.phrase import phrase
from rolloutlib.text import plain

if TYPE_CHECKING:
    from types import TracebackType

    from rolloutlib.phrase import Phrase

__all__ = ["SHOW", "Failure", "StoppedBySignal", "failure_of"]

SHOW: Final = "ROLLOUT_TRACEBACK"  # environment variable: show what a developer needs
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
AGAIN: Final = phrase("run the same command again")
WHERE: Final = {
    "plan": phrase("while reading params/"),
    "runs": phrase("while reading the runs"),
    "measure": phrase("while measuring the runs"),
    "judge": phrase("while judging the runs and their evidence"),
    "forecast": phrase("while simulating reviews"),
    "ledger": phrase("at the ledger (docs/LEDGER)"),
    "flags": phrase("at the flags (params/flags.json)"),
    "engine": phrase("while asking the engine"),
    "show": phrase("while writing the report"),
}
ROOM: Final = phrase("make room there and run the same command again")
ALLOW: Final = phrase("let this user read and write it, then run the same command again")
NEXT: Final = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: phrase("the system allows no file of this size (`ulimit -f`)"),
    errno.EACCES: ALLOW,
    errno.EPERM: ALLOW,
    errno.EROFS: phrase(
        "the file system is read-only; name a folder that can be written, or mount it so"
    ),
    errno.ENOENT: phrase("check the path, or restore what is missing with git"),
    errno.ENOTDIR: phrase("a part of the path is a file; expected a folder"),
    errno.EEXIST: phrase("something else is in its place; move it away or name another path"),
    errno.EISDIR: phrase("it is a folder; expected a file"),
    errno.ELOOP: phrase("links lead in a circle; expected a file or folder"),
    errno.ENAMETOOLONG: phrase("name a shorter path"),
    errno.EMFILE: phrase("too many files are open at once (`ulimit -n`)"),
    errno.ENFILE: phrase("too many files are open on this machine"),
    errno.ENOMEM: phrase("free some memory and run the same command again"),
    errno.EAGAIN: phrase(
        "the system has no process or memory left; run the same command again later"
    ),
    errno.ENOEXEC: phrase("it is no program"),
}


_RING: Final = re.compile(r"Symlink loop from '(.*)'", re.DOTALL)  # pathlib's, before Python 3.13


class StoppedBySignal(KeyboardInterrupt):
    """The system or a person asks this process to end.

    Attributes:
        number: which signal.
    """

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(number)
        self.number = number


class Failure(NamedTuple):
    """What a command ends with.

    Attributes:
        sentence: for the person who typed the command.
        code: the exit code.
        foreseen: False for a fault of rolloutlib.
    """

    sentence: str
    code: int
    foreseen: bool = True


def failure_of(error: BaseException) -> Failure:
    """Return the sentence, in the language that is spoken, and exit code for whatever it was."""
    if isinstance(error, RolloutError):
        return Failure(worded(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        number = getattr(error, "number", INTERRUPTED - 128)
        again = worded("interrupted before all was done; {again} to finish it", again=AGAIN)
        return Failure(again, 128 + number)
    return _of_the_system(error) or _fault(error)


def _of_the_system(error: BaseException) -> Failure | None:
    """Return what the machine, a file or a name is to blame for; None for anything else."""
    where, again = _where(error), {"again": AGAIN}
    error = _of_links(error) or error
    if isinstance(error, MemoryError):
        less = phrase(
            "there was not enough memory{where}; free some, or give it less to read; then {again}",
            where=where, **again,
        )  # fmt: skip
        return Failure(worded(less), 1)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(worded(_refused(error)), 1)
    if isinstance(error, UnicodeEncodeError):
        unwritten = phrase(
            "{name} is no text in UTF-8{where}; rename it, and {again}",
            name=plain(error.object, 120), where=where, **again,
        )  # fmt: skip
        return Failure(worded(unwritten), 2)
    if isinstance(error, ImportError):
        broken = phrase(
            "a part of the installation cannot be loaded ({what}); give it more memory, or remove "
            ".venv and run `make review`", what=plain(str(error), 200),
        )  # fmt: skip
        return Failure(worded(broken), 1)
    if isinstance(error, RecursionError):
        deep = phrase(
            "something is nested too deep{where}; restore the file with git, or write it flat. "
            "{details}", where=where, details=_details(error),
        )  # fmt: skip
        return Failure(worded(deep), 1)
    return None


def _of_links(error: BaseException) -> OSError | None:
    """Return pathlib's own error of links that lead in a circle as the system's."""
    ring = _RING.match(str(error)) if isinstance(error, RuntimeError) else None
    return OSError(errno.ELOOP, os.strerror(errno.ELOOP), ring[1]) if ring else None


def _fault(error: BaseException) -> Failure:
    """Return what nobody has foreseen."""
    fault = phrase(
        "this is a fault of rolloutlib, not yours{where}: {what}; `rollout verify` and `rollout "
        "flags check` say what stands. {details}",
        where=_where(error), what=plain(str(error), 300) or phrase("nothing more is known"),
        details=_details(error),
    )  # fmt: skip
    return Failure(worded(fault), 1, foreseen=False)


def _refused(error: OSError) -> Phrase:
    """Say what the system refused, of which file or program, and the way out."""
    try:
        os.getcwd()  # noqa: PTH109 -- pathlib has no other
    except OSError:
        return phrase(
            "the folder in which this was called is gone; change into the workbook's folder"
        )
    names = [name for name in (error.filename, error.filename2) if name is not None]
    what = " → ".join(plain(os.fsdecode(name)) for name in names if not isinstance(name, int))
    way = NEXT.get(error.errno or 0) or phrase("mend that and {again}", again=AGAIN)
    if error.errno == errno.ENOENT and what and os.sep not in what:
        way = phrase("if it is a program, install it; if a file, {otherwise}", otherwise=way)
    facts = {"what": what or phrase("the system refused"), "why": error, "way": way}
    if (place := _place(error)) is not None:
        return phrase("{what}: {why} ({place}); {way}", place=place, **facts)
    return phrase("{what}: {why}; {way}", **facts)


def _where(error: BaseException) -> Phrase | str:
    place = _place(error)
    return phrase(" {place}", place=place) if place else ""


def _place(error: BaseException) -> Phrase | None:
    """Return in which part of the work an error arose: the innermost chapter that was at it."""
    place, step = None, error.__traceback__
    while step is not None:
        place, step = WHERE.get(_chapter(step), place), step.tb_next
    return place


def _chapter(step: TracebackType) -> str:
    module: str = step.tb_frame.f_globals.get("__name__", "")
    return module.removeprefix("rolloutlib.").partition(".")[0] if "rolloutlib." in module else ""


def _details(error: BaseException) -> Phrase:
    """Keep the traceback in a file of its own, and say where it is."""
    from tempfile import mkstemp
    from traceback import format_exception

    with suppress(Exception):
        handle, path = mkstemp(prefix="rollout-", suffix=".log")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 -- a handle
            file.writelines(format_exception(error))
        return phrase("Details for its developers: {path}", path=path)
    return phrase("{variable}=1 before the command shows details for its developers", variable=SHOW)
