"""What a command prints to: its reader may leave, its disk may be full, it may be closed.

A command is not stopped by what it prints: its work is done to the end, and only then is told that
nobody could read it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["PatientStream", "patient_streams"]


class PatientStream:
    """A stream that takes whatever is written: `rollout … | head` is no reason to stop.

    Attributes:
        failure: why it could not be written, where the reason is another one than that its reader
            left: a full disk.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Wrap a stream; None is one that was closed before Python began."""
        self.failure: OSError | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; what the stream's encoding lacks is written as Python writes it."""
        if self._stream is not None:
            self._try(self._stream.write, _encodable(text, self._stream))
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        if self._stream is not None:
            self._try(self._stream.flush)

    def isatty(self) -> bool:
        """Whether a person looks on."""
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def _try(self, speak: Callable[..., object], *text: str) -> None:
        try:
            speak(*text)
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            self._leave()
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                self.failure = error

    def _leave(self) -> None:
        """Let nothing reach the stream any more, neither from here nor when Python ends."""
        stream, self._stream = self._stream, None
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, cast("TextIO", stream).fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the stream has."""
        return getattr(self._stream, name)


@contextmanager
def patient_streams() -> Generator[tuple[PatientStream, PatientStream]]:
    """Let both streams lose their reader, from the first word (`--help`) to the last flush."""
    out, err = PatientStream(sys.stdout), PatientStream(sys.stderr)
    with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", err)):
        try:
            yield out, err
        finally:
            out.flush()
            err.flush()


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if text.isascii():
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)
