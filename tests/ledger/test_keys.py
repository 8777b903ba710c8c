"""A change of who may sign is a record, signed by an owner of before.

Leavers keep what was witnessed, no more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import UsageError
from rolloutlib.ledger.book import append
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.keys import accept, add_key, revoke_key
from rolloutlib.ledger.signers import NAMESPACE
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import START, at, decided, keys, promotion, public, signed, workbook

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.records import Role

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


def add(root: Path, who: str, role: Role, hours: float) -> str:
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


@pytest.mark.parametrize("name", ["allowed_signers", "revoked_keys"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"# one\n\xff\n", ":2: byte 7 is not UTF-8"),
        (b"# one\r\nx\r\n", ":2: "),
        (b"\xef\xbb\xbf# one\n", ":1: "),
        (b"#" * 2_000_000, ": .*bytes"),
        ("folder", ": it is a folder"),
        ("pipe", ": it is a named pipe"),
    ],
)
def test_a_file_that_holds_no_keys_is_named(
    root: Path, name: str, content: bytes | str, says: str
) -> None:
    """Other bytes, a folder, a pipe, too much: the refusal names the file and the line."""
    path = root / "params" / name
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(LedgerError, match=f"^params/{name}{says}"):
        Workbook(root)


def test_a_change_of_keys_may_come_before_a_decision_that_was_begun(root: Path) -> None:
    """A decision whose command began before the change stands under the keys of its own moment."""
    begun = Workbook(root)
    add(root, "leaver@ex.com", "qa", 2)
    node = append(begun, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=at(3))
    assert "leaver@ex.com" in node.predicate.trust.people
    assert codes(root) == {"unsigned", "trust-unsigned"}


def test_the_same_command_again_changes_nothing(root: Path) -> None:
    """Admitting who is admitted, revoking who is revoked, accepting what is accepted: all done."""
    files = ("roles.yaml", "allowed_signers", "revoked_keys")
    made = {add(root, "leaver@ex.com", "qa", hours) for hours in (2, 3)}
    revoked = {
        node.id
        for hours in (4, 5)
        if (node := revoke_key(Workbook(root), "leaver@ex.com", by=BY, now=at(hours)))
    }
    before = [(root / "params" / file).read_bytes() for file in files]
    accepted = accept(Workbook(root), by=BY, now=at(6))
    assert accepted is not None
    assert (len(made), revoked) == (1, {accepted.id})
    assert len(Workbook(root).read().nodes) == 3
    assert [(root / "params" / file).read_bytes() for file in files] == before


def test_one_key_of_two_is_revoked(root: Path) -> None:
    """With --key the person stays; with the last key the person leaves; each key once."""
    signers = root / "params" / "allowed_signers"
    line = f'pm_kim@ex.com namespaces="{NAMESPACE}" {public("leaver")} a laptop\n'
    signers.write_text(signers.read_text() + "# a laptop\n" + line + line)
    first = revoke_key(Workbook(root), "pm_kim@ex.com", by=BY, now=at(2), key=keys() / "leaver.pub")
    assert "pm_kim@ex.com" in Workbook(root).roles.people
    last = revoke_key(Workbook(root), "pm_kim@ex.com", by=BY, now=at(3))
    assert "pm_kim@ex.com" not in Workbook(root).roles.people
    assert first is not None
    assert last is not None
    assert [node.predicate.change.key for node in (first, last) if node.predicate.change] == [
        public("leaver"), public("pm_kim"),
    ]  # fmt: skip
    revoked = (root / "params" / "revoked_keys").read_text().splitlines()
    assert revoked == [public("leaver"), public("pm_kim")]
    with pytest.raises(UsageError, match=r"no key of qa_le@ex\.com.*Did you mean 'qa_lee@ex\.com'"):
        revoke_key(Workbook(root), "qa_le@ex.com", by=BY, now=at(4))


def test_style_marks_and_line_ends_stay(root: Path) -> None:
    """Block style, quotes, comments, CR LF, a byte order mark: who is revoked goes, no more."""
    path = root / "params" / "roles.yaml"
    qa = '"qa_lee@ex.com":\r\n    name: "Lee Jun" # QA\r\n    roles:\r\n      - qa'
    text = path.read_text("utf-8").replace("\n", "\r\n")
    text = text.replace("qa_lee@ex.com: {name: Lee Jun, roles: [qa]}", qa)
    text = text.replace("  owner_park", "  # the owner\r\n  owner_park")
    path.write_bytes(f"\ufeff{text}".encode())
    accept(Workbook(root), by=BY, now=at(2))
    revoke_key(Workbook(root), "qa_lee@ex.com", by=BY, now=at(3))
    assert "qa_lee@ex.com" not in Workbook(root).roles.people
    assert path.read_bytes().decode() == f"\ufeff{text}".replace(f"  {qa}\r\n", "")
    add(root, "leaver@ex.com", "qa", 4)
    rest = (
        path.read_bytes().decode().removesuffix("  leaver@ex.com: {name: leaver, roles: [qa]}\r\n")
    )
    assert rest == f"\ufeff{text}".replace(f"  {qa}\r\n", "")


def test_links_stay_links(root: Path, tmp_path: Path) -> None:
    """Files that are links into a shared folder are changed there."""
    shared = tmp_path / "shared"
    shared.mkdir()
    for file in ("roles.yaml", "allowed_signers"):
        path = root / "params" / file
        path.rename(shared / file)
        path.symlink_to(shared / file)
    add(root, "leaver@ex.com", "qa", 2)
    assert (root / "params" / "roles.yaml").is_symlink()
    assert "leaver@ex.com" in (shared / "roles.yaml").read_text()
    assert codes(root) == {"unsigned"}


def test_a_person_is_not_changed_in_passing(root: Path) -> None:
    """Another name or role for somebody who is there is refused, with what to do."""
    others: tuple[tuple[str | None, list[Role]], ...] = (("Kim", []), (None, ["owner"]))
    for name, roles in others:
        with pytest.raises(UsageError, match=r"'Kim Min-ji' with the role pm.*rollout keys accept"):
            add_key(
                Workbook(root), "pm_kim@ex.com", name=name, roles=roles,
                key=keys() / "leaver", by=BY, now=at(2),
            )  # fmt: skip


def test_what_an_older_version_left_half_done_is_recorded(root: Path) -> None:
    """Both files written and no record, as a kill left it: the same command records it."""
    before = (root / "docs" / "LEDGER").parent / "before"
    shutil.copytree(root / "docs" / "LEDGER", before)
    name = add(root, "leaver@ex.com", "qa", 2)
    shutil.rmtree(root / "docs" / "LEDGER")
    before.rename(root / "docs" / "LEDGER")
    assert codes(root) == {"trust"}
    assert add(root, "leaver@ex.com", "qa", 3) == name
    assert codes(root) == {"unsigned"}


def test_two_commands_at_once_make_two_records(root: Path) -> None:
    """Eight people admitted at the same time are all there, one record each, in one chain."""
    people = [f"new{number}@ex.com" for number in range(8)]
    folder = root / "keys"
    folder.mkdir()
    for who in people:
        key = folder / who
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)

    def admit(who: str) -> None:
        add_key(Workbook(root), who, name=who[:4], roles=["qa"], key=folder / who, by=BY, now=at(2))

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(admit, people)] == [None] * 8
    book = Workbook(root)
    assert {*people} <= {*book.roles.people}
    assert [node.predicate.kind for node in book.read().nodes].count("keys") == 8
    assert len(book.read().heads) == 1
    assert codes(root) <= {"unsigned", "trust-unsigned"}
