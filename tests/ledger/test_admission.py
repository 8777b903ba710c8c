"""Whose key could sign: no key admits itself, and no change of keys locks everybody out."""

from __future__ import annotations

import shutil
import subprocess
import tracemalloc
from dataclasses import replace as dataclass_replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.ledger import admission
from rolloutlib.ledger.admission import BEFORE, Admissions
from rolloutlib.ledger.book import append, write_cards
from rolloutlib.ledger.documents import encode, instant
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.judge import Judge
from rolloutlib.ledger.keys import accept, add_key, revoke_key
from rolloutlib.ledger.records import WayBack
from rolloutlib.ledger.signers import NAMESPACE
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.verification import self_admitted, verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import (
    PEOPLE,
    ROOT,
    START,
    Quick,
    at,
    decided,
    keys,
    public,
    signed,
    workbook,
)

if TYPE_CHECKING:
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


def commit(root: Path) -> None:
    """Commit the parameters."""
    author = ("-c", "user.name=a", "-c", f"user.email={ANA}")
    for command in (["init", "-q"], ["add", "params"], [*author, "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", root, *command], check=True)


@pytest.mark.parametrize("first", [True, False], ids=["above", "below"])
def test_a_key_written_by_hand_cannot_sign_its_own_acceptance(root: Path, *, first: bool) -> None:
    """Whoever writes a key for the owner into the file cannot accept it with that key."""
    signers = root / "params" / "allowed_signers"
    text, fresh = signers.read_text(), line(OWNER, "stranger")
    commit(root)
    signers.write_text(fresh + text if first else text + fresh)
    made = accept(Workbook(root), by=OTHER, now=at(2))
    assert made is not None
    with pytest.raises(LedgerError, match="by this change of keys or a later one"):
        signed(root, made.id, "stranger", hours=3, role="owner")
    signed(root, made.id, "owner_park", hours=4)
    assert (root / "docs" / "LEDGER" / made.id / BEFORE).is_file() == first
    subprocess.run(["rm", "-rf", root / ".git"], check=True)
    assert codes(root) == set()


def test_two_keys_cannot_admit_each_other(root: Path) -> None:
    """Of two keys that somebody admits for the owner, none signs the record of the other."""
    name = more(root, OWNER, "stranger", 2)
    more(root, OWNER, "leaver", 3)
    with pytest.raises(LedgerError, match="by this change of keys or a later one"):
        signed(root, name, "leaver", hours=4, role="owner")


def test_a_key_of_an_unsigned_change_signs_nothing(root: Path) -> None:
    """A GO that waits is not signed with a key which nobody has approved; once one has, it is."""
    waiting = decided(root, hours=1, signers=())
    name = more(root, "pm_kim@ex.com", "stranger", 2)
    with pytest.raises(LedgerError, match="let that one be signed in full first"):
        signed(root, waiting, "stranger", hours=3, role="pm")
    signed(root, name, "owner_park", hours=4)
    signed(root, waiting, "stranger", hours=5, role="pm")
    signed(root, waiting, "qa_lee", hours=6)
    signed(root, waiting, "owner_park", hours=7)
    assert codes(root) == set()


def test_where_nobody_can_tell_nothing_is_refused_or_said(root: Path) -> None:
    """Without git nobody knows what an edit amid the file took away: a change goes on as ever."""
    signers = root / "params" / "allowed_signers"
    waiting = decided(root, hours=1, signers=("qa_lee",))
    signers.write_text(line("pm_kim@ex.com", "stranger") + signers.read_text())
    made = accept(Workbook(root), by=ANA, now=at(2))
    assert made is not None
    signed(root, made.id, "owner_park", hours=3)
    signed(root, waiting, "stranger", hours=4, role="pm")
    signed(root, waiting, "owner_park", hours=5)
    verified = verify_ledger(Workbook(root), now=at(50))
    assert {line.state for line in verified.lines} == {"ok"}
    assert self_admitted(Workbook(root), verified, at(50)) == {}


@pytest.mark.parametrize("at_the_end", [True, False])
def test_a_signed_change_stays_what_it_was(root: Path, *, at_the_end: bool) -> None:
    """An older version let a key accept itself: that holds, and what is known of it is said."""
    signers = root / "params" / "allowed_signers"
    text, fresh = signers.read_text(), line(OWNER, "stranger")
    signers.write_text(text + fresh if at_the_end else fresh + text)
    made = accept(Workbook(root), by=ANA, now=at(2))
    assert made is not None
    forged(root, made.id, "owner_park", 3, key="stranger", decision="KEYS")
    green = decided(root, hours=4)
    verified = verify_ledger(Workbook(root), now=at(50))
    assert {line.state for line in verified.lines} == {"ok"}
    assert verified.green
    assert verified.green.id == green
    remarks = self_admitted(Workbook(root), verified, at(50))
    assert list(remarks) == ([made.id] if at_the_end else [])
    assert all("look at who added it" in str(remark) for remark in remarks.values())


