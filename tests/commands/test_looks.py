"""Looks are counted on every route: the command, papermill, `rl.review`; a person's notebook not.

Each test has a workbook of its own, whose plan names the file of looks.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

import rolloutlib as rl
from rolloutlib.cli import main
from rolloutlib.judge import counting
from rolloutlib.judge.record import encode
from rolloutlib.judge.review import review_stage
from rolloutlib.plan.params import review_params, stage_params
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """\
files: "*.csv"
columns: {arm: arm, run_id: run, sample_id: sid, status: status, score: score}
statuses: {ok: passed, bad: failed}
"""


@pytest.fixture
def book(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    looks_of_tests: Callable[[Plan, ReviewParams], Path | None],
) -> Path:
    """A workbook whose stage 3 has runs of two arms, and whose looks are counted in its own file.

    This process works in it.
    """
    monkeypatch.setattr(counting, "looks_file", looks_of_tests)
    root = tmp_path / "book"
    for name in ("params", "notebooks"):
        shutil.copytree(ROOT / name, root / name)
    (root / "params" / "stage-3.yaml").write_text(
        "stage: 3\nruns: runs\ncontrol: control\ntreatment: treatment\n", encoding="utf-8"
    )
    grow(root / "runs", 0)
    monkeypatch.chdir(root)
    return root


def grow(runs: Path, day: int) -> None:
    """Add a day's run of 300 samples an arm."""
    rng = np.random.default_rng(day)
    runs.mkdir(exist_ok=True)
    (runs / "source.yaml").write_text(SOURCE, encoding="utf-8")
    with (runs / f"day-{day}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["arm", "run", "sid", "status", "score"])
        for arm, mean in (("control", 6.5), ("treatment", 7.5)):
            rows.writerows(
                [arm, f"{arm}-{day}", f"{arm}-{day}-{n}", "ok" if rng.random() < 0.9 else "bad",
                 f"{np.clip(rng.normal(mean, 1), 0, 10):.4f}"] for n in range(300)
            )  # fmt: skip


def run(book: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the workbook."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=book, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def by_process(book: Path) -> dict[str, Any]:
    """`rollout review 3`."""
    code = "import sys; from rolloutlib.cli import main; sys.exit(main())"
    done = run(book, "-c", code, "review", "3", "--out", "out")
    written = told(book)
    assert f"Look: {said(written['look'])}" in done.stdout, done.stderr
    return written


def by_command(book: Path, *options: str) -> dict[str, Any]:
    """`rollout review 3` in this process, its notebook in one of its own."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        main(["review", "3", "--out", "out", *options])
    written = told(book)
    assert f"Look: {said(written['look'])}" in shown.getvalue()
    return written


def by_papermill(book: Path, *options: str) -> dict[str, Any]:
    """The command that params/stage-3.yaml itself names."""
    parameters = options or ("-f", "params/stage-3.yaml")
    notebook = "notebooks/stage_review.ipynb"
    command = ("-m", "papermill", notebook, "out.ipynb", *parameters, "-p", "out", "by-program")
    done = run(book, *command, "-k", "python3")
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(book / "out.ipynb", as_version=4).cells
    written = told(book, "by-program")
    assert f"Look: {said(written['look'])}" in cells[-1].outputs[-1].data["text/plain"]
    return written


def by_script(book: Path) -> dict[str, Any]:
    """`rl.review` in a script."""
    code = (
        "import rolloutlib as rl; from rolloutlib.judge.record import encode; "
        "print(encode(rl.review(3, 'runs').record).decode())"
    )
    done = run(book, "-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_import(runs: str = "runs", looks: str | None = None) -> dict[str, Any]:
    """`rl.review` in this process, which is no notebook either."""
    return json.loads(encode(rl.review(3, runs, looks=looks).record))


def told(book: Path, folder: str = "out") -> dict[str, Any]:
    """Return the review.json that was written."""
    return json.loads((book / folder / "review.json").read_text("utf-8"))


def said(look: dict[str, Any]) -> str:
    """Return how a page says a look."""
    ends = {"exploration": "; exploration: not counted"}
    return f"{look['number']} of {look['planned']}" + ends.get(look.get("counting", ""), "")


def verdicts(review: dict[str, Any]) -> set[str]:
    """Return what the evidence says of the gates that have data."""
    gates = [gate["evidence"] for gate in review["gates"]]
    return {gate["verdict"] for gate in gates if gate["point"] is not None}


def number(review: dict[str, Any]) -> tuple[int, bool]:
    """Return which look it was, and whether it counted."""
    return review["look"]["number"], "counting" not in review["look"]


ROUTES = {"command": by_process, "papermill": by_papermill, "import": by_script}
OFTEN = [("command", "papermill", "import"), ("papermill",) * 3, ("command", "import", "command")]


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("routes", OFTEN if EXHAUSTIVE else OFTEN[:1], ids=" ".join)
def test_three_looks_at_growing_data_are_three(book: Path, routes: tuple[str, ...]) -> None:
    """1, 2, 3 by whatever route; the second of one planned passes nothing, the first again does."""
    for day, route in enumerate(routes):
        grow(book / "runs", day)
        review = ROUTES[route](book)
        assert number(review) == (day + 1, True), route
        assert ("pass" in verdicts(review)) == (day == 0)
        if day:
            spent = {"number": day + 1, "planned": 1}
            assert {"code": "look.spent", "facts": spent} in [
                {key: gate["evidence"]["why"][key] for key in ("code", "facts")}
                for gate in review["gates"]
            ]
    for day in (1, 2):
        (book / "runs" / f"day-{day}.csv").unlink()
    again = by_import()
    assert number(again) == (1, True)
    assert "pass" in verdicts(again)
    assert len((book / "reports" / "looks.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.slow
@pytest.mark.notebooks
def test_a_new_folder_a_copy_and_new_names_are_no_new_series(book: Path) -> None:
    """Growing data stay the candidate that they are, wherever they lie, whoever writes where."""
    runs = book / "runs"
    assert number(by_import()) == (1, True)
    shutil.copytree(runs, book / "copy")
    if EXHAUSTIVE:
        named = {"stage": "3", "runs": "copy", "control": "control", "treatment": "treatment"}
        parameters = [word for pair in named.items() for word in ("-p", *pair)]
        assert number(by_papermill(book, *parameters)) == (1, True)
    assert number(by_import("copy")) == (1, True)
    (book / "copy" / "day-0.csv").rename(book / "copy" / "first.csv")
    grow(book / "copy", 1)
    assert number(by_command(book, "--runs", "copy", "--lang", "en")) == (2, True)
    shutil.rmtree(runs)
    shutil.move(book / "copy", book / "third")
    grow(book / "third", 2)
    (book / "third").rename(runs)
    assert number(by_import()) == (3, True)


@pytest.mark.slow
@pytest.mark.notebooks
def test_the_parameters_of_a_review_run_the_same_look_again(book: Path) -> None:
    """What a review leaves repeats it; with other data it is the next look, not the same one."""
    by_command(book)
    params = stage_params(book / "out" / "params.yaml")
    assert review_stage(review_params(params)).record.look.number == 1
    if EXHAUSTIVE:
        assert number(by_papermill(book, "-f", "out/params.yaml")) == (1, True)
    grow(book / "runs", 1)
    assert number(by_papermill(book, "-f", "out/params.yaml")) == (2, True)


@pytest.mark.slow
@pytest.mark.notebooks
def test_another_file_counts_for_itself_and_says_so(book: Path) -> None:
    """--looks names the file on the page and in the record; '' counts nothing, and says so."""
    review = by_import(looks="other.jsonl")
    assert (review["look"]["number"], review["look"]["file"]) == (1, "other.jsonl")
    assert not (book / "reports").exists()
    assert number(by_command(book, "--looks", "")) == (1, False)
    assert not (book / "reports").exists()
    assert number(by_import(looks="reports/looks.jsonl")) == (1, True)  # the plan's own


class Person:
    """A person's notebook in the workbook: requests as JupyterLab's front end sends them."""

    def __init__(self, book: Path) -> None:
        """Start a kernel; close it with `stop`."""
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.manager, self.client = start_new_kernel(cwd=str(book), env=environment)

    def runs_all(self, notebook: Path, *, allow_stdin: bool = True) -> None:
        """Run every code cell in order."""
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "code":
                self.run(cell.source, allow_stdin=allow_stdin)

    def run(self, code: str, *, allow_stdin: bool = True) -> str:
        """Run one cell; return what it prints."""
        lines: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            lines.append(message["content"].get("text", ""))

        reply = self.client.execute_interactive(
            code, allow_stdin=allow_stdin, timeout=120, output_hook=keep
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(lines)

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.notebooks
def test_what_a_person_runs_in_a_notebook_explores(book: Path) -> None:
    """Run All shows the true number and spends nothing; a command started in a cell counts."""
    papermill = book / "out.ipynb"
    notebook = load_notebook_node(str(book / "notebooks" / "stage_review.ipynb"))
    chosen = stage_params(book / "params" / "stage-3.yaml") | {"out": "by-program"}
    nbformat.write(parameterize_notebook(notebook, chosen), papermill)  # as papermill leaves it
    assert number(by_import()) == (1, True)
    grow(book / "runs", 1)
    person = Person(book)
    try:
        person.runs_all(papermill)
        assert number(told(book, "by-program")) == (2, False)
        person.run("import rolloutlib as rl; explored = rl.review(3, 'runs')")
        assert person.run("print(explored.look.number, explored.look.counting)") == (
            "2 exploration\n"
        )
        assert len((book / "reports" / "looks.jsonl").read_bytes().splitlines()) == 1
        code = "from rolloutlib.cli import main; main()"
        person.run(f"!{sys.executable} -c '{code}' review 3 --out out")
        assert number(told(book)) == (2, True)
        grow(book / "runs", 2)
        person.runs_all(papermill, allow_stdin=False)  # a program's request, as nbclient sends it
        assert number(told(book, "by-program")) == (3, True)
    finally:
        person.stop()
