"""Parameters of a review and of a daily watch: what papermill injects, validated.

A misspelt name is an error, never a default.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_serializer,
    field_validator,
)

from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase
from rolloutlib.plan.strict_yaml import describe, load_yaml
from rolloutlib.plan.workbook import StageId, workbook_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

__all__ = [
    "LAST", "NONE", "DailyParams", "ReviewParams", "daily_params", "review_params", "stage_params",
]  # fmt: skip

LAST: Final = "last"  # of `against`: the last report of the same stage and arms
NONE: Final = "none"
_ENGINE = re.compile(r"duckdb|local(\[(\d+|\*)\])?|(spark|sc)://\S+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _an_engine(engine: str) -> str:
    if not _ENGINE.fullmatch(engine):
        raise ValueError(
            phrase(
                "is {engine!r}; expected duckdb, local, local[N], spark://HOST:PORT or "
                "sc://HOST:PORT", engine=engine,
            )
        )  # fmt: skip
    return engine


def _in_calendar(as_of: datetime) -> datetime:
    """Refuse a moment that has no date in UTC, in which moments are compared."""
    try:
        as_of.astimezone(UTC)
    except OverflowError:
        raise ValueError(
            phrase("{as_of} is beyond the calendar's last day in UTC", as_of=as_of)
        ) from None
    return as_of


def _day(value: object) -> date | None:
    """Take a date; never a number, which would be taken for seconds since 1970."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError(phrase("is {told!r}; expected a date such as 2026-11-20", told=str(value)))


def _day_or_moment(value: object) -> date | datetime | None:
    """Take a date, which is a whole day of the plan's clock, or a moment with its offset."""
    with suppress(ValueError):
        return _day(value)
    moment = value if isinstance(value, datetime) else None
    if isinstance(value, str) and "T" in value:
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            phrase(
                "is {told!r}; expected a date such as 2026-11-20, or ISO 8601 with offset, such as "
                "2026-11-20T09:00+09:00",
                told=str(value),
            )
        )
    return _in_calendar(moment)


_Params = TypeVar("_Params", bound=BaseModel)
_Text = Annotated[str, Field(min_length=1)]
_Engine = Annotated[str, AfterValidator(_an_engine)]
_Moment = Annotated[AwareDatetime, AfterValidator(_in_calendar)]
_Date = Annotated[date | None, PlainValidator(_day)]


class ReviewParams(BaseModel):
    """Parameters of notebooks/stage_review.ipynb; paths are relative to the workbook's root.

    Attributes:
        stage: the stage whose exit is reviewed.
        runs: a file or folder of runs.
        control, treatment: names of the arms to compare.
        carry: earlier stages whose evidence counts here too, downwards from the one before: each a
            file, folder or store, with all runs of that stage.
        source: source.yaml of flat tables; by default the one beside the runs.
        profile: guardian profile where the runs name none.
        evidence: folder with the evidence of the checks; by default `evidence/` beside the runs.
        as_of: runs that started later are left out (ISO 8601 with offset).
        days: only the last so many days, where the runs are a store of days.
        adjust: whether score and latency are adjusted for the samples' covariate (CUPED).
        looks: file of earlier looks (JSON Lines), which this review counts and adds itself to; by
            default the plan's. An empty text counts nothing: the review is an exploration.
        look: number of the look, where it is known; a file of looks may know of more.
        engine: where the scan runs: duckdb, local[N], spark://HOST:PORT or sc://HOST:PORT.
        against: the earlier report that the page compares this review with: a folder or its
            review.json, `last` (the last one of the same stage and arms), or `none`. It changes
            no verdict and nothing in review.json.
        lang: language of the report.
        out: folder to write review.json and params.yaml to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: StageId
    runs: _Text
    control: _Text = "control"
    treatment: _Text = "treatment"
    carry: tuple[_Text, ...] = ()
    source: _Text | None = None
    profile: _Text | None = None
    evidence: _Text | None = None
    as_of: _Moment | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    adjust: bool = False
    looks: str | None = None
    look: Annotated[int, Field(ge=1)] | None = None
    engine: _Engine = "duckdb"
    against: _Text = LAST
    lang: Literal["en", "ko"] = "en"
    out: _Text | None = None
    plan: _Text = "params/plan.yaml"

    def path(self, name: str) -> Path | None:
        """Return one of the path parameters, resolved from the workbook's root."""
        value = getattr(self, name)
        return None if value is None else workbook_root() / value

    def evidence_folder(self, root: Path) -> Path:
        """Return the folder with the evidence of the checks: as given, or beside the runs."""
        runs = root / self.runs
        beside = (runs if runs.is_dir() else runs.parent) / "evidence"
        return root / self.evidence if self.evidence else beside

    @field_validator("carry", mode="before")
    @classmethod
    def _several(cls, carry: object) -> object:
        """Take a list of paths; nothing, or an empty text, carries nothing."""
        if isinstance(carry, list | tuple):
            return tuple(path for path in cast("list[object]", carry) if path)
        return (carry,) if isinstance(carry, str) and carry else carry or ()

    @field_validator("as_of", mode="before")
    @classmethod
    def _no_number(cls, as_of: object) -> object:
        """Refuse 20261120, which would be taken for seconds since 1970."""
        if isinstance(as_of, int | float) or (isinstance(as_of, str) and as_of.strip().isdigit()):
            raise ValueError(
                phrase(
                    "{as_of} is no moment; expected ISO 8601 with offset, such as "
                    "2026-11-20T09:00+09:00",
                    as_of=as_of,
                )
            )
        return as_of

    @field_serializer("as_of")
    def _iso(self, as_of: datetime | None) -> str | None:
        return None if as_of is None else as_of.isoformat()


