"""Notebooks are thin, run by papermill, fail in one sentence.

Become one page that loads and runs nothing.
"""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from rolloutlib import errors
from rolloutlib.errors import NoEvidenceError, RolloutError, RunsError, UsageError
from rolloutlib.plan.params import DailyParams, ReviewParams
from rolloutlib.show.notebooks import localise, parameter_names, render_html, run_notebook
from rolloutlib.words.sentences import speaking, translated
from tests.english import english_on, names_in, texts_of
from tests.sample_review import ATTACK, Tags, bfcl, executed, hostile

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REVIEW = ROOT / "notebooks" / "stage_review.ipynb"
GOLDEN = ROOT / "tests" / "notebooks" / "golden.ipynb"
CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LONGEST = 8
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.For,
    ast.While,
    ast.If,
    ast.Try,
    ast.Lambda,
)


class Terminal(io.StringIO):
    """A stream that shows a bar."""

    def isatty(self) -> bool:
        """Return that somebody looks."""
        return True


def read(path: Path) -> NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)


def made_of(*sources: str) -> NotebookNode:
    """Return a notebook of code cells; the first is its parameters cell."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )


def with_output(data: dict[str, Any]) -> NotebookNode:
    """Return a notebook whose one cell has shown this data."""
    cell = nbformat.v4.new_code_cell(
        "secret_code()", outputs=[nbformat.v4.new_output("display_data", data=data)]
    )
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_thin(path: Path) -> None:
    """Cells show and do not compute.

    Short, without logic, each after a sentence, and committed without outputs.

    The parameters cell is a form with a line a parameter (papermill reads it line by line),
          so its length is free.
    """
    cells = read(path).cells
    for before, cell in zip([None, *cells], cells, strict=False):
        if cell.cell_type != "code":
            continue
        assert before is not None
        assert before.cell_type == "markdown"
        assert (
            "parameters" in cell.metadata.get("tags", [])
            or len(cell.source.splitlines()) <= LONGEST
        )
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, LOGIC)]
        assert (cell.outputs, cell.execution_count) == ([], None)


def test_the_review_notebook_takes_every_parameter_of_a_review() -> None:
    """What `rollout review` can be told, papermill can be told.

    The plan stays the workbook's own.
    """
    assert set(parameter_names(read(REVIEW))) == set(ReviewParams.model_fields) - {"plan"}


def test_the_daily_notebook_takes_every_parameter_of_a_watch() -> None:
    """What `rollout watch` can be told, papermill can be told."""
    daily = read(ROOT / "notebooks" / "daily_monitor.ipynb")
    assert set(parameter_names(daily)) == set(DailyParams.model_fields) - {"plan"}


def test_the_golden_notebook_was_executed() -> None:
    """A stripped notebook would compare nothing.

    Every cell of the golden one has its count and outputs to compare.
    """
    cells = [cell for cell in read(GOLDEN).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    compared = [cell for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert len(compared) >= 2
    assert all(cell.outputs for cell in compared)


def test_a_misspelt_parameter_is_an_error(tmp_path: Path) -> None:
    """Papermill would warn and run on defaults.

    Here nothing runs and the sentence names the right word.
    """
    with pytest.raises(
        UsageError,
        match=r"contrl is not a parameter of stage_review.ipynb.* Did you mean 'control'\?",
    ):
        run_notebook(REVIEW, {"contrl": "x"}, tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.slow
@pytest.mark.notebooks
def test_an_error_of_a_cell_is_said_in_the_language_of_the_terminal(tmp_path: Path) -> None:
    """Template and values come out of the notebook's process, not only the finished English.

    So is what the terminal says while it runs.
    """
    raised = (
        "from rolloutlib.errors import UsageError\n"
        "raise UsageError('{notebook}: there is no such notebook', notebook='x')"
    )
    nbformat.write(made_of(raised), tmp_path / "broken.ipynb")
    terminal = Terminal()
    with speaking("ko"), pytest.raises(UsageError, match="x: there is no such notebook") as caught:
        run_notebook(tmp_path / "broken.ipynb", {}, tmp_path / "out.ipynb", progress=terminal)
    with speaking("ko"):
        assert translated(caught.value) == "x: 그런 노트북이 없습니다"
    assert "broken.ipynb 실행 중: 셀" in terminal.getvalue()
    assert "Executing" not in terminal.getvalue()


def test_a_missing_notebook_is_an_error(tmp_path: Path) -> None:
    """The sentence names the path."""
    with pytest.raises(UsageError, match=r"none.ipynb: there is no such notebook"):
        run_notebook(tmp_path / "none.ipynb", {}, tmp_path / "out.ipynb")


@pytest.mark.notebooks
@pytest.mark.slow
@pytest.mark.parametrize(
    ("raised", "kind", "sentence"),
    [
        (
            "from rolloutlib import errors\nraise errors.NoEvidenceError('runs/ holds no run')",
            NoEvidenceError,
            "runs/ holds no run",
        ),
        (
            "from rolloutlib.doors.refusal import DoorError\nraise DoorError('a', 'is b', 'c')",
            RunsError,
            r"a is b; expected c\.",
        ),
        (
            "1 / 0",
            RolloutError,
            r"broken.ipynb, cell \d: ZeroDivisionError: division by zero; .* is .*out.ipynb",
        ),
    ],
)
def test_a_failing_cell_is_one_sentence(
    tmp_path: Path, raised: str, kind: type[RolloutError], sentence: str
) -> None:
    """Our own error comes back as it was, with its exit code; any other names cell and notebook.

    What ran is kept.
    """
    nbformat.write(made_of("n = 1", "print('before', n)", raised), tmp_path / "broken.ipynb")
    progress = io.StringIO()
    with pytest.raises(kind, match=f"^{sentence}$") as caught:
        run_notebook(
            tmp_path / "broken.ipynb",
            {"n": 7},
            tmp_path / "%s {x}" / "out.ipynb",
            progress=progress,
        )
    assert type(caught.value) is kind
    assert progress.getvalue() == "running broken.ipynb: 3 cells\n"
    assert "before 7" in (tmp_path / "%s {x}" / "out.ipynb").read_text("utf-8")


def test_every_error_has_the_signature_that_the_kernel_can_send() -> None:
    """Errors cross from the kernel as name and text, so each is made from its text alone."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, RolloutError)
    ]
    assert len(kinds) >= 5
    assert {str(kind("text")) for kind in kinds} == {"text"}


