"""The fields of a sample as source.yaml may map them, and what is the same in every row."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, Literal, Self, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from rolloutlib.doors.paths import overlap
from rolloutlib.phrase import Clause, phrase
from rolloutlib.runs.column_spec import Column, ColumnSpec
from rolloutlib.runs.spellings import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "MEASURED",
    "TAGS",
    "UNITS_OF_ITEMS",
    "WIRE",
    "Columns",
    "Constants",
    "Engine",
    "words_of_yaml",
    "wrong_keys",
    "wrong_sides",
]

UNITS_OF_ITEMS = ("prompt_id", "user_id", "cluster")  # of which rows of `explode` need one
TAGS = ("issues", "suggested_tags", "confirmed_tags")
_SCORES = ("score", "human_score")
_OPTIONS = {
    "unit": ("latency_ms", "started_at"),
    "since": ("latency_ms",),
    "scale": _SCORES,
    "values": (*_SCORES, "error"),
    "separator": TAGS,
}
_JOINED = ("arm", "run_id", "sample_id", "prompt_id", "user_id", "session_id", "cluster", "profile",
           "category")  # fmt: skip
_STAMPS = ("s", "ms", "us", "ns")
_ALWAYS = ("arm", "run_id", "sample_id", "passed", "status")  # fields that no word may empty


class _Model(BaseModel):
    """What people write in YAML: unknown keys, NaN and infinite values are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Columns(_Model):
    """Which column is which field; ``arm`` is needed here, in constants or in arms."""

    arm: Column | None = None
    run_id: Column | None = None
    started_at: Column | None = None
    seed: Column | None = None
    profile: Column | None = None
    sample_id: Column | None = None
    prompt_id: Column | None = None
    user_id: Column | None = None
    session_id: Column | None = None
    cluster: Column | None = None
    category: Column | None = None
    difficulty: Column | None = None
    passed: Column | None = None
    status: Column | None = None
    score: Column | None = None
    latency_ms: Column | None = None
    issues: Column | None = None
    veto_reason: Column | None = None
    style_violations: Column | None = None
    covariate: Column | None = None
    suggested_tags: Column | None = None
    confirmed_tags: Column | None = None
    cost: Column | None = None
    tokens_in: Column | None = None
    tokens_out: Column | None = None
    cached: Column | None = None
    human_passed: Column | None = None
    human_score: Column | None = None
    error: Column | None = None

    @model_validator(mode="after")
    def _options(self) -> Self:
        for name, spec in self.mapped.items():
            for option in sorted(spec.model_fields_set & _OPTIONS.keys()):
                if name not in _OPTIONS[option]:
                    raise ValueError(
                        phrase(
                            "{name} has a {option}; expected that only of {fields}",
                            name=name, option=option, fields=_OPTIONS[option],
                        )
                    )  # fmt: skip
            if wrong := _wrong(name, spec):
                raise ValueError(phrase("{name} {wrong}", name=name, wrong=wrong))
        return self

    @property
    def mapped(self) -> dict[str, ColumnSpec]:
        """The fields that the source has."""
        return {name: spec for name, spec in self if spec is not None}

    def with_those_of(self, others: Columns) -> Columns:
        """Return the same with further fields."""
        return self.model_copy(update=others.mapped)


def _wrong(name: str, spec: ColumnSpec) -> Clause:
    """Say what is wrong with a field's options, and what is expected; nothing where all is well."""
    if name in _ALWAYS and spec.says("none"):
        return phrase("has a none; expected it only of fields that a sample may lack")
    if len(spec.paths) > 1 and name not in _JOINED and not (name in _SCORES and spec.values):
        return phrase(
            "is a list of columns; expected that only of {fields}, and of scores with values",
            fields=_JOINED,
        )
    if name == "started_at" and spec.unit not in _STAMPS:
        return phrase(
            "has unit {unit}; expected one of {units}, counted from 1970 on",
            unit=spec.unit, units=[*_STAMPS],
        )  # fmt: skip
    if name == "error" and {*spec.values.values()} - {True, False}:
        return phrase('has values that are no truths; expected such as {ERROR: true, "*": false}')
    if name in _SCORES and not spec.scores_words:
        return phrase(
            "has values that are no numbers; expected them on its scale, such as {C: 1, I: 0}"
        )
    return ""


def wrong_keys(keys: Sequence[str]) -> Clause:
    """Say why nobody, or not one key alone, tells the arm; nothing where one does."""
    if not keys:
        return phrase(
            "columns.arm is missing; expected the column that names the arm, or arms by file, "
            "named or wide"
        )
    if len(keys) > 1:
        expectation = (
            phrase("expected either arms by file or a column") if "arms" in keys
            else phrase("expected one")
        )  # fmt: skip
        return phrase(
            "{key} is there beside {other}, another arm; {due}",
            key=keys[-1], other=keys[0], due=expectation,
        )  # fmt: skip
    return ""


