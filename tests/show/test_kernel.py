"""A notebook's process takes along what its cells started, however it or its parent ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from rolloutlib.show.notebooks import run_notebook

pytestmark = [pytest.mark.slow, pytest.mark.notebooks]
ROOT = Path(__file__).resolve().parents[2]
CHILD = "import subprocess, pathlib; child = subprocess.Popen(['sleep', '300'])"
RUN = (
    "import sys; from pathlib import Path; from rolloutlib.show.notebooks import run_notebook; "
    "folder = Path(sys.argv[1]); run_notebook(folder / 'n.ipynb', {}, folder / 'out.ipynb')"
)


def notebook(folder: Path, *cells: str) -> Path:
    """Write a notebook whose first cell starts a process that would stay for five minutes."""
    named = f"pathlib.Path({str(folder / 'child')!r}).write_text(str(child.pid))"
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in ("", f"{CHILD}; {named}", *cells)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(made, folder / "n.ipynb")
    return folder / "n.ipynb"


def is_alive(pid: str) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return (Path("/proc") / pid / "stat").read_text("utf-8").split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_nothing_that_a_cell_started_outlives_its_notebook(tmp_path: Path) -> None:
    """The run is over, so the process that a cell left behind is gone."""
    run_notebook(notebook(tmp_path), {}, tmp_path / "out.ipynb")
    assert not is_alive((tmp_path / "child").read_text("utf-8"))


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    """SIGKILL of `rollout`: the notebook's process goes, and what its cell started."""
    notebook(tmp_path, "import time; time.sleep(300)")
    running = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT)
    child, until = tmp_path / "child", time.monotonic() + 120
    while not (child.is_file() and child.read_text("utf-8")):
        assert time.monotonic() < until, "no cell ran"
        time.sleep(0.05)
    running.kill()
    running.wait()
    until = time.monotonic() + 20
    while is_alive(child.read_text("utf-8")):
        assert time.monotonic() < until, "it lives"
        time.sleep(0.05)
