"""Odd things in the place of the ledger and in it: named, never a traceback, nothing lost."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger.beside import read_beside
from rolloutlib.ledger.book import append, join, sign_record
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import START, Quick, decided, keys, promotion, workbook

if TYPE_CHECKING:
    from pathlib import Path

NOW = START + timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workbook whose ledger has one record that nobody has signed."""
    root = workbook(tmp_path / "w")
    decided(root, signers=())
    return root


def hold(root: Path) -> str:
    """Append a HOLD; return its id."""
    book = Workbook(root, Quick())
    return append(book, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=NOW).id


@pytest.mark.parametrize("target", ["LEDGER", "nowhere", "a pipe"])
def test_what_stands_in_the_place_of_the_ledger_is_no_empty_one(root: Path, target: str) -> None:
    """A loop, a link to nothing and a pipe are damage: a ledger that was taken away is not new."""
    folder = root / "docs" / "LEDGER"
    shutil.rmtree(folder)
    os.mkfifo(folder) if target == "a pipe" else folder.symlink_to(target)
    verified = verify_ledger(Workbook(root), now=NOW)
    assert [finding.code for finding in verified.strays] == ["folder"]
    with pytest.raises(LedgerError, match="it is no folder; remove it and restore the ledger"):
        hold(root)
    with pytest.raises(LedgerError, match="it is no folder; remove it and restore the ledger"):
        join(Workbook(root), now=NOW)


def test_a_left_over_that_is_a_link_goes_and_what_it_leads_to_stays(root: Path) -> None:
    """A temporary name may be a link to a folder: the next command removes the link alone."""
    folder = root / "docs" / "LEDGER"
    (folder / ".tmp-link").symlink_to("dec-20261122-001")
    assert hold(root) == "dec-20261123-001"
    assert not os.path.lexists(folder / ".tmp-link")
    assert (folder / "dec-20261122-001" / "review.json").is_file()


def test_a_record_is_signed_by_its_digest_under_its_id(root: Path) -> None:
    """Whoever names the record by its sha256 makes the same signoff, under the same name."""
    digest = Workbook(root).read().nodes[0].digest
    key = keys() / "pm_kim"
    sign_record(Workbook(root, Quick()), digest, role="pm", key=key, who=None, now=NOW)
    names = {path.name for path in (root / "docs" / "LEDGER").glob("*.signoff*")}
    assert names == {f"dec-20261122-001.pm_kim@ex.com.signoff{end}" for end in ("", ".sig")}


def test_a_pipe_beside_the_ledger_is_told_in_one_sentence(root: Path) -> None:
    """Without a path of this machine, and with one full stop."""
    (root / "docs" / "ROLLBACKS").mkdir()
    os.mkfifo(root / "docs" / "ROLLBACKS" / "dec-20261122-rollback-001.record")
    (file,) = read_beside(root)
    assert str(file.problem) == "it is a named pipe; expected a regular file"