@pytest.mark.slow
def test_notebooks_start_without_compiling_url_grammars(tmp_path: Path) -> None:
    """Importing papermill through `run_notebook` leaves rfc3987_syntax (2 s of grammar) alone."""
    code = (
        "import sys, pathlib; from rolloutlib.show.notebooks import run_notebook; from "
        "rolloutlib.errors import UsageError\n"
        f"try: run_notebook(pathlib.Path({str(tmp_path / 'none.ipynb')!r}), {{}}, "
        f"pathlib.Path('x'))\n"
        "except UsageError: print('papermill' in sys.modules, 'rfc3987_syntax' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout.split() == ["True", "False"]


def test_korean_notebooks_have_korean_prose() -> None:
    """Every Markdown cell of every notebook is translated, the code is untouched.

    The original stays English.
    """
    for path in NOTEBOOKS:
        notebook = read(path)
        korean = localise(notebook, "ko")
        pairs = list(zip(notebook.cells, korean.cells, strict=True))
        assert all(a.source == b.source for a, b in pairs if a.cell_type == "code")
        assert all(
            re.search("[가-힣]", b.source) and a.source != b.source
            for a, b in pairs
            if a.cell_type == "markdown"
        )


@pytest.mark.slow
def test_a_page_loads_nothing_and_runs_nothing() -> None:
    """Even with hostile labels.

    No script, no handler, no address, every image embedded, and a policy that says so.
    """
    page = render_html(executed(hostile()))
    assert f'content="{CSP}"' in page
    assert not re.search(r"<(script|iframe|object|embed|link|base|form|svg)\b", page)
    assert not [name for name in Tags(page).names if name.startswith("on")]
    assert not re.search(
        r"""(?:https?:)?//[\w.]""", re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "", page)
    )
    assert ATTACK not in page
    assert all(
        src.startswith("data:image/svg+xml;base64,")
        for src in re.findall(r'(?:src|srcset)="([^"]*)"', page)
    )


