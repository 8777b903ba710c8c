"""A change of who may sign is a record, signed by an owner of before.

Leavers keep what was witnessed, no more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.keys import accept, add_key, revoke_key
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import START, decided, keys, signed, workbook

if TYPE_CHECKING:
    from pathlib import Path

BY = "ana_jung@ex.com"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workbook with one full decision."""
    made = workbook(tmp_path / "w")
    decided(made)
    return made


def codes(root: Path, hours: float = 50) -> set[str]:
    """Return the classes of what is wrong."""
    return {
        finding.code
        for finding in verify_ledger(Workbook(root), now=START + timedelta(hours=hours)).findings
    }


def add(root: Path, who: str, role: str, hours: float) -> str:
    """Admit somebody; return the record's id."""
    name = who.partition("@")[0]
    made = add_key(
        Workbook(root),
        who,
        name=name,
        roles=[role],
        key=keys() / name,
        by=BY,
        now=START + timedelta(hours=hours),
    )
    assert made is not None
    return made.id


def test_admitted_person_signs_from_then_on(root: Path) -> None:
    """Add → signed by an owner → the new person's signature counts, in records from then on."""
    name = add(root, "leaver@ex.com", "qa", 2)
    assert codes(root) == {"unsigned"}
    signed(root, name, "owner_park", hours=3)
    assert codes(root) == set()
    new = decided(root, hours=4, signers=("pm_kim", "owner_park"))
    signed(root, new, "leaver", hours=5, role="qa")
    assert codes(root) == set()


def test_new_owner_cannot_admit_himself(root: Path) -> None:
    """The owner whom a record admits is no owner yet where that record is judged."""
    name = add(root, "stranger@ex.com", "owner", 2)
    with pytest.raises(LedgerError, match="cannot sign as owner"):
        signed(root, name, "stranger", hours=3, role="owner")


def test_nothing_stands_on_an_unsigned_change(root: Path) -> None:
    """A GO that three people of an unsigned change signed is not green."""
    add(root, "leaver@ex.com", "qa", 2)
    new = decided(root, hours=4, signers=("pm_kim", "owner_park"))
    signed(root, new, "leaver", hours=5, role="qa")
    assert codes(root) == {"unsigned", "trust-unsigned"}
    green = verify_ledger(Workbook(root), now=START + timedelta(hours=9)).green
    assert green is not None
    assert green.id == "dec-20261122-001"


def test_leaver_keeps_what_was_witnessed(root: Path) -> None:
    """After a revocation old signatures hold, because the record of it witnesses them.

    A backdated new one does not.
    """
    pending = decided(root, hours=1, signers=("pm_kim", "owner_park"))
    made = revoke_key(Workbook(root), "qa_lee@ex.com", by=BY, now=START + timedelta(hours=3))
    assert made is not None
    signed(root, made.id, "owner_park", hours=4)
    assert codes(root) == {
        "unsigned",
        "vacant",
    }  # the pending record lacks qa, and nobody is qa any more
    with pytest.raises(LedgerError, match="revoked"):
        signed(root, pending, "qa_lee", hours=5)


def test_hand_edits_are_found_and_can_be_recorded(root: Path) -> None:
    """An edit of roles.yaml is found; `keys accept` records it for an owner to sign."""
    file = root / "params" / "roles.yaml"
    file.write_text(file.read_text().replace("roles: [engine]", "roles: [engine, qa]"))
    assert codes(root) == {"trust"}
    with pytest.raises(LedgerError, match="no keys record changed them"):
        decided(root, hours=2)
    made = accept(Workbook(root), by=BY, now=START + timedelta(hours=3))
    assert made is not None
    signed(root, made.id, "owner_park", hours=4)
    assert codes(root) == set()


def test_first_record_pins_the_files(tmp_path: Path) -> None:
    """In an empty ledger keys are written to the files only; the first record pins them."""
    root = workbook(tmp_path / "w", people={})
    assert (
        add_key(
            Workbook(root),
            "pm_kim@ex.com",
            name="Kim",
            roles=["pm"],
            key=keys() / "pm_kim",
            by=BY,
            now=START,
        )
        is None
    )
    assert [line.who for line in Workbook(root).signers.keys] == ["pm_kim@ex.com"]
    assert Workbook(root).roles.people["pm_kim@ex.com"].roles == ("pm",)


@pytest.mark.parametrize(
    ("who", "name", "key", "says"),
    [
        ("New Person", "New", "leaver", "no signer's name"),
        ("new@ex.com", None, "leaver", "--name"),
        ("new@ex.com", "a}, b: {", "leaver", "--name"),
        ("new@ex.com", "New", "pm_kim", "one key is one person"),
    ],
)
def test_unsafe_additions_are_refused(
    root: Path, who: str, name: str | None, key: str, says: str
) -> None:
    """A bad address, no name, a name that is YAML, a key that is there.

    Refused, and no file changes.
    """
    before = [(root / "params" / file).read_bytes() for file in ("roles.yaml", "allowed_signers")]
    with pytest.raises(UsageError, match=says):
        add_key(
            Workbook(root),
            who,
            name=name,
            roles=["qa"],
            key=keys() / key,
            by=BY,
            now=START + timedelta(hours=2),
        )
    assert [
        (root / "params" / file).read_bytes() for file in ("roles.yaml", "allowed_signers")
    ] == before
