r"""Flat tables that somebody else wrote.

Source.yaml says which column is which field, in which unit and scale.

Nothing is guessed: a field that source.yaml does not map is null, a status that the source cannot
express is null too. A source of scores alone needs no status: its outcomes are unknown.

    title, licence, origin     shown in reports
    files                      glob of the files that this is about
    columns                    field: column, or field: {column: …, and its options}; a dotted name
                               (provider.id, results.0.score) reaches into nested records
      unit                     of latency_ms: ms (default), us, ns, s, min, h
      scale                    of score and human_score: [lowest, highest], default [0, 10]
      separator                of issues and tags that are one text
      none                     what stands where there is no value: [-1, n/a]; of issues and tags
                               the words for no issue (by default "", -, none, n/a, null, [], ok, …)
    statuses                   the source's words: {ok: passed, bad: failed}; true and false stand
                               for True, TRUE, t, yes, y, 1 and 1.0, and for their opposites
    constants                  what is the same in every row: {profile: default}
    segments                   further columns to tell samples apart by: {platform: device}
    scores                     further scorers: {helpful: {column: h, scale: [1, 5]}}
    texts                      what was asked and answered: {prompt: question, answer: output}
    arms                       the arm by file: {control: v1.csv, treatment: "v2/*.csv"}
    records                    where the list of samples is in a .json file: results.results
    escape                     "\\" where a CSV writes \" for a quote inside quotes
    timezone                   of times that are written without an offset
    encoding, delimiter, decimal, sheet   how a file is written: cp949, ";", ",", Results
    envelopes                  {unit: ms, scale: [0, 10]}: the engine's own runs are in these
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator
from pydantic.alias_generators import to_camel

from rolloutlib.errors import RunsError, did_you_mean
from rolloutlib.plan.metrics import SCORER
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.runs.column_spec import Column, ColumnSpec, Scores, Segments, Texts
from rolloutlib.runs.columns import STATUSES, TEXTS
from rolloutlib.runs.spellings import word
from rolloutlib.runs.wrapping import Wrapping

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TAGS", "WIRE", "ColumnSpec", "Columns", "SourceSpec", "load_source", "source_of"]

TAGS = ("issues", "suggested_tags", "confirmed_tags")
_OPTIONS = {"unit": ("latency_ms",), "scale": ("score", "human_score"), "separator": TAGS}
_ALWAYS = ("arm", "run_id", "sample_id", "passed", "status")  # fields that no word may empty


class _Model(BaseModel):
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

    @model_validator(mode="after")
    def _options(self) -> Self:
        for name, spec in self.mapped.items():
            for option in sorted(spec.model_fields_set & _OPTIONS.keys()):
                if name not in _OPTIONS[option]:
                    having = ", ".join(_OPTIONS[option])
                    msg = f"{name} has a {option}; expected that only of {having}"
                    raise ValueError(msg)
            if name in _ALWAYS and spec.says("none"):
                msg = f"{name} has a none; expected it only of fields that a sample may lack"
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


class Engine(_Model):
    """What source.yaml says of run envelopes: that their numbers are in the engine's own units."""

    unit: Literal["ms"] | None = None
    scale: tuple[Literal[0], Literal[10]] | None = None


