"""A column of a source as source.yaml names it, with its options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, field_validator

from rolloutlib.plan.gates import Model
from rolloutlib.plan.segments import MOST_SEGMENTS, NAME, checked
from rolloutlib.runs.spellings import NOTHING, word

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["UNITS", "Column", "ColumnSpec", "Scores", "Segments", "Texts", "check_scorers"]

_SCALE = (0.0, 10.0)
UNITS = {"ms": 1.0, "s": 1000.0, "us": 1e-3, "ns": 1e-6, "min": 6e4, "h": 3.6e6}  # milliseconds


def _as_words(value: object) -> object:
    """A word for nothing may be written as a number, as null or as true; one needs no list."""
    several = cast("list[object]", value if isinstance(value, list | tuple) else [value])
    return tuple(map(word, several))


class ColumnSpec(Model):
    """A column and how its cells are to be read.

    Attributes:
        column: its name in the file.
        unit: of a latency; milliseconds are the default.
        scale: of a score (the judge's, a person's, a further scorer's), lowest and highest; scores
            are mapped linearly to 0–10.
        separator: between the words of a list that is written as text.
        none: what stands where there is no value, such as -1 or n/a, without case; of issues and
            tags the words that name none.
    """

    column: str
    unit: Literal["ms", "s", "us", "ns", "min", "h"] = "ms"
    scale: tuple[float, float] = _SCALE
    separator: str | None = None
    none: Annotated[tuple[str, ...], BeforeValidator(_as_words)] = ()

    def says(self, option: str) -> bool:
        """Whether source.yaml itself names an option, so that nobody has to doubt it."""
        return option in self.model_fields_set

    @property
    def no_tags(self) -> tuple[str, ...]:
        """The words of a column of tags that are no tag."""
        return self.none if self.says("none") else NOTHING

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] >= scale[1]:
            expected = "expected the lowest score, then the highest"
            msg = f"goes from {scale[0]:g} to {scale[1]:g}; {expected}"
            raise ValueError(msg)
        return scale


def _named(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Column = Annotated[ColumnSpec, BeforeValidator(_named, json_schema_input_type=str | ColumnSpec)]


def _mapped(segments: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
    checked(segments, own=False)
    _only(segments, "column", "none")
    return segments


def _scored(scores: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
    check_scorers(scores)
    _only(scores, "column", "none", "scale")
    return scores


def check_scorers(names: Collection[str]) -> None:
    """Refuse what are no names of scorers.

    Raises:
        ValueError: there are too many, or one is no name.
    """
    if len(names) > MOST_SEGMENTS:
        raise ValueError(f"names {len(names)} scorers; expected at most {MOST_SEGMENTS}")
    expected = "expected a plain word of a–z, 0–9 and _ that begins with a letter, 40 at most"
    for name in names:
        if not re.fullmatch(NAME, name):
            raise ValueError(f"{name[:80]!r} is no name of a scorer; {expected}")


def _only(columns: dict[str, ColumnSpec], *options: str) -> None:
    for name, spec in columns.items():
        if wrong := sorted(spec.model_fields_set - {*options}):
            listed = f"{', '.join(options[:-1])} and {options[-1]}"
            msg = f"{name} has a {wrong[0]}; expected {listed} alone"
            raise ValueError(msg)


# A segment's name → the column that it is.
Segments = Annotated[dict[str, Column], AfterValidator(_mapped)]
# A further scorer's name → the column and the scale of its numbers.
Scores = Annotated[dict[str, Column], AfterValidator(_scored)]


class Texts(Model):
    """Where what was asked and what was answered stand: they are shown, and never measured."""

    prompt: str | None = None
    answer: str | None = None
