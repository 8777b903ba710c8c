"""The traps of SSH signatures.

What ssh-keygen lets pass is refused here, and every refusal has a name.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rolloutlib.errors import PlanError
from rolloutlib.ledger.book import append, sign_record
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.key_file import public_key
from rolloutlib.ledger.signers import NAMESPACE, lint, load_roles, load_signers
from rolloutlib.ledger.signing import sign, verify
from rolloutlib.ledger.verification import sign_off_status, verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import PEOPLE, START, decided, keys, promotion, public, signed, workbook

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.records import Decision

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workbook with four people."""
    return workbook(tmp_path / "w")


def line(options: str, who: str = "pm_kim@ex.com") -> str:
    """Return a line of allowed_signers."""
    return f"{who} {options} {public('pm_kim')}\n"


PERMISSIVE = [
    (line(""), "without namespaces"),
    (line('namespaces="git"'), "not exactly"),
    (line('namespaces="git,rollout-signoff@v1"'), "not exactly"),
    (line(f'namespaces="{NAMESPACE}"', "*@ex.com"), "wildcard"),
    (line(f'namespaces="{NAMESPACE}"', "*"), "wildcard"),
    (line(f'namespaces="{NAMESPACE}"', "!pm_kim@ex.com"), "wildcard"),
    (line(f'cert-authority,namespaces="{NAMESPACE}"'), "certificate authority"),
    (line(f'namespaces="{NAMESPACE}",valid-before="20270101"'), "without Z"),
    (line(f'namespaces="{NAMESPACE}",valid-after="20260101000000"'), "without Z"),
    (line(f'namespaces="{NAMESPACE}",valid-after="20261301000000Z"'), "no time"),
    (line(f'namespaces="{NAMESPACE}"', "pm_kim@ex.com,qa_lee@ex.com"), "expected"),
    (line(f'namespaces="{NAMESPACE}"', "PM_kim@ex.com"), "expected"),
    (line(f'namespaces="{NAMESPACE}"', "\u0440m_kim@ex.com"), "expected"),  # a Cyrillic letter
    (" " + line(f'namespaces="{NAMESPACE}"'), "expected"),
    (line(f'namespaces="{NAMESPACE}",verify-required'), "expected"),
]


# The keys in these lines are new each time, and names of tests are not.
@pytest.mark.parametrize(
    ("text", "says"), PERMISSIVE, ids=[f"line {k}" for k in range(len(PERMISSIVE))]
)
def test_lint_refuses_permissive_lines(root: Path, text: str, says: str) -> None:
    """A line that lets in more than one person's rollout signatures is refused.

    The trap is named with its place.
    """
    (root / "params" / "allowed_signers").write_text("# keys\n" + text)
    with pytest.raises(LedgerError, match=says) as caught:
        load_signers(root)
    assert str(caught.value).startswith("params/allowed_signers:2:")


@pytest.mark.parametrize(
    "change",
    [
        ("roles: [pm]", "roles: [boss]"),
        ("roles: [pm]", "roles: []"),
        ("pm_kim@ex.com", "Pm Kim"),
        ("people:", "poeple:"),
    ],
)
def test_roles_are_validated(root: Path, change: tuple[str, str]) -> None:
    """A role that the plan lacks, no role, no address, a misspelt key.

    Each is an error that names the file.
    """
    file = root / "params" / "roles.yaml"
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(PlanError, match=r"roles\.yaml"):
        load_roles(root)


def test_lint_compares_roles_and_keys(root: Path) -> None:
    """A shared key, a person without a key.

    A key without a role and a role that nobody has are told.
    """
    file = root / "params" / "allowed_signers"
    lines = [text for text in file.read_text().splitlines() if "qa_lee" not in text]
    file.write_text("\n".join([*lines, line(f'namespaces="{NAMESPACE}"', "ghost@ex.com")]))
    roles = root / "params" / "roles.yaml"
    roles.write_text(roles.read_text().replace("[owner]", "[qa]"))
    book = Workbook(root)
    problems = "\n".join(map(str, lint(book.roles, book.signers, book.trust.thresholds.values())))
    for problem in (
        "have the same key",
        "no key of qa_lee@ex.com",
        "no role to ghost@ex.com",
        "nobody is owner",
        "`rollout keys add NAME@HOST --name NAME --role owner --key FILE.pub`",
    ):
        assert problem in problems


@pytest.mark.parametrize(
    ("verdict", "by", "refused"),
    [("GO", "pm_kim", "pm"), ("GO", "eng_choi", ""), ("HOLD", "pm_kim", ""),
     ("HOLD", "owner_park", "")],
)  # fmt: skip
def test_who_prepares_is_no_signer_of_an_approval(
    root: Path, verdict: Decision, by: str, refused: str
) -> None:
    """Where nobody else has the role, no record is drafted that could never be signed."""
    problems = "\n".join(map(str, Workbook(root).problems(verdict, f"{by}@ex.com")))
    assert bool(problems) == bool(refused)
    if refused:
        assert f"only {by}@ex.com is {refused}, and who prepares a record cannot" in problems
        assert "prepare it with another --by, or admit another pm: `rollout keys add" in problems
    roles = root / "params" / "roles.yaml"
    roles.write_text(roles.read_text().replace("[engine]", "[engine, pm]"))
    assert Workbook(root).problems(verdict, f"{by}@ex.com") == (), "another may sign as pm"


def test_git_signature_does_not_count(root: Path) -> None:
    """A signature for another purpose is refused although key and bytes are right."""
    made = sign(b"x", keys() / "pm_kim", "git")
    with pytest.raises(LedgerError, match="signed for 'git'"):
        verify(b"x", made, "pm_kim@ex.com", AT, load_signers(root))


