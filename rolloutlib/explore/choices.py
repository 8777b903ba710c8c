"""Lists to choose from in a live notebook; anywhere else the view that was asked for, alone.

What is shown first is an output as any other, so a page, a stored notebook and a run without a
person have it. The lists stand above it only where a person runs the cell.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.errors import RolloutError
from rolloutlib.judge.counting import by_hand
from rolloutlib.judge.sources import sample_frame
from rolloutlib.measure.within import sliceable
from rolloutlib.runs.database import readable
from rolloutlib.show.figure import Note
from rolloutlib.text import LABEL, plain
from rolloutlib.words.sentences import say, speaking, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.explore.asking import Asking
    from rolloutlib.explore.review import Review
    from rolloutlib.runs.samples import Samples

__all__ = ["choose_outcome", "choose_slice"]

MOST: Final = 200  # values of a column that a list offers
OUTCOMES: Final = {
    "worse": say("worse"), "better": say("better"), "same": say("the same"),
    "all": say("all prompts"),
}  # fmt: skip


def choose_slice(review: Review, column: str, value: str) -> None:
    """Show a slice of a review, and lists of the columns and values of other slices.

    >>> choose_slice(review, "category", "rest")  # doctest: +ELLIPSIS
    Slice: category rest (70 + 70 samples) · 8 rows × 23 columns
    ...

    Args:
        review: the review.
        column: of the slice that is shown first, such as `category`.
        value: which of its values.

    Raises:
        UsageError: no such column, or no sample that has the value.
    """
    if not by_hand():
        _display(review.where(**{column: value}))
        return
    values = _values(review)
    values[column] = [*dict.fromkeys([value, *values.get(column, [])])]
    with speaking(review.lang):
        columns = _list(say("Column"), [(translate(name), name) for name in values], column)
        parts = _list(say("Value"), _named(values[column]), value)
    show = _shown_below([columns, parts], lambda: review.where(**{columns.value: parts.value}))

    def of_column(_: object) -> None:
        parts.options = _named(values[columns.value])  # the first of them is chosen, and shown

    columns.observe(of_column, "value")
    parts.observe(show, "value")


def choose_outcome(subject: Asking, gate: str = "pass_rate", outcome: str = "worse") -> None:
    """Show the prompts of a gate whose answers changed, and lists of other gates and outcomes.

    >>> choose_outcome(review.where(category="rest"))  # doctest: +ELLIPSIS
    Pass rate: the same prompt in both arms, worse · 18 of 18 rows
    ...

    Args:
        subject: a review, or a slice of one.
        gate: whose number is compared, by its id in the plan.
        outcome: worse, better, same or all.

    Raises:
        UsageError: what does not go together or is not there; arms that share no prompt.
    """
    if not by_hand():
        _display(subject.samples(gate, outcome))
        return
    review = subject._asked().review  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- explore's own
    with speaking(review.lang):
        titles = [(translate(gate_row.title), gate_row.id) for gate_row in review.gates]
        gates = _list(say("Gate"), titles, gate)
        named = [(str(word), name) for name, word in OUTCOMES.items()]
        outcomes = _list(say("Outcome"), named, outcome)
    show = _shown_below([gates, outcomes], lambda: subject.samples(gates.value, outcomes.value))
    gates.observe(show, "value")
    outcomes.observe(show, "value")


def _values(review: Review) -> dict[str, list[str]]:
    """Return the values of every column that tells samples apart."""
    with readable():
        samples = sample_frame(review.judged.source)
        by_column = {name: _told(samples, name) for name in sliceable(samples.extras)}
    return {name: values for name, values in by_column.items() if len(values) > 1}


def _told(samples: Samples, column: str) -> list[str]:
    """Return the first values of a column, in their order."""
    values = samples.frame().select(column).unique().sort(column).head(MOST).collect("pyarrow")
    return [row[0] for row in values.rows() if row[0] is not None]


def _named(values: Sequence[str]) -> list[tuple[str, str]]:
    return [(plain(value, LABEL), value) for value in values]


def _list(name: object, options: Sequence[tuple[str, str]], chosen: str) -> Any:  # noqa: ANN401 -- ipywidgets has no types
    dropdown = import_module("ipywidgets").Dropdown
    return dropdown(description=str(name), options=options, value=chosen)


def _shown_below(lists: Sequence[Any], view: Callable[[], object]) -> Callable[[object], None]:
    """Show lists and the view of what they say; return what shows it again."""
    first = view()  # its errors come before any list
    beside = import_module("ipywidgets").HBox(list(lists))
    # Where the notebook is read later, without its kernel, there is nothing to choose from.
    stored = {"text/plain": str(say("Run this cell to choose from lists."))}
    _display(beside._repr_mimebundle_() | stored, raw=True)
    place: Any = _display(first, display_id=True)

    def show(_: object) -> None:
        try:
            place.update(view())
        except RolloutError as error:
            place.update(Note(str(error)))

    return show


def _display(view: object, **options: bool) -> object:
    return import_module("IPython.display").display(view, **options)
