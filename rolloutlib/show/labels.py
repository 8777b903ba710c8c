"""What the judge got wrong: its verdicts beside people's, arm by arm, and what that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.plan.metrics import metric_record
from rolloutlib.show.rows import tight
from rolloutlib.show.tables import Cell, Html, Row, bullets, joined, label, number, table
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.judge_errors import JudgeErrors

__all__ = ["judge_errors"]

NOBODY: Final = say("Nobody labelled samples beside the judge, so its own errors are not known.")


@spoken
def judge_errors(review: Review) -> Html:
    """Show how the judge errs in each arm, and each gate with and without people's labels."""
    if not review.labels:
        return bullets([], NOBODY)
    moved = [line for gate in review.gates if (line := _moved(gate)) is not None]
    verdicts = [row for row in review.labels if row.metric == "passed"]
    scores = [row for row in review.labels if row.metric == "score"]
    parts = [*([_verdicts(verdicts)] if verdicts else []), *([_scores(scores)] if scores else [])]
    return joined(bullets(moved), *parts)


def _moved(gate: GateResult) -> Sentence | None:
    """Say what a gate's estimate is by the judge alone and as people would have it."""
    labels = gate.labels
    if labels is None:
        return None
    judge = _span(gate, labels.judge, labels.judge_lower, labels.judge_upper)
    if labels.people is None:
        return say("{gate}: {judge} by the judge alone.", gate=translate(gate.title), judge=judge)
    facts = {
        "gate": translate(gate.title), "judge": judge,
        "people": _span(gate, labels.people, labels.people_lower, labels.people_upper),
        "control": f"{labels.control:,}", "treatment": f"{labels.treatment:,}",
    }  # fmt: skip
    if labels.why is not None:
        return say(
            "{gate}: {judge} by the judge alone, which decides; {people} as {control} and "
            "{treatment} labels would have it. {why}", **facts, why=sentence(labels.why),
        )  # fmt: skip
    return say(
        "{gate}: {people} as people would have it, which decides ({control} and {treatment} "
        "labels); {judge} by the judge alone.", **facts,
    )  # fmt: skip


def _span(gate: GateResult, point: float, lower: float | None, upper: float | None) -> str:
    unit, signed = gate.evidence_unit, gate.signed
    ends = ", ".join(tight(bound(end, unit, signed=signed)) for end in (lower, upper))
    return f"{tight(show(point, unit, signed=signed))} [{ends}]"


def _verdicts(rows: Sequence[JudgeErrors]) -> Html:
    lines = [
        Row((label(row.arm), number(f"{row.labelled:,}"), number(_of(row.judge_only, row)),
             number(_of(row.people_only, row)), *_levels(row)))
        for row in rows
    ]  # fmt: skip
    head = (say("Arm"), say("Labelled"), say("Judge passed, people failed"),
            say("Judge failed, people passed"), *_heads())  # fmt: skip
    return table(head, lines)


def _of(count: int | None, row: JudgeErrors) -> str:
    share = show((count or 0) / row.labelled, "proportion")
    return f"{count or 0:,} ({tight(share)})"


def _scores(rows: Sequence[JudgeErrors]) -> Html:
    lines = [
        Row((label(row.arm), number(f"{row.labelled:,}"),
             number(tight(show(row.apart, "score", signed=True))), *_levels(row)))
        for row in rows
    ]  # fmt: skip
    head = (say("Arm"), say("Labelled"), say("People's score minus the judge's"), *_heads())
    return table(head, lines)


def _heads() -> tuple[Sentence, ...]:
    return (say("All samples, by the judge"), say("As people would have it [bounds]"))


def _levels(row: JudgeErrors) -> tuple[Cell, Cell]:
    unit = metric_record(row.metric).unit
    ends = ", ".join(tight(bound(end, unit)) for end in (row.people_lower, row.people_upper))
    return (number(tight(show(row.judge, unit))),
            number(f"{tight(show(row.people, unit))} [{ends}]"))  # fmt: skip


__dir__ = __all__.copy  # what completion lists
