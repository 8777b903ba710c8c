"""The engine's keeper: a small program that starts an engine, and ends all that the engine started.

It runs as a process of its own between `rollout` and the engine, one a call, and knows nothing but
the standard library. On Linux it adopts whatever the engine leaves behind (`prctl(2)`,
PR_SET_CHILD_SUBREAPER), so a grandchild in a session of its own, orphaned, with another
environment, is still found below it. It ends them all when its control pipe closes: because the
call is over, or because `rollout` is gone, even by SIGKILL. Elsewhere it ends the engine's process
group, as far as that goes.

    keeper.py CONTROL_FD STATUS_FD PROGRAM [ARGUMENT …]

writes lines to STATUS_FD: ``pid N`` (the engine's), then ``ended STATUS`` (see `os.waitpid`) or
``failed ERRNO`` where the program cannot be started.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG
_PATIENCE_S = 5.0  # for what is killed to be gone: a process that waits for a disk may outlive it
_ROUND_S = 0.005


def main(arguments: list[str]) -> int:
    """Keep one engine until the control pipe closes."""
    control, status = (int(number) for number in arguments[:2])
    for handle in (control, status):
        os.set_inheritable(handle, False)  # noqa: FBT003 -- its only form
    _ask_the_kernel(_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    engine = _start(arguments[2:], status)
    _tell(status, f"pid {engine}")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):
        os.dup2(nowhere, handle)  # the engine's pipes end with the engine, not with its keeper
    while control not in select.select([control, woken], [], [])[0]:
        os.read(woken, 4096)
        for pid, ended in _reaped():
            if pid == engine:
                _tell(status, f"ended {ended}")
    _end_all(engine)
    return 0


def _start(command: list[str], status: int) -> int:
    """Start the engine in a session of its own; it dies with its keeper."""
    keeper = os.getpid()
    engine = os.fork()
    if engine:
        return engine
    try:
        os.setsid()
        _ask_the_kernel(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == keeper:
            for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, an engine not
                signal.signal(ignored, signal.SIG_DFL)
            os.execvp(command[0], command)  # noqa: S606 -- no shell reads the user's words
    except OSError as error:
        _tell(status, f"failed {error.errno}")
    finally:
        os._exit(127)


def _ask_the_kernel(what: int, value: int) -> None:
    """Call prctl(2) where there is one."""
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def _tell(status: int, line: str) -> None:
    with suppress(OSError):  # whoever asked may be gone
        os.write(status, f"{line}\n".encode())


def _reaped() -> list[tuple[int, int]]:
    """Return pid and status of every child that has ended."""
    ended: list[tuple[int, int]] = []
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(child)
    return ended


def _end_all(engine: int) -> None:
    """Stop everything first, so that nothing new is born meanwhile; then kill it, until all left.

    A pid is this keeper's until it is reaped here, so none of them can be a stranger's.
    """
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        stopped: set[int] = set()
        while (born := _below(os.getpid()) - stopped) and time.monotonic() < until:
            _send(born, signal.SIGSTOP)
            stopped |= born
        with suppress(OSError):
            os.killpg(engine, signal.SIGKILL)
        _send(stopped, signal.SIGKILL)
        _reaped()
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        time.sleep(_ROUND_S)


def _send(pids: set[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, what)


def _below(top: int) -> set[int]:
    """Return the pids of all descendants of a process; none where there is no /proc."""
    parents: dict[int, int] = {}
    with suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 -- pathlib takes longer
            with suppress(OSError, ValueError, IndexError):
                parents[int(name)] = _parent(f"/proc/{name}/stat")
    below: set[int] = set()
    added = {top}
    while added:
        added = {pid for pid, parent in parents.items() if parent in added} - below
        below |= added
    return below


def _parent(stat: str) -> int:
    """Read the parent's pid; the program's name before it may hold blanks and brackets."""
    handle = os.open(stat, os.O_RDONLY)
    try:
        return int(os.read(handle, 4096).rpartition(b")")[2].split()[1])
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
