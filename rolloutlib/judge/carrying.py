"""Which earlier stages' evidence a review carries: read, compared with its own, or refused.

Stages are named downwards from the one before (`carry`), without a gap; what is refused is told
with its reason, and the evidence is then that of the stages after it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.judge.sources import Source, read_source
from rolloutlib.measure.carried import CarriedStage, refusal
from rolloutlib.measure.comparing import compare
from rolloutlib.measure.comparison import Earlier
from rolloutlib.measure.days import load
from rolloutlib.measure.looks import look_at
from rolloutlib.plan.workbook import STAGES, workbook_root
from rolloutlib.reason import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.measure.comparison import Comparison
    from rolloutlib.measure.looks import Look
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.runs import InputFile

__all__ = ["Carrying", "carry", "stage_in", "stage_params_of", "under", "whole_digest"]

_BEGIN: Final = re.compile(r"\.\./stage-[0-4]/")


class Carrying(NamedTuple):
    """What a review carries.

    Attributes:
        stages: every stage that was named, the latest first, and why where it is not carried.
        earlier: those that are carried, measured.
        fixed: the issue that the first of them chose.
        inputs: files of every stage that could be read, each `under` its stage.
        sources: what was read of them.
    """

    stages: tuple[CarriedStage, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    fixed: str | None = None
    inputs: tuple[InputFile, ...] = ()
    sources: tuple[Source, ...] = ()

    def digest(self, own: str) -> str:
        """Return the digest of the samples that count: the stage's own, if nothing is carried."""
        return whole_digest(own, self.stages)

    def counting(self) -> tuple[InputFile, ...]:
        """Return the files of the stages that are carried."""
        prefixes = tuple(under(row.stage) for row in self.stages if row.why is None)
        return tuple(file for file in self.inputs if file.name.startswith(prefixes))

    def on(self, compared: Comparison) -> Comparison:
        """Return the reviewed stage with what it carries."""
        return replace(compared, earlier=self.earlier)


def carry(plan: Plan, params: ReviewParams, own: Source) -> Carrying:
    """Read the earlier stages that are named, and see which of them count.

    Args:
        plan: whether evidence is carried, and what the stages are.
        params: of the review.
        own: what it reviews.

    Raises:
        UsageError: more stages are named than there are before this one, or no such path.
    """
    if not params.carry:
        return Carrying()
    if len(params.carry) > params.stage:
        raise UsageError(
            "{parameter} names {n} stages, and before stage {stage} there are {stage}; name them "
            "downwards, each once", parameter="carry", n=len(params.carry), stage=params.stage,
        )  # fmt: skip
    look = look_at(1, planned=1, confidence=plan.evidence.confidence)
    reviewed = compare(plan, params, own.runs, own.measuring, look)
    carrying = Carrying()
    for place in range(len(params.carry)):
        carrying = _with_next(plan, params, reviewed, carrying, place, look)
    return _same_issue(plan, params, carrying, look)


def whole_digest(own: str, stages: Iterable[CarriedStage]) -> str:
    """Return the digest of a stage's own samples and of those that are carried."""
    counting = [f"{row.stage} {row.data_sha256}" for row in stages if row.why is None]
    return sha256("\n".join([own, *counting]).encode()).hexdigest() if counting else own


def under(stage: int) -> str:
    """Return how the names of a carried stage's files begin: as no file of the review's own."""
    return f"../stage-{stage}/"


def stage_in(name: str) -> str:
    """Return how a file's name begins that is a carried stage's; nothing of the review's own."""
    begun = _BEGIN.match(name)
    return begun[0] if begun else ""


def stage_params_of(params: ReviewParams, place: int) -> ReviewParams:
    """Return the parameters of a carried stage by itself, the place counted downwards from 0.

    A source.yaml beside its runs explains them; else the one that the review names.
    """
    path = params.carry[place]
    runs = workbook_root() / path
    beside = (runs if runs.is_dir() else runs.parent) / "source.yaml"
    return params.model_copy(update={
        "stage": _stage_of(params, place), "runs": path, "carry": (), "days": None,
        "source": None if beside.is_file() else params.source,
        "engine": "duckdb" if runs.is_dir() and load(runs) else params.engine,
    })  # fmt: skip


