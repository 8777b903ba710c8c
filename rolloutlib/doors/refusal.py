"""A file that is refused, and the one key of source.yaml that would mend it."""

from __future__ import annotations

from rolloutlib.errors import RunsError

__all__ = ["DoorError"]


class DoorError(RunsError):
    """A file cannot be opened as it is.

    Attributes:
        file: its name.
        got: what it is, as a clause: "is packed (gzip)".
        expected: what is expected of it, as a clause.
        key: the key of source.yaml that would mend it; empty where none would.
        value: what was found for that key by trying; None where a person has to say.
    """

    def __init__(
        self, file: str, got: str, expected: str, *, key: str = "", value: str | None = None
    ) -> None:
        """Make the sentence of its parts."""
        super().__init__(f"{file} {got}; expected {expected}.")
        self.file, self.got, self.expected = file, got, expected
        self.key, self.value = key, value
