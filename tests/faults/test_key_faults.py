"""A change of keys that fails at any step: the same command ends it, and so does any other."""

from __future__ import annotations

import copy
import shutil
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger.book import append, sign_record
from rolloutlib.ledger.durable import Files, NotWrittenError
from rolloutlib.ledger.keys import accept, add_key, revoke_key
from rolloutlib.ledger.signers import ROLES_FILE, SIGNERS_FILE
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import FOLDER, Workbook
from tests.faults.test_ledger_faults import FAULTS, HARMLESS, Crash, Faulty
from tests.ledger.workbooks import (
    PREPARER,
    START,
    Quick,
    decided,
    keys,
    promotion,
    public,
    workbook,
)
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.ledger.chain import Node

AT = START + timedelta(hours=2)
LATER = START + timedelta(hours=3)
COMMENT = "# who signs what\n"


@cache
def _any() -> Workbook:
    return Workbook(workbook(Path(mkdtemp(prefix="rollout-"))))


def book(root: Path, files: Files | None = None) -> Workbook:
    """Return a workbook as `Workbook` reads it, but for the plan, which is read once."""
    made = copy.copy(_any())
    made.root, made.folder, made.files = root, root / FOLDER, files or Quick()
    made.reload()
    return made


def _add(book: Workbook, who: str = "leaver", role: str | None = "qa") -> Node | None:
    name = "New" if role else None
    return add_key(
        book, f"{who}@ex.com", name=name, roles=["qa"] if role else [],
        key=keys() / "leaver", by=PREPARER, now=AT,
    )  # fmt: skip


def _revoke(book: Workbook) -> Node | None:
    return revoke_key(book, "qa_lee@ex.com", by=PREPARER, now=AT)


CHANGES: dict[str, tuple[Callable[[Workbook], Node | None], int, set[str]]] = {
    "add": (_add, 1, set()),
    "add a second key": (lambda book: _add(book, "pm_kim", None), 1, set()),
    "revoke two keys": (_revoke, 2, {"vacant", "trust-unsigned"}),  # nobody is qa now
    "accept": (lambda book: accept(book, by=PREPARER, now=AT), 1, set()),
}
PAIRS = [(change, fault) for change in CHANGES for fault in FAULTS]
OFTEN = PAIRS if EXHAUSTIVE else [*zip(CHANGES, FAULTS, strict=False)]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a workbook a change, in which it is the next thing to do."""
    folder = tmp_path_factory.mktemp("key-faults")
    bases: dict[str, Path] = {}
    for name in CHANGES:
        root = bases[name] = workbook(folder / name)
        roles = root / ROLES_FILE
        roles.write_text(COMMENT + roles.read_text("utf-8"), "utf-8")
        if name == "revoke two keys":
            line = f'qa_lee@ex.com namespaces="rollout-signoff@v1" {public("stranger")}\n'
            signers = root / SIGNERS_FILE
            signers.write_text(signers.read_text("utf-8") + line, "utf-8")
        decided(root, signers=())
        if name == "accept":
            roles.write_text(roles.read_text("utf-8").replace("[engine]", "[engine, qa]"), "utf-8")
    return bases


def _broken(root: Path, change: str, at: int, fault: str) -> bool:
    """Make a change whose call number `at` fails; tell whether it did not come to its end."""
    make, after, short = FAULTS[fault]
    try:
        CHANGES[change][0](book(root, Faulty(at, make, after=after, short=short)))
    except (Crash, NotWrittenError):
        return True
    return False


def _settled(root: Path, change: str) -> None:
    """The change is made once, nothing is left over, everything else is as it was."""
    _, records, expected = CHANGES[change]
    verified = verify_ledger(book(root), now=LATER, workers=1)
    assert {finding.code for finding in verified.findings} <= {"unsigned"} | expected
    kinds = [line.node.predicate.kind for line in verified.lines]
    assert kinds.count("keys") == records
    assert verified.heads
    assert list(root.rglob(".tmp-*")) == []
    assert (root / ROLES_FILE).read_text("utf-8").startswith(COMMENT)


@pytest.mark.parametrize(("change", "fault"), OFTEN)
def test_the_same_command_ends_it(
    bases: dict[str, Path], tmp_path: Path, change: str, fault: str
) -> None:
    """Every call fails once; in between the ledger holds, or says what ends the change."""
    expected = shutil.copytree(bases[change], tmp_path / "expected")
    CHANGES[change][0](book(expected, Quick()))
    for at in range(300):
        root = shutil.copytree(bases[change], tmp_path / str(at))
        if not _broken(root, change, at, fault):
            assert at > 10
            return
        for finding in verify_ledger(book(root), now=LATER, workers=1).findings:
            ended = "rollout keys accept" in finding.sentence
            assert finding.code in HARMLESS | {"lint", "vacant", "trust-unsigned"} or ended, finding
        CHANGES[change][0](book(root, Quick()))
        _settled(root, change)
        for name in (ROLES_FILE, SIGNERS_FILE, "params/revoked_keys"):
            if (expected / name).is_file():
                assert (root / name).read_bytes() == (expected / name).read_bytes()
    pytest.fail("the change never ended")


@pytest.mark.parametrize(("change", "fault"), [pair for pair in OFTEN if pair[0] != "accept"])
def test_another_command_ends_it(
    bases: dict[str, Path], tmp_path: Path, change: str, fault: str
) -> None:
    """A record or a signature that comes in between is written, and ends what was committed."""
    for at in range(300):
        root = shutil.copytree(bases[change], tmp_path / str(at))
        if not _broken(root, change, at, fault):
            return
        if at % 2:
            append(
                book(root, Quick()), "promotion", lambda slot: promotion(slot, "HOLD"), {},
                now=LATER,
            )  # fmt: skip
        else:
            sign_record(
                book(root, Quick()), "dec-20261122-001", role="owner",
                key=keys() / "owner_park", who=None, now=LATER,
            )  # fmt: skip
        verified = verify_ledger(book(root), now=LATER, workers=1)
        assert {finding.code for finding in verified.findings} <= {
            "unsigned",
            "vacant",
            "trust-unsigned",
        }
        made = [line.node for line in verified.lines if line.node.predicate.kind == "keys"]
        if made:
            assert made[-1].predicate.trust == book(root).trust


def test_keys_accept_ends_what_add_began(bases: dict[str, Path], tmp_path: Path) -> None:
    """The command that `verify` names ends the change and writes no second record."""

    class NoFiles(Quick):
        """A process that dies where it would write the first file under params/."""

        def rename(self, source: Path, target: Path) -> None:
            """Die."""
            if target.parent.name == "params":
                raise Crash(source, target)
            super().rename(source, target)

    root = shutil.copytree(bases["add"], tmp_path / "w")
    with pytest.raises(Crash):
        _add(book(root, NoFiles()))
    between = verify_ledger(book(root), now=LATER, workers=1)
    sentence = next(finding.sentence for finding in between.strays if finding.code == "trust")
    assert "behind dec-20261122-keys-001" in sentence
    ended = accept(book(root, Files()), by=PREPARER, now=LATER)
    assert ended is not None
    assert ended.id == "dec-20261122-keys-001"
    _settled(root, "add")
    assert "leaver@ex.com: {name: New, roles: [qa]}" in (root / ROLES_FILE).read_text("utf-8")
