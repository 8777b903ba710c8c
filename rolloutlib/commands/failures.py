"""Whatever stops a command, as one sentence: what happened, where, what to do next.

A known error is its own sentence. What the system refuses (files, memory, the disk) is told with
the file and a way out. Anything else is a fault of rolloutlib: it is called so, and what a
developer needs is in a file beside no workbook, or with ROLLOUT_TRACEBACK=1 on standard error.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.commands.options import worded
from rolloutlib.errors import RolloutError
from rolloutlib.text import plain

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SHOW", "Failure", "StoppedBySignal", "failure_of"]

SHOW: Final = "ROLLOUT_TRACEBACK"  # environment variable: show what a developer needs
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
AGAIN: Final = "run the same command again"
WHERE: Final = {
    "plan": "while reading params/",
    "runs": "while reading the runs",
    "measure": "while measuring the runs",
    "judge": "while judging the runs and their evidence",
    "forecast": "while simulating reviews",
    "ledger": "at the ledger (docs/LEDGER)",
    "flags": "at the flags (params/flags.json)",
    "engine": "while asking the engine",
    "show": "while writing the report",
}
NEXT: Final = {
    errno.ENOSPC: f"make room there and {AGAIN}",
    errno.EDQUOT: f"make room there and {AGAIN}",
    errno.EFBIG: "the system allows no file of this size (`ulimit -f`)",
    errno.EACCES: f"let this user read and write it, then {AGAIN}",
    errno.EPERM: f"let this user read and write it, then {AGAIN}",
    errno.EROFS: "the file system is read-only; name a folder that can be written, or mount it so",
    errno.ENOENT: "check the path, or restore what is missing with git",
    errno.ENOTDIR: "a part of the path is a file; expected a folder",
    errno.EEXIST: "something else is in its place; move it away or name another path",
    errno.EISDIR: "it is a folder; expected a file",
    errno.ELOOP: "links lead in a circle; expected a file",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EMFILE: "too many files are open at once (`ulimit -n`)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: f"free some memory and {AGAIN}",
    errno.EAGAIN: f"the system has no process or memory left; {AGAIN} later",
    errno.ENOEXEC: "it is no program",
}


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
    """Return the sentence and exit code for whatever ended a command."""
    if isinstance(error, RolloutError):
        return Failure(worded(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        number = getattr(error, "number", INTERRUPTED - 128)
        return Failure(f"interrupted before all was done; {AGAIN} to finish it", 128 + number)
    return _of_the_system(error) or _fault(error)


def _of_the_system(error: BaseException) -> Failure | None:
    """Return what the machine, a file or a name is to blame for; None for anything else."""
    if isinstance(error, MemoryError):
        less = f"free some, or give it less to read; then {AGAIN}"
        return Failure(f"there was not enough memory{_where(error)}; {less}", 1)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(_refused(error), 1)
    if isinstance(error, UnicodeEncodeError):
        name = plain(error.object, 120)
        return Failure(f"{name} is no text in UTF-8{_where(error)}; rename it, and {AGAIN}", 2)
    if isinstance(error, ImportError):
        broken = f"a part of the installation cannot be loaded ({plain(str(error), 200)})"
        return Failure(f"{broken}; give it more memory, or remove .venv and run `make review`", 1)
    if isinstance(error, RecursionError):
        deep = f"something is nested too deep{_where(error)}"
        return Failure(f"{deep}; restore the file with git, or write it flat. {_details(error)}", 1)
    return None


def _fault(error: BaseException) -> Failure:
    """Return what nobody has foreseen."""
    what = plain(str(error), 300) or "nothing more is known"
    fault = f"this is a fault of rolloutlib, not yours{_where(error)}: {what}"
    stands = "`rollout verify` and `rollout flags check` say what stands"
    return Failure(f"{fault}; {stands}. {_details(error)}", 1, foreseen=False)


def _refused(error: OSError) -> str:
    """Say what the system refused, of which file or program, and the way out."""
    try:
        os.getcwd()  # noqa: PTH109 -- pathlib has no other
    except OSError:
        return "the folder in which this was called is gone; change into the workbook's folder"
    names = [name for name in (error.filename, error.filename2) if name is not None]
    what = " → ".join(plain(os.fsdecode(name)) for name in names if not isinstance(name, int))
    why = error.strerror or str(error)
    if error.errno == errno.ENOENT and what and os.sep not in what:
        way = f"if it is a program, install it; if a file, {NEXT[errno.ENOENT]}"
    else:
        way = NEXT.get(error.errno or 0, f"mend that and {AGAIN}")
    where = _where(error).strip()
    return f"{what or 'the system refused'}: {why}{where and f' ({where})'}; {way}"


def _where(error: BaseException) -> str:
    """Return in which part of the work an error arose: the innermost chapter that was at it."""
    place, step = "", error.__traceback__
    while step is not None:
        place, step = WHERE.get(_chapter(step), place), step.tb_next
    return f" {place}" if place else ""


def _chapter(step: TracebackType) -> str:
    module: str = step.tb_frame.f_globals.get("__name__", "")
    return module.removeprefix("rolloutlib.").partition(".")[0] if "rolloutlib." in module else ""


def _details(error: BaseException) -> str:
    """Keep the traceback in a file of its own, and say where it is."""
    from tempfile import mkstemp
    from traceback import format_exception

    with suppress(Exception):
        handle, path = mkstemp(prefix="rollout-", suffix=".log")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 -- a handle
            file.writelines(format_exception(error))
        return f"Details for its developers: {path}"
    return f"{SHOW}=1 before the command shows details for its developers"
