"""Crashes, failing disks and kills.

Nothing acknowledged is lost, nothing half is accepted, the next append heals.
"""

from __future__ import annotations

import copy
import os
import random
import shutil
import signal
import time
from datetime import timedelta
from errno import EIO, ENOSPC
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger.book import append, sign_record
from rolloutlib.ledger.durable import Files, NotWrittenError
from rolloutlib.ledger.verification import Verification, verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import START, Quick, decided, keys, promotion, workbook
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
NOW = START + timedelta(days=400)
FIRST = "dec-20261122-001"
MANY = 24  # records of eight writers, of which at most eight are not acknowledged yet
HARMLESS = {
    "card",
    "orphan",
    "unsigned",
}  # a card not drawn yet, a left-over, a record that nobody has signed yet


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

    def __init__(
        self,
        at: int,
        fault: Callable[[], BaseException],
        *,
        after: bool = False,
        short: int = 1 << 30,
    ) -> None:
        """Count from the next call on."""
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


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    """Return a workbook with one record that the PM has signed."""
    root = workbook(tmp_path_factory.mktemp("faults") / "w")
    decided(root, signers=("pm_kim",))
    return Workbook(root, Quick())


def fresh(base: Workbook, folder: Path, files: Files) -> Workbook:
    """Return the workbook with a copy of its ledger, and other calls into the operating system."""
    book = copy.copy(base)
    book.folder, book.files = shutil.copytree(base.folder, folder), files
    return book


def check(book: Workbook) -> Verification:
    """Verify, with signatures."""
    return verify_ledger(book, now=NOW, workers=1)


def holds(book: Workbook, acknowledged: set[str]) -> None:
    """Nothing acknowledged is lost, nothing half is accepted.

    Then an append heals everything that was left over.
    """
    report = check(book)
    assert {finding.code for finding in report.findings} <= HARMLESS, report.findings
    assert acknowledged <= {line.node.id for line in report.lines}
    book.files = Quick()
    healed = append(book, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=NOW)
    after = check(book)
    assert {finding.code for finding in after.findings} <= {"unsigned"}, after.findings
    assert acknowledged | {healed.id} <= {line.node.id for line in after.lines}


@pytest.mark.parametrize("fault", FAULTS)
def test_append_survives_a_fault_at_every_step(base: Workbook, tmp_path: Path, fault: str) -> None:
    """Every call of an append fails once.

    The record is whole or absent, and what was acknowledged before stays.
    """
    make, after, short = FAULTS[fault]
    for at in range(200):
        book = fresh(base, tmp_path / str(at), Faulty(at, make, after=after, short=short))
        try:
            append(
                book,
                "promotion",
                lambda slot: promotion(slot, "HOLD"),
                {"a": b"x" * 900, "b/c": b"y"},
                now=START + timedelta(hours=1),
            )
        except (Crash, NotWrittenError):
            holds(book, {FIRST})
        else:
            assert at > 20
            assert {finding.code for finding in check(book).findings} == {"unsigned"}
            return
    pytest.fail("the append never ended")


@pytest.mark.parametrize("fault", FAULTS)
def test_sign_survives_a_fault_at_every_step(base: Workbook, tmp_path: Path, fault: str) -> None:
    """Every call of a signature fails once.

    It is whole or absent, and an earlier signature stays.
    """
    make, after, short = FAULTS[fault]
    for at in range(100):
        book = fresh(base, tmp_path / str(at), Faulty(at, make, after=after, short=short))
        try:
            sign_record(
                book,
                FIRST,
                role="qa",
                key=keys() / "qa_lee",
                who=None,
                now=START + timedelta(hours=1),
            )
        except (Crash, NotWrittenError):
            assert ("pm", "pm_kim@ex.com") in check(book).lines[0].signed
            holds(book, {FIRST})
        else:
            assert at > 10
            assert len(check(book).lines[0].signed) == 2
            return
    pytest.fail("the signature never ended")


