"""A slice of a review: `review.where(category="rest")`. A look that nobody planned, and marked so.

How many different slices were tried is counted for the same data and arms as long as the process
runs, however often the review is made again in it: else to run a cell again would forget them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rolloutlib.explore.asking import Asked, Asking
from rolloutlib.explore.described import flag, number, said, text, whole
from rolloutlib.explore.gates import BOUND
from rolloutlib.explore.tables import Column, Table
from rolloutlib.judge.slices import judge_slice, listed_beside, sliced_conditions, tried
from rolloutlib.measure.within import named
from rolloutlib.show.flipped import is_in
from rolloutlib.words.reasons import texts
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.explore.review import Review
    from rolloutlib.judge.slices import Sliced, TriedSlice
    from rolloutlib.measure.segments import Segment
    from rolloutlib.measure.within import Condition
    from rolloutlib.reason import Reason

__all__ = ["Slice", "slice_of", "tried_of"]


DOUBTS: Final = 3  # of a slice that are told with it


class _Data(NamedTuple):
    """Which data and arms slices are counted for."""

    stage: int
    control: str
    treatment: str
    data_sha256: str


class _Look(NamedTuple):
    """What makes a slice another one: its conditions, and how it was estimated."""

    conditions: tuple[Condition, ...]
    plan_sha256: str
    profile: str | None
    adjust: bool


_TRIED: Final[dict[_Data, dict[_Look, Sliced]]] = {}


def _data_of(review: Review) -> _Data:
    return _Data(review.stage, review.control, review.treatment, review.data_sha256)


def _tried(review: Review) -> tuple[Sliced, ...]:
    return tuple(_TRIED.get(_data_of(review), {}).values())


def slice_of(review: Review, where: Mapping[str, object], first: Sequence[Condition] = ()) -> Slice:
    """Look at part of a review's samples, and count the look.

    Args:
        review: the review.
        where: column → value, values, or None.
        first: the conditions of the slice that is sliced on.
    """
    judged = review.judged
    conditions = sliced_conditions(judged, where, first)
    looks = _TRIED.setdefault(_data_of(review), {})
    record = review.record
    look = _Look(conditions, record.plan_sha256, record.profile, judged.params.adjust)
    if look not in looks:
        looks[look] = judge_slice(judged, conditions)
    return Slice(review, looks[look])


def tried_of(review: Review) -> Table[TriedSlice]:
    """List every gate of every slice that was tried on a review's data."""
    slices = _tried(review)
    rows = tried(slices, listed_beside(review.record))
    return Table(rows, _TRIED_GATES, title=say("Slices tried"), lang=review.lang,
                 note=_note(review, slices))  # fmt: skip


def _note(review: Review, slices: Sequence[Sliced], doubts: Sequence[Reason] = ()) -> str:
    """Say that nobody planned the look, how many there were, and what is doubtful of this one."""
    sentences = [say(
        "A look that nobody planned. Different slices tried here so far: {n}, beside {listed} "
        "segments that the review tests. p_holm is p after Holm over all of them, and grows as "
        "more are tried; no verdict follows.",
        n=len(slices), listed=listed_beside(review.record),
    )]  # fmt: skip
    if review.record.carried:
        sentences.append(say("Only this stage's own samples count here."))
    with speaking(review.lang):
        return " ".join([*map(str, sentences), *texts(doubts[:DOUBTS])])