def _stage_of(params: ReviewParams, place: int) -> StageId:
    return STAGES[params.stage - 1 - place]


def _with_next(
    plan: Plan,
    params: ReviewParams,
    reviewed: Comparison,
    carrying: Carrying,
    place: int,
    look: Look,
) -> Carrying:
    """Return what is carried with the next stage down, or with why it is not."""
    its = stage_params_of(params, place)
    alone = _alone(plan, its, look)
    if isinstance(alone, Reason):
        return _refused(carrying, CarriedStage(its.stage, its.runs), alone)
    source, compared = alone
    row, carrying = _row(its, source, compared), _with_read(carrying, its.stage, source)
    between = [earlier.compared for earlier in carrying.earlier]
    why = _policy(plan, carrying) or refusal(compared, reviewed, plan.gates.values(), between)
    if why is not None:
        return _refused(carrying, row, why)
    earlier = (*carrying.earlier, Earlier(its.stage, compared))
    return carrying._replace(stages=(*carrying.stages, row), earlier=earlier)


def _alone(plan: Plan, its: ReviewParams, look: Look) -> tuple[Source, Comparison] | Reason:
    """Read and measure a stage by itself, or return why that cannot be done.

    Raises:
        UsageError: there is no such path: nobody meant that.
    """
    try:
        source = read_source(plan, its)
        if not source.runs.runs and source.runs.other_stage:
            return because("carry.stage", stage=its.stage, count=source.runs.other_stage)
        return source, compare(plan, its, source.runs, source.measuring, look)
    except RolloutError as error:
        if isinstance(error, UsageError) and not (workbook_root() / its.runs).exists():
            raise
        return because("carry.unreadable", message=str(error))


def _row(its: ReviewParams, source: Source, compared: Comparison) -> CarriedStage:
    """Return what a review tells of a stage that it carries."""
    control, treatment = (compared.measured.counts[arm].samples for arm in compared.pair)
    run_ids = tuple(run.run_id for run in compared.rows)
    return CarriedStage(its.stage, its.runs, None, control, treatment, run_ids, source.digest)


def _with_read(carrying: Carrying, stage: int, source: Source) -> Carrying:
    """Add what was read of a stage, whatever becomes of it."""
    files = (replace(file, name=f"{under(stage)}{file.name}") for file in source.runs.inputs)
    return carrying._replace(inputs=(*carrying.inputs, *files), sources=(*carrying.sources, source))


def _policy(plan: Plan, carrying: Carrying) -> Reason | None:
    """Return why nothing more is carried, whatever its samples are."""
    if plan.evidence.carries == "none":
        return because("carry.none")
    gap = next((row.stage for row in carrying.stages if row.why is not None), None)
    return None if gap is None else because("carry.gap", stage=gap)


def _refused(carrying: Carrying, row: CarriedStage, why: Reason) -> Carrying:
    refused = msgspec.structs.replace(row, why=why)
    return carrying._replace(stages=(*carrying.stages, refused))


def _same_issue(plan: Plan, params: ReviewParams, carrying: Carrying, look: Look) -> Carrying:
    """Let the first stage that has issues choose the one that all are about; measure it in all."""
    chose = [part for part in carrying.earlier if part.compared.measured.subject is not None]
    subject = chose[-1].compared.measured.subject if chose else None
    if subject is None:
        return carrying
    again: list[Earlier] = []
    read = (row.stage for row in carrying.stages if row.data_sha256)
    sources = dict(zip(read, carrying.sources, strict=True))
    for earlier in carrying.earlier:
        if earlier is not chose[-1]:
            source = sources[earlier.stage]
            its = stage_params_of(params, params.stage - 1 - earlier.stage)
            compared = compare(plan, its, source.runs, source.measuring, look, fixed=subject.tag)
            earlier = Earlier(earlier.stage, compared)  # noqa: PLW2901 -- the same, measured so
        again.append(earlier)
    return carrying._replace(earlier=tuple(again), fixed=subject.tag)
