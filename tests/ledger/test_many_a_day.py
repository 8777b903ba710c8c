"""A day takes more than 999 records of a kind: number 1000 holds like any other."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from rolloutlib.ledger.book import append
from rolloutlib.ledger.durable import next_id
from rolloutlib.ledger.records import RECORD_ID
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import ROOT, SIGNERS, START, Quick, decided, promotion, signed, workbook

if TYPE_CHECKING:
    from pathlib import Path


def test_the_thousandth_record_of_a_day_holds(tmp_path: Path) -> None:
    """After 999 comes 1000, then 1001: signed, in the chain, and found by verify.sh as well."""
    root = workbook(tmp_path / "w")
    book = Workbook(root, Quick())
    name = "dec-20261122-999"
    append(book, "promotion", promotion, {"a": b"x"}, now=START, name=name)
    for n, who in enumerate(SIGNERS, 1):
        signed(book, name, who, hours=n / 60)
    made = [decided(root, hours=hours) for hours in (1, 2)]
    assert made == ["dec-20261122-1000", "dec-20261122-1001"]
    verified = verify_ledger(Workbook(root), now=START + timedelta(hours=3))
    assert verified.findings == ()
    assert verified.green
    assert verified.green.id == "dec-20261122-1001"
    script = root / "docs" / "LEDGER" / "verify.sh"
    script.write_bytes((ROOT / "docs" / "LEDGER" / "verify.sh").read_bytes())
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("  ok  ")) == (0, 3), done.stdout


@pytest.mark.parametrize("kind", ["promotion", "rollback", "keys"])
def test_every_number_has_one_spelling(kind: Literal["promotion", "rollback", "keys"]) -> None:
    """What is given is an id, of three digits or more; zeros before four digits are none."""
    first = next_id(kind, START, [])
    day = first.removesuffix("001")
    for last, following in (("999", "1000"), ("1000", "1001"), ("9999", "10000")):
        assert next_id(kind, START, [f"{day}{last}", f"{day}007"]) == f"{day}{following}"
        assert RECORD_ID.fullmatch(f"{day}{following}")
    for odd in ("01", "0001", "01000", "1000000"):
        assert not RECORD_ID.fullmatch(f"{day}{odd}")
