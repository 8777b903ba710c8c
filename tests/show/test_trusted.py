"""Executed notebooks open trusted, read-only, and whatever the user's Jupyter folder is like."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from tornado.web import HTTPError

from rolloutlib.show.lab import Workbook
from rolloutlib.show.trusted import as_it_ran, trust

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return an executed notebook with styled output and text that JSON escapes."""
    data = {"text/html": "<style>p {}</style><p>GO · 승급</p>\n", "text/plain": "GO\nso"}
    shown = nbformat.v4.new_output("display_data", data=data)
    cell = nbformat.v4.new_code_cell("headline(\n)", outputs=[shown], execution_count=1)
    file = tmp_path / "review.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), file)
    return file


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user a Jupyter folder that is not there yet."""
    folder = tmp_path / "a home" / "jupyter"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    return folder


def opens_trusted(file: Path) -> bool:
    """Whether a server of this user would trust a file, as `jupyter trust` sees it."""
    with NotebookNotary(data_dir=os.environ["JUPYTER_DATA_DIR"]) as notary:
        return notary.check_signature(nbformat.read(file, as_version=4))


def test_a_signed_notebook_is_trusted_wherever_it_lies(notebook: Path, jupyter: Path) -> None:
    """Moved or copied it stays trusted; with one character of an output changed it is not."""
    assert trust(notebook)
    moved = notebook.rename(notebook.with_name("moved.ipynb"))
    assert opens_trusted(moved)
    changed = moved.read_text("utf-8").replace("GO · 승급", "GO · 승급!")
    notebook.write_text(changed, encoding="utf-8")
    assert not opens_trusted(notebook)
    assert jupyter.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["a file", "read-only", "a damaged database"])
def test_a_folder_that_takes_no_signature_stops_nothing(
    notebook: Path, jupyter: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is raised and nothing printed; the answer says whether it is signed."""
    jupyter.parent.mkdir()
    if kind == "a file":
        jupyter.write_text("")
    else:
        jupyter.mkdir()
        target = jupyter / "nbsignatures.db"
        target.mkdir() if kind == "read-only" else target.write_bytes(b"no database" * 100)
    assert trust(notebook) is (kind == "a damaged database")  # nbformat makes a new one
    assert capfd.readouterr() == ("", "")


def test_no_home_stops_nothing(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose home is no folder, as in some containers, signs nothing and goes on."""
    monkeypatch.delenv("JUPYTER_DATA_DIR")
    monkeypatch.setenv("HOME", "/dev/null")
    assert not trust(notebook)


def test_jupyter_saves_over_nothing_that_a_run_left(notebook: Path, jupyter: Path) -> None:
    """The server of `make lab` calls such a file read-only, to root too, and refuses to save it."""
    manager: Any = Workbook(root_dir=str(notebook.parent))
    text = {"type": "file", "format": "text", "content": "mine"}
    model = asyncio.run(manager.save(text, "new.txt"))
    assert model["writable"]
    assert asyncio.run(manager.get("review.ipynb", content=False))["writable"]
    as_it_ran(notebook)
    assert not asyncio.run(manager.get("review.ipynb", content=False))["writable"]
    with pytest.raises(
        HTTPError, match=r"review\.ipynb is as its run left it; save .*File, Save As"
    ):
        asyncio.run(manager.save(text, "review.ipynb"))
    assert opens_trusted(notebook)
    shutil.rmtree(jupyter)
