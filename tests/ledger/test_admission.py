"""Whose key could sign: no key admits itself, and no change of keys locks everybody out."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.ledger.admission import BEFORE
from rolloutlib.ledger.book import append, write_cards
from rolloutlib.ledger.documents import encode, instant
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.keys import accept, add_key, revoke_key
from rolloutlib.ledger.records import WayBack
from rolloutlib.ledger.signers import NAMESPACE
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import (
    PEOPLE,
    ROOT,
    START,
    Quick,
    decided,
    keys,
    public,
    signed,
    workbook,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate

OWNER, ANA, OTHER = "owner_park@ex.com", "ana_jung@ex.com", "mallory@ex.com"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workbook with one full decision, whose only owner has one key."""
    made = workbook(tmp_path / "w")
    decided(made)
    return made


def at(hours: float) -> datetime:
    """Return a moment so many hours after the ledger's first record."""
    return START + timedelta(hours=hours)


def codes(root: Path) -> set[str]:
    """Return the classes of what is wrong."""
    return {finding.code for finding in verify_ledger(Workbook(root), now=at(50)).findings}


def more(root: Path, who: str, name: str, hours: float, by: str = OTHER) -> str:
    """Admit one more key of somebody who is there; return the record's id."""
    made = add_key(
        Workbook(root, Quick()), who, name=None, roles=[], key=keys() / name, by=by, now=at(hours)
    )
    assert made is not None
    return made.id


def line(who: str, name: str) -> str:
    """Return a line of allowed_signers, as somebody writes it by hand."""
    return f'{who} namespaces="{NAMESPACE}" {public(name)}\n'


@pytest.mark.parametrize("first", [True, False], ids=["above", "below"])
def test_a_key_written_by_hand_cannot_sign_its_own_acceptance(root: Path, *, first: bool) -> None:
    """Whoever writes a key for the owner into the file cannot accept it with that key."""
    signers = root / "params" / "allowed_signers"
    text, fresh = signers.read_text(), line(OWNER, "stranger")
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "params"], check=True)
    author = ("-c", "user.name=a", "-c", f"user.email={ANA}")
    subprocess.run(["git", "-C", root, *author, "commit", "-qm", "a"], check=True)
    signers.write_text(fresh + text if first else text + fresh)
    made = accept(Workbook(root), by=OTHER, now=at(2))
    assert made is not None
    with pytest.raises(LedgerError, match="had the key before it"):
        signed(root, made.id, "stranger", hours=3, role="owner")
    signed(root, made.id, "owner_park", hours=4)
    assert (root / "docs" / "LEDGER" / made.id / BEFORE).is_file() == first
    subprocess.run(["rm", "-rf", root / ".git"], check=True)
    assert codes(root) == set()


def test_two_keys_cannot_admit_each_other(root: Path) -> None:
    """Of two keys that somebody admits for the owner, none signs the record of the other."""
    name = more(root, OWNER, "stranger", 2)
    more(root, OWNER, "leaver", 3)
    with pytest.raises(LedgerError, match="had the key before it"):
        signed(root, name, "leaver", hours=4, role="owner")


def test_a_key_of_an_unsigned_change_signs_nothing(root: Path) -> None:
    """A GO that waits is not signed with a key which nobody has approved; once one has, it is."""
    waiting = decided(root, hours=1, signers=())
    name = more(root, "pm_kim@ex.com", "stranger", 2)
    with pytest.raises(LedgerError, match="once that one is signed in full"):
        signed(root, waiting, "stranger", hours=3, role="pm")
    signed(root, name, "owner_park", hours=4)
    signed(root, waiting, "stranger", hours=5, role="pm")
    signed(root, waiting, "qa_lee", hours=6)
    signed(root, waiting, "owner_park", hours=7)
    assert codes(root) == set()


def test_what_the_file_said_before_must_be_known(root: Path) -> None:
    """Without git nobody can tell what an edit amid the file took away: nothing is written."""
    signers = root / "params" / "allowed_signers"
    text = signers.read_text()
    signers.write_text("# the team\n" + text)
    with pytest.raises(LedgerError, match=r"had before this change.*git restore params/allowed"):
        accept(Workbook(root), by=ANA, now=at(2))
    signers.write_text(text + "# the team\n")
    assert accept(Workbook(root), by=ANA, now=at(2)) is not None


def test_the_only_owner_cannot_prepare_a_change_of_keys(root: Path) -> None:
    """It would wait for ever, and so would all after it; another --by, or a second owner, helps."""
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"only owner_park@ex.com can sign .* --by NAME@HOST"):
        more(root, "qa_lee@ex.com", "leaver", 2, by=OWNER)
    with pytest.raises(UsageError, match="--by NAME@HOST"):
        revoke_key(Workbook(root), "qa_lee@ex.com", by=OWNER, now=at(2))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == files
    second = add_key(
        Workbook(root), "second@ex.com", name="Seo", roles=["owner"], key=keys() / "leaver",
        by=ANA, now=at(2),
    )  # fmt: skip
    assert second is not None
    signed(root, second.id, "owner_park", hours=3)
    signed(root, more(root, "qa_lee@ex.com", "stranger", 4, OWNER), "leaver", hours=5, role="owner")
    assert codes(root) == set()


