"""Who verifies while somebody writes finds nothing wrong: what is being made is no damage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger import book as books
from rolloutlib.ledger import verification
from rolloutlib.ledger.book import append
from rolloutlib.ledger.durable import locked
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import START, Quick, decided, promotion, workbook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workbook in which a record was written and its card not drawn yet."""
    made = workbook(tmp_path / "w")
    decided(made)
    with monkeypatch.context() as patched:
        patched.setattr(books, "_draw", undrawn)
        at = START + timedelta(hours=1)
        append(Workbook(made, Quick()), "promotion", promotion, {}, now=at)
    return made


def undrawn(*_: object) -> None:
    """Draw no card."""


def test_what_is_being_written_is_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer draws the card before it lets go of the lock, for which verify waits."""

    def finishing(folder: Path, _: float) -> object:
        books.write_cards(Workbook(root))
        return locked(folder)

    monkeypatch.setattr(verification, "locked", finishing)
    problems = verify_ledger(Workbook(root), now=START + timedelta(hours=2)).findings
    assert {problem.code for problem in problems} == {"unsigned"}


def test_damage_is_told_though_somebody_holds_the_ledger(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits without end: what was found is told, with the lock or without."""
    monkeypatch.setattr(verification, "_PATIENCE", 0.0)
    with locked(root / "docs" / "LEDGER"):
        locked_out = verify_ledger(Workbook(root), now=START + timedelta(hours=2)).findings
    alone = verify_ledger(Workbook(root), now=START + timedelta(hours=2)).findings
    assert {problem.code for problem in locked_out} == {problem.code for problem in alone}
    assert {problem.code for problem in alone} == {"unsigned", "card"}
