"""A real JupyterLab in a real Chromium: Run All is an exploration, which counts no look."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytestmark = [pytest.mark.browser, pytest.mark.notebooks, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook with the review's notebook, which writes what it found."""
    root = tmp_path / "book"
    for name in ("params", "notebooks", "data/examples/bfcl"):
        shutil.copytree(ROOT / name, root / name)
    file = root / "notebooks" / "stage_review.ipynb"
    notebook = nbformat.read(file, as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "\nout = 'out'"
    named = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = named  # or Lab asks for one
    nbformat.write(notebook, file)
    return root


@pytest.fixture
def lab(book: Path) -> Iterator[str]:
    """Start JupyterLab on the workbook; return its address."""
    with serving(book) as address:
        yield address


@contextmanager
def serving(book: Path, **settings: str) -> Generator[str]:
    """Serve a workbook in JupyterLab, whose home is the folder above; give its address."""
    own = {"PYTHONPATH": str(ROOT), "HOME": str(book.parent), "JUPYTER_RUNTIME_DIR": str(book)}
    own |= settings
    options = ("--no-browser", "--port=0", "--allow-root", "--IdentityProvider.token=")
    with (book / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], cwd=book, env=os.environ | own,
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield json.loads(wait_for(book, f"jpserver-{server.pid}.json"))["url"]
        finally:
            server.terminate()
            server.wait()


def wait_for(folder: Path, name: str, seconds: int = 60) -> str:
    """Return the text of a file as soon as it is whole."""
    for _ in range(10 * seconds):
        time.sleep(0.1)
        text = (folder / name).read_text("utf-8") if (folder / name).is_file() else ""
        if text.rstrip().endswith("}"):
            return text
    pytest.fail(f"{name} is not there after {seconds} s: {(folder / 'lab.log').read_text()}")


def test_run_all_is_an_exploration(chromium: str, lab: str, book: Path) -> None:
    """The menu's Run All Cells writes a review that says so, and leaves no look."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{lab}lab/tree/notebooks/stage_review.ipynb")
        page.get_by_text("| Idle").wait_for(timeout=60_000)  # its kernel answers
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator('[data-command="runmenu:run-all"]').click()
        review: dict[str, Any] = json.loads(wait_for(book, "out/review.json"))
        browser.close()
    assert (review["look"]["number"], review["look"]["counting"]) == (1, "exploration")
    assert not (book / "reports").exists()
