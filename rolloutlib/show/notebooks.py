"""Run a notebook with papermill and render it as one HTML file: offline and sanitised."""

from __future__ import annotations

import ast
from collections import Counter
from copy import deepcopy
from importlib import import_module
from logging import NullHandler, getLogger
from shutil import move
from typing import TYPE_CHECKING, Any, Final, TextIO

from markupsafe import Markup

from rolloutlib import errors
from rolloutlib.doors.refusal import DoorError
from rolloutlib.errors import RolloutError, RunsError, UsageError, did_you_mean
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.figure import FIGURE_MIME
from rolloutlib.show.kernel import own_kernel
from rolloutlib.show.optional import FORMATS, HADOOP, without
from rolloutlib.show.pages import Section, add_prose, address, drawn, page, sanitised
from rolloutlib.show.tables import EMPTY
from rolloutlib.show.trusted import trust
from rolloutlib.words.sentences import say, translate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nbformat import NotebookNode

    from rolloutlib.phrase import Phrase

__all__ = ["localise", "parameter_names", "render_html", "run_notebook"]

START: Final = 300  # seconds that a process may take to start where many start at once
# Cells for who runs the notebook, not for the meeting.
HIDDEN: Final = {"analyst", "parameters", "injected-parameters"}


def run_notebook(
    notebook: Path,
    params: Mapping[str, Any],
    out: Path,
    *,
    lang: str = "en",
    progress: TextIO | None = None,
    report: Path | None = None,
    place: str = "",
    failed: Path | None = None,
) -> NotebookNode:
    """Execute a notebook with papermill in the workbook's root; return what was executed.

    Args:
        notebook: the notebook to run.
        params: values for the notebook's parameters cell.
        out: the file that the executed notebook is written to, also when a cell fails.
        lang: language of its prose.
        progress: a terminal gets a bar, any other stream a line.
        report: the folder in which the notebook gathers a report, whatever its parameters say.
        place: where that report will be, as a command names it.
        failed: the file that a notebook with a failing cell goes to instead of `out`.

    Raises:
        UsageError: a parameter that the notebook does not have.
        RolloutError: a cell failed, or the notebook's process died; what rolloutlib raised there
            is raised again as it was.
        OSError: there is no place for the notebook or for its process.
    """
    with without(*FORMATS, *HADOOP):
        nbformat, papermill = import_module("nbformat"), import_module("papermill")
    if not notebook.is_file():
        raise UsageError("{notebook}: there is no such notebook", notebook=notebook)
    source = nbformat.read(notebook, as_version=4)
    _refuse_unknown(params, parameter_names(source), notebook)
    out.parent.mkdir(parents=True, exist_ok=True)
    bar = _progress_bar(notebook, len(source.cells), progress)
    getLogger("papermill").addHandler(NullHandler())  # what it says there is said as an error
    with own_kernel(report, place) as kernel:
        try:
            return papermill.execute_notebook(
                localise(source, lang), _literal(out), dict(params), kernel_name="python3",
                cwd=str(workbook_root()), progress_bar=bar or False,
                request_save_on_cell_execute=False, autosave_cell_every=0,
                start_timeout=START, shutdown_kernel="immediate",
                kernel_manager_class=kernel.manager,
            )  # fmt: skip
        except papermill.exceptions.PapermillExecutionError as error:
            if failed is not None:
                move(out, failed)
            trust(failed or out)  # who looks for the error sees what was shown before it
            about = {"notebook": notebook.name, "cell": error.exec_count, "kept": failed or out}
            raise _as_sentence(error.ename, error.evalue, kernel.said(), about) from None
        except (RuntimeError, TimeoutError) as error:  # of nbclient and jupyter_client
            raise kernel.gone(error) from None


def _progress_bar(notebook: Path, cells: int, progress: TextIO | None) -> dict[str, object]:
    """Return the settings of a terminal's bar; any other stream gets a line, and none a bar."""
    if progress is None:
        return {}
    running = str(say("running {notebook}: {n} cells", notebook=notebook.name, n=cells))
    if not progress.isatty():
        print(running, file=progress, flush=True)
        return {}
    form = "{desc} {percentage:3.0f}% {bar:30} {elapsed}"
    return {"file": progress, "desc": running, "bar_format": form, "leave": False}


