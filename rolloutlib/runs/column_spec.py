"""A column of a source as source.yaml names it, with its options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from rolloutlib.phrase import both, phrase
from rolloutlib.plan.gates import Model
from rolloutlib.plan.segments import MOST_SEGMENTS, NAME, checked
from rolloutlib.runs.spellings import NOTHING, word

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "UNITS",
    "Column",
    "ColumnSpec",
    "Globs",
    "Scores",
    "Segments",
    "Texts",
    "Words",
    "check_scorers",
]

_SCALE = (0.0, 10.0)
UNITS = {"ms": 1.0, "s": 1000.0, "us": 1e-3, "ns": 1e-6, "min": 6e4, "h": 3.6e6}  # milliseconds


def _as_words(value: object) -> object:
    """A word may be written as a number, as null or as true; one needs no list."""
    several = cast("list[object]", value if isinstance(value, list | tuple) else [value])
    return tuple(map(word, several))


_Written = str | int | float | bool | None
# Words of a source, as YAML may write them.
Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_words, json_schema_input_type=_Written | tuple[_Written, ...]),
]


def _as_keys(value: object) -> object:
    """YAML reads true and false as booleans; as keys of a map they are words like any other."""
    if not isinstance(value, dict):
        return value
    return {word(key): meaning for key, meaning in cast("dict[object, object]", value).items()}


def _as_paths(value: object) -> object:
    return (value,) if isinstance(value, str) else value


# Patterns of files' names; one needs no list.
Globs = Annotated[
    tuple[str, ...], BeforeValidator(_as_paths, json_schema_input_type=str | tuple[str, ...])
]
# A column's name, or a path into records; of what has several parts a list of them.
_AS_PATHS = BeforeValidator(_as_paths, json_schema_input_type=str | tuple[str, ...])


class ColumnSpec(Model):
    """A column and how its cells are to be read.

    Attributes:
        paths: its name in the file or its path in a record, ``column`` in YAML; several are the
            parts of one id.
        unit: of a latency, milliseconds are the default; of a time what is counted from 1970 on.
        since: where the start stands, of a latency whose column is the end.
        scale: of a score (the judge's, a person's, a further scorer's), from worst to best; scores
            are mapped linearly to 0–10.
        values: what a word stands for, of a score a number on its scale.
        separator: between the words of a list that is written as text.
        none: what stands where there is no value, such as -1 or n/a, without case; of issues and
            tags the words that name none.
    """

    paths: Annotated[tuple[str, ...], _AS_PATHS] = Field(alias="column", min_length=1)
    unit: Literal["ms", "s", "us", "ns", "min", "h"] = "ms"
    since: str | None = None
    scale: tuple[float, float] = _SCALE
    values: Annotated[dict[str, bool | float], BeforeValidator(_as_keys)] = Field(default={})
    separator: str | None = None
    none: Words = ()

    @property
    def column(self) -> str:
        """What it is called in messages: its name, or the parts of an id."""
        return "/".join(self.paths)

    @property
    def is_plain(self) -> bool:
        """Whether a cell alone is its value, so that the engine can cast it."""
        return len(self.paths) == 1 and self.since is None and not self.values

    def says(self, option: str) -> bool:
        """Whether source.yaml itself names an option, so that nobody has to doubt it."""
        return option in self.model_fields_set

    @property
    def options(self) -> set[str]:
        """The keys that source.yaml names of it."""
        return {"column" if name == "paths" else name for name in self.model_fields_set}

    @property
    def scores_words(self) -> bool:
        """Whether its words stand for numbers, if it names any."""
        return not any(isinstance(number, bool) for number in self.values.values())

    @property
    def no_tags(self) -> tuple[str, ...]:
        """The words of a column of tags that are no tag."""
        return self.none if self.says("none") else NOTHING

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] == scale[1]:
            raise ValueError(
                phrase(
                    "goes from {low} to {high}; expected the worst score, then the best, such as "
                    "[0, 1]",
                    low=f"{scale[0]:g}", high=f"{scale[1]:g}",
                )
            )  # fmt: skip
        return scale


def _named(value: object) -> object:
    if isinstance(value, str):
        return {"column": value}
    return {"column": tuple(cast("list[object]", value))} if isinstance(value, list) else value


Column = Annotated[
    ColumnSpec, BeforeValidator(_named, json_schema_input_type=str | tuple[str, ...] | ColumnSpec)
]


def _mapped(segments: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
    checked(segments, own=False)
    _only(segments, "column", "none")
    return segments


def _scored(scores: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
    check_scorers(scores)
    _only(scores, "column", "none", "scale", "values")
    for name, spec in scores.items():
        if len(spec.paths) > 1:
            raise ValueError(phrase("{name} is a list of columns; expected one", name=name))
        if not spec.scores_words:
            raise ValueError(
                phrase(
                    "{name} has values that are no numbers; expected them on its scale", name=name
                )
            )
    return scores


def check_scorers(names: Collection[str]) -> None:
    """Refuse what are no names of scorers.

    Raises:
        ValueError: there are too many, or one is no name.
    """
    if len(names) > MOST_SEGMENTS:
        n, most = len(names), MOST_SEGMENTS
        raise ValueError(phrase("names {n} scorers; expected at most {most}", n=n, most=most))
    for name in names:
        if not re.fullmatch(NAME, name):
            raise ValueError(
                phrase(
                    "{name!r} is no name of a scorer; expected a plain word of a–z, 0–9 and _ that "
                    "begins with a letter, 40 at most",
                    name=name[:80],
                )
            )


def _only(columns: dict[str, ColumnSpec], *options: str) -> None:
    for name, spec in columns.items():
        if wrong := sorted(spec.options - {*options}):
            names = both([", ".join(options[:-1]), options[-1]])
            raise ValueError(
                phrase(
                    "{name} has a {option}; expected {options} alone",
                    name=name, option=wrong[0], options=names,
                )
            )  # fmt: skip


# A segment's name → the column that it is.
Segments = Annotated[dict[str, Column], AfterValidator(_mapped)]
# A further scorer's name → the column and the scale of its numbers.
Scores = Annotated[dict[str, Column], AfterValidator(_scored)]


class Texts(Model):
    """Where what was asked and what was answered stand: they are shown, and never measured."""

    prompt: str | None = None
    answer: str | None = None