def wrong_sides(wide: Mapping[str, Columns], shared: Columns, scores: Iterable[str]) -> Clause:
    """Say what is wrong with the columns of arms that share their rows; nothing if all is well.

    Args:
        wide: the columns of each arm.
        shared: those of all.
        scores: the names of further scorers, which are of all.
    """
    if not wide:
        return ""
    if len(wide) == 1:
        return phrase("wide has arm {arm} alone; expected two arms", arm=next(iter(wide)))
    return _alike_sides(wide) or _unlike_fields(wide, shared) or _measured_once(shared, scores)


def _unlike_fields(wide: Mapping[str, Columns], shared: Columns) -> Clause:
    """Say which field one arm has alone, or has twice."""
    every = {arm: {*columns.mapped} for arm, columns in wide.items()}
    for arm, fields in every.items():
        for other, theirs in every.items():
            if lacking := sorted(theirs - fields):
                return phrase(
                    "wide.{arm} lacks {field}, which wide.{other} has; expected both",
                    arm=arm, field=lacking[0], other=other,
                )  # fmt: skip
        if twice := sorted(fields & shared.mapped.keys()):
            return phrase(
                "wide.{arm}.{field} is in columns too; expected it in one of them",
                arm=arm, field=twice[0],
            )  # fmt: skip
    return ""


def _measured_once(shared: Columns, scores: Iterable[str]) -> Clause:
    """Say which measurement both arms would have alike, as if each had been measured."""
    alike = [f"columns.{name}" for name in MEASURED if name in shared.mapped]
    alike += [f"scores.{name}" for name in scores]
    if not alike:
        return ""
    return phrase(
        "{key} would be the same in every arm of wide; expected it of each arm alone, under wide, "
        "or not at all",
        key=alike[0],
    )


def _alike_sides(wide: Mapping[str, Columns]) -> Clause:
    """Say which two arms have the same columns, read alike: an arm against itself."""
    sides = list(wide.items())
    for place, (arm, columns) in enumerate(sides):
        for other, theirs in sides[:place]:
            for name in columns.mapped.keys() & theirs.mapped.keys():
                if _are_alike(columns.mapped[name], theirs.mapped[name]):
                    return phrase(
                        "wide.{other} and wide.{arm} have the same {field}; expected a column of "
                        "each arm (of a preference another scale)",
                        other=other, arm=arm, field=name,
                    )  # fmt: skip
    return ""


def _are_alike(column: ColumnSpec, other: ColumnSpec) -> bool:
    """Whether two arms read one place, but for a preference: the other way round."""
    starts = column.since, other.since
    ends = zip(column.paths, other.paths, strict=False)
    return (
        len(column.paths) == len(other.paths)
        and all(overlap(*paths) for paths in ends)
        and (starts[0] == starts[1] or (None not in starts and overlap(*map(str, starts))))
        and not _are_reversed(column, other)
    )


def _are_reversed(column: ColumnSpec, other: ColumnSpec) -> bool:
    """Whether what is best of one is worst of the other, in every word and on the scale.

    A scale alone is reversed; so are words alone whose numbers add up to the ends of their scale.
    """
    if column.values.keys() != other.values.keys():
        return False
    turned = column.scale == other.scale[::-1]
    if turned:
        return column.values == other.values
    ends = sum(column.scale)
    return (
        bool(column.values)
        and column.scale == other.scale
        and all(
            isclose(number + other.values[name], ends) for name, number in column.values.items()
        )
    )


# How the engine and the run envelopes write the fields.
WIRE = {name: "id" if name == "sample_id" else to_camel(name) for name in Columns.model_fields}


class Constants(_Model):
    """What is the same for every row and stands in no column."""

    arm: str | None = None
    run_id: str | None = None
    started_at: AwareDatetime | None = None
    profile: str | None = None
    stage: int | None = None
    category: str | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None


# What may not choose rows: what was measured, or may come of it.
MEASURED = (
    "passed", "status", "error", "score", "latency_ms", "issues", "veto_reason", "style_violations",
    "suggested_tags", "confirmed_tags", "cost", "tokens_in", "tokens_out", "human_passed",
    "human_score",
)  # fmt: skip


def words_of_yaml(value: object) -> object:
    """YAML reads true and false as booleans; in a map of statuses they are words like any other."""
    if not isinstance(value, dict):
        return value
    return {word(key): status for key, status in cast("dict[object, object]", value).items()}


class Engine(_Model):
    """What source.yaml says of run envelopes: that their numbers are in the engine's own units."""

    unit: Literal["ms"] | None = None
    scale: tuple[Literal[0], Literal[10]] | None = None