def _globs(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class SourceSpec(_Model, Wrapping):
    """A source.yaml.

    Attributes:
        title, licence, origin: shown in reports.
        dialect: a name for messages.
        files: glob of the files that this is about; others in the folder are read as run envelopes.
        statuses: the source's words for a sample's outcome. A status that no word means stays
            unknown (null).
        segments: our name → their column, by which samples are told apart too.
        scores: a further scorer's name → its column and scale.
        texts: where prompts and answers stand.
        arms: glob, or globs, of the files of each arm, where no column names it.
        records: where a .json file holds its list of samples: names joined by dots, "." for the
            file itself.
        escape: the character before a quote inside a quoted cell of a CSV that does not double it.
        envelopes: what is said of run envelopes beside the table.
    """

    title: str | None = None
    licence: str | None = None
    origin: str | None = None
    dialect: str = "flat table"
    files: str = "*"
    columns: Columns = Columns()
    statuses: Annotated[
        dict[str, Literal["passed", "failed", "vetoed", "error", "timeout"]],
        BeforeValidator(_words),
    ] = {}
    constants: Constants = Constants()
    segments: Segments = {}
    scores: Scores = {}
    texts: Texts = Texts()
    arms: dict[str, Annotated[tuple[str, ...], BeforeValidator(_globs)]] = {}
    records: str | None = None
    escape: Literal["\\"] | None = None
    envelopes: Engine | None = None

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
        if (self.envelopes or self.beside or self.wrapping) and not self.columns.mapped:
            return self
        if not (self.columns.arm or self.constants.arm or self.arms):
            msg = "columns.arm is missing; expected the column that names the arm, or arms by file"
            raise ValueError(msg)
        if self.arms and (self.columns.arm or self.constants.arm):
            msg = "arms is there beside another arm; expected either arms by file or a column"
            raise ValueError(msg)
        if self.columns.passed and self.columns.status:
            msg = "columns has passed and status; expected one, so that a sample has one outcome"
            raise ValueError(msg)
        if not (self.outcome or self.columns.mapped.keys() - {"arm"}):
            msg = "columns maps no outcome, score or other field; expected at least one"
            raise ValueError(msg)
        return self

    @property
    def outcome(self) -> ColumnSpec | None:
        """The column that names a sample's outcome; None where nobody judged pass or fail."""
        return self.columns.status or self.columns.passed

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of its segments and scorers, in the order of the alphabet."""
        return tuple(sorted((*self.segments, *self.scorers)))

    @property
    def scorers(self) -> dict[str, ColumnSpec]:
        """Its scorers by their names in the table."""
        return {SCORER + name: column for name, column in self.scores.items()}

    @property
    def beside(self) -> dict[str, ColumnSpec]:
        """The columns beside the fields: segments, and scorers and texts by their names there."""
        mapped = zip(TEXTS, (self.texts.prompt, self.texts.answer), strict=True)
        texts = {name: ColumnSpec(column=column) for name, column in mapped if column}
        return {**self.segments, **self.scorers, **texts}

    def told_of(self, *, texts: bool) -> Self:
        """Return the same, without texts where nobody asks for them."""
        return self if texts else self.model_copy(update={"texts": Texts()})

    @property
    def no_tags(self) -> frozenset[str]:
        """The words that are no suggested and no confirmed tag."""
        both = (self.columns.suggested_tags, self.columns.confirmed_tags)
        return frozenset(one for column in both if column for one in column.no_tags)

    @property
    def expressible(self) -> frozenset[str]:
        """The statuses that the source can tell apart."""
        if not self.outcome:
            return frozenset()
        own = STATUSES if self.columns.status else ("passed", "failed")
        return frozenset(self.statuses.values() or own)


def load_source(path: Path) -> SourceSpec:
    """Read a source.yaml.

    Raises:
        PlanError: it is missing or wrong; the message names the key and what is allowed there.
    """
    return load_model(path, SourceSpec)


def source_of(spec: SourceSpec | None, file: str) -> SourceSpec | None:
    """Return the mapping of one file, with the arm that its name tells; None where it is another's.

    Raises:
        RunsError: the file belongs to no arm, or to several.
    """
    if spec is None or not spec.columns.mapped or not fnmatch(file, spec.files):
        return None
    if not spec.arms:
        return spec
    arms = [arm for arm, globs in spec.arms.items() if any(fnmatch(file, one) for one in globs)]
    if len(arms) != 1:
        got = f"is a file of arms {' and '.join(arms)}" if arms else "is a file of no arm"
        due = "expected one pattern of arms in source.yaml to name it (or narrow files there)"
        raise RunsError(f"{file} {got}; {due}.")
    constants = spec.constants.model_copy(update={"arm": arms[0]})
    return spec.model_copy(update={"constants": constants})