def test_expired_key_cannot_sign_for_its_time(root: Path) -> None:
    """A key is good between its times only; both ends are those of ssh-keygen."""
    file = root / "params" / "allowed_signers"
    file.write_text(
        line(
            f'namespaces="{NAMESPACE}",valid-after="20261122120000Z",valid-before="20261123000000Z"'
        )
    )
    made, signers = sign(b"x", keys() / "pm_kim"), load_signers(root)
    for at, good in (
        (AT - timedelta(seconds=1), False),
        (AT, True),
        (AT + timedelta(hours=11), True),
        (AT + timedelta(hours=12, seconds=1), False),
    ):
        options = [
            "-Y",
            "verify",
            "-f",
            str(file),
            "-I",
            "pm_kim@ex.com",
            "-n",
            NAMESPACE,
            "-s",
            "/dev/stdin",
            f"-Overify-time={at:%Y%m%d%H%M%SZ}",
        ]
        (root / "m.sig").write_bytes(made)
        options[options.index("/dev/stdin")] = str(root / "m.sig")
        assert (
            subprocess.run(
                ["ssh-keygen", *options], input=b"x", capture_output=True, check=False
            ).returncode
            == 0
        ) is good
        if good:
            assert verify(b"x", made, "pm_kim@ex.com", at, signers) == public("pm_kim")
        else:
            with pytest.raises(LedgerError, match="was not valid"):
                verify(b"x", made, "pm_kim@ex.com", at, signers)


def test_old_signature_file_cannot_survive(root: Path) -> None:
    """Signing goes through standard output and is verified.

    A stale .sig is never taken for a new one.
    """
    name = decided(root, signers=("pm_kim",))
    stale = root / "docs" / "LEDGER" / f"{name}.qa_lee@ex.com.signoff.sig"
    stale.write_bytes((root / "docs" / "LEDGER" / f"{name}.pm_kim@ex.com.signoff.sig").read_bytes())
    signed(root, name, "qa_lee", hours=1)
    assert (
        stale.read_bytes()
        != (root / "docs" / "LEDGER" / f"{name}.pm_kim@ex.com.signoff.sig").read_bytes()
    )
    assert {
        f.code for f in verify_ledger(Workbook(root), now=START + timedelta(hours=2)).findings
    } == {"unsigned"}


def test_agent_key_is_the_public_half(root: Path) -> None:
    """Without the public half the key's owner is unknown, and the sentence says how to make it."""
    lonely = root / "id"
    lonely.write_bytes((keys() / "pm_kim").read_bytes())
    with pytest.raises(LedgerError, match="ssh-keygen -y"):
        public_key(lonely)


REFUSED = {
    "a fourth person": ("guest", {"role": "pm"}, "no line with"),
    "a role of another": ("eng_choi", {"role": "owner"}, "cannot sign as owner"),
    "another's name": (
        "qa_lee",
        {"role": "owner", "who": "owner_park@ex.com"},
        "made with the key of qa_lee",
    ),
    "a second signature": ("pm_kim", {"role": "pm"}, "signed dec-20261122-001 already"),
    "a time before the record": (
        "qa_lee",
        {"role": "qa", "hours": -1},
        "before a record that it saw",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_sign_refuses_before_it_writes(root: Path, case: str) -> None:
    """Everything that verify would refuse is refused when signing, and no file is left."""
    who, options, says = REFUSED[case]
    name = decided(root, signers=("pm_kim",))
    before = sorted(path.name for path in (root / "docs" / "LEDGER").iterdir())
    now = START + timedelta(hours=float(str(options.get("hours", 1))))
    key = keys() / ("stranger" if who == "guest" else who)
    with pytest.raises(LedgerError, match=says):
        sign_record(
            Workbook(root),
            name,
            role=str(options["role"]),
            key=key,
            who=str(options["who"]) if "who" in options else None,
            now=now,
        )
    assert sorted(path.name for path in (root / "docs" / "LEDGER").iterdir()) == before


def test_preparer_cannot_approve(root: Path) -> None:
    """Who prepared a GO cannot sign it, in any role."""
    node = append(
        Workbook(root),
        "promotion",
        lambda slot: promotion(slot, by="owner_park@ex.com"),
        {},
        now=START,
    )
    with pytest.raises(LedgerError, match="prepared the record and cannot approve it"):
        signed(root, node.id, "owner_park", hours=1)


def test_dissent_is_kept_and_does_not_count(root: Path) -> None:
    """A signer may dissent: it is on record, and the GO still lacks that role."""
    name = decided(root, signers=("pm_kim", "qa_lee"))
    signed(root, name, "owner_park", hours=1, decision="NO_GO")
    verified = verify_ledger(Workbook(root), now=START + timedelta(hours=2))
    assert verified.lines[0].dissent == ("owner_park@ex.com",)
    assert [f.sentence for f in verified.findings] == ["GO needs the signature of owner"]
    assert verified.green is None


def test_sign_off_status_names_the_command(root: Path) -> None:
    """A report's block shows who has signed, and the exact command for who has not."""
    name = decided(root, signers=("pm_kim",))
    states = sign_off_status(Workbook(root), name, now=START + timedelta(hours=1))
    assert [(s.role, s.signer) for s in states] == [
        ("pm", "pm_kim@ex.com"),
        ("qa", None),
        ("owner", None),
    ]
    assert states[1].command == f"rollout sign {name} --as qa"
    assert set(PEOPLE) >= {"pm_kim", "qa_lee"}
