"""One run of the engine's command: its three pipes, within bounds, and nothing of it left behind.

What the engine prints is read as it comes and never held beyond a cap, so an engine that prints for
ever costs its cap and not the machine. `keeper.py` stands between and ends what the engine started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.runs.quarantine import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Self

__all__ = ["MOST_ANSWER", "MOST_ERRORS", "Heard", "StoppedError", "run_engine"]

MOST_ANSWER: Final = 4_000_000  # bytes of standard output: one run_result for one prompt
MOST_ERRORS: Final = 16_000_000  # bytes of standard error: a talkative engine, no endless one
# A reviewed engine is no signer: it does not get the agent that holds people's keys.
WITHHELD: Final = {"SSH_AUTH_SOCK", "SSH_AGENT_PID"}
_KEEPER = Path(__file__).with_name("keeper.py")
_PIECE, _TAIL = 65_536, 4_096
_GRACE_S = 1.0  # for the rest of the answer, when the engine has ended and a child holds its pipe
_PATIENCE_S = 8.0  # for the keeper, which gives itself less

End = Literal["itself", "timeout", "answer", "errors", "lost"]
Pipe = Literal["in", "out", "err", "status"]


class StoppedError(RolloutError):
    """The call was ended from here, because the whole benchmark ends."""


class Heard(NamedTuple):
    """What an engine printed, and how it ended.

    Attributes:
        end: by `itself`; at the `timeout`; because it printed more than an `answer` or its
            `errors` may have; or its keeper was `lost`.
        code: the exit code, negative for a signal; None where it did not end by itself.
        out: standard output, whole if it ended by itself.
        err: the last bytes of standard error.
    """

    end: End
    code: int | None
    out: bytes
    err: bytes


def run_engine(
    command: Sequence[str],
    stdin_bytes: bytes,
    *,
    timeout_s: float,
    most_bytes: int = MOST_ANSWER,
    stopped: int | None = None,
) -> Heard:
    """Run the engine's command once, in the caller's folder, and end all that it started.

    Args:
        command: the program and its arguments; no shell reads them.
        stdin_bytes: what stands on its standard input, which then ends.
        timeout_s: after so many seconds everything is killed.
        most_bytes: likewise when it has printed more on standard output.
        stopped: a file descriptor; everything is killed when it can be read.

    Raises:
        UsageError: the program cannot be started.
        StoppedError: `stopped` could be read.
    """
    with _Keeper(command) as keeper:
        return _Conversation(keeper, stdin_bytes, most_bytes).run(timeout_s, stopped)


class _Keeper:
    """The keeper of one engine, from its start until all that the engine started is gone."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command, self.engine = command, 0
        (control, self.control), (self.status, status) = os.pipe(), os.pipe()
        python = [sys.executable, "-I", "-S", str(_KEEPER), str(control), str(status)]
        environment = {k: value for k, value in os.environ.items() if k not in WITHHELD}
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(  # noqa: S603
                [*python, *command], stdin=pipe, stdout=pipe, stderr=pipe, env=environment,
                pass_fds=(control, status), start_new_session=True, bufsize=0,
            )  # fmt: skip
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            os.close(self.control)
            os.close(self.status)
            raise self.unstartable(error) from None
        finally:
            os.close(control)
            os.close(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the keeper end the engine and all its descendants, and wait until it has."""
        os.close(self.control)
        try:
            self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            if self.process.returncode and self.engine:  # somebody killed the keeper
                with suppress(OSError):
                    os.killpg(self.engine, signal.SIGKILL)
            for stream in self.streams.values():
                stream.close()
            os.close(self.status)

    @property
    def streams(self) -> dict[Pipe, IO[bytes]]:
        """The engine's own three pipes."""
        process = self.process
        named: tuple[tuple[Pipe, IO[bytes] | None], ...] = (
            ("in", process.stdin), ("out", process.stdout), ("err", process.stderr),
        )  # fmt: skip
        return {name: stream for name, stream in named if stream is not None}

    def unstartable(self, why: OSError | ValueError) -> UsageError:
        """Say that the command is none."""
        return UsageError(
            "{command} cannot be started ({why}); expected the engine's command, such as --engine "
            "'python engine.py'", command=shown(self.command[0]), why=why,
        )  # fmt: skip


class _Conversation:
    """What is written to an engine and read from it, until it ends or has to be ended."""

    def __init__(self, keeper: _Keeper, stdin_bytes: bytes, most_bytes: int) -> None:
        self.keeper, self.rest, self.most_bytes = keeper, memoryview(stdin_bytes), most_bytes
        self.out, self.err, self.status = bytearray(), bytearray(), bytearray()
        self.err_bytes = 0
        self.code: int | None = None
        self.until, self.grace = inf, inf
        self.open: dict[Pipe, int] = {"status": keeper.status}
        self.open |= {name: stream.fileno() for name, stream in keeper.streams.items()}
        self.ready = DefaultSelector()

    def run(self, timeout_s: float, stopped: int | None) -> Heard:
        """Speak and listen until the end."""
        self.until = monotonic() + timeout_s
        with self.ready:
            for name, pipe in self.open.items():
                os.set_blocking(pipe, False)
                event, act = EVENT_READ, partial(self.listen, name)
                if name == "in":
                    event, act = EVENT_WRITE, self.speak
                self.ready.register(pipe, event, act)
            if stopped is not None:
                self.ready.register(stopped, EVENT_READ, _stop)
            while (end := self.end()) is None:
                wait_s = max(0.0, min(self.until, self.grace) - monotonic())
                for key, _ in self.ready.select(wait_s):
                    key.data()
        return Heard(end, self.code if end == "itself" else None, bytes(self.out), bytes(self.err))

    def end(self) -> End | None:
        """Say whether it is over, and how it ended."""
        now = monotonic()
        if len(self.out) > self.most_bytes:
            return "answer"
        if self.err_bytes > MOST_ERRORS:
            return "errors"
        if self.code is not None:
            return None if {"out", "err"} & self.open.keys() and now < self.grace else "itself"
        if "status" not in self.open:
            return "lost"
        return "timeout" if now >= self.until else None

    def speak(self) -> None:
        """Write some of the request; an engine that does not read it is none the worse."""
        try:
            self.rest = self.rest[os.write(self.open["in"], self.rest[:_PIECE]) :]
        except BlockingIOError:
            return
        except OSError:
            self.rest = self.rest[:0]
        if not self.rest:
            self.close("in")
            self.keeper.streams["in"].close()

    def listen(self, name: Pipe) -> None:
        """Read some of what the engine or its keeper says; of standard error the end is kept."""
        try:
            data = os.read(self.open[name], _PIECE)
        except BlockingIOError:
            return
        if not data:
            self.close(name)
        elif name == "out":
            self.out += data
        elif name == "err":
            self.err_bytes += len(data)
            self.err = (self.err + data)[-_TAIL:]
        else:
            self.status += data
            self.obey()

    def obey(self) -> None:
        """Take in the whole lines of the keeper."""
        *lines, rest = bytes(self.status).split(b"\n")
        self.status = bytearray(rest)
        for line in lines:
            word, _, number = line.decode().partition(" ")
            if word == "pid":
                self.keeper.engine = int(number)
            elif word == "failed":
                raise self.keeper.unstartable(OSError(int(number), os.strerror(int(number))))
            else:
                self.code = os.waitstatus_to_exitcode(int(number))
                self.grace = monotonic() + _GRACE_S

    def close(self, name: Pipe) -> None:
        """Listen to a pipe no longer."""
        self.ready.unregister(self.open.pop(name))


def _stop() -> None:
    raise StoppedError("the benchmark was stopped")
