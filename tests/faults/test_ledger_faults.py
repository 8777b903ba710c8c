"""Crashes, failing disks and kills: no acknowledged record is lost, no half record is accepted, the next append heals."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import timedelta
from errno import EIO, ENOSPC
from typing import TYPE_CHECKING

import pytest

from rolloutlib.durable import NotWrittenError
from rolloutlib.ledger import Verification, Workbook, append, sign_record, verify_ledger
from tests.ledger.workbooks import EXHAUSTIVE, START, Quick, decided, keys, promotion, workbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = START + timedelta(days=400)
HARMLESS = {"card", "orphan", "unsigned"}  # a card not drawn yet, a left-over, a record that nobody has signed yet


class Crash(BaseException):
    """The process ends here: no handler of ours may run."""


class Faulty(Quick):
    """Calls into the operating system, one of which fails.

    Args:
        at: the number of the call that fails, from 0.
        fault: raises what happens instead of the call; a crash may also come right after it.
        after: do the call before failing.
        short: write at most so many bytes at once.
    """

    def __init__(self, at: int, fault: Callable[[], BaseException], *, after: bool = False, short: int = 1 << 30) -> None:
        self.at, self.fault, self.after, self.short, self.calls = at, fault, after, short, 0

    def step(self, call: Callable[[], int | None]) -> int:
        """Do a call, or fail."""
        failing = self.calls == self.at
        self.calls += 1
        if failing and not self.after:
            raise self.fault()
        done = call()
        if failing:
            raise self.fault()
        return done or 0

    def open(self, path: Path) -> int:
        """Create a file, or fail."""
        return self.step(lambda: super(Faulty, self).open(path))

    def write(self, handle: int, data: memoryview) -> int:
        """Write a few bytes, or fail."""
        return self.step(lambda: super(Faulty, self).write(handle, data[: self.short]))

    def sync(self, handle: int) -> None:
        """Sync, or fail."""
        self.step(lambda: super(Faulty, self).sync(handle))

    def link(self, source: Path, target: Path) -> None:
        """Link, or fail."""
        self.step(lambda: super(Faulty, self).link(source, target))

    def rename(self, source: Path, target: Path) -> None:
        """Rename, or fail."""
        self.step(lambda: super(Faulty, self).rename(source, target))

    def unlink(self, path: Path) -> None:
        """Unlink, or fail."""
        self.step(lambda: super(Faulty, self).unlink(path))


FAULTS: dict[str, tuple[Callable[[], BaseException], bool, int]] = {
    "crash before": (Crash, False, 1 << 30),
    "crash after": (Crash, True, 1 << 30),
    "EIO": (lambda: OSError(EIO, "Input/output error"), False, 1 << 30),
    "ENOSPC": (lambda: OSError(ENOSPC, "No space left on device"), False, 1 << 30),
    "ENOSPC after short writes": (lambda: OSError(ENOSPC, "No space left on device"), False, 700),
    "crash after short writes": (Crash, True, 700),
}


def check(root: Path) -> Verification:
    """Verify, with signatures."""
    return verify_ledger(Workbook(root), now=NOW, workers=1)


def holds(root: Path, acknowledged: set[str]) -> None:
    """Nothing acknowledged is lost, nothing half is accepted; then an append heals everything that was left over."""
    found = check(root)
    assert {finding.code for finding in found.findings} <= HARMLESS, found.findings
    assert acknowledged <= {line.node.id for line in found.lines}
    healed = append(Workbook(root, Quick()), "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=NOW)
    after = check(root)
    assert {finding.code for finding in after.findings} <= {"unsigned"}, after.findings
    assert acknowledged | {healed.id} <= {line.node.id for line in after.lines}


@pytest.mark.parametrize("fault", FAULTS)
def test_append_survives_a_fault_at_every_step(tmp_path: Path, fault: str) -> None:
    """Every call of an append fails once; the record is whole or absent, and what was acknowledged before stays."""
    make, after, short = FAULTS[fault]
    for at in range(200):
        root = workbook(tmp_path / str(at))
        before = decided(root, signers=("pm_kim",))
        files = Faulty(at, make, after=after, short=short)
        try:
            decided(root, hours=1, signers=(), files=files)
        except (Crash, NotWrittenError):
            holds(root, {before})
        else:
            assert at > 20
            assert {finding.code for finding in check(root).findings} == {"unsigned"}
            return
    pytest.fail("the append never ended")


@pytest.mark.parametrize("fault", FAULTS)
def test_sign_survives_a_fault_at_every_step(tmp_path: Path, fault: str) -> None:
    """Every call of a signature fails once; it is whole or absent, an earlier signature stays, and it can be given again."""
    make, after, short = FAULTS[fault]
    for at in range(100):
        root = workbook(tmp_path / str(at))
        name = decided(root, signers=("pm_kim",))
        book = Workbook(root, Faulty(at, make, after=after, short=short))
        try:
            sign_record(book, name, role="qa", key=keys() / "qa_lee", who=None, now=START + timedelta(hours=1))
        except (Crash, NotWrittenError):
            assert ("pm", "pm_kim@ex.com") in check(root).lines[0].signed
            holds(root, {name})
        else:
            assert at > 10
            assert len(check(root).lines[0].signed) == 2
            return
    pytest.fail("the signature never ended")


def test_short_writes_are_continued(tmp_path: Path) -> None:
    """A disk that takes 7 bytes at a time loses none of them."""
    root = workbook(tmp_path / "w")
    decided(root, files=Faulty(-1, Crash, short=7))
    assert check(root).findings == ()


def child(root: Path, pipe: int, seed: int) -> None:
    """Append and sign until killed; every acknowledged id goes into the pipe."""
    try:
        book = Workbook(root)
        for number in range(1000):
            node = append(book, "promotion", lambda slot: promotion(slot, "HOLD", note=f"{seed}-{number}"), {"review.json": b"{}"}, now=NOW)
            os.write(pipe, f"{node.id}\n".encode())
            sign_record(book, node.id, role="pm", key=keys() / "pm_kim", who=None, now=NOW)
            os.write(pipe, f"{node.id} signed\n".encode())
    finally:
        os._exit(0)


def spawn(root: Path, seed: int) -> tuple[int, int]:
    """Start a writer; return its process id and what it acknowledges."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        child(root, writer, seed)
    os.close(writer)
    return process, reader


