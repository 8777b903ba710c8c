"""Every way to falsify a ledger that anybody thought of.

Each is found, under the right name, and nothing else breaks.

The victim is an honest ledger of five records with real signatures: two promotions, a change of
keys, a rollback, a HOLD.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import rfc8785

from rolloutlib.ledger.book import append, write_cards
from rolloutlib.ledger.chain import read_ledger
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.keys import add_key
from rolloutlib.ledger.verification import Verification, verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import PEOPLE, START, decided, keys, public, rollback, signed, workbook
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = START + timedelta(days=3)
FIRST, SECOND, KEYS, BACK, HOLD = (
    "dec-20261122-001",
    "dec-20261122-002",
    "dec-20261122-keys-001",
    "dec-20261122-rollback-001",
    "dec-20261122-003",
)
PM, QA, OWNER, ENGINE = "pm_kim@ex.com", "qa_lee@ex.com", "owner_park@ex.com", "eng_choi@ex.com"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workbook whose ledger holds in full."""
    root = workbook(tmp_path_factory.mktemp("honest") / "w")
    decided(root)
    decided(root, hours=1, note="second")
    add_key(
        Workbook(root),
        "leaver@ex.com",
        name="Leaver",
        roles=["qa"],
        key=keys() / "leaver",
        by=ENGINE,
        now=START + timedelta(hours=2),
    )
    signed(root, KEYS, "owner_park", hours=2.1)
    book = Workbook(root)
    second = book.read().find(SECOND).head
    append(
        book,
        "rollback",
        lambda slot: rollback(slot, second),
        {"signal.json": b"{}\n"},
        now=START + timedelta(hours=3),
    )
    signed(root, BACK, "eng_choi", hours=3.1)
    signed(root, BACK, "pm_kim", hours=3.2)
    decided(root, hours=4, verdict="HOLD", signers=("pm_kim",))
    return root


@pytest.fixture
def victim(honest: Path, tmp_path: Path) -> Path:
    """Return a copy to falsify."""
    return shutil.copytree(honest, tmp_path / "w", symlinks=True)


def check(root: Path, *, head: str | None = None, since: str | None = None) -> Verification:
    """Verify a workbook as `rollout verify` does."""
    return verify_ledger(Workbook(root), now=NOW, head=head, since=since)


def file(root: Path, name: str) -> Path:
    """Return a file of the ledger."""
    return root / "docs" / "LEDGER" / name


