"""Flat tables that somebody else wrote.

Source.yaml says which column is which field, in which unit and scale.

Nothing is guessed: a field that source.yaml does not map is null, a status that the source cannot
express is null too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self, cast
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator
from pydantic.alias_generators import to_camel

from rolloutlib.errors import did_you_mean
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.runs.columns import STATUSES

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "TAGS",
    "WIRE",
    "ColumnSpec",
    "Columns",
    "SourceSpec",
    "load_source",
    "native_source",
    "word",
]

_SCALE = (0.0, 10.0)
UNITS = {"ms": 1.0, "s": 1000.0, "us": 0.001, "min": 60_000.0}  # milliseconds in each
TAGS = ("issues", "suggested_tags", "confirmed_tags")
_OPTIONS = {"unit": ("latency_ms",), "scale": ("score",), "separator": TAGS}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ColumnSpec(_Model):
    """A column and how its cells are to be read.

    Attributes:
        column: its name in the file.
        unit: of a latency; milliseconds are the default.
        scale: of a score, lowest and highest; scores are mapped linearly to 0–10.
        separator: between the words of a list that is written as text.
    """

    column: str
    unit: Literal["ms", "s", "us", "min"] = "ms"
    scale: tuple[float, float] = _SCALE
    separator: str | None = None

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] >= scale[1]:
            due = "expected the lowest score, then the highest"
            msg = f"goes from {scale[0]:g} to {scale[1]:g}; {due}"
            raise ValueError(msg)
        return scale


def _named(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


_Column = Annotated[ColumnSpec, BeforeValidator(_named, json_schema_input_type=str | ColumnSpec)]


class Columns(_Model):
    """Which column is which field; ``arm`` and one of ``passed`` and ``status`` are needed."""

    arm: _Column | None = None
    run_id: _Column | None = None
    started_at: _Column | None = None
    seed: _Column | None = None
    profile: _Column | None = None
    sample_id: _Column | None = None
    prompt_id: _Column | None = None
    user_id: _Column | None = None
    session_id: _Column | None = None
    category: _Column | None = None
    difficulty: _Column | None = None
    passed: _Column | None = None
    status: _Column | None = None
    score: _Column | None = None
    latency_ms: _Column | None = None
    issues: _Column | None = None
    veto_reason: _Column | None = None
    style_violations: _Column | None = None
    covariate: _Column | None = None
    suggested_tags: _Column | None = None
    confirmed_tags: _Column | None = None

    @model_validator(mode="after")
    def _options(self) -> Self:
        for name, spec in self.mapped.items():
            for option in sorted(spec.model_fields_set & _OPTIONS.keys()):
                if name not in _OPTIONS[option]:
                    having = ", ".join(_OPTIONS[option])
                    msg = f"{name} has a {option}; expected that only of {having}"
                    raise ValueError(msg)
        return self

    @property
    def mapped(self) -> dict[str, ColumnSpec]:
        """The fields that the source has."""
        return {name: spec for name, spec in self if spec is not None}


# How the engine and the run envelopes write the fields.
WIRE = {name: "id" if name == "sample_id" else to_camel(name) for name in Columns.model_fields}


class Constants(_Model):
    """What is the same for every row and stands in no column."""

    arm: str | None = None
    profile: str | None = None
    stage: int | None = None
    category: str | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None


def _words(value: object) -> object:
    """YAML reads true and false as booleans; in a map of statuses they are words like any other."""
    if not isinstance(value, dict):
        return value
    return {word(key): status for key, status in cast("dict[object, object]", value).items()}


def word(value: object) -> str:
    """Return a cell as the word that `SourceSpec.statuses` lists.

    True and false as YAML and JSON write them.
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


class SourceSpec(_Model):
    """A source.yaml.

    Attributes:
        title, licence, origin: shown in reports.
        dialect: a name for messages.
        files: glob of the files that this is about; others in the folder are read as run envelopes.
        statuses: the source's words for a sample's outcome. A status that no word means stays
            unknown (null).
        timezone: of times that are written without an offset.
    """

    title: str | None = None
    licence: str | None = None
    origin: str | None = None
    dialect: str = "flat table"
    files: str = "*"
    columns: Columns
    statuses: Annotated[
        dict[str, Literal["passed", "failed", "vetoed", "error", "timeout"]],
        BeforeValidator(_words),
    ] = {}
    constants: Constants = Constants()
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            hint = did_you_mean(name, available_timezones())
            msg = f"is {name!r}; expected a name such as Asia/Seoul or UTC.{hint}"
            raise ValueError(msg)
        return name

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if not (self.columns.arm or self.constants.arm):
            msg = "columns.arm is missing; expected the column that names the arm"
            raise ValueError(msg)
        if bool(self.columns.passed) == bool(self.columns.status):
            msg = "columns needs either passed or status, so that each sample has one outcome"
            raise ValueError(msg)
        return self

    @property
    def expressible(self) -> frozenset[str]:
        """The statuses that the source can tell apart."""
        own = STATUSES if self.columns.status else ("passed", "failed")
        return frozenset(self.statuses.values() or own)


def load_source(path: Path) -> SourceSpec:
    """Read a source.yaml.

    Raises:
        PlanError: it is missing or wrong; the message names the key and what is allowed there.
    """
    return load_model(path, SourceSpec)


def native_source(columns: tuple[str, ...]) -> SourceSpec | None:
    """Return the mapping of a table whose columns have our names or the engine's.

    None when it has no outcome.
    """
    names = {
        name: wire if wire in columns else name
        for name, wire in WIRE.items()
        if {name, wire} & set(columns)
    }
    if "arm" not in names or not {"status", "passed"} & set(names):
        return None
    if "status" in names:
        names.pop("passed", None)
    mapped = {
        name: {"column": column, **({"separator": ";"} if name in TAGS else {})}
        for name, column in names.items()
    }
    return SourceSpec(columns=Columns.model_validate(mapped))