def parameter_names(notebook: NotebookNode) -> tuple[str, ...]:
    """Return the names that the parameters cell assigns; papermill only warns about others."""
    cell = next((c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])), None)
    tree = ast.parse(cell.source if cell else "")
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return tuple(name.id for name in names if isinstance(name.ctx, ast.Store))


def localise(notebook: NotebookNode, lang: str) -> NotebookNode:
    """Return a copy with its prose in the language: a Markdown cell's source is a msgid."""
    translated = deepcopy(notebook)
    for cell in translated.cells:
        if cell.cell_type == "markdown":
            cell.source = translate(cell.source, lang)
    return translated


def render_html(notebook: NotebookNode, lang: str = "en", *, index: str = "") -> str:
    """Render an executed notebook as one page without code, sanitised, loading nothing.

    Args:
        notebook: what was executed.
        lang: language of what the page says of itself.
        index: address of the index that lists the page; empty where none does.
    """
    sections, filled = [Section("top", "", [])], Counter[str]()
    for cell in notebook.cells:
        if HIDDEN & set(cell.metadata.get("tags", [])):
            continue
        if cell.cell_type == "markdown":
            add_prose(sections, cell.source)
            continue
        shown = [(output, part) for output in cell.outputs if (part := _output(output))]
        sections[-1].parts.extend(part for _, part in shown)
        filled[sections[-1].anchor] += sum(not _is_empty(output) for output, _ in shown)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    titles = [str(output.get("metadata", {}).get("rolloutlib_title", "")) for output in outputs]
    title = next(filter(None, titles), "rolloutlib")
    review = notebook.metadata.get("rolloutlib", {}).get("review", "")
    bare = frozenset(anchor for anchor, pieces in filled.items() if not pieces)
    return page(sections, title=title, lang=lang, review=review, bare=bare, index=index)


def _literal(path: Path) -> str:
    """Return a path as papermill takes it, which would fill parameters into its braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _refuse_unknown(params: Mapping[str, Any], names: tuple[str, ...], notebook: Path) -> None:
    for name in params:
        if name not in names:
            raise UsageError(
                "{name} is not a parameter of {notebook}; it has {names}.{hint}",
                name=name, notebook=notebook.name, names=names, hint=did_you_mean(name, names),
            )  # fmt: skip


def _as_sentence(
    name: str, message: str, sentence: Phrase | None, about: Mapping[str, object]
) -> RolloutError:
    """Make the error of a cell one of ours again; any other names the cell and the notebook."""
    error_type = RunsError if name == DoorError.__name__ else getattr(errors, name, None)
    if isinstance(error_type, type) and issubclass(error_type, RolloutError):
        return error_type(sentence or message)
    if not message and name == "CellExecutionError":  # papermill's own: it found no error to show
        return RolloutError(
            "{notebook}, cell {cell}: it ended: without a word, as it does when memory runs out; "
            "the notebook up to there is {kept}", **about,
        )  # fmt: skip
    return RolloutError(
        "{notebook}, cell {cell}: {name}: {message}; the notebook up to there is {kept}",
        name=name, message=message, **about,
    )  # fmt: skip


def _output(output: NotebookNode) -> Markup | None:
    """Return one output as safe HTML: a figure, a piece of a report, or plain text."""
    data = output.get("data", {})
    if FIGURE_MIME in data:
        return drawn(data[FIGURE_MIME])
    if "image/svg+xml" in data:  # a live chart of an explorer
        picture = address(data["image/svg+xml"])
        return Markup('<p class="rl"><img src="{}" alt="{}"></p>').format(picture, _said(data))
    if "rolloutlib_caption" in output.get("metadata", {}):  # a stream has none
        return None  # the figure before it has it
    if "text/html" in data:
        return sanitised(data["text/html"])
    if "text/plain" in data:
        return Markup('<p class="rl rl-none">{}</p>').format(data["text/plain"])
    return None


def _is_empty(output: NotebookNode) -> bool:
    """Whether an output only says that there is nothing to show: a note, or such a piece."""
    return EMPTY in output.get("metadata", {}) or {*output.get("data", {})} == {"text/plain"}


def _said(data: Mapping[str, Any]) -> str:
    """Return a picture's text, where it is more than the name of its class."""
    text = str(data.get("text/plain", ""))
    return "" if text.startswith(("alt.", "<")) else text