def change(path: Path, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


def edit(path: Path, edit_: Callable[[Any], None]) -> None:
    """Change a document and write it in its one form again, as a careful forger would."""
    value = json.loads(path.read_bytes())
    edit_(value)
    path.write_bytes(rfc8785.dumps(value) + b"\n")


def resign(
    root: Path,
    name: str,
    who: str,
    *,
    key: str | None = None,
    as_: str | None = None,
    options: tuple[str, ...] = ("-n", "rollout-signoff@v1"),
) -> None:
    """Sign a signoff's bytes again with some key, past every check of `rollout sign`."""
    path = file(root, f"{name}.{who}.signoff")
    made = subprocess.run(
        [
            "ssh-keygen",
            "-Y",
            "sign",
            "-q",
            *options,
            "-f",
            str(keys() / (key or who.partition("@")[0])),
        ],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    file(root, f"{name}.{as_ or who}.signoff.sig").write_bytes(made.stdout)


def forge(
    root: Path, name: str, who: str, edit_: Callable[[Any], None], *, key: str | None = None
) -> None:
    """Change a signoff and sign it again with its own (or another) key."""
    edit(file(root, f"{name}.{who}.signoff"), edit_)
    resign(root, name, who, key=key)


def put(field: str, value: object) -> Callable[[Any], None]:
    """Return an edit that sets a field."""
    return lambda document: document.__setitem__(field, value)


def predicate(field: str, value: object) -> Callable[[Any], None]:
    """Return an edit that sets a field of a record's predicate."""
    return lambda document: document["predicate"].__setitem__(field, value)


def relink(root: Path) -> None:
    """Let every later record follow the bytes that the earlier ones have now."""
    ids = [FIRST, SECOND, KEYS, BACK, HOLD]
    for earlier, later in pairwise(ids):
        sha = digest_of(file(root, f"{earlier}.record").read_bytes())
        edit(file(root, f"{later}.record"), predicate("prev", [{"id": earlier, "sha256": sha}]))


def copy(root: Path, source: str, target: str) -> None:
    """Copy a file of the ledger."""
    shutil.copy(file(root, source), file(root, target))


def remove(root: Path, pattern: str) -> None:
    """Delete files of the ledger."""
    for path in file(root, "").glob(pattern):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def new_signoff(root: Path, name: str, who: str, role: str, key: str, like: str = PM) -> None:
    """Add a signoff made from another one's text."""
    copy(root, f"{HOLD}.{like}.signoff", f"{name}.{who}.signoff")
    node = read_ledger(file(root, ""), "test").find(name)
    head = {"id": name, "sha256": node.digest}
    printed = {f"{p}@ex.com": n for p, (n, _) in PEOPLE.items()}.get(who, "Somebody")

    def fill(document: dict[str, object]) -> None:
        document.update(
            signer=who,
            role=role,
            name=printed,
            record=head,
            decision=node.record.predicate.verdict,
            signedAt="2026-11-22T13:30:00Z",
        )

    edit(file(root, f"{name}.{who}.signoff"), fill)
    resign(root, name, who, key=key)


def swap(root: Path, name: str, other: str) -> None:
    """Exchange the contents of two files."""
    first, second = file(root, name).read_bytes(), file(root, other).read_bytes()
    file(root, name).write_bytes(second)
    file(root, other).write_bytes(first)


def shared_key(root: Path) -> None:
    """Give the QA person the PM's key as well, and sign as both."""
    signers = root / "params" / "allowed_signers"
    signers.write_text(
        signers.read_text() + f'{QA} namespaces="rollout-signoff@v1" {public("pm_kim")}\n'
    )
    resign(root, SECOND, QA, key="pm_kim")


def self_admitted(root: Path) -> None:
    """Let an outsider admit himself as an owner and sign that change himself."""
    remove(root, f"{HOLD}*")
    add_key(
        Workbook(root),
        "stranger@ex.com",
        name="Stranger",
        roles=["owner"],
        key=keys() / "stranger",
        by=ENGINE,
        now=START + timedelta(hours=4),
    )
    new_signoff_for_keys(root, "dec-20261122-keys-002", "stranger@ex.com")


def new_signoff_for_keys(root: Path, name: str, who: str) -> None:
    """Sign a keys record by hand as the person whom it admits."""
    copy(root, f"{KEYS}.{OWNER}.signoff", f"{name}.{who}.signoff")
    node = read_ledger(file(root, ""), "test").find(name)
    head = {"id": name, "sha256": node.digest}
    edit(
        file(root, f"{name}.{who}.signoff"),
        lambda d: d.update(
            signer=who,
            name="Stranger",
            record=head,
            seenHead=[head],
            signedAt="2026-11-22T13:30:00Z",
        ),
    )
    resign(root, name, who, key="stranger")


def forked(root: Path) -> None:
    """Let a second record follow the same one."""
    value = json.loads(file(root, f"{HOLD}.record").read_bytes())
    value["predicate"].update(id="dec-20261122-004", note="other")
    value["subject"] = []
    file(root, "dec-20261122-004.record").write_bytes(rfc8785.dumps(value) + b"\n")


CASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    # records: values, bytes, names
    "a gate's value is edited": (
        "edited",
        lambda r: change(file(r, f"{SECOND}.record"), '"value":"0.01"', '"value":"0.02"'),
    ),
    "the last record's verdict is edited": (
        "unwaived",
        lambda r: change(file(r, f"{HOLD}.record"), '"verdict":"HOLD"', '"verdict":"GO"'),
    ),
    "the last record's note is edited": (
        "edited",
        lambda r: change(file(r, f"{HOLD}.record"), '"note":""', '"note":"GO later"'),
    ),
    "an edit with the chain linked again": (
        "edited",
        lambda r: (edit(file(r, f"{FIRST}.record"), predicate("note", "x")), relink(r)),
    ),
    "a reformatted record": (
        "not-canonical",
        lambda r: file(r, f"{FIRST}.record").write_text(
            json.dumps(json.loads(file(r, f"{FIRST}.record").read_bytes()), indent=2)
        ),
    ),
    "a record with CR LF": (
        "line-ends",
        lambda r: change(file(r, f"{FIRST}.record"), "\n", "\r\n"),
    ),
    "a record without its newline": (
        "not-canonical",
        lambda r: file(r, f"{FIRST}.record").write_bytes(
            file(r, f"{FIRST}.record").read_bytes()[:-1]
        ),
    ),
    "a duplicate key": (
        "duplicate-key",
        lambda r: change(
            file(r, f"{FIRST}.record"), '"verdict":"GO"', '"verdict":"NO_GO","verdict":"GO"'
        ),
    ),
    "an unknown field": (
        "fields",
        lambda r: edit(file(r, f"{FIRST}.record"), predicate("approved", True)),
    ),
    "a float among the numbers": (
        "fields",
        lambda r: change(file(r, f"{FIRST}.record"), '"value":"0.01"', '"value":0.01'),
    ),
    "a record cut short": (
        "json",
        lambda r: file(r, f"{FIRST}.record").write_bytes(
            file(r, f"{FIRST}.record").read_bytes()[:300]
        ),
    ),
    "an empty record": ("json", lambda r: file(r, f"{FIRST}.record").write_bytes(b"")),
    "a record under a new id": (
        "other-id",
        lambda r: copy(r, f"{SECOND}.record", "dec-20261122-009.record"),
    ),
    "two records exchanged": ("other-id", lambda r: swap(r, f"{FIRST}.record", f"{SECOND}.record")),
    "an id of another day": (
        "fields",
        lambda r: (
            edit(file(r, f"{HOLD}.record"), predicate("id", "dec-20261121-003")),
            file(r, f"{HOLD}.record").rename(file(r, "dec-20261121-003.record")),
        ),
    ),
    "a promotion under a rollback's id": (
        "fields",
        lambda r: (
            edit(file(r, f"{HOLD}.record"), predicate("id", "dec-20261122-rollback-002")),
            file(r, f"{HOLD}.record").rename(file(r, "dec-20261122-rollback-002.record")),
        ),
    ),
    "a record of another ledger": (
        "other-ledger",
        lambda r: edit(file(r, f"{HOLD}.record"), predicate("ledger", "elsewhere")),
    ),
    "full-width digits in an id": (
        "name",
        lambda r: copy(r, f"{SECOND}.record", "dec-20261122-００4.record"),
    ),
    "a Cyrillic look-alike of dec": (
        "name",
        lambda r: copy(r, f"{SECOND}.record", "dеc-20261122-004.record"),
    ),
    "a look-alike signer": (
        "name",
        lambda r: copy(r, f"{FIRST}.{PM}.signoff", f"{FIRST}.рm_kim@ex.com.signoff"),
    ),
    "a capital letter in a signer": (
        "name",
        lambda r: copy(r, f"{FIRST}.{PM}.signoff", f"{FIRST}.PM_kim@ex.com.signoff"),
    ),
    "a link instead of a record": (
        "link",
        lambda r: (
            file(r, f"{FIRST}.record").rename(r / "moved"),
            file(r, f"{FIRST}.record").symlink_to(r / "moved"),
        ),
    ),
    "a folder instead of a record": (
        "link",
        lambda r: (remove(r, f"{FIRST}.record"), file(r, f"{FIRST}.record").mkdir()),
    ),
    # the chain
    "a record deleted in the middle": ("deleted", lambda r: remove(r, f"{SECOND}.record")),
    "a record deleted with all its files": ("deleted", lambda r: remove(r, f"{SECOND}*")),
    "the first record deleted with all its files": ("deleted", lambda r: remove(r, f"{FIRST}*")),
    "the last record deleted, its card left": ("deleted", lambda r: remove(r, f"{HOLD}.record")),
    "a number too high": (
        "sequence",
        lambda r: edit(file(r, f"{HOLD}.record"), predicate("seq", 9)),
    ),
    "a second beginning": (
        "second-root",
        lambda r: edit(file(r, f"{HOLD}.record"), lambda d: d["predicate"].update(seq=1, prev=[])),
    ),
    "an ancestor among the followed": (
        "sequence",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            lambda d: d["predicate"]["prev"].insert(
                0, {"id": FIRST, "sha256": digest_of(file(r, f"{FIRST}.record").read_bytes())}
            ),
        ),
    ),
    "a date before the record that it follows": (
        "time",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            lambda d: d["predicate"]["prepared"].update(at="2026-11-22T08:00:00Z"),
        ),
    ),
    "an impossible date": (
        "fields",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            lambda d: d["predicate"]["prepared"].update(at="2026-11-22T13:00:00"),
        ),
    ),
    "an open fork": ("fork", forked),
    "it builds on a record that is no GO": (
        "builds-on",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            predicate(
                "builds_on".replace("_o", "O"),
                {"id": KEYS, "sha256": digest_of(file(r, f"{KEYS}.record").read_bytes())},
            ),
        ),
    ),
    "a rollback of nothing": (
        "fields",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            predicate(
                "rollback",
                json.loads(file(r, f"{BACK}.record").read_bytes())["predicate"]["rollback"],
            ),
        ),
    ),
    # what it rests on
    "an evidence file edited": (
        "subject-changed",
        lambda r: file(r, f"{FIRST}/review.json").write_text("{}"),
    ),
    "an evidence file deleted": ("subject-missing", lambda r: remove(r, f"{FIRST}/review.json")),
    "an evidence file linked": (
        "subject-missing",
        lambda r: (
            file(r, f"{FIRST}/review.json").rename(r / "moved"),
            file(r, f"{FIRST}/review.json").symlink_to(r / "moved"),
        ),
    ),
    "a subject outside of the folder": (
        "fields",
        lambda r: change(
            file(r, f"{FIRST}.record"), f'"name":"{FIRST}/review.json"', f'"name":"{FIRST}/../../x"'
        ),
    ),
    "an edited card": (
        "card",
        lambda r: change(file(r, f"{FIRST}.md"), "Kim Min-ji", "Kim Min-jo"),
    ),
    "a card with CR LF": ("card", lambda r: change(file(r, f"{FIRST}.md"), "\n", "\r\n")),
    "a card deleted": ("card", lambda r: remove(r, f"{FIRST}.md")),
    "a card without a record": ("deleted", lambda r: copy(r, f"{FIRST}.md", "dec-20261122-007.md")),
    # signoffs
    "a signoff deleted, its signature left": (
        "witness",
        lambda r: remove(r, f"{FIRST}.{PM}.signoff"),
    ),
    "the last record's signoff deleted": ("unsigned", lambda r: remove(r, f"{HOLD}.{PM}.signoff*")),
    "a witnessed signoff deleted with its signature": (
        "witness",
        lambda r: remove(r, f"{FIRST}.{PM}.signoff*"),
    ),
    "a signature deleted": ("no-signature", lambda r: remove(r, f"{HOLD}.{PM}.signoff.sig")),
    "a signoff without a record": (
        "deleted",
        lambda r: copy(r, f"{FIRST}.{PM}.signoff", f"dec-20261122-008.{PM}.signoff"),
    ),
    "a signature of another record": (
        "bad-signature",
        lambda r: copy(r, f"{SECOND}.{PM}.signoff.sig", f"{FIRST}.{PM}.signoff.sig"),
    ),
    "a signoff and signature copied from another record": (
        "copied",
        lambda r: (
            copy(r, f"{FIRST}.{QA}.signoff", f"{HOLD}.{QA}.signoff"),
            copy(r, f"{FIRST}.{QA}.signoff.sig", f"{HOLD}.{QA}.signoff.sig"),
        ),
    ),
    "a signoff under another's name": (
        "other-persons-key",
        lambda r: (
            copy(r, f"{HOLD}.{PM}.signoff", f"{HOLD}.{QA}.signoff"),
            copy(r, f"{HOLD}.{PM}.signoff.sig", f"{HOLD}.{QA}.signoff.sig"),
        ),
    ),
    "another's signoff signed with one's own key": (
        "misattributed",
        lambda r: (copy(r, f"{HOLD}.{PM}.signoff", f"{HOLD}.{QA}.signoff"), resign(r, HOLD, QA)),
    ),
    "two signatures exchanged": (
        "other-persons-key",
        lambda r: swap(r, f"{FIRST}.{PM}.signoff.sig", f"{FIRST}.{QA}.signoff.sig"),
    ),
    "a signoff's decision edited": (
        "bad-signature",
        lambda r: change(file(r, f"{FIRST}.{PM}.signoff"), '"decision":"GO"', '"decision":"NO_GO"'),
    ),
    "a reformatted signoff": (
        "signoff-not-canonical",
        lambda r: change(file(r, f"{FIRST}.{PM}.signoff"), '":"', '": "'),
    ),
    "a signoff with CR LF": (
        "signoff-line-ends",
        lambda r: change(file(r, f"{FIRST}.{PM}.signoff"), "\n", "\r\n"),
    ),
    "a signoff with a duplicate key": (
        "signoff-duplicate-key",
        lambda r: change(
            file(r, f"{FIRST}.{PM}.signoff"), '"role":"pm"', '"role":"qa","role":"pm"'
        ),
    ),
    "two signatures in one file": (
        "two-signatures",
        lambda r: file(r, f"{FIRST}.{PM}.signoff.sig").write_bytes(
            file(r, f"{FIRST}.{PM}.signoff.sig").read_bytes() * 2
        ),
    ),
    "text before the signature": (
        "armour",
        lambda r: file(r, f"{FIRST}.{PM}.signoff.sig").write_bytes(
            b"hello\n" + file(r, f"{FIRST}.{PM}.signoff.sig").read_bytes()
        ),
    ),
    "a signature folded differently": (
        "armour",
        lambda r: file(r, f"{FIRST}.{PM}.signoff.sig").write_bytes(
            folded(file(r, f"{FIRST}.{PM}.signoff.sig").read_bytes())
        ),
    ),
    "a git signature": ("namespace", lambda r: resign(r, FIRST, PM, options=("-n", "git"))),
    "a stranger's key": ("unknown-key", lambda r: resign(r, FIRST, PM, key="stranger")),
    "another person's key": ("other-persons-key", lambda r: resign(r, FIRST, PM, key="qa_lee")),
    "the same key under two names": ("same-key", shared_key),
    "a role that one does not have": ("role", lambda r: forge(r, FIRST, QA, put("role", "owner"))),
    "a person without a role": (
        "role",
        lambda r: new_signoff(r, FIRST, "leaver@ex.com", "qa", "leaver"),
    ),
    "another printed name": ("role", lambda r: forge(r, FIRST, PM, put("name", "Kim"))),
    "a preparer who signs": (
        "preparer",
        lambda r: (
            edit(file(r, f"{HOLD}.record"), lambda d: d["predicate"]["prepared"].update(by=OWNER)),
            write_cards(Workbook(r)),
            new_signoff(r, HOLD, OWNER, "owner", "owner_park"),
        ),
    ),
    "a signoff dated before its record": (
        "backdated",
        lambda r: forge(r, SECOND, PM, put("signedAt", "2026-11-22T09:30:00Z")),
    ),
    "a signoff dated before what it saw": (
        "backdated",
        lambda r: forge(
            r,
            FIRST,
            PM,
            put(
                "seenHead",
                [{"id": HOLD, "sha256": digest_of(file(r, f"{HOLD}.record").read_bytes())}],
            ),
        ),
    ),
    "a signoff of the future": (
        "future",
        lambda r: forge(r, FIRST, PM, put("signedAt", "2026-12-31T00:00:00Z")),
    ),
    "a signoff dated before its key": (
        "expired",
        lambda r: forge(r, FIRST, PM, put("signedAt", "2025-11-22T09:30:00Z")),
    ),
    "a signoff that saw a deleted head": (
        "deleted",
        lambda r: forge(
            r, HOLD, PM, put("seenHead", [{"id": "dec-20261122-009", "sha256": "9" * 64}])
        ),
    ),
    "a signoff that had not seen its record": (
        "seen-head",
        lambda r: forge(
            r,
            HOLD,
            PM,
            put(
                "seenHead",
                [{"id": FIRST, "sha256": digest_of(file(r, f"{FIRST}.record").read_bytes())}],
            ),
        ),
    ),
    "a signoff that saw nothing": ("seen-head", lambda r: forge(r, HOLD, PM, put("seenHead", []))),
    "a witnessed signoff signed again otherwise": (
        "witness",
        lambda r: forge(r, FIRST, PM, put("meaning", "review")),
    ),
    "an unsigned GO": ("unsigned", lambda r: remove(r, f"{SECOND}.{OWNER}.signoff*")),
    "a dissent turned into the missing signature": (
        "unsigned",
        lambda r: forge(r, FIRST, OWNER, put("decision", "NO_GO")),
    ),
    "a rollback that the PM never signed": ("late", lambda r: remove(r, f"{BACK}.{PM}.signoff*")),
    # who may sign
    "a key added to allowed_signers by hand": (
        "trust",
        lambda r: (r / "params/allowed_signers").write_text(
            (r / "params/allowed_signers").read_text()
            + f'stranger@ex.com namespaces="rollout-signoff@v1" {public("stranger")}\n'
        ),
    ),
    "a role given in roles.yaml by hand": (
        "trust",
        lambda r: change(r / "params/roles.yaml", "roles: [engine]", "roles: [engine, owner]"),
    ),
    "a threshold lowered in plan.yaml": (
        "trust",
        lambda r: change(r / "params/plan.yaml", "GO: {now: [pm, qa, owner]}", "GO: {now: [pm]}"),
    ),
    "a revocation by hand": (
        "trust",
        lambda r: (r / "params/revoked_keys").write_text(f"{public('pm_kim')}\n"),
    ),
    "a threshold lowered in one record": (
        "trust",
        lambda r: edit(
            file(r, f"{HOLD}.record"),
            lambda d: d["predicate"]["trust"]["thresholds"]["GO"].update(now=["pm"]),
        ),
    ),
    "a change of keys without the owner": (
        "unsigned",
        lambda r: remove(r, f"{KEYS}.{OWNER}.signoff*"),
    ),
    "a record that stands on an unsigned change of keys": (
        "trust-wrong",
        lambda r: remove(r, f"{KEYS}.{OWNER}.signoff*"),
    ),
    "an outsider who admits himself": ("role", self_admitted),
}