def told(reader: int) -> list[str]:
    """Read what a writer acknowledged until its end."""
    with os.fdopen(reader) as lines:
        return [line for line in lines.read().split("\n")[:-1] if line]


def test_random_kills_lose_nothing(tmp_path: Path) -> None:
    """SIGKILL at a random moment, 40 times here and 2,000 times in `make faults`."""
    rng, kills, keys_made = random.Random(20261122), 2000 if EXHAUSTIVE else 40, keys()  # noqa: S311 -- moments, no secrets
    assert keys_made.is_dir()
    for number in range(kills):
        if number % 25 == 0:
            root = workbook(tmp_path / str(number))
            acknowledged: set[str] = set()
            signed: set[str] = set()
        process, reader = spawn(root, number)
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        lines = told(reader)
        acknowledged |= {line.partition(" ")[0] for line in lines}
        signed |= {line.partition(" ")[0] for line in lines if line.endswith("signed")}
        found = check(root) if number % 25 == 24 or number == kills - 1 else None
        if found:
            assert {finding.code for finding in found.findings} <= HARMLESS, found.findings
            assert acknowledged <= {line.node.id for line in found.lines}
            assert signed <= {line.node.id for line in found.lines if line.signed}
            holds(root, acknowledged)


def test_eight_writers_at_once(tmp_path: Path) -> None:
    """Eight processes append and sign at the same time: one chain, nothing lost, nothing overwritten."""
    root, _ = workbook(tmp_path / "w"), keys()
    writers = [spawn(root, number) for number in range(8)]
    time.sleep(3)
    for process, _ in writers:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    acknowledged = {line.partition(" ")[0] for _, reader in writers for line in told(reader)}
    assert len(acknowledged) > 8
    holds(root, acknowledged)
    assert len(check(root).heads) == 1