class NoCards(Files):
    """A process that dies where it would draw a card."""

    def rename(self, source: Path, target: Path) -> None:
        """Die."""
        raise Crash(source, target)


def test_two_crashes_in_a_row_leave_no_stale_card(base: Workbook, tmp_path: Path) -> None:
    """Signed, then appended, each without its card: the append that survives draws all of them."""
    at = START + timedelta(hours=1)
    book = fresh(base, tmp_path / "w", NoCards())
    with pytest.raises(Crash):
        sign_record(book, FIRST, role="qa", key=keys() / "qa_lee", who=None, now=at)
    for _ in range(3):
        with pytest.raises(Crash):
            append(book, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=at)
    alive = copy.copy(book)
    alive.files = Files()
    append(alive, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=at)
    assert {finding.code for finding in check(alive).findings} == {"unsigned"}


def test_short_writes_are_continued(base: Workbook, tmp_path: Path) -> None:
    """A disk that takes 7 bytes at a time loses none of them."""
    book = fresh(base, tmp_path / "w", Faulty(-1, Crash, short=7))
    append(
        book,
        "promotion",
        lambda slot: promotion(slot, "HOLD"),
        {"a": b"x" * 900},
        now=START + timedelta(hours=1),
    )
    assert {finding.code for finding in check(book).findings} == {"unsigned"}


def child(book: Workbook, pipe: int, seed: int) -> None:
    """Append and sign until killed; every acknowledged id goes into the pipe."""
    try:
        for number in range(1000):
            node = append(
                book,
                "promotion",
                lambda slot, n=number: promotion(slot, "HOLD", note=f"{seed}-{n}"),
                {"review.json": b"{}"},
                now=NOW,
            )
            os.write(pipe, f"{node.id}\n".encode())
            sign_record(book, node.id, role="pm", key=keys() / "pm_kim", who=None, now=NOW)
            os.write(pipe, f"{node.id} signed\n".encode())
    finally:
        os._exit(0)


def spawn(book: Workbook, seed: int) -> tuple[int, int]:
    """Start a writer; return its process id and what it acknowledges."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        child(book, writer, seed)
    os.close(writer)
    return process, reader


def killed(process: int, reader: int) -> list[str]:
    """Kill a writer and return the lines that it acknowledged."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with os.fdopen(reader) as lines:
        return lines.read().split("\n")[:-1]


@pytest.mark.parametrize("group", range(100 if EXHAUSTIVE else 2))
def test_random_kills_lose_nothing(base: Workbook, tmp_path: Path, group: int) -> None:
    """SIGKILL at a random moment with real fsync, 20 times a ledger.

    40 kills here and 2,000 in `make faults`.
    """
    rng = random.Random(group)  # noqa: S311
    book, lines = fresh(base, tmp_path / "w", Files()), list[str]()
    for number in range(20):
        process, reader = spawn(book, number)
        time.sleep(rng.uniform(0.0, 0.15))
        lines += killed(process, reader)
    report = check(book)
    signed = {line.removesuffix(" signed") for line in lines if line.endswith("signed")}
    assert signed <= {line.node.id for line in report.lines if line.signed}
    holds(book, {FIRST, *(line for line in lines if not line.endswith("signed"))})


def test_eight_writers_at_once(base: Workbook, tmp_path: Path) -> None:
    """Eight processes append and sign at the same time.

    One chain, nothing lost, nothing overwritten.
    """
    book = fresh(base, tmp_path / "w", Files())
    writers = [spawn(book, number) for number in range(8)]
    until = time.monotonic() + 60
    while len([*book.folder.glob("*.record")]) < MANY and time.monotonic() < until:
        time.sleep(0.05)
    lines = [line for writer in writers for line in killed(*writer)]
    acknowledged = {line for line in lines if not line.endswith("signed")}
    assert len(acknowledged) > 8
    holds(book, acknowledged)
    assert len(check(book).heads) == 1