def test_verify_says_the_remark_in_a_line_and_ends_as_without(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands below the record that it is about; nothing is WRONG by it."""
    signers = root / "params" / "allowed_signers"
    signers.write_text(signers.read_text() + line(OWNER, "stranger"))
    made = accept(Workbook(root), by=ANA, now=at(2))
    assert made is not None
    forged(root, made.id, "owner_park", 3, key="stranger", decision="KEYS")
    monkeypatch.chdir(root)
    code = main(["verify", made.id])
    *others, remark = capsys.readouterr().out.splitlines()
    assert others[-1].startswith(f"{made.id}  ok ")
    assert remark.startswith(f"  remark: {OWNER} signed with a key that this change")
    monkeypatch.setattr(Admissions, "came_late", never)
    assert main(["verify", made.id]) == code
    assert capsys.readouterr().out.splitlines() == others


def never(*_: object) -> bool:
    """Say no, whatever is asked."""
    return False


def test_either_branch_admits(root: Path, tmp_path: Path) -> None:
    """Where branches are joined, a key of either one signs the acceptance of both."""
    other = tmp_path / "other"
    shutil.copytree(root, other)
    for made, name, hours in ((root, "stranger", 2), (other, "leaver", 26)):
        signed(made, more(made, OWNER, name, hours), "owner_park", hours=hours + 1)
    shutil.copytree(other / "docs", root / "docs", dirs_exist_ok=True)
    signers = root / "params" / "allowed_signers"
    signers.write_text(signers.read_text() + line(OWNER, "leaver"))
    for name in ("stranger", "leaver"):
        both = tmp_path / name
        shutil.copytree(root, both)
        write_cards(Workbook(both))
        made = accept(Workbook(both), by=ANA, now=at(30))
        assert made is not None
        signed(both, made.id, name, hours=31, role="owner")
        verified = verify_ledger(Workbook(both), now=at(50))
        assert verified.findings == ()
        assert self_admitted(Workbook(both), verified, at(50)) == {}


def test_git_is_asked_once_for_beginnings_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that went on from what is asked for has it; nobody asks a second time."""
    signers = root / "params" / "allowed_signers"
    text = signers.read_text()
    signers.write_text(text + "# later\n")
    commit(root)
    signers.write_text("")
    ledger = Workbook(root).read()
    trust = ledger.nodes[0].predicate.trust
    assert Admissions(root, ledger).text(trust.allowed_signers) == text.encode()
    assert Admissions(root, ledger).admits(trust, OWNER, public("owner_park"))
    monkeypatch.setenv("PATH", "")
    assert Admissions(root, ledger).text(trust.allowed_signers) == text.encode()
    assert Admissions(root, ledger).text("of nothing") is None


def test_the_green_record_needs_no_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback or promotion never waits for it, whatever the file has lost."""
    signers = root / "params" / "allowed_signers"
    signers.write_text(line("pm_kim@ex.com", "stranger") + signers.read_text())
    made = accept(Workbook(root), by=ANA, now=at(2))
    assert made is not None
    signed(root, made.id, "owner_park", hours=3)
    green = decided(root, hours=4)
    monkeypatch.setattr(admission, "_blobs", pytest.fail)
    book = Workbook(root)
    head = Judge(book, book.read(), at(5)).green()
    assert head
    assert head.id == green
    assert verify_ledger(book, now=at(5)).findings == ()


def test_thousands_of_keys_take_little_memory(tmp_path: Path, root: Path) -> None:
    """What the file said after each of 2,500 keys is a size, not a copy."""
    signers = tmp_path / "params" / "allowed_signers"
    signers.parent.mkdir()
    key = "ssh-ed25519 " + "A" * 64
    lines = [f'u{n}@ex.com namespaces="{NAMESPACE}" {key}{n}\n'.encode() for n in range(2_500)]
    signers.write_bytes(b"".join(lines))
    node, sums, hasher = Workbook(root).read().nodes[0], list[str](), sha256()
    for each in lines:
        hasher.update(each)
        sums.append(hasher.hexdigest())
    p = node.predicate
    trusts = [replace(p.trust, allowed_signers=of) for of in sums]
    nodes = [dataclass_replace(node, record=replace(node.record, predicate=replace(p, trust=trust)))
             for trust in trusts]  # fmt: skip
    ledger = dataclass_replace(Workbook(root).read(), nodes=tuple(nodes))
    tracemalloc.start()
    admissions = Admissions(tmp_path, ledger)
    answers = [admissions.admits(trust, "u7@ex.com", f"{key}7") for trust in trusts]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answers == [False] * 7 + [True] * 2_493
    assert most < 20e6


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


def forged(
    root: Path, name: str, who: str, hours: float, *, key: str = "", decision: str = "GO"
) -> None:
    """Put a signoff there as `sign` would if it refused nothing."""
    ledger = Workbook(root).read()
    data = encode({
        "schema": "rolloutlib/signoff@1", "decision": decision, "meaning": "responsibility",
        "name": PEOPLE[who][0], "record": ledger.find(name).head, "role": PEOPLE[who][1],
        "seenHead": ledger.heads, "signedAt": instant(at(hours)), "signer": f"{who}@ex.com",
    })  # fmt: skip
    path = root / "docs" / "LEDGER" / f"{name}.{who}@ex.com.signoff"
    path.write_bytes(data)
    path.with_name(f"{path.name}.sig").write_bytes(sign(data, keys() / (key or who)))
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
