"""What the path of a file says: a pattern such as ``{arm}/{category}_{started_at}.jsonl``.

A field is any text inside of one name, ``{_}`` any text at all, and ``{started_at}`` a time. Where
a path can be split in several ways, the earlier field is the longer one; if the arm then depends
on the way, nobody can tell it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RunsError
from rolloutlib.phrase import either, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Pattern", "as_time", "pattern_of"]

_ANYTHING: Final = "_"
_TIME: Final = "started_at"
_PART = re.compile(r"\{([^{}]*)\}")
# Times in names of files cannot have colons: 2026-11-30T09-00-00.123, 20261130_090000, …
_CLOCK = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[T_ -]?([0-9]{2})[-:._]?([0-9]{2})(?:[-:._]?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}[-:]?[0-9]{2})?)?"
)


class _Part(NamedTuple):
    """Text that stands there, or a field."""

    text: str = ""
    field: str = ""

    def ends(self, name: str, start: int) -> Iterator[int]:
        """Yield where it may end in a name if it starts at a place, the longest first."""
        if not self.field:
            if name.startswith(self.text, start):
                yield start + len(self.text)
            return
        slash = name.find("/", start)
        stop = len(name) if slash < 0 or self.field == _ANYTHING else slash
        for end in range(stop, start - (self.field == _ANYTHING), -1):
            if self.field != _TIME or _CLOCK.fullmatch(name, start, end):
                yield end

    def starts(self, name: str, end: int) -> Iterator[int]:
        """Yield where it may start in a name if it ends at a place."""
        if not self.field:
            at = end - len(self.text)
            if at >= 0 and name.startswith(self.text, at):
                yield at
            return
        anything = self.field == _ANYTHING
        for at in range(0 if anything else name.rfind("/", 0, end) + 1, end + anything):
            if self.field != _TIME or _CLOCK.fullmatch(name, at, end):
                yield at


class Pattern(NamedTuple):
    """A pattern of paths in parts."""

    written: str
    parts: tuple[_Part, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names, in their order."""
        return tuple(part.field for part in self.parts if part.field not in {"", _ANYTHING})

    @lru_cache(maxsize=4096)  # noqa: B019 -- of a pattern that is made once
    def told_by(self, name: str) -> dict[str, str]:
        """Return the fields of a path.

        Raises:
            RunsError: the path does not match, or can be split so that it is of two arms.
        """
        fits = self._fitting(name)
        if 0 not in fits[0]:
            raise RunsError(
                "{name} does not match named in source.yaml; expected a path such as {pattern}; "
                "correct named: (or files:).",
                name=name, pattern=self.written,
            )  # fmt: skip
        values: dict[str, str] = {}
        arms, start = self._arms(name, fits), 0
        if len(arms) > 1:
            raise RunsError(
                "named in source.yaml can mean arm {arms} in {name}; expected one way to split it: "
                "write more of the name.",
                arms=either(sorted(arms)[:3]), name=name,
            )  # fmt: skip
        for part, after in zip(self.parts, fits[1:], strict=True):
            end = next(end for end in part.ends(name, start) if end in after)
            if part.field and part.field != _ANYTHING:
                values[part.field] = name[start:end]
            start = end
        return values

    def _fitting(self, name: str) -> list[set[int]]:
        """Return, for each part and the end, where it may start so that all after it fits."""
        fits = [{len(name)}]
        for part in reversed(self.parts):
            fits.insert(0, {at for end in fits[0] for at in part.starts(name, end)})
        return fits

    def _arms(self, name: str, fits: list[set[int]]) -> set[str]:
        """Return every arm that a path can mean."""
        arms: set[str] = set()
        starts = {0}
        for part, after in zip(self.parts, fits[1:], strict=True):
            ends = {(at, end) for at in starts for end in part.ends(name, at) if end in after}
            arms |= {name[at:end] for at, end in ends} if part.field == "arm" else set()
            starts = {end for _, end in ends}
        return arms


@lru_cache(maxsize=64)
def pattern_of(written: str, fields: tuple[str, ...]) -> Pattern:
    """Return a pattern in parts.

    Raises:
        ValueError: it names another field, one twice, or two without text between them.

    >>> pattern_of("{arm}/samples_{_}.jsonl", ("arm",)).told_by("gpt/samples_a_b.jsonl")
    {'arm': 'gpt'}
    """
    parts: list[_Part] = []
    for place, text in enumerate(_PART.split(written)):
        if place % 2 and text not in {*fields, _ANYTHING}:
            got = f"{{{text}}}"
            raise ValueError(
                phrase("has {got}; expected one of {fields} or _", got=got, fields=fields)
            )
        if place % 2 or text:
            parts.append(_Part(field=text) if place % 2 else _Part(text=text))
    pattern = Pattern(written, tuple(parts))
    for part, following in pairwise(parts):
        if part.field and following.field:
            beside = f"{{{part.field}}}{{{following.field}}}"
            raise ValueError(phrase("has {got}; expected text between two fields", got=beside))
    if len(set(pattern.fields)) < len(pattern.fields):
        raise ValueError(phrase("names a field twice; write {_} for the second"))
    if not pattern.fields:
        names = [f"{{{field}}}" for field in fields]
        raise ValueError(phrase("names no field; expected some of {fields}", fields=names))
    return pattern


def as_time(written: str) -> str:
    """Return a time of a file's name as ISO 8601 writes it.

    >>> as_time("2026-11-30T09-00-00.123456"), as_time("20261130")
    ('2026-11-30T09:00:00.123456', '2026-11-30')
    """
    clock = _CLOCK.fullmatch(written)
    if clock is None:
        return written
    year, month, day, hour, minute, second, fraction, offset = clock.groups()
    date = f"{year}-{month}-{day}"
    if hour is None:
        return date
    time = f"{hour}:{minute}:{second or '00'}" + (f".{fraction[:6]:0<6}" if fraction else "")
    shift = "" if offset is None else offset if offset == "Z" else f"{offset[:3]}:{offset[-2:]}"
    return f"{date}T{time}{shift}"
