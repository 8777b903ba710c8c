"""Each gate over the looks at a stage: this review's, and those of the sealed reports before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Review, Reviewed, encode
from rolloutlib.plan.params import NONE
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.figure import Figure, Note
from rolloutlib.show.gates_over_time import drawable, in_order, over_time
from rolloutlib.show.kernel import report_folder
from rolloutlib.show.past import REVIEWED, past_of
from rolloutlib.show.past_store import DEPTH, gather, known_at
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.show.past import Past

__all__ = ["earlier_looks", "gates_over_looks"]

CAPTION: Final = say(
    "Each column is a look at this stage, the oldest data left, this review last. Look whether a "
    "gate moves towards its dashed limit or away from it, and whether its bar gets shorter: it "
    "should, as data grow."
)


def earlier_looks(review: Review, params: ReviewParams) -> tuple[Past, ...]:
    """Return the sealed reviews of the same stage and arms, on other data that end no later.

    They are looked for where `last_review` looks; with `against: none` there are none.

    Args:
        review: the review of now.
        params: of it.
    """
    if params.against == NONE:
        return ()
    now = _past(review)
    reviewed = (now.stage, now.control, now.treatment)
    pasts = (
        past for place, depth in _places(params) for past in gather(place, known_at(place), depth)
    )
    return in_order(
        past
        for past in pasts
        if past.kind == REVIEWED
        and not past.wrong
        and (past.stage, past.control, past.treatment) == reviewed
        and drawable((past,))
        and past.data_sha256 != now.data_sha256
        and past.until is not None
        and (now.until is None or past.until <= now.until)
    )


def gates_over_looks(review: Review, before: Sequence[Past], lang: str = "en") -> Figure | Note:
    """Draw every gate over the looks.

    Args:
        review: the review of now.
        before: of `earlier_looks`, oldest first.
        lang: language of the chart.
    """
    with speaking(lang):
        if not before:
            return Note(str(say("This is the first look: a trend begins with the second.")))
        return over_time((*before, _past(review)), CAPTION, lang)


def _past(review: Review) -> Past:
    """Return this review as those before it are read."""
    record = review.record if isinstance(review, Reviewed) else review
    return past_of(encode(record), "")


def _places(params: ReviewParams) -> Iterator[tuple[Path, int]]:
    """Yield the folders that hold earlier reports, and how deep: reports/, and beside this one."""
    root, gathering = workbook_root(), report_folder()
    out = gathering or (None if params.out is None else root / params.out)
    reports = (root / "reports").resolve()
    yield reports, DEPTH
    if out is not None and not (beside := out.parent.resolve()).is_relative_to(reports):
        yield beside, 1


__dir__ = __all__.copy  # what completion lists
