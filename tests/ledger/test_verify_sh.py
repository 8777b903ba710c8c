"""verify.sh on a machine that has sh, coreutils, sed, grep and ssh-keygen, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ledger.workbooks import ROOT, decided, keys, workbook

if TYPE_CHECKING:
    from collections.abc import Callable

TOOLS = (
    "sh",
    "sed",
    "grep",
    "ssh-keygen",
    "sha256sum",
    "cut",
    "tr",
    "mktemp",
    "rm",
    "printf",
    "dirname",
    "cat",
    "date",
)
FIRST, SECOND, PM, QA = "dec-20261122-001", "dec-20261122-002", "pm_kim@ex.com", "qa_lee@ex.com"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workbook with two full decisions."""
    made = workbook(tmp_path / "w")
    decided(made)
    decided(made, hours=1)
    return made


def verify_sh(root: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run verify.sh in the ledger's folder with nothing but its tools on the path."""
    tools = root / "bin"
    tools.mkdir(exist_ok=True)
    for tool in TOOLS:
        if not (tools / tool).exists():
            (tools / tool).symlink_to(shutil.which(tool) or "")
    shutil.copy(ROOT / "docs" / "LEDGER" / "verify.sh", root / "docs" / "LEDGER" / "verify.sh")
    return subprocess.run(
        [str(tools / "sh"), "verify.sh", *names],
        cwd=root / "docs" / "LEDGER",
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Return a falsification that replaces text in a file of the ledger."""

    def falsify(root: Path) -> None:
        path = root / "docs" / "LEDGER" / name
        text = path.read_bytes().decode()
        assert old in text
        path.write_bytes(text.replace(old, new).encode())

    return falsify


def removed(name: str) -> Callable[[Path], object]:
    """Return a falsification that deletes a file of the ledger."""
    return lambda root: (root / "docs" / "LEDGER" / name).unlink()


def copied(source: str, target: str) -> Callable[[Path], object]:
    """Return a falsification that copies a file of the ledger over another."""
    return lambda root: (root / "docs" / "LEDGER" / target).write_bytes(
        (root / "docs" / "LEDGER" / source).read_bytes()
    )


def other_role(root: Path) -> None:
    """Let QA sign as the owner, with a good signature."""
    path = root / "docs" / "LEDGER" / f"{SECOND}.{QA}.signoff"
    path.write_text(path.read_text().replace('"role":"qa"', '"role":"owner"'))
    made = subprocess.run(
        [
            "ssh-keygen",
            "-Y",
            "sign",
            "-q",
            "-n",
            "rollout-signoff@v1",
            "-f",
            str(keys() / "qa_lee"),
        ],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    Path(f"{path}.sig").write_bytes(made.stdout)


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an edited number": (
        replaced(f"{SECOND}.record", '"value":"0.01"', '"value":"0.02"'),
        "changed after",
    ),
    "an edited predecessor": (
        replaced(f"{FIRST}.record", '"value":"0.01"', '"value":"0.02"'),
        f"follows {FIRST}, which was edited",
    ),
    "a deleted predecessor": (
        removed(f"{FIRST}.record"),
        f"follows {FIRST}, which was edited or deleted",
    ),
    "an edited evidence file": (
        replaced(f"{SECOND}/review.json", "GO", "NO"),
        "file that it rests on",
    ),
    "a deleted evidence file": (removed(f"{SECOND}/review.json"), "file that it rests on"),
    "an edited signoff": (
        replaced(f"{SECOND}.{PM}.signoff", '"decision":"GO"', '"decision":"HOLD"'),
        f"signature of {PM} does not hold",
    ),
    "a missing signature": (removed(f"{SECOND}.{PM}.signoff.sig"), "GO needs the signature of pm"),
    "a missing signoff": (removed(f"{SECOND}.{PM}.signoff"), "GO needs the signature of pm"),
    "another's signature": (
        copied(f"{SECOND}.{QA}.signoff.sig", f"{SECOND}.{PM}.signoff.sig"),
        f"signature of {PM} does not hold",
    ),
    "a role that one does not have": (other_role, f"{QA} is not owner"),
    "a record under a new id": (
        copied(f"{FIRST}.record", "dec-20261122-003.record"),
        "copy of another",
    ),
}


def test_honest_records_pass(root: Path) -> None:
    """Both records hold, one by one and all together."""
    for names in ((), (FIRST,), (SECOND, FIRST)):
        done = verify_sh(root, *names)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("  ok  ") == (len(names) or 2)


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_records_are_refused(root: Path, case: str) -> None:
    """Each falsification ends with exit code 1 and says which."""
    falsify, says = TAMPERED[case]
    falsify(root)
    done = verify_sh(root)
    assert done.returncode == 1
    assert says in done.stdout


def test_unknown_record_is_refused(root: Path) -> None:
    """A record that is not there is wrong, not silently fine."""
    assert verify_sh(root, "dec-20261122-009").returncode == 1
