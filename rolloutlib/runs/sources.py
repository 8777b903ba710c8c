r"""Flat tables that somebody else wrote.

Source.yaml says which column is which field, in which unit and scale.

Nothing is guessed: a field that source.yaml does not map is null, a status that the source cannot
express is null too. A source of scores alone needs no status: its outcomes are unknown.

    title, licence, origin     shown in reports
    simulated                  true where nobody measured what the files hold; reports say so
    files                      glob of the files that this is about
    columns                    field: column, or field: {column: …, and its options}; a path
                               (provider.id, results.0.score, spans.*.cost, scores[name=a].value,
                               $.model) reaches into nested records; of ids a list of them, joined
      unit                     of latency_ms: ms (default), us, ns, s, min, h; of started_at: s, ms,
                               us or ns from 1970 on
      since                    of latency_ms: where the start stands, if the column is the end
      scale                    of score and human_score: [worst, best], default [0, 10]
      values                   of the same: the numbers of words: {C: 1, I: 0}
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
                               or, of the words that `named` finds: {control: "gpt-4*"}
    named                      what the path of a file says: "{arm}/samples_{category}_{_}.jsonl"
    records                    where the list of samples is in a .json file, or in each line of a
                               .jsonl file: results.results, resourceSpans.*.scopeSpans.*.spans
    explode                    the list inside of a record of which each item is a row: turns
    where                      only rows in which these words stand: {filter: strict-match}
    wide                       columns of each arm, where both stand in one row:
                               {control: {score: score_a}, treatment: {score: score_b}}
    escape                     "\\" where a CSV writes \" for a quote inside quotes
    timezone                   of times that are written without an offset
    currency                   the column of the costs' currency, or none: no column tells it
    encoding, delimiter, decimal, sheet   how a file is written: cp949, ";", ",", Results
    envelopes                  {unit: ms, scale: [0, 10]}: the engine's own runs are in these
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, StrictBool, field_validator, model_validator

from rolloutlib.doors.naming import pattern_of
from rolloutlib.doors.paths import overlap
from rolloutlib.errors import did_you_mean
from rolloutlib.phrase import Clause, phrase
from rolloutlib.plan.metrics import SCORER
from rolloutlib.plan.strict_yaml import load_model
from rolloutlib.runs.column_spec import ColumnSpec, Globs, Scores, Segments, Texts, Words
from rolloutlib.runs.columns import STATUSES, TEXTS
from rolloutlib.runs.source_columns import (
    MEASURED,
    TAGS,
    UNITS_OF_ITEMS,
    WIRE,
    Columns,
    Constants,
    Engine,
    words_of_yaml,
    wrong_keys,
    wrong_sides,
)
from rolloutlib.runs.wrapping import Wrapping

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "NAMED",
    "TAGS",
    "WIRE",
    "ColumnSpec",
    "Columns",
    "SourceSpec",
    "load_source",
    "source_schema",
]


NAMED = ("arm", "run_id", "started_at", "profile", "category", "difficulty")  # `named` may name


class SourceSpec(Wrapping, BaseModel):
    """A source.yaml.

    Attributes:
        title, licence, origin: shown in reports.
        simulated: nobody measured what the files hold, which every report says first.
        dialect: a name for messages.
        files: glob of the files that this is about.
        others: what the folder's other files are: run envelopes, or no data.
        statuses: the source's words for a sample's outcome. A status that no word means stays
            unknown (null).
        segments: our name → their column, by which samples are told apart too.
        scores: a further scorer's name → its column and scale.
        texts: where prompts and answers stand.
        arms: glob, or globs, of the files of each arm, where no column names it; of the arm's
            words, where `named` finds them.
        named: a pattern of the files' paths, with fields of `constants` in braces.
        records: where a .json file, or a line of .jsonl, holds its list of samples: a path, "." for
            the file itself.
        explode: path of a list or map in a record, of which each item is a row.
        where: path → the words of rows that this is about.
        wide: arm → its columns, where a row is of all arms.
        escape: the character before a quote inside a quoted cell of a CSV that does not double it.
        envelopes: what is said of run envelopes beside the table.
    """

    title: str | None = None
    licence: str | None = None
    origin: str | None = None
    simulated: StrictBool = False
    dialect: str = "flat table"
    files: str = "*"
    others: Literal["runs", "ignored"] = "runs"
    columns: Columns = Columns()
    statuses: Annotated[
        dict[str, Literal["passed", "failed", "vetoed", "error", "timeout"]],
        BeforeValidator(words_of_yaml),
    ] = {}
    constants: Constants = Constants()
    segments: Segments = {}
    scores: Scores = {}
    texts: Texts = Texts()
    arms: dict[str, Globs] = {}
    named: str | None = None
    records: str | None = None
    explode: str | None = None
    where: Annotated[dict[str, Words], BeforeValidator(words_of_yaml)] = {}
    wide: dict[str, Columns] = {}
    escape: Literal["\\"] | None = None
    envelopes: Engine | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            hint = did_you_mean(name, available_timezones())
            raise ValueError(
                phrase(
                    "is {name!r}; expected a name such as Asia/Seoul or UTC.{hint}",
                    name=name, hint=hint,
                )
            )  # fmt: skip
        return name

    @field_validator("named")
    @classmethod
    def _readable(cls, named: str | None) -> str | None:
        if named is not None:
            pattern_of(named, NAMED)
        return named

    @model_validator(mode="after")
    def _enough(self) -> Self:
        texts = ".txt" in self.files  # which are data where they are named
        if (self.envelopes or self.beside or self.wrapping or texts) and not self.mapped:
            keys = ("where", "statuses", "explode", "records", "constants")
            of_columns = [key for key in keys if key in self.model_fields_set]
            if of_columns:
                raise ValueError(
                    phrase(
                        "{key} is there without columns; expected columns too, or no such key",
                        key=of_columns[0],
                    )
                )
            return self
        wrong = self._wrong_arm() or self._wrong_shape()
        if not wrong and self.columns.passed and self.columns.status:
            wrong = phrase(
                "columns has passed and status; expected one, so that a sample has one outcome"
            )
        if not wrong and not (self.outcome or self.mapped.keys() - {"arm"}):
            wrong = phrase("columns maps no outcome, score or other field; expected at least one")
        if wrong:
            raise ValueError(wrong)
        return self

    def _wrong_arm(self) -> Clause:
        """Say why nobody, or not one key alone, tells the arm; nothing where one does."""
        by_name = "arm" in self.name_fields
        keys = {
            "columns.arm": self.columns.arm, "constants.arm": self.constants.arm,
            "arms": self.arms and not by_name, "named": by_name, "wide": self.wide,
        }  # fmt: skip
        return wrong_keys([key for key, says in keys.items() if says])

    def _wrong_shape(self) -> Clause:
        """Say what is wrong with explode, where or wide; nothing where all is well."""
        if self.explode and not any(name in self.mapped for name in UNITS_OF_ITEMS):
            return phrase(
                "explode makes several rows of a record, which are no new evidence; expected "
                "columns to map one of {fields}",
                fields=UNITS_OF_ITEMS,
            )
        measured = {
            path: name
            for side in self.sides
            for name, column in side.columns.mapped.items()
            if name in MEASURED
            for path in column.paths
        }  # fmt: skip
        measured |= {column.column: name for name, column in self.scorers.items()}
        for path in self.where:
            field = next((measured[column] for column in measured if overlap(path, column)), "")
            if field:
                return phrase(
                    "where chooses rows by {column}, which columns.{field} maps; expected a column "
                    "that says what a row is, not what came of it",
                    column=path, field=field,
                )  # fmt: skip
        return wrong_sides(self.wide, self.columns, self.scores)

    def ignores(self, file: str) -> bool:
        """Whether a file is no data: neither `files` nor the files of an arm name it."""
        if self.others == "runs":
            return False
        globs = () if "arm" in self.name_fields else self.arms.values()
        of_arms = [glob for several in globs for glob in several]
        named = fnmatch(file, self.files)
        return not named or bool(of_arms and not any(fnmatch(file, glob) for glob in of_arms))

    @property
    def name_fields(self) -> tuple[str, ...]:
        """The fields that the path of a file says."""
        return pattern_of(self.named, NAMED).fields if self.named else ()

    @property
    def sides(self) -> tuple[Self, ...]:
        """The mapping of each arm, where a row is of all arms; else the one that it is."""
        return tuple(
            self.model_copy(
                update={
                    "wide": {},
                    "columns": self.columns.with_those_of(columns),
                    "constants": self.constants.model_copy(update={"arm": arm}),
                }
            )
            for arm, columns in self.wide.items()
        ) or (self,)

    @property
    def mapped(self) -> dict[str, ColumnSpec]:
        """The fields that it maps; of the first arm, where a row is of all."""
        further = next(iter(self.wide.values()), None)
        return self.columns.mapped | (further.mapped if further else {})

    @property
    def outcome(self) -> ColumnSpec | None:
        """The column that names a sample's outcome; None where nobody judged pass or fail."""
        return self.mapped.get("status") or self.mapped.get("passed")

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of its segments and scorers, in the order of the alphabet."""
        return tuple(sorted((*self.segments, *self.scorers)))

    @property
    def scorers(self) -> dict[str, ColumnSpec]:
        """Its scorers by their names in the table."""
        return {SCORER + name: column for name, column in self.scores.items()}

    @property
    def named_columns(self) -> dict[str, tuple[str, ...]]:
        """Every column, path and start that a field maps, in the mappings of all arms."""
        named: dict[str, tuple[str, ...]] = {}
        for side in self.sides:
            for name, column in side.columns.mapped.items():
                start = (column.since,) if column.since else ()
                named[name] = (*named.get(name, ()), *column.paths, *start)
        return named

    @property
    def beside(self) -> dict[str, ColumnSpec]:
        """The columns beside the fields: segments, and scorers and texts by their names there."""
        mapped = zip(TEXTS, (self.texts.prompt, self.texts.answer), strict=True)
        texts = {name: ColumnSpec(column=(column,)) for name, column in mapped if column}
        return {**self.segments, **self.scorers, **texts}

    def told_of(self, *, texts: bool) -> Self:
        """Return the same, without texts where nobody asks for them."""
        return self if texts else self.model_copy(update={"texts": Texts()})

    @property
    def no_tags(self) -> frozenset[str]:
        """The words that are no suggested and no confirmed tag."""
        both = (self.mapped.get("suggested_tags"), self.mapped.get("confirmed_tags"))
        return frozenset(tag for column in both if column for tag in column.no_tags)

    @property
    def expressible(self) -> frozenset[str]:
        """The statuses that the source can tell apart."""
        if not self.outcome:
            return frozenset()
        own = STATUSES if "status" in self.mapped else ("passed", "failed")
        beside = {"error"} if "error" in self.mapped else set[str]()
        return frozenset(self.statuses.values() or own) | beside


def load_source(path: Path) -> SourceSpec:
    """Read a source.yaml.

    Raises:
        PlanError: it is missing or wrong; the message names the key and what is allowed there.
    """
    return load_model(path, SourceSpec)


def source_schema() -> dict[str, Any]:
    """Return the JSON Schema of source.yaml, for editors (params/source.schema.json)."""
    return SourceSpec.model_json_schema(by_alias=True)