class DailyParams(BaseModel):
    """Parameters of notebooks/daily_monitor.ipynb; paths are relative to the workbook's root.

    Attributes:
        stage: the stage that is watched; by default the one that params/flags.json has in force.
        runs: a file, folder or store of runs; by default that of params/stage-N.yaml.
        control, treatment: names of the arms.
        source, profile, engine: as of a review.
        as_of: a date, which is the end of that day in the plan's clock, or a moment; by default
            now. Later runs are left out.
        since: the first day that is watched.
        days: only the last so many days.
        start: the first day of the rollout, with which the schedule's first week begins; by default
            that of the earliest run that the ledger's decisions rest on.
        incidents: the log of incidents.
        lang: language of the page.
        out: the folder of daily watches, one folder a day in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: StageId | None = None
    runs: _Text | None = None
    control: _Text = "control"
    treatment: _Text = "treatment"
    source: _Text | None = None
    profile: _Text | None = None
    as_of: Annotated[date | datetime | None, PlainValidator(_day_or_moment)] = None
    since: _Date = None
    days: Annotated[int, Field(ge=1)] | None = None
    start: _Date = None
    incidents: _Text = "data/incidents.jsonl"
    engine: _Engine = "duckdb"
    lang: Literal["en", "ko"] = "en"
    out: _Text | None = "reports/daily"
    plan: _Text = "params/plan.yaml"

    def path(self, name: str) -> Path | None:
        """Return one of the path parameters, resolved from the workbook's root."""
        value = getattr(self, name)
        return None if value is None else workbook_root() / value

    def until(self, zone: tzinfo) -> datetime:
        """Return the moment that is looked at: now, or the end of a day of the plan's clock."""
        if self.as_of is None:
            return datetime.now(zone).replace(microsecond=0)
        if isinstance(self.as_of, datetime):
            return self.as_of
        return datetime.combine(self.as_of, time(23, 59, 59), zone)

    def reading(self, as_of: datetime) -> ReviewParams:
        """Return how a review would read these runs; it counts no look.

        Raises:
            UsageError: nothing says which stage is watched, or which runs.
        """
        if self.stage is None or self.runs is None:
            missing = "stage" if self.stage is None else "runs"
            raise UsageError(
                "{missing} is not set; name it, or run `rollout watch`", missing=missing
            )
        return ReviewParams(
            stage=self.stage, runs=self.runs, control=self.control, treatment=self.treatment,
            source=self.source, profile=self.profile, engine=self.engine, lang=self.lang,
            plan=self.plan, as_of=as_of, looks="",
        )  # fmt: skip

    @field_serializer("as_of", "since", "start")
    def _iso(self, moment: date | datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()


def _validated(kind: type[_Params], values: Mapping[str, Any], where: str) -> _Params:
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(
            describe(error, where, kind, options=where.startswith("rollout "))
        ) from None


def daily_params(values: Mapping[str, Any], *, where: str = "parameters") -> DailyParams:
    """Validate parameters.

    Raises:
        UsageError: an unknown name or an impossible value; the message names it and what is
            allowed.
    """
    return _validated(DailyParams, values, where)


def review_params(values: Mapping[str, Any], *, where: str = "parameters") -> ReviewParams:
    """Validate parameters.

    Raises:
        UsageError: an unknown name or an impossible value; the message names it and what is
            allowed.
    """
    return _validated(ReviewParams, values, where)


def stage_params(path: Path) -> dict[str, Any]:
    """Read a params/stage-N.yaml and validate it; return only the parameters that it sets."""
    values = load_yaml(path)
    return review_params(values, where=str(path)).model_dump(exclude_unset=True, mode="json")
