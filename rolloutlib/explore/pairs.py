"""Two reviews side by side in an analyst's hands: what moved, and which samples are new.

What the records tell needs no samples; the samples are read where they still are.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# (pyarrow carries no types)
from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.explore.compared import GATES_MOVED, REASONS_MOVED, RUNS_MOVED, TURNED
from rolloutlib.explore.opening import open_report
from rolloutlib.explore.public import Public
from rolloutlib.explore.review import Review
from rolloutlib.explore.samples import SINGLE
from rolloutlib.explore.tables import Table
from rolloutlib.judge.answers import asked_of
from rolloutlib.judge.moved import Moved, moved
from rolloutlib.judge.sources import sample_frame
from rolloutlib.measure.turned import only_in, turned
from rolloutlib.runs.database import readable
from rolloutlib.show.moved import side_by_side
from rolloutlib.show.tables import Html, render, style
from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import say, speaking, translate

if TYPE_CHECKING:
    import narwhals as nw

    from rolloutlib.judge.moved import GateMoved, ReasonMoved
    from rolloutlib.judge.overlap import RunMoved
    from rolloutlib.judge.review import Judged
    from rolloutlib.words.sentences import Sentence

__all__ = ["Pair", "Which", "compare_reviews"]

Which = Literal["new", "gone", "worse", "better", "turned"]
MOST: Final = 10_000  # rows that are brought here
GLANCE: Final = 12  # lines in a terminal
ReviewOrPath = Review | str | PathLike[str]


def compare_reviews(before: ReviewOrPath, after: ReviewOrPath) -> Pair:
    """Lay two reviews side by side, as `rolloutlib.compare` says."""
    return Pair(*(_review(name, review) for name, review in (("a", before), ("b", after))))


def _review(name: str, review: ReviewOrPath) -> tuple[Review, str]:
    """Return a review and what it is called."""
    if isinstance(review, Review):
        return review, ""
    if isinstance(review, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] -- in a notebook nobody checks types
        return open_report(review), str(Path(review))
    got = type(review).__name__
    raise UsageError(
        "{name} is a {got}; expected a review, or the path of a report", name=name, got=got
    )


class Pair(Public):
    """Two reviews: what moved from the earlier to the later one.

    >>> pair = compare_reviews(report, review)
    >>> pair.same_data, pair.gates.to_pandas()["change"].dropna().unique().tolist()
    (True, [0.0])
    """

    def __init__(self, before: tuple[Review, str], after: tuple[Review, str]) -> None:
        """Keep two reviews, each with what it is called (nothing: by its place)."""
        (self._before, self._where), (self._after, self._now) = before, after
        self._moved = moved(self._before.record, self._after.record)

    def __repr__(self) -> str:
        """Show what both recommend, what they share and which gates moved."""
        lines = self._shown().text.splitlines()
        if len(lines) <= GLANCE:
            return "\n".join(lines)
        return "\n".join([*lines[: GLANCE - 1], "… .gates .runs .reasons .samples(…)"])

    def _repr_html_(self) -> str:
        """Show it in a notebook, as a report's page does."""
        return self._shown().html

    def _shown(self) -> Html:
        with speaking(self._after.lang):
            names = (self._where or str(say("the first")), self._now or str(say("the second")))
            shown = side_by_side(self._moved, *names)
            html = render("pair.html.j2", style=style(), inner=shown.html)
            return Html(html, shown.text)

    @property
    def before(self) -> Review:
        """The first review.

        >>> compare_reviews(report, review).before.stage
        2
        """
        return self._before

    @property
    def after(self) -> Review:
        """The second review.

        >>> compare_reviews(report, review).after is review
        True
        """
        return self._after

    @property
    def moved(self) -> Moved:
        """What moved, as records: `rolloutlib.judge.moved` describes them.

        >>> compare_reviews(report, review).moved.differs
        ()
        """
        return self._moved

    @property
    def same_data(self) -> bool:
        """Whether both are of the same samples.

        >>> compare_reviews(report, review).same_data
        True
        """
        return self._moved.same_data

    @property
    def gates(self) -> Table[GateMoved]:
        """Every gate in both: verdicts, estimates and bounds, and by how much they moved.

        A change has bounds only where the two share no samples.

        >>> compare_reviews(report, review).gates.to_pandas()["verdict_moved"].any()
        np.False_
        """
        return self._table(self._moved.gates, GATES_MOVED, say("Gates, before and after"))

    @property
    def runs(self) -> Table[RunMoved]:
        """Every run of either: new, gone, the same, renamed (same numbers) or changed.

        >>> compare_reviews(report, review).runs.to_pandas()["state"].to_list()
        ['same', 'same']
        """
        return self._table(self._moved.runs, RUNS_MOVED, say("Runs, before and after"))

    @property
    def reasons(self) -> Table[ReasonMoved]:
        """Every reason of either: it came, went or stays, whatever its numbers are.

        >>> set(compare_reviews(report, review).reasons.to_pandas()["state"])
        {'stays'}
        """
        return self._table(self._moved.reasons, REASONS_MOVED, say("Reasons, before and after"))

    def samples(self, which: Which = "new", *, gate: str = "pass_rate", n: int = 100) -> Table[Any]:
        """Return samples of one review only, or prompts whose treatment says something else.

        `new` are samples that only the second review has, `gone` those that only the first has, by
        arm, run and id. `worse`, `better` and `turned` (both) are prompts that both treatments
        answered, by the mean of the gate's number over a prompt's answers, the largest change
        first: a look, without a test. Both reviews' samples have to be where they were.

        >>> len(compare_reviews(report, review).samples("new"))
        0

        Args:
            which: new, gone, worse, better or turned.
            gate: whose number `worse`, `better` and `turned` compare.
            n: how many rows at most; the table's note says how many there are in all.

        Raises:
            UsageError: there is no such choice, or the samples of a review cannot be read.
        """
        if which not in get_args(Which):
            hint = did_you_mean(str(which), get_args(Which))
            raise UsageError(
                "which is {which!r}; expected {known}.{hint}",
                which=which,
                known=tuple(get_args(Which)),
                hint=hint,
            )
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:  # pyright: ignore[reportUnnecessaryIsInstance] -- an analyst may pass anything
            raise UsageError(
                "n is {n!r}; expected a whole number from 1 to {most:,}", n=n, most=MOST
            )
        if which in {"new", "gone"}:
            return self._of_one(which, n)
        return self._turned(which, gate, n)

    def _of_one(self, which: str, n: int) -> Table[Any]:
        both = (self._after, self._before) if which == "new" else (self._before, self._after)
        reviewed, other = (review.judged for review in both)
        with readable():
            rows, total = only_in(_both_arms(reviewed), _both_arms(other), n)
        for judged in (reviewed, other):
            judged.source.runs.check_unchanged()
        title = say("Samples of the second review only") if which == "new" else say(
            "Samples of the first review only"
        )  # fmt: skip
        return Table.from_arrow(rows, SINGLE, title=title, lang=self._after.lang,
                                note=_in_all(rows.num_rows, total))  # fmt: skip

    def _turned(self, which: str, gate: str, n: int) -> Table[Any]:
        old, new = self._before.judged, self._after.judged
        question, other_question = asked_of(old, gate), asked_of(new, gate)
        if question != other_question:
            raise UsageError(
                "{gate} is about another number in each review ({metric} and {other}); their "
                "samples are not compared by it.",
                gate=gate,
                metric=question.metric,
                other=other_question.metric,
            )
        with readable():
            rows, counts = turned(_treated(old), _treated(new), question, which, n)
        for judged in (old, new):
            judged.source.runs.check_unchanged()
        note = say(
            "{every} prompts are answered in both: {worse} worse, {better} better. No test.",
            every=f"{counts['both']:,}", worse=f"{counts['worse']:,}",
            better=f"{counts['better']:,}",
        )  # fmt: skip
        title = say("{gate} of the treatments, prompt by prompt",
                    gate=plain(translate(new.plan.gates[gate].title), LABEL))  # fmt: skip
        return Table.from_arrow(rows, TURNED, title=title, lang=self._after.lang, note=note)

    def _table(self, rows: Any, columns: Any, title: Sentence) -> Table[Any]:  # noqa: ANN401 -- whatever its property says
        return Table(rows, columns, title=title, lang=self._after.lang)


def _in_all(shown: int, total: int) -> Sentence:
    return say("{shown} of {total}.", shown=f"{shown:,}", total=f"{total:,}")


def _both_arms(judged: Judged) -> tuple[nw.LazyFrame[Any], tuple[str, str]]:
    return sample_frame(judged.source).frame(), judged.pair


def _treated(judged: Judged) -> tuple[nw.LazyFrame[Any], str]:
    return sample_frame(judged.source).frame(), judged.review.treatment
