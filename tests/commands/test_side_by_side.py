"""Runs side by side: many reviews of a workbook at once, one killed; notebooks by hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

from rolloutlib.errors import RolloutError
from rolloutlib.ledger.seal import SEAL, faults, parts_in
from rolloutlib.show.notebooks import run_notebook
from tests.commands.test_looks import grow
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.notebooks]
ROOT = Path(__file__).resolve().parents[2]
MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"
PAIR = ("--control", "control", "--treatment", "treatment")
WHOLE = {"review.html", "review.ipynb", "review.json", "params.yaml", SEAL}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook in git, with two sets of runs, and a folder for what is temporary beside it."""
    root = tmp_path_factory.mktemp("side") / "book"
    for name in ("params", "notebooks"):
        shutil.copytree(ROOT / name, root / name)
    ignored = (ROOT / ".gitignore").read_text("utf-8")
    (root / ".gitignore").write_text(f"{ignored}/runs-*\n", encoding="utf-8")
    grow(root / "runs-1", 0)
    grow(root / "runs-2", 0)
    grow(root / "runs-2", 1)
    (root.parent / "tmp").mkdir()
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "A workbook")):
        who = ("-c", "user.name=a", "-c", "user.email=a@ex.com")
        subprocess.run(["git", *who, *command], cwd=root, check=True)
    return root


def environment(book: Path) -> dict[str, str]:
    """Return what a run finds around it: this code, a place for what is temporary, no home."""
    own = {name: value for name, value in os.environ.items() if name != "HOME"}
    return own | {"PYTHONPATH": str(ROOT), "TMPDIR": str(book.parent / "tmp")}


def started(book: Path, runs: str, *options: str, command: str = "review") -> subprocess.Popen[str]:
    """Start a review, or a watch, of stage 3."""
    line = (sys.executable, "-c", MAIN, command, "3", "--runs", runs, *PAIR, *options)
    return subprocess.Popen(
        line, cwd=book, env=environment(book), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def report(folder: Path) -> dict[str, bytes]:
    """Return the parts of a whole report."""
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    assert set(parts) == WHOLE
    assert faults(parts) == []
    return parts


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something to hold, or fail."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def lives(process: int) -> bool:
    """Whether a process runs (and does not only wait to be buried)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_many_at_once_one_of_them_killed(book: Path) -> None:
    """Whole reports under their own names, each set of data one look, nothing left anywhere.

    Two share one folder, several may take the default folder in the same second, and one is killed
    in the middle and run again. All say the same of the same data, byte by byte.
    """
    temporary, own, names = book.parent / "tmp", 3 if EXHAUSTIVE else 0, "ab" if EXHAUSTIVE else ""
    running = [started(book, "runs-1") for _ in range(own)]
    running += [started(book, "runs-1", "--out", "reports/shared") for _ in range(2)]
    running += [started(book, "runs-2", "--out", f"reports/{name}") for name in names]
    watches = [started(book, "runs-1", command="watch") for _ in names]
    killed = started(book, "runs-1", "--out", "reports/killed {x}")
    wait_until(lambda: bool(children(killed.pid)))
    time.sleep(1)
    (kernel,) = children(killed.pid)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not lives(kernel))
    waited = [line for process in running for line in ended_well(process)]
    busy = r"rollout: .*/reports/shared is being written by process \d+ since .* UTC; "
    assert [bool(re.fullmatch(f"{busy}waiting for it", line)) for line in waited] == [True]
    assert not (book / "reports" / "killed {x}").exists()
    again = started(book, "runs-1", "--out", "reports/killed {x}")
    assert again.communicate(timeout=300)[0].splitlines()[-1] == (
        "Report: reports/killed {x}/review.html"
    )
    watched_well(watches, book)
    entries = {path.name for path in (book / "reports").iterdir()}
    folders = entries - {"looks.jsonl", "daily", "index.html", ".rollout-history.json"}
    assert len(folders) == own + 1 + len(names) + 1
    assert {"shared", *names, "killed {x}"} <= folders
    reports = [report(book / "reports" / name)["review.json"] for name in folders]
    looks = (book / "reports" / "looks.jsonl").read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["number"] for line in looks) == [1, 2][: 1 + bool(names)]
    assert len(set(reports)) == len(looks)
    status = ["git", "status", "--porcelain", "--ignored"]
    left = subprocess.run(status, cwd=book, capture_output=True, text=True, check=True).stdout
    tops = {line.partition("/")[0] for line in left.splitlines()}
    assert tops == {"?? docs", "!! reports", "!! runs-1", "!! runs-2"}
    assert {path.name for path in (book / "docs").iterdir()} == {"RUN_LOGS", "SYSTEM_OVERVIEW.md"}
    assert list(temporary.iterdir()) == []


def watched_well(watches: list[subprocess.Popen[str]], book: Path) -> None:
    """Wait for two watches of one day: the same outcome, one report, and the second waited."""
    outputs = [process.communicate(timeout=300) for process in watches]
    assert len({process.returncode for process in watches}) <= 1, outputs
    assert sum("is being written by process" in err for _, err in outputs) == len(watches) // 2, (
        outputs
    )
    for day in (book / "reports").glob("daily/*"):
        assert subprocess.run(["sha256sum", "-c", "--quiet", SEAL], cwd=day, check=True)


def ended_well(process: subprocess.Popen[str]) -> list[str]:
    """Wait for a review that holds; return what it said before it ran the notebook."""
    out, err = process.communicate(timeout=300)
    *lines, ran = err.splitlines()
    assert re.fullmatch(r"running stage_review\.ipynb: \d+ cells", ran), err
    assert process.returncode == 10, out
    return lines


@pytest.fixture(scope="module")
def reviewed(book: Path) -> Path:
    """Return the folder of a report."""
    done = started(book, "runs-1", "--out", "reports/week")
    out, err = done.communicate(timeout=300)
    assert done.returncode == 10, out + err
    return book / "reports" / "week"


def run_all(client: NotebookClient) -> str:
    """Run all cells in a kernel that runs already; return what the last one says."""
    for place, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, place)
    return str(client.nb.cells[-1].outputs[-1].data["text/plain"])


def test_a_reports_notebook_by_hand_leaves_the_report(
    book: Path, reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run All as it is writes nothing; with other runs, and the report as `out`, a draft beside."""
    whole = report(reviewed)
    notebook = nbformat.read(reviewed / "review.ipynb", as_version=4)
    injected = next(
        c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])
    )
    assert "out = None" in injected.source
    for name, value in environment(book).items():
        monkeypatch.setenv(name, value)
    folder = {"metadata": {"path": str(reviewed)}}
    client = NotebookClient(notebook, kernel_name="python3", resources=folder)
    with client.setup_kernel():
        assert "holds a report" not in run_all(client)
        injected.source += '\nruns = "runs-2"\nout = "reports/week"'
        assert "reports/week holds a report and stays as it is" in run_all(client)
    assert report(reviewed) == whole
    draft = book / "reports" / "week-draft"
    assert {*parts_in(draft)} == {"review.json", "params.yaml"}
    assert (draft / "review.json").read_bytes() != whole["review.json"]


