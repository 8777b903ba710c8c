"""What is read of files by the mapping that is drafted for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.drafts.drafting import draft
from rolloutlib.drafts.written import text_of
from rolloutlib.runs.reading import read_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rolloutlib.drafts.drafting import Drafted

__all__ = ["read_as_drafted"]


def read_as_drafted(paths: Sequence[Path]) -> tuple[Drafted, list[dict[str, Any]]]:
    """Draft a source.yaml beside files, read them by it, and return the draft and the rows.

    Nothing may be set apart.
    """
    drafted = draft(paths)
    folder = drafted.peek.folder
    (folder / "source.yaml").write_text(text_of(drafted.draft), encoding="utf-8")
    runs = read_runs(folder)
    assert runs.rows_quarantined == 0

    return drafted, runs.table.to_pylist()
