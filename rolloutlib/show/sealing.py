"""`rollout review` as a whole: run the notebook, make the page, seal the parts, publish them."""

from __future__ import annotations

import sys
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

import msgspec

from rolloutlib.errors import NoEvidenceError, RolloutError, RunsError, UsageError
from rolloutlib.ledger.seal import NOTEBOOK, PAGE, REVIEW, SEAL, parts_in, seal_of
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.bundle import new_report
from rolloutlib.show.notebooks import render_html, run_notebook
from rolloutlib.show.past_store import index_from
from rolloutlib.show.trusted import as_it_ran
from rolloutlib.text import plain
from rolloutlib.words.sentences import language, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbformat import NotebookNode

    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.show.bundle import Report
    from rolloutlib.words.sentences import Sentence

__all__ = ["review_notebook"]


class _Outcome(msgspec.Struct):
    """All that is read of review.json here: what the record needs takes .6 s to import."""

    recommendation: str


def review_notebook(
    params: ReviewParams,
    *,
    fresh: bool = False,
    progress: TextIO | None = None,
    published: Callable[[Path], object] | None = None,
) -> str:
    """Run notebooks/stage_review.ipynb and leave a sealed report in the folder `params.out`.

    The recommendation and the report's path are printed in the language that is spoken.

    The notebook's own `out` is left empty: who runs it again by hand writes over no report.

    Args:
        params: validated parameters; `out` must be set.
        fresh: whether the folder must be a new one; a name that is taken gets a number.
        progress: where to show how far it is.
        published: hears where the page is, once the report is there in whole.

    Returns:
        The recommendation, as in review.json.

    Raises:
        NoEvidenceError, RunsError: the data are no evidence; the report says so and why.
        UsageError: a parameter is wrong, or there can be no report at `out`.
        RolloutError: the notebook could not be run to its end; no report was touched.
    """
    root, out = workbook_root(), params.path("out")
    if out is None:
        raise UsageError("out is not set; name the folder to write the report to")
    with new_report(out, fresh=fresh, progress=progress) as report:
        try:
            executed = _executed(params, report, root, progress)
            text, refused = _summary(executed), None
        except (NoEvidenceError, RunsError) as error:
            from rolloutlib.show.invalid import invalid_report

            executed, text = invalid_report(params, report.folder, error.phrase)
            refused = error
        if language() != params.lang:
            text = _in_terminals_language(report.folder / REVIEW, whole=refused is None)
        recommendation = _seal(
            report.folder, executed, params.lang, whole=refused is None,
            index=index_from(report.place, root / "reports"),
        )  # fmt: skip
        page = report.publish() / PAGE
    if published is not None:
        published(page)
    print(text, _where(page, root), sep="\n\n")  # noqa: T201 -- what the command is run for
    if refused is not None:
        raise refused
    _log(root, page, params.lang)
    return recommendation


def _executed(
    params: ReviewParams, report: Report, root: Path, progress: TextIO | None
) -> NotebookNode:
    """Run the notebook with its report's parts going to the report's folder."""
    place, values = report.place, params.model_dump(mode="json", exclude={"plan"})
    # A command names the folder from the workbook, or as it was given.
    named = str(place.relative_to(root)) if place.is_relative_to(root) else str(params.out)
    return run_notebook(
        root / "notebooks" / "stage_review.ipynb", values | {"out": None},
        report.folder / NOTEBOOK, lang=params.lang, progress=progress, report=report.folder,
        failed=report.failed, place=named,
    )  # fmt: skip


def _where(page: Path, root: Path) -> Sentence:
    path = page.relative_to(root) if page.is_relative_to(root) else page
    return say("Report: {path}", path=plain(str(path)))


def _log(root: Path, page: Path, lang: str) -> None:
    """Write the review's run log and bring the overview up to date, where they can link the report.

    What fails is said: the report is there, and an exploration has no log.
    """
    if not page.is_relative_to(root):
        return
    from datetime import UTC, datetime

    from rolloutlib.flags.overview import log_run
    from rolloutlib.ledger.run_log import ran_of_review

    try:
        ran = ran_of_review((page.parent / REVIEW).read_bytes(), page, at=datetime.now(UTC))
    except (OSError, RolloutError) as error:
        sys.stderr.write(f"{say('The run log is not written')}: {error}\n")
        return
    for why in log_run(root, ran, lang) if ran else ():
        sys.stderr.write(f"{why}\n")


def _summary(notebook: NotebookNode) -> str:
    """Return what the notebook's last output says to a terminal."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    texts = [str(data["text/plain"]) for data in shown if "text/plain" in data]
    return texts[-1] if texts else ""


def _in_terminals_language(record: Path, *, whole: bool) -> str:
    """Return what the review says to a terminal whose language is not the report's."""
    from rolloutlib.judge.record import decode
    from rolloutlib.show.report import summary_text

    text = summary_text(decode(record.read_bytes()), lang=language())
    return text if whole else text.partition("\n")[0]  # data that are no evidence have no gates


def _seal(folder: Path, notebook: NotebookNode, lang: str, *, whole: bool, index: str = "") -> str:
    """Make the page, let each part name the review.json that it is of, list them all."""
    if not (folder / REVIEW).is_file():
        call = 'report.write_review(review, params.path("out"), params)'
        raise RolloutError(
            "the notebook wrote no review; its last cell has to be {call}", call=call
        )
    review = (folder / REVIEW).read_bytes()
    notebook.metadata["rolloutlib"] = {"review": sha256(review).hexdigest()}
    if whole:
        notebook.metadata.get("papermill", {})["output_path"] = NOTEBOOK
        text = import_module("nbformat").v4.writes(notebook)
        (folder / NOTEBOOK).write_text(f"{text}\n", encoding="utf-8")
        as_it_ran(folder / NOTEBOOK)
    else:
        (folder / NOTEBOOK).unlink(missing_ok=True)
    (folder / PAGE).write_text(render_html(notebook, lang, index=index), encoding="utf-8")
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    (folder / SEAL).write_bytes(seal_of(parts))
    return msgspec.json.decode(review, type=_Outcome).recommendation