def test_papermill_on_a_reports_notebook_leaves_the_report(book: Path, reviewed: Path) -> None:
    """The command that a scheduler runs, with the report as `out`; nothing lies in the workbook."""
    whole, before = report(reviewed), {*book.iterdir()}
    command = ("papermill", "reports/week/review.ipynb", "reports/again.ipynb", "-k", "python3",
               "-f", "reports/week/params.yaml", "-p", "out", "reports/week")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=book, env=environment(book), capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert report(reviewed) == whole
    assert {*book.iterdir()} == before


def test_invalid_leaves_nothing_of_an_older_report(book: Path, reviewed: Path) -> None:
    """The same --out on a day when the data are broken: its own page, named; no older part."""
    folder = book / "reports" / "daily"
    shutil.copytree(reviewed, folder)
    (folder / "quarantine").mkdir()
    (folder / "quarantine" / f"{'a' * 64}.jsonl").write_text("{}\n", encoding="utf-8")
    (book / "runs-bad").mkdir(exist_ok=True)
    shutil.copy(book / "runs-1" / "source.yaml", book / "runs-bad")
    bad = "arm,run,sid,status,score\ncontrol,a,b,ok,eleven\n"
    (book / "runs-bad" / "x.csv").write_text(bad, encoding="utf-8")
    done = started(book, "runs-bad", "--out", "reports/daily")
    out, err = done.communicate(timeout=300)
    assert (done.returncode, "Traceback" in err) == (30, False)
    assert out == (
        "! INVALID · stage 3, Default-on · A Search summaries\n\n"
        "Report: reports/daily/review.html\n"
    )
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    assert WHOLE - {"review.ipynb"} < set(parts)
    assert len([name for name in parts if name.endswith(".jsonl")]) == 1
    assert b"<title>INVALID" in parts["review.html"]
    assert b"x.csv:2" in parts["review.html"]
    assert [*map(str, faults(parts))] == [f"{SEAL} does not list review.ipynb"]


DEATHS = {
    "import os; os.kill(os.getpid(), 9)": "was killed (SIGKILL), as the system does when memory",
    "import os; os.abort()": "crashed in a library (SIGABRT)",
    "import os; os._exit(3)": "ended by itself, with exit code 3",
}


@pytest.mark.parametrize("code", DEATHS)
def test_a_dead_kernel_is_a_sentence(
    tmp_path: Path, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Out of memory, a library that aborts, an exit: why, exit code 1, and not another word."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(notebook, tmp_path / "x.ipynb")
    with pytest.raises(RolloutError) as caught:
        run_notebook(tmp_path / "x.ipynb", {}, tmp_path / "out.ipynb")
    assert f"the notebook's process {DEATHS[code]}" in str(caught.value)
    assert str(caught.value).endswith("; run it again")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("folder", ["t" * 120, "이름 {x}"], ids=["long", "odd"])
def test_odd_temporary_folders(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where sockets do not fit (TMPDIR is long, or no ASCII) they lie elsewhere; all is removed."""
    (tmp_path / folder / "rollout-run-dead").mkdir(parents=True)  # of a run that was killed
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path / folder))
    cells = [nbformat.v4.new_code_cell("import tempfile; tempfile.mkdtemp()")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
    executed = run_notebook(tmp_path / "x.ipynb", {}, tmp_path / "out.ipynb")
    where = executed.cells[0].outputs[0].data["text/plain"]
    assert str(tmp_path / folder / "rollout-run-") in where
    assert list((tmp_path / folder).iterdir()) == []
