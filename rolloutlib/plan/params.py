"""Parameters of a review: what papermill injects, validated.

A misspelt name is an error, never a default.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
)

from rolloutlib.errors import UsageError
from rolloutlib.plan.model import StageId, workbook_root
from rolloutlib.plan.strict_yaml import describe, load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

__all__ = ["ReviewParams", "review_params", "stage_params"]

_ENGINE = re.compile(r"duckdb|local(\[(\d+|\*)\])?|(spark|sc)://\S+")
_Text = Annotated[str, Field(min_length=1)]


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
    as_of: AwareDatetime | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    adjust: bool = False
    looks: str | None = None
    look: Annotated[int, Field(ge=1)] | None = None
    engine: str = "duckdb"
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
                f"{as_of} is no moment; expected ISO 8601 with offset, "
                "such as 2026-11-20T09:00+09:00"
            )
        return as_of

    @field_validator("as_of")
    @classmethod
    def _in_the_calendar(cls, as_of: datetime | None) -> datetime | None:
        """Refuse a moment that has no date in UTC, in which moments are compared."""
        try:
            return as_of and as_of.astimezone(UTC) and as_of
        except OverflowError:
            raise ValueError(f"{as_of} is beyond the calendar's last day in UTC") from None

    @field_validator("engine")
    @classmethod
    def _an_engine(cls, engine: str) -> str:
        if not _ENGINE.fullmatch(engine):
            known = "duckdb, local, local[N], spark://HOST:PORT or sc://HOST:PORT"
            raise ValueError(f"is {engine!r}; expected {known}")
        return engine

    @field_serializer("as_of")
    def _iso(self, as_of: datetime | None) -> str | None:
        return None if as_of is None else as_of.isoformat()


def review_params(values: Mapping[str, Any], *, where: str = "parameters") -> ReviewParams:
    """Validate parameters.

    Raises:
        UsageError: an unknown name or an impossible value; the message names it and what is
            allowed.
    """
    try:
        return ReviewParams.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(describe(error, where, ReviewParams)) from None


def stage_params(path: Path) -> dict[str, Any]:
    """Read a params/stage-N.yaml and validate it; return only the parameters that it sets."""
    values = load_yaml(path)
    return review_params(values, where=str(path)).model_dump(exclude_unset=True, mode="json")
