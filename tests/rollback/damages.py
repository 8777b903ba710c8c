"""Workbooks damaged in every way that keeps, or should not keep, a rollback from its record."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from rolloutlib.cli import main
from rolloutlib.flags.promotion import promote
from tests.rollback.books import FILES, PLAN, at, decided, workbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST, SECOND = "dec-20260201-001", "dec-20260201-002"
LEDGER = "docs/LEDGER"
_ADVICE = re.compile(r"`((?:git restore|rm|rollout ledger) [^`]+)`")


def committed(folder: Path) -> Path:
    """Make a workbook at stage 2 by two signed decisions, and commit it to git."""
    root = workbook(folder)
    for hours in (0, 1):
        promote(root, PLAN, decided(root, hours=hours), now=at(hours + 0.5), files=FILES)
    for call in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "story"]):
        who = ["-c", "user.email=a@ex.com", "-c", "user.name=a"]
        subprocess.run(["git", "-C", str(root), *who, *call], check=True, capture_output=True)
    return root


def rollout(root: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in a workbook, in this process; return its exit code and all that it says."""
    printed = io.StringIO()
    with (
        contextlib.chdir(root),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        code = main([*arguments])
    return code, printed.getvalue()


def advised(text: str) -> list[str]:
    """Return the commands that a text advises and that repair a workbook, in order."""
    return _ADVICE.findall(text)


def follow(root: Path, command: str) -> None:
    """Do what was advised."""
    if command.startswith("rollout "):
        rollout(root, *command.split()[1:])
    else:
        subprocess.run(["sh", "-c", command], cwd=root, check=True, capture_output=True)


# --- damage ---------------------------------------------------------------------------------------


def _wrote(name: str, data: bytes) -> Callable[[Path], object]:
    def damage(root: Path) -> None:
        _gone(name)(root)
        (root / name).write_bytes(data)

    return damage


def _gone(name: str) -> Callable[[Path], object]:
    def damage(root: Path) -> None:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    return damage


def _added(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes((root / name).read_bytes() + data)


def _swapped(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


def _flipped(root: Path) -> None:
    path = root / LEDGER / f"{FIRST}.record"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def _halved(root: Path) -> None:
    path = root / LEDGER / f"{SECOND}.record"
    path.write_bytes(path.read_bytes()[:500])


def _tail_gone(root: Path) -> None:
    for path in (root / LEDGER).glob(f"{SECOND}*"):
        _gone(str(path.relative_to(root)))(root)


def _folder(name: str) -> Callable[[Path], object]:
    def damage(root: Path) -> None:
        _gone(name)(root)
        (root / name).mkdir()

    return damage


def _flags_and_ledger_gone(root: Path) -> None:
    _gone("params/flags.json")(root)
    _gone(LEDGER)(root)


def _copied(root: Path) -> None:
    shutil.copy(root / LEDGER / f"{FIRST}.record", root / LEDGER / "dec-20260201-009.record")


# The ledger, roles or keys cannot be read, or lack what the flags stand on: recorded beside.
BESIDE: dict[str, Callable[[Path], object]] = {
    "a bit of a record flipped": _flipped,
    "half a record": _halved,
    "a record deleted": _gone(f"{LEDGER}/{FIRST}.record"),
    "the end cut off": _tail_gone,
    "the ledger deleted": _gone(LEDGER),
    "the ledger emptied": _folder(LEDGER),
    "the ledger a file": _wrote(LEDGER, b"x"),
    "a record a folder": _folder(f"{LEDGER}/{SECOND}.record"),
    "a record copied": _copied,
    "flags and ledger deleted": _flags_and_ledger_gone,
    "docs a file": _wrote("docs", b"x"),
    "roles deleted": _gone("params/roles.yaml"),
    "roles garbage": _wrote("params/roles.yaml", b"people: ["),
    "roles with a key twice": _added("params/roles.yaml", b"people: {}\n"),
    "roles no UTF-8": _wrote("params/roles.yaml", b"\xff\xfe"),
    "a trap in allowed_signers": _added(
        "params/allowed_signers", b'* namespaces="rollout-signoff@v1" ssh-ed25519 AAAA\n'
    ),
    "allowed_signers no UTF-8": _wrote("params/allowed_signers", b"\xff\xfe\n"),
}
# What does not keep the record out of the ledger.
WITHIN: dict[str, Callable[[Path], object]] = {
    "allowed_signers deleted": _gone("params/allowed_signers"),
    "a name in roles edited": _swapped("params/roles.yaml", "Lee Jun", "Lee J"),
    "a threshold in the plan edited": _swapped(
        "params/plan.yaml", "GO: {now: [pm, qa, owner]}", "GO: {now: [pm]}"
    ),
    "evidence deleted": _gone(f"{LEDGER}/{FIRST}/review.json"),
    "the folder of release notes a file": _wrote("docs/RELEASE_NOTES", b"x"),
    "an overview that is no UTF-8": _wrote("docs/SYSTEM_OVERVIEW.md", b"\xe9\xff"),
    "an overview that is a folder": _folder("docs/SYSTEM_OVERVIEW.md"),
    "flags deleted": _gone("params/flags.json"),
}