def test_the_last_key_of_the_last_owner_stays(root: Path) -> None:
    """Nobody could sign its revocation; with another key, of his or of another owner, one can."""
    with pytest.raises(UsageError, match="nobody could sign this change of keys as owner"):
        revoke_key(Workbook(root), OWNER, by=ANA, now=at(2))
    signed(root, more(root, OWNER, "leaver", 2), "owner_park", hours=3)
    with pytest.raises(UsageError, match="nobody could sign"):
        revoke_key(Workbook(root), OWNER, by=ANA, now=at(4))
    key = keys() / "owner_park.pub"
    lost = revoke_key(Workbook(root), OWNER, by=ANA, now=at(4), key=key)
    assert lost is not None
    signed(root, lost.id, "leaver", hours=5, role="owner")
    assert codes(root) == set()


def test_a_revoked_key_signs_no_more_whoever_is_revoked_later(root: Path) -> None:
    """A signature after the revocation stays refused, though a record lists it before another."""
    waiting = decided(root, hours=1, signers=("qa_lee", "owner_park"))
    witnessed = decided(root, hours=2, signers=("pm_kim",))
    gone = revoke_key(Workbook(root), "pm_kim@ex.com", by=ANA, now=at(3))
    assert gone is not None
    signed(root, gone.id, "owner_park", hours=4)
    forged(root, waiting, "pm_kim", 5)
    decided(root, hours=6, signers=(), verdict="HOLD")
    other = revoke_key(Workbook(root), "eng_choi@ex.com", by=ANA, now=at(7))
    assert other is not None
    signed(root, other.id, "owner_park", hours=8)
    verified = verify_ledger(Workbook(root), now=at(50))
    assert [(f.where, f.code) for f in verified.findings if f.code == "revoked"] == [
        (waiting, "revoked")
    ]
    line = verified.line(witnessed)
    assert line
    assert dict(line.signed)["pm"] == "pm_kim@ex.com"


def test_nobody_makes_up_a_role_that_signs_alone(tmp_path: Path) -> None:
    """Who writes another role for changes of keys into roles.yaml founds nothing by it."""
    people = {who: (name, str(role)) for who, (name, role) in PEOPLE.items() if role != "engine"}
    root = workbook(tmp_path / "w", people)
    decided(root)
    script = root / "docs" / "LEDGER" / "verify.sh"
    script.write_bytes((ROOT / "docs" / "LEDGER" / "verify.sh").read_bytes())
    roles, signers = root / "params" / "roles.yaml", root / "params" / "allowed_signers"
    text = roles.read_text().replace("ledger: test\n", "ledger: test\nkeys: [engine]\n")
    roles.write_text(f"{text}  {OTHER}: {{name: M, roles: [engine, owner]}}\n")
    signers.write_text(signers.read_text() + line(OTHER, "stranger"))
    made = accept(Workbook(root), by=ANA, now=at(2))
    assert made is not None
    waits = ["sh", script, made.id]
    with pytest.raises(LedgerError, match="has no role in this ledger and cannot sign as engine"):
        signed(root, made.id, "stranger", hours=3, role="engine")
    assert codes(root) == {"unsigned"}
    done = subprocess.run(waits, capture_output=True, text=True, check=False)
    assert (done.returncode, "needs the signature of owner" in done.stdout) == (10, True)
    signed(root, made.id, "owner_park", hours=4)
    assert codes(root) == set()
    assert subprocess.run(waits, capture_output=True, check=False).returncode == 0


def forged(root: Path, name: str, who: str, hours: float) -> None:
    """Put a signoff there as `sign` would if it refused nothing."""
    ledger = Workbook(root).read()
    data = encode({
        "schema": "rolloutlib/signoff@1", "decision": "GO", "meaning": "responsibility",
        "name": PEOPLE[who][0], "record": ledger.find(name).head, "role": PEOPLE[who][1],
        "seenHead": ledger.heads, "signedAt": instant(at(hours)), "signer": f"{who}@ex.com",
    })  # fmt: skip
    path = root / "docs" / "LEDGER" / f"{name}.{who}@ex.com.signoff"
    path.write_bytes(data)
    path.with_name(f"{path.name}.sig").write_bytes(sign(data, keys() / who))
    write_cards(Workbook(root))


def test_an_owner_by_name_alone_locks_nobody_out(tmp_path: Path) -> None:
    """After a rollback, the first key of an owner whom roles.yaml names already needs none."""
    root = workbook(tmp_path / "w")
    (root / "params" / "allowed_signers").write_text("")
    append(Workbook(root), "rollback", nothing_promoted, {}, now=START)
    made = add_key(
        Workbook(root), OWNER, name=None, roles=[], key=keys() / "owner_park", by=ANA, now=at(1)
    )
    assert made is not None
    later = more(root, "qa_lee@ex.com", "qa_lee", 2)
    signed(root, later, "owner_park", hours=3)
    verified = verify_ledger(Workbook(root), now=at(4))
    assert [line.state for line in verified.lines if line.node.id in {made.id, later}] == ["ok"] * 2


def nothing_promoted(slot: Slot) -> Predicate:
    """Return a rollback that undoes no GO: an empty ledger takes it."""
    way = WayBack(None, "latency", "–", ("all off",), "–", "–", kind="nothing-promoted")
    return slot.draft("rollback", "ROLLBACK", ANA, rollback=way)