def test_a_page_has_language_title_and_order() -> None:
    """The title is the recommendation.

    The sections come in the order in which a meeting reads them.
    """
    page = render_html(executed(bfcl(), "ko"), "ko")
    assert '<html lang="ko"' in page
    assert (
        "<title>승급 불가 (NO-GO) · 스테이지 2, 옵트인 베타 · A 검색 요약 · gpt-4o-2024-08-06-FC"
        in page
    )
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles[:4] == ["권고", "모든 이유", "게이트와 기준", "게이트별 두 가지 판정"]
    assert "decision_page(" not in page


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<p onclick='alert(1)'>x</p>",
        "<a href='javascript:alert(1)'>x</a>",
        "<svg onload=alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>",
              "<style>@import url(//evil)</style>",
        "<div style='background:url(//evil)'>x</div>",
    ],
)  # fmt: skip
def test_outputs_are_sanitised(html: str) -> None:
    """Whatever a cell shows as HTML, only text and structure reach the page."""
    body = render_html(with_output({"text/html": html})).partition("<body>")[2]
    assert not re.search(r"<(script|img|a|svg|iframe|style)\b|\son\w+=|style=|evil", body)


def test_a_live_chart_is_a_picture_on_a_page() -> None:
    """What an explorer draws stands on the page as an image, which runs nothing."""
    svg = "<svg onload='alert(1)'><script>alert(1)</script></svg>"
    output = {"image/svg+xml": svg, "text/plain": "alt.HConcatChart(...)"}
    body = render_html(with_output(output)).partition("<body>")[2]
    assert '<img src="data:image/svg+xml;base64,' in body
    assert not re.search(r"<(script|svg)\b|alert|HConcat", body)


def test_prose_is_sanitised_too() -> None:
    """Markdown may hold raw HTML; a page shows none of it."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(f"## A {ATTACK}\n\n{ATTACK} [x](javascript:alert(1))")]
    )
    body = render_html(notebook).partition("<body>")[2]
    assert not re.search(r"<(script|img|a)\b[^#]", body)


def test_code_and_errors_of_other_cells_stay_out() -> None:
    """Code is hidden, and plain output is shown as text."""
    body = render_html(with_output({"text/plain": "<b>1 < 2</b>"})).partition("<body>")[2]
    assert "secret_code" not in body
    assert "&lt;b&gt;1 &lt; 2&lt;/b&gt;" in body


@pytest.mark.slow
@pytest.mark.notebooks
def test_planning_runs(tmp_path: Path) -> None:
    """All its cells, with a tenth of the repetitions that a person waits for."""
    few = {"repetitions": 100, "stage": 1, "users": 20}
    executed_plan = run_notebook(ROOT / "notebooks" / "planning.ipynb", few, tmp_path / "x.ipynb")
    outputs = [cell.outputs for cell in executed_plan.cells if cell.cell_type == "code"]
    assert sum(map(bool, outputs)) == len(outputs) - 3  # not parameters (twice) and imports


@pytest.mark.notebooks
@pytest.mark.slow
def test_a_review_runs_end_to_end(tmp_path: Path) -> None:
    """The notebook, run on the shipped example in Korean, leaves report, data and parameters."""
    code = (
        "import sys; from rolloutlib.show.sealing import review_notebook; from "
        "rolloutlib.plan.params import review_params\n"
        "print(review_notebook(review_params({'stage': 2, 'runs': 'data/examples/bfcl', "
        "'control': 'gpt-4o-2024-05-13-FC', "
        f"'treatment': 'gpt-4o-2024-08-06-FC', 'lang': 'ko', 'out': "
        f"{str(tmp_path)!r}}}), progress=sys.stderr))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    cells = json.loads((ROOT / "notebooks" / "stage_review.ipynb").read_text("utf-8"))["cells"]
    assert ran.stderr == f"running stage_review.ipynb: {len(cells)} cells\n"
    assert (
        ran.stdout.splitlines()[-1]
        == json.loads((tmp_path / "review.json").read_text("utf-8"))["recommendation"]
        == "NO_GO"
    )
    named = names_in((tmp_path / "review.json").read_bytes())
    assert english_on(texts_of((tmp_path / "review.html").read_text("utf-8")), named) == []
    assert ran.stdout.startswith("✕ NO-GO · stage 2, ")  # the caller's language, not the report's
    assert f"Report: {tmp_path}/review.html" in ran.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "review.ipynb",
        "review.html",
        "review.json",
        "params.yaml",
        "seal.sha256",
    }
    assert (tmp_path / "review.html").read_text("utf-8").count("<figure") == 6
