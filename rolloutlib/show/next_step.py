"""What to run next, exactly as it is typed: decide, sign, promote, or review again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.judge.record import Recommendation
from rolloutlib.plan.params import ReviewParams
from rolloutlib.plan.workbook import STAGES
from rolloutlib.show.kernel import report_place
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolloutlib.judge.record import Review
    from rolloutlib.show.signoffs import Standing

__all__ = ["Step", "again", "decide", "next_steps", "place_of"]

OPTIONS: Final = ("control", "treatment", "source", "profile", "evidence", "as_of", "days",
                  "looks", "engine", "against", "lang")  # fmt: skip
UNSAID: Final = ("look", "plan")  # parameters that no option says
NOT_HERE: Final = "REPORT_FOLDER"  # stands for the folder of a review that is no report


class Step(NamedTuple):
    """A command and when it is due."""

    when: Sentence
    command: str


def place_of(params: ReviewParams | None) -> str:
    """Return the report's folder as a command names it; "" where the review is no report."""
    return report_place() or (params.out if params and params.out else "")


def next_steps(review: Review, standing: Standing, params: ReviewParams | None) -> list[Step]:
    """Return what to run next: the step that is due first, then what comes after it.

    Args:
        review: what was reviewed.
        standing: what the ledger has on it.
        params: of the review; without them there is no command that repeats it.
    """
    command = again(params) if params else ""

    def repeat(when: Sentence) -> list[Step]:
        return [Step(when, command)] if command else []

    if review.recommendation is Recommendation.INVALID:
        return repeat(say("with mended data"))
    if standing.decision:
        steps = [*_to_sign(review, standing, standing.decision)]
        if standing.rollback:
            return repeat(say("for a new decision"))
        on_hold = standing.whole and standing.verdict is Recommendation.HOLD
        return repeat(say("when what is owed is there")) if on_hold else steps
    exploring = review.look.counting == "exploration"  # nothing can be decided on it
    if params and (exploring or not place_of(params)):
        # A file of looks named "" would only explore again.
        command = again(params.model_copy(update={"looks": params.looks or None}))
        return repeat(say("for a report to decide on"))
    draft = Step(say("to draft the decision"), decide(review, params))
    if review.recommendation is Recommendation.HOLD:
        return [draft, *repeat(say("when what is owed is there"))]
    return [draft]


def decide(review: Review, params: ReviewParams | None) -> str:
    """Return the command that drafts the recommended decision."""
    place = shlex.quote(place_of(params)) if place_of(params) else NOT_HERE
    return f"rollout decide {place} --verdict {review.recommendation.value}"


def again(params: ReviewParams) -> str:
    """Return the command that reviews the same runs again; "" where no options can say it."""
    default = ReviewParams(stage=params.stage, runs=params.runs)
    values, usual = params.model_dump(mode="json"), default.model_dump(mode="json")
    if any(values[name] != usual[name] for name in UNSAID):
        return ""
    words = ["rollout", "review", str(params.stage), "--runs", params.runs]
    for name in OPTIONS:
        if values[name] != usual[name]:
            words += [f"--{name.replace('_', '-')}", str(values[name])]
    words += [word for path in params.carry for word in ("--carry", path)]
    words += ["--adjust"] if params.adjust else []
    return shlex.join(words)


def _to_sign(review: Review, standing: Standing, decision: str) -> Iterator[Step]:
    for state in standing.states:
        if not state.signer:
            yield Step(say("to sign as {role}", role=state.role), state.command)
    if standing.due and review.stage != STAGES[-1]:
        yield Step(say("to put it in force"), f"rollout promote {decision}")
