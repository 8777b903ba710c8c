"""What people are told after a HOLD: the chance of a GO with further data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.files import file_sha256
from rolloutlib.forecast.assurance import assurance
from rolloutlib.judge.record import Recommendation
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.tables import bullets
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from rolloutlib.forecast.assurance import Assurance
    from rolloutlib.judge.record import Review
    from rolloutlib.show.tables import Html

__all__ = ["chance_of_go", "told"]


@spoken
def chance_of_go(review: Review) -> Html:
    """Say how likely a GO is with further data, by the workbook's plan."""
    if review.recommendation is not Recommendation.HOLD:
        return bullets([], say("This review is no HOLD, so no further data are asked for."))
    path = workbook_root() / "params" / "plan.yaml"
    if review.plan_sha256 and file_sha256(path) != review.plan_sha256:
        return bullets([], say("No chance is named: the plan is not the one of this review."))
    return told(assurance(review, load_plan(path)))


def told(outlook: Assurance | None) -> Html:
    """Say a chance in the language that is spoken."""
    if outlook is None:
        return bullets([], say("No chance is named: a gate has no data."))
    return bullets([str(line) for line in _lines(outlook)])


def _lines(outlook: Assurance) -> list[Sentence]:
    title, chance = outlook.weakest
    numbers = {"further": outlook.further, "unit": say(outlook.unit), **outlook.chance}
    lines = [
        say("With {further:,} further {unit} like these: GO with {open:.0%} (if the truth is what "
            "was seen: {seen:.0%}; if the candidate is as the plan designs it: {design:.0%}).",
            **numbers),
        say("Likeliest to stand in the way: {gate}, which passes with {chance:.0%}.",
            gate=translate(title), chance=chance),
    ]  # fmt: skip
    if not outlook.looks_left:
        lines.append(say("No planned look is left: these chances are of a stage that plans one "
                         "more, or of a new candidate with the same data."))  # fmt: skip
    lines.append(say("Every check is taken as held, and data that block a gate as mended."))
    return lines


__dir__ = __all__.copy  # what completion lists