class Slice(Asking):
    """Part of a review's samples: every gate's estimate, its bounds and p, and no verdict.

    >>> rest = review.where(category="rest")
    >>> rest.n_control, rest.n_treatment, round(rest.gates[0].gate.point, 3)
    (70, 70, -0.243)
    """

    def __init__(self, review: Review, sliced: Sliced) -> None:
        """Keep what was found, and whose review it is a part of."""
        self._review, self._sliced = review, sliced

    def __repr__(self) -> str:
        """Show the slice, that nobody planned it, and its gates."""
        return repr(self.gates)

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return self.gates._repr_html_()  # pyright: ignore[reportPrivateUsage] -- IPython's

    @property
    def conditions(self) -> Mapping[str, tuple[str | None, ...]]:
        """What its samples have in common: column → values, any of which matches.

        >>> review.where(category="rest").conditions
        {'category': ('rest',)}
        """
        return {condition.column: condition.values for condition in self._sliced.conditions}

    @property
    def n(self) -> int:
        """Samples of both arms.

        >>> review.where(category="rest").n
        140
        """
        return self.n_control + self.n_treatment

    @property
    def n_control(self) -> int:
        """Samples of the control.

        >>> review.where(category="rest").n_control
        70
        """
        return self._sliced.n_control

    @property
    def n_treatment(self) -> int:
        """Samples of the treatment.

        >>> review.where(category="rest").n_treatment
        70
        """
        return self._sliced.n_treatment

    @property
    def note(self) -> str:
        """What a reader has to know of it: nobody planned the look, and how many there were.

        >>> review.where(category="rest").note[:27]
        'A look that nobody planned.'
        """
        return _note(self._review, _tried(self._review), self._sliced.doubts)

    @property
    def gates(self) -> Table[TriedSlice]:
        """Every gate of the plan on these samples, by the methods of the review.

        >>> frame = review.where(category="rest").gates.to_pandas()
        >>> frame[frame["p_holm"] < 0.05]["gate"].to_list()
        ['pass_rate']
        """
        slices = _tried(self._review)
        listed = listed_beside(self._review.record)
        own_rows = [row for row in tried(slices, listed) if row.sliced is self._sliced]
        with speaking(self._review.lang):
            title = say("Slice: {slice} ({control} + {treatment} samples)",
                        slice=is_in(self._sliced.conditions), control=f"{self.n_control:,}",
                        treatment=f"{self.n_treatment:,}").text()  # fmt: skip
        columns = (*_GATES, whole("slices_tried", "different slices so far", lambda _: len(slices)))
        return Table(own_rows, columns, title=title, lang=self._review.lang, note=self.note)

    @property
    def segments(self) -> Table[Segment]:
        """The pass rate within the plan's segments of the slice; not tested, `where` is for that.

        >>> len(review.where(category=["rest", "java"]).segments)
        2
        """
        return Table(self._sliced.parts, _PARTS, title=say("Segments"), lang=self._review.lang,
                     note=self.note)  # fmt: skip

    def _asked(self) -> Asked:
        return Asked(self._review, self._sliced.conditions)


def _of(path: str) -> str:
    return f"gate.{path}"


_GATES: Final[tuple[Column[Any], ...]] = (
    text("gate", "the gate's id in params/plan.yaml", _of("id"), brief=True),
    text("title", "its name, as the plan has it", _of("title")),
    text("subject", "the issue that it is about: that of the whole review", _of("subject")),
    text("contrast", "treatment: its own value; difference and ratio: against the control",
         _of("contrast")),
    text("harm", "the direction in which the number gets worse", _of("harm")),
    text("level_unit", "of control and treatment", _of("level_unit")),
    number("control", "the control's own value in the slice", "level_unit", _of("control"),
           brief=True),
    number("treatment", "the treatment's own value in the slice", "level_unit", _of("treatment"),
           brief=True),
    text("unit", "of point, lower, upper and limit", _of("unit"), brief=True),
    number("point", "the estimate", "unit", _of("point"), brief=True),
    number("lower", f"its one-sided lower bound; {BOUND}", "unit", _of("lower"), brief=True),
    number("upper", f"its one-sided upper bound; {BOUND}", "unit", _of("upper"), brief=True),
    number("confidence", "of each bound by itself", "share", _of("confidence")),
    number("limit", "what the bound over all samples must clear at this stage; no limit of a slice",
           "unit", _of("limit")),
    number("p", "one-sided test against no change, towards harm, as if it were the only look; "
           "null: no such test", "p-value", _of("p"), brief=True),
    number("p_holm", "p after Holm over every gate of every slice tried so far, and over the "
           "segments that the review tests", "p-value", brief=True),
    text("why", "what the slice cannot show", said(_of("why")), brief=True),
    whole("n_control", "values of the control", _of("n_control")),
    whole("n_treatment", "values of the treatment", _of("n_treatment")),
    text("design", "one_arm, independent, paired, nested or crossed", _of("design")),
    text("method", "the method and its source", _of("method")),
    flag("planned", "always no: nobody planned the look", lambda _: False),
)  # fmt: skip
_TRIED_GATES: Final[tuple[Column[Any], ...]] = (
    text("slice", "what its samples have in common", lambda row: named(row.sliced.conditions),
         brief=True),
    whole("samples", "of both arms", lambda row: row.sliced.n_control + row.sliced.n_treatment,
          brief=True),
    *(column for column in _GATES if column.name in {
        "gate", "unit", "point", "lower", "upper", "p", "p_holm", "planned",
    }),
)  # fmt: skip
_PARTS: Final[tuple[Column[Any], ...]] = (
    text("by", "the column of the samples that divides them", brief=True),
    text("value", "its value", brief=True),
    whole("n_control", "samples of the control", brief=True),
    whole("n_treatment", "samples of the treatment", brief=True),
    number("control_share", "the control's own pass rate", "share", "control", brief=True),
    number("treatment_share", "the treatment's own pass rate", "share", "treatment", brief=True),
    number("change_share", "treatment − control: −0.05 is −5 pp", "share", "point", brief=True),
    number("lower_share", f"its one-sided lower bound; {BOUND}", "share", "lower", brief=True),
    number("upper_share", f"its one-sided upper bound; {BOUND}", "share", "upper", brief=True),
    flag("planned", "always no: nobody planned the look", lambda _: False),
)  # fmt: skip
