"""A file that is refused, and the one key of source.yaml that would mend it."""

from __future__ import annotations

from rolloutlib.errors import RunsError
from rolloutlib.phrase import Clause, phrase

__all__ = ["DoorError"]


class DoorError(RunsError):
    """A file cannot be opened as it is.

    Attributes:
        file: its name.
        got: what it is, as a clause, such as "is packed (gzip)".
        expected: what is expected of it, as a clause.
        key: the key of source.yaml that would mend it; empty where none would.
        value: what was found for that key by trying; None where a person has to say.
    """

    def __init__(
        self, file: str, got: Clause, expected: Clause, *, key: str = "", value: str | None = None
    ) -> None:
        """Make the sentence of its parts."""
        super().__init__(
            phrase("{file} {got}; expected {expected}.", file=file, got=got, expected=expected)
        )
        self.file, self.got, self.expected = file, got, expected
        self.key, self.value = key, value