def folded(signature: bytes) -> bytes:
    """Return an armoured signature with other line ends in its text."""
    head, *body, tail, _ = signature.split(b"\n")
    text = b"".join(body)
    return b"\n".join([head, *re.findall(rb".{1,64}", text), tail, b""])


def test_honest_ledger_raises_no_alarm(honest: Path) -> None:
    """The victim before any falsification holds in full, and its green record is the first.

    The second was rolled back.
    """
    verified = check(honest)
    assert verified.findings == ()
    assert verified.green is not None
    assert verified.green.id == FIRST
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_falsification_is_found_and_named(victim: Path, name: str) -> None:
    """One falsification each: the right class is among the findings, in a sentence.

    It is not green.
    """
    code, falsify = CASES[name]
    falsify(victim)
    verified = check(victim)
    assert code in {finding.code for finding in verified.findings}, verified.findings
    assert all(len(finding.sentence) > 20 for finding in verified.findings)


def test_tail_deletion_needs_a_pinned_head(victim: Path) -> None:
    """Deleting the newest record with everything of it is invisible.

    Except to who kept the head.
    """
    head = check(victim).heads[0].sha256
    remove(victim, f"{HOLD}*")
    assert check(victim).findings == ()
    assert [finding.code for finding in check(victim, head=head).findings] == ["head-missing"]
    assert [finding.code for finding in check(victim, since=head).findings] == ["head-missing"]


