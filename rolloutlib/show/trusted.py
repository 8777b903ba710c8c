"""An executed notebook opens trusted: its signature goes into the user's own Jupyter database."""

from __future__ import annotations

import sqlite3
from importlib import import_module
from logging import NullHandler, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nbformat import NotebookNode

READ_ONLY: Final = 0o444

__all__ = ["as_it_ran", "trust"]


def as_it_ran(notebook: Path) -> None:
    """Leave an executed notebook as a run left it: trusted, and read-only.

    Whoever runs it again in JupyterLab saves a copy; what lies beside it is still of this run.
    """
    trust(notebook)
    notebook.chmod(READ_ONLY)


def trust(notebook: Path) -> bool:
    """Sign what a notebook holds, so that JupyterLab shows its outputs as they are meant.

    The signature is over the content, wherever the file is moved. It is a mark of this user on this
    machine: a copy elsewhere opens untrusted, and readable.

    Args:
        notebook: a file that a run of ours just wrote.

    Returns:
        Whether it is signed. A home that takes no file is no reason to fail.
    """
    try:
        _sign(import_module("nbformat").read(notebook, as_version=4))
    except (OSError, sqlite3.Error, RuntimeError):  # RuntimeError: nobody knows where home is
        return False
    return True


def _sign(content: NotebookNode) -> None:
    """Sign a notebook as the server will read it.

    Raises:
        OSError, sqlite3.Error: the user's Jupyter folder takes no signature.
    """
    from jupyter_core.paths import jupyter_data_dir
    from nbformat import sign

    folder = Path(jupyter_data_dir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = folder / "nbsignatures.db"
    with database.open("ab"):  # or nbformat would sign in memory, and say so on our streams
        pass
    quiet = getLogger("rolloutlib.trusted")
    quiet.addHandler(NullHandler())
    quiet.propagate = False

    def store() -> sign.SQLiteSignatureStore:
        return sign.SQLiteSignatureStore(str(database), log=quiet)

    # The folder is named: asked for its default, nbformat would start a whole Jupyter application.
    with sign.NotebookNotary(data_dir=str(folder), store_factory=store, log=quiet) as notary:
        notary.sign(content)
