"""The same review with and without its covariate (CUPED), gate by gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import UsageError
from rolloutlib.explore.described import number, text
from rolloutlib.explore.tables import Column, Table
from rolloutlib.words.sentences import say

if TYPE_CHECKING:
    from rolloutlib.explore.review import Review
    from rolloutlib.judge.record import GateResult

__all__ = ["Adjusted", "adjusted"]


class Adjusted(NamedTuple):
    """A gate's evidence as it is, and adjusted for the covariate."""

    plain: GateResult
    adjusted: GateResult


def adjusted(review: Review) -> Table[Adjusted]:
    """Review the same samples once more with the covariate on (or off), and lay both together.

    Score and latency are adjusted; the mean of one arm alone, and pairs that share a covariate,
    stay as they are. It is an exploration: no look is counted, and no verdict follows.

    >>> adjusted(review)  # doctest: +ELLIPSIS
    CUPED on and off · 0 rows × 11 columns
    adjust is set, but no sample carries a covariate; name its column in source.yaml (columns)
    ...

    Args:
        review: either of both.

    Returns:
        A row a gate with data; none where the samples cannot be adjusted, and then a note that says
        why.

    Raises:
        UsageError: the data are not those of the review any more.
        RunsError: they cannot be read any more.
    """
    from rolloutlib.explore.review import review_of

    params = review.judged.params
    changed = {"adjust": not params.adjust, "looks": "", "look": review.look.number or None}
    title = say("CUPED on and off")
    try:
        other = review_of(params.model_copy(update=changed))
    except UsageError as error:
        return Table((), _COLUMNS, title=title, lang=review.lang, note=str(error))
    with_it, without = (review, other) if params.adjust else (other, review)
    pairs = map(Adjusted, without.record.gates, with_it.record.gates)
    rows = [pair for pair in pairs if pair.plain.evidence.point is not None]
    note = say("The samples are the same; narrower bounds are the covariate's work.")
    return Table(rows, _COLUMNS, title=title, lang=review.lang, note=note)


def _width(gate: GateResult) -> float | None:
    low, high = gate.evidence.lower, gate.evidence.upper
    return None if low is None or high is None else high - low


def _narrower(pair: Adjusted) -> float | None:
    """Return the adjusted bounds' width as a share of the plain ones'."""
    before, after = _width(pair.plain), _width(pair.adjusted)
    return after / before if before and after is not None else None


_UNIT: Final = "unit"
_COLUMNS: Final[tuple[Column[Adjusted], ...]] = (
    text("gate", "the gate's id in params/plan.yaml", "plain.id", brief=True),
    text("unit", "of points and bounds", "plain.evidence_unit", brief=True),
    number("point", "the estimate, not adjusted", _UNIT, "plain.evidence.point", brief=True),
    number("lower", "its one-sided lower bound", _UNIT, "plain.evidence.lower", brief=True),
    number("upper", "its one-sided upper bound", _UNIT, "plain.evidence.upper", brief=True),
    number("adjusted_point", "the estimate, adjusted for the covariate", _UNIT,
           "adjusted.evidence.point", brief=True),
    number("adjusted_lower", "its one-sided lower bound", _UNIT, "adjusted.evidence.lower",
           brief=True),
    number("adjusted_upper", "its one-sided upper bound", _UNIT, "adjusted.evidence.upper",
           brief=True),
    number("width_ratio", "width of the adjusted bounds / width of the others", "ratio", _narrower,
           brief=True),
    text("verdict", "of the evidence, not adjusted", "plain.evidence.verdict"),
    text("adjusted_verdict", "of the evidence, adjusted", "adjusted.evidence.verdict"),
)  # fmt: skip