def test_incremental_verify_still_sees_old_signatures_change(victim: Path) -> None:
    """`--since` asks ssh-keygen about nothing that the head witnesses.

    But a changed old signoff is found all the same.
    """
    head = check(victim).heads[0].sha256
    assert check(victim, since=head).findings == ()
    forge(victim, FIRST, PM, put("meaning", "review"))
    assert "witness" in {finding.code for finding in check(victim, since=head).findings}


def test_damaged_ledger_takes_no_record(victim: Path) -> None:
    """Nothing is built on damage."""
    change(file(victim, f"{FIRST}.record"), '"value":"0.01"', '"value":"0.02"')
    with pytest.raises(LedgerError, match="damaged"):
        decided(victim, hours=5)


def flipped(data: bytes, step: int = 1) -> list[tuple[int, bytes]]:
    """Return the bytes with one flipped bit, a different one at each place."""
    return [
        (i, data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        for i in range(0, len(data), step)
    ]


DOCUMENTS = [f"{HOLD}.record", f"{HOLD}.{PM}.signoff", f"{HOLD}.{PM}.signoff.sig"]


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_flipped_bit_is_found(victim: Path, name: str) -> None:
    """One flipped bit at a byte of the newest record, its signoff, its signature.

    At every 13th, in `make faults` at every one.
    """
    path, book = file(victim, name), Workbook(victim)
    whole = path.read_bytes()
    damaged = {"not-canonical", "encoding", "json", "fields", "duplicate-key", "line-ends"}
    signoff = {f"signoff-{code}" for code in damaged} | {"bad-signature", "expired", "fields"}
    signature = {"bad-signature", "armour", "namespace", "unknown-key", "two-signatures"}
    record = damaged | {"edited", "other-id", "other-ledger", "unwaived"}
    expected = {".record": record, ".signoff": signoff, ".sig": signature}[path.suffix]
    missed: list[tuple[int, set[str]]] = []
    for place, data in flipped(whole, 1 if EXHAUSTIVE else 13):
        path.write_bytes(data)
        codes = {
            finding.code for finding in verify_ledger(book, now=NOW, since=BACK, workers=1).findings
        }
        if not codes & expected:
            missed.append((place, codes))
    path.write_bytes(whole)
    assert missed == []
    assert check(victim).findings == ()
