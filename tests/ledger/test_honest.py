"""No false alarm: ledgers that honest people write on several branches and merge hold.

Whatever the order.
"""

from __future__ import annotations

import copy
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolloutlib.ledger.book import append, sign_record, write_cards
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import PEOPLE, START, Quick, keys, promotion, workbook
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from rolloutlib.ledger.records import Decision

VERDICTS: tuple[Decision, ...] = ("GO", "HOLD", "NO_GO")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "branch", "merge"]),
        st.integers(0, 5),
        st.sampled_from(VERDICTS),
    ),
    max_size=14,
)


class Branches:
    """Branches of one workbook as git keeps them: folders of files; a merge is their union."""

    def __init__(self, book: Workbook, *, sign: bool) -> None:
        """Begin with one record."""
        self.book, self.scratch, self.now, self.sign = book, book.root / "branches", START, sign
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.books = [self.on(0)]
        self.decide(self.books[0], "HOLD")

    def on(self, number: int) -> Workbook:
        """Return the workbook with the ledger of a branch."""
        book = copy.copy(self.book)
        book.folder = self.scratch / str(number)
        return book

    def step(self, what: str, number: int, verdict: Decision) -> None:
        """Do one honest thing; a day passes."""
        book = self.books[number % len(self.books)]
        self.now += timedelta(days=1)
        if what == "append":
            self.decide(book, verdict)
        elif what == "branch":
            self.books.append(self.on(len(self.books)))
            shutil.copytree(book.folder, self.books[-1].folder)
        elif (other := self.books[(number + 1) % len(self.books)]) is not book:
            shutil.copytree(other.folder, book.folder, dirs_exist_ok=True)
            write_cards(book)

    def decide(self, book: Workbook, verdict: Decision) -> None:
        """Append a record, which joins the branches that were merged.

        Sign it where that is asked for.
        """
        node = append(
            book,
            "promotion",
            lambda slot: promotion(slot, verdict),
            {"review.json": b"{}"},
            now=self.now,
        )
        for who in ("pm_kim", "qa_lee", "owner_park") if self.sign else ():
            sign_record(
                book, node.id, role=PEOPLE[who][1], key=keys() / who, who=None, now=self.now
            )


def alarms(branches: Branches) -> set[str]:
    """Return the classes of findings over all branches, but the two that are true.

    Unsigned drafts, open forks.
    """
    verified = [verify_ledger(book, now=branches.now, workers=1) for book in branches.books]
    assert all(
        ("fork" in {f.code for f in each.strays}) == (len(each.heads) > 1) for each in verified
    )
    return (
        {finding.code for each in verified for finding in each.findings}
        - {"fork"}
        - (set() if branches.sign else {"unsigned"})
    )


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    """Return a workbook, read once."""
    return Workbook(workbook(tmp_path_factory.mktemp("honest") / "w"), Quick())


@pytest.mark.slow
@settings(
    max_examples=1000 if EXHAUSTIVE else 40,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
    deadline=None,
)
@given(steps=STEPS)
def test_honest_branches_and_merges_raise_no_alarm(
    book: Workbook, steps: list[tuple[str, int, Decision]]
) -> None:
    """40 ledgers here, 1,000 in `make faults`.

    Unsigned drafts, which try the structure and not ssh-keygen.
    """
    branches = Branches(book, sign=False)
    for step in steps:
        branches.step(*step)
    assert alarms(branches) == set()


@pytest.mark.slow
@settings(
    max_examples=50 if EXHAUSTIVE else 4,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
    deadline=None,
)
@given(steps=STEPS.filter(lambda steps: len(steps) < 8))  # each record costs three signatures
def test_honest_signatures_raise_no_alarm(
    book: Workbook, steps: list[tuple[str, int, Decision]]
) -> None:
    """The same with three real signatures on every record (4 ledgers here, 50 in `make faults`)."""
    branches = Branches(book, sign=True)
    for step in steps:
        branches.step(*step)
    assert alarms(branches) == set()
