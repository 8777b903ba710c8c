"""The report of data that are no evidence at all: why, what was refused, and what to do."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.judge.review import invalid_review
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.decision import decision_page
from rolloutlib.show.folder import save
from rolloutlib.show.next_step import again
from rolloutlib.show.report import SIGNS, inputs, quarantine
from rolloutlib.show.tables import Html, bullets
from rolloutlib.words.sentences import say, speaking, translate

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.phrase import Phrase
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.words.sentences import Sentence

__all__ = ["Invalid", "invalid_report"]

# As in notebooks/stage_review.ipynb.
OPENING: Final = (
    "# Stage review\n\nMay this stage be left for the next one? The numbers recommend and say why; "
    "people decide."
)


class Invalid(NamedTuple):
    """An INVALID review: what its page shows, as a notebook that nobody ran, and its heading."""

    notebook: NotebookNode
    text: str


def invalid_report(params: ReviewParams, folder: Path, message: Phrase | str) -> Invalid:
    """Write review.json, params.yaml and quarantine/ of data that are no evidence.

    Args:
        params: of the review.
        folder: where its report is gathered.
        message: why the data are no evidence.
    """
    review = invalid_review(params, message)
    save(review, folder, params)
    root, now = workbook_root(), datetime.now(UTC)
    top = decision_page(review, params.lang, root=root, now=now, params=params)
    with speaking(params.lang):
        pieces = ((translate("## Recommendation"), top), *_pieces(review, params))
    v4 = import_module("nbformat").v4
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(translate(OPENING, params.lang))])
    for prose, piece in pieces:
        data, metadata = piece.bundle()
        shown = v4.new_output("display_data", data=data, metadata=metadata)
        notebook.cells += [v4.new_markdown_cell(prose), v4.new_code_cell("", outputs=[shown])]
    return Invalid(notebook, f"{SIGNS[review.recommendation]} {top.title}")


def _pieces(review: Reviewed, params: ReviewParams) -> list[tuple[str, Html]]:
    """Return what stands below the decision page: prose, and what it is about."""
    lang = params.lang
    to_do = [*_to_do(review, again(params)), *_unjudged(params)]
    pieces = [(translate("## What to do"), bullets(to_do))]
    if review.quarantine:
        prose = translate(
            "## Quarantine\n\nRows that could not be read as evidence are counted here with an "
            "example each; none of them is in the numbers."
        )
        pieces.append((prose, quarantine(review, lang)))
    if review.inputs:
        prose = translate(
            "## Inputs and digests\n\nWho holds files with these digests reviews the same data: "
            "read = kept + quarantined."
        )
        pieces.append((prose, inputs(review, lang)))
    return pieces


def _to_do(review: Reviewed, command: str) -> list[object]:
    if not review.quarantine:
        first = say("Mend the source as the reason says: nothing of it could be read as evidence.")
    else:
        first = say(
            "Mend the rows as the examples say, or make the runs again; quarantine/ holds each "
            "refused row as it was, with its reason."
        )
    then = say("Then review again. This review spent no look.")
    if command:
        then = say("Then review again: {command}. This review spent no look.",
                   command=f"`{command}`")  # fmt: skip
    return [
        first,
        then,
        say("Until then there is nothing to decide: the flags stay as they are, and an older GO "
            "says nothing of these data."),
    ]  # fmt: skip


def _unjudged(params: ReviewParams) -> list[Sentence]:
    """Name the gates that wait for data; nothing where there is no plan to tell them."""
    with suppress(RolloutError):
        plan = load_plan(workbook_root() / params.plan)
        titles = tuple(translate(gate.title) for gate in plan.gates.values())
        return [say("Not judged until then: {gates}.", gates=titles)]
    return []
