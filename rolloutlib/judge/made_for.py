"""What evidence says that it was made for, held against the runs that are reviewed.

Nothing has to be said; what is said has to be so: notes with the numbers of other runs, or suites
that ran on another configuration, attest nothing of these.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rolloutlib.errors import PlanError
from rolloutlib.judge.finding import a_time, read_moment, said
from rolloutlib.plan.strict_yaml import describe
from rolloutlib.reason import because

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rolloutlib.judge.record import Review
    from rolloutlib.measure.averages import RunRow
    from rolloutlib.measure.configuration import ArmSummary
    from rolloutlib.reason import Reason

__all__ = ["MadeFor", "ReviewedRuns", "made_for", "runs_digest", "unlike"]

LEAST_DIGITS: Final = 8  # of a digest, by which people name it


def _text(value: object) -> object:
    """Take what YAML made a number of: an arm may be called 2024, a digest be all digits."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Text = Annotated[str, BeforeValidator(_text), Field(pattern=r"\S")]
_Digest = Annotated[
    str, BeforeValidator(_text), Field(pattern=rf"^[0-9A-Fa-f]{{{LEAST_DIGITS},64}}$")
]


class MadeFor(BaseModel):
    """What runs a piece of evidence is of; what is left out is not asked.

    Attributes:
        stage: whose exit is reviewed.
        control, treatment: names of the arms.
        strategy: the treatment's strategy hash, or its beginning.
        profile: the guardian profile.
        flags: of the treatment, by short key.
        as_of: the moment whose knowledge the review is limited to.
        runs: `runs_digest` of the reviewed runs, or its beginning.
        data_sha256: of their samples, as review.json has it, or its beginning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: int | None = None
    control: _Text | None = None
    treatment: _Text | None = None
    strategy: _Text | None = None
    profile: _Text | None = None
    flags: dict[str, bool | _Text] = {}
    as_of: Annotated[date | datetime | str | None, AfterValidator(a_time)] = None
    runs: _Digest | None = None
    data_sha256: _Digest | None = None


class _Said(BaseModel):
    """A file's word with its key, by which a sentence tells what is wrong."""

    made_for: MadeFor


class ReviewedRuns(NamedTuple):
    """What is reviewed, as far as evidence may say that it is of it; None where nobody tells."""

    stage: int
    control: str
    treatment: str
    arm: ArmSummary | None
    profile: str | None
    as_of: datetime | None
    runs: str
    data_sha256: str

    @classmethod
    def of(cls, review: Review) -> ReviewedRuns:
        """Return what a review was of."""
        return cls(
            review.stage, review.control, review.treatment,
            next((arm for arm in review.arms if arm.arm == review.treatment), None),
            review.profile, review.as_of, runs_digest(review.runs), review.data_sha256,
        )  # fmt: skip


def made_for(values: object, file: str) -> MadeFor:
    """Check what a file says under `made_for`.

    Raises:
        PlanError: a key that is none, or a value that it cannot have.
    """
    try:
        return _Said.model_validate({"made_for": values}).made_for
    except ValidationError as error:
        raise PlanError(describe(error, file, _Said)) from None


def runs_digest(runs: Sequence[RunRow]) -> str:
    """Return a sha256 over the runs and their numbers, to the digits that all engines agree in."""
    return sha256("\n".join(sorted(map(_line, runs))).encode()).hexdigest()


def _line(run: RunRow) -> str:
    started = run.started_at.astimezone(UTC).isoformat() if run.started_at else ""
    numbers = (run.pass_rate, run.avg_score, run.avg_latency_ms, run.vetoed)
    values = ("" if value is None else f"{value:.9g}" for value in numbers)
    return "\t".join((run.arm, run.run_id, started, str(run.n), *values))


def unlike(file: str, evidence: MadeFor, runs: ReviewedRuns) -> list[Reason]:
    """Say in what a file's own word contradicts the reviewed runs, or is none that they confirm."""
    return [
        because("evidence.untold", file=file, field=field, value=value)
        if actual is None
        else because("evidence.unlike", file=file, field=field, value=value, actual=actual)
        for field, value, actual in _compared(evidence, runs)
        if actual is None or not _same(field, value, actual)
    ]


def _compared(evidence: MadeFor, runs: ReviewedRuns) -> Iterator[tuple[str, str, str | None]]:
    """Yield each thing that the evidence tells: its name, what it says, what the runs have."""
    arm = runs.arm
    actual = {
        "stage": str(runs.stage), "control": runs.control, "treatment": runs.treatment,
        "strategy": ", ".join(arm.strategies) if arm and arm.strategies else None,
        "profile": runs.profile, "runs": runs.runs, "data_sha256": runs.data_sha256 or None,
    }  # fmt: skip
    for field, value in actual.items():
        if (word := getattr(evidence, field)) is not None:
            yield field, str(word), value
    flags = (arm.flags if arm else None) or {}
    for name, value in evidence.flags.items():
        key = name.removeprefix("feature.")
        yield f"flags.{key}", _word(value), _word(flags[key]) if key in flags else None
    if evidence.as_of is not None:
        yield "as_of", *_moments(evidence.as_of, runs.as_of)


def _moments(value: object, actual: datetime | None) -> tuple[str, str | None]:
    """Return both moments as texts that are equal where a day, or a moment, is the same."""
    moment = read_moment(value)
    if moment is None or actual is None:
        return str(value), None
    if moment.slack:  # a day, or a time without an offset
        text = f"{actual:%Y-%m-%d %H:%M}"
        return moment.text, text[: len(moment.text)]
    return said(moment.at.astimezone(UTC)), said(actual.astimezone(UTC))


def _word(value: bool | str) -> str:  # noqa: FBT001
    return value if isinstance(value, str) else str(value).lower()


def _same(field: str, value: str, actual: str) -> bool:
    if field not in {"strategy", "runs", "data_sha256"}:
        return value == actual
    return value == actual or (
        len(value) >= LEAST_DIGITS and actual.casefold().startswith(value.casefold())
    )
