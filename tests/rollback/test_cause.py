"""The rollback's notice prints the numbers that caused it; nothing stops the switch for them."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pytest

from rolloutlib.flags.cause import read_cause
from rolloutlib.flags.notices import NOTES
from rolloutlib.flags.outcome import RolledBack, Trigger
from rolloutlib.flags.promotion import promote
from rolloutlib.flags.rollback import roll_back
from rolloutlib.judge.record import encode
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.reason import because
from rolloutlib.watch import record as watches
from rolloutlib.words.reasons import worded
from tests.often import EXHAUSTIVE
from tests.rollback.books import FILES, PLAN, at, decided, flags_of, signed, workbook
from tests.sample_review import story

pytestmark = pytest.mark.slow  # a rollback a test


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook at stage 2, with the report of a review of it."""
    folder = workbook(tmp_path_factory.mktemp("cause") / "book")
    promote(folder, PLAN, decided(folder, hours=0), now=at(0.5), files=FILES)
    promote(folder, PLAN, decided(folder, hours=1), now=at(1.5), files=FILES)
    report = folder / "reports" / "w3"
    report.mkdir(parents=True)
    (report / "review.json").write_bytes(encode(worded(story().record)))
    return folder


@pytest.fixture
def root(tmp_path: Path, book: Path) -> Path:
    """A copy of it to roll back."""
    return Path(shutil.copytree(book, tmp_path / "book"))


def roll(
    root: Path, review: Path | None, lang: Literal["en", "ko"] = "en"
) -> tuple[RolledBack, str]:
    """Pull the switch because of a report; return what came of it and the notes."""
    trigger = Trigger("pass rate fell", review=str(review or ""))
    outcome = roll_back(root, trigger, (), now=at(2), files=FILES, lang=lang)
    (notes,) = (root / NOTES).glob("*rollback*")
    return outcome, notes.read_text("utf-8")


def metrics(notes: str) -> list[str]:
    """Return the lines under the heading of the metrics."""
    _, _, rest = notes.partition("## Metrics summary (last 3 runs)\n\n")
    return rest.partition("\n\n##")[0].splitlines()


def test_the_notice_prints_the_numbers_of_the_review(root: Path) -> None:
    """Not those of the GO that is taken back; the record keeps the review and verifies."""
    outcome, notes = roll(root, root / "reports" / "w3")
    review = story()
    lines = metrics(notes)
    assert (
        lines[0]
        == f"- The review of stage 2 says {review.recommendation.value}: reports/w3/review.json"
    )
    assert len(lines) == len(review.gates) + 2
    assert lines[1].startswith(f"- {review.gates[0].title}: ")
    assert lines[-1].endswith("on its card: docs/LEDGER/dec-20260201-002.md")
    assert "No run was read" not in notes
    assert outcome.record is not None
    assert outcome.open == []
    copy = root / "docs" / "LEDGER" / outcome.record / "review.json"
    assert copy.read_bytes() == (root / "reports" / "w3" / "review.json").read_bytes()
    signed(root, outcome.record, "eng_choi", hours=2.1)
    line = verify_ledger(Workbook(root), now=at(3)).line(outcome.record)
    assert line is not None
    assert line.ok


def test_without_a_review_no_run_was_read(root: Path) -> None:
    """The notice says so, and where the numbers of before are."""
    _, notes = roll(root, None)
    assert metrics(notes)[0] == "- No run was read for this change."
    assert len(metrics(notes)) == 2


DAMAGES = ("no review", "none there", "bytes of no text")


@pytest.mark.parametrize("damage", DAMAGES if EXHAUSTIVE else DAMAGES[:1])
def test_a_review_that_cannot_be_read_stops_nothing(root: Path, damage: str) -> None:
    """Flags are off and recorded; that it could not be read is open, and in the record."""
    report = root / "reports" / "w3"
    if damage == "none there":
        (report / "review.json").unlink()
    elif damage == "no review":
        (report / "review.json").write_bytes(b'{"schema": "other"}')
    else:
        (report / "review.json").write_bytes(b"\xff\0" * 9)
    outcome, notes = roll(root, report)
    assert flags_of(root).off
    assert outcome.record is not None
    assert [str(item).partition(":")[0] for item in outcome.open] == ["The review that shows it"]
    assert metrics(notes)[0] == "- No run was read for this change."
    way = Workbook(root).read().find(outcome.record).predicate.rollback
    assert way is not None
    assert "The review that shows it: " in way.impact


def watched() -> watches.Watch:
    """Return a day's watch with an alarm; the newest day has no data."""
    day, none = date(2026, 2, 1), (None,) * 4
    points = (
        watches.Point(day, 40, 38, 0.91, 0.83, 0.7, 0.9),
        watches.Point(date(2026, 2, 2), 0, 0, *none),
    )
    series = watches.DailySeries(
        "passed", "proportion", points, "amber", 0.8, 0.7, because("span.short")
    )
    why = because("incident.open", title="x", severity="S1", span=because("span.hour"))
    alarm = watches.Alarm(
        "harm", watches.Outcome.ROLLBACK, "passed", "worse", pulls=False, since=at(0),
        features=("A",), why=why,
    )  # fmt: skip
    now = watches.Here((), None, 2, late=False, says=because("span.short"))
    return watches.Watch(
        stage=2, control="control", treatment="treatment", since=day,
        as_of=datetime(2026, 2, 2, 9, tzinfo=UTC), planned_days=14, looked=1, reasons=(),
        outcome=watches.Outcome.ROLLBACK,
        alarms=(alarm,), series=(series,), signals=(), risks=(), here=now, people=None, cap=100,
        incidents=(), missed=(), warnings=(), runs={}, samples={"treatment": 38}, data_sha256="",
        plan_sha256="",
    )  # fmt: skip


def test_a_watch_is_a_cause_too(root: Path) -> None:
    """Its alarms and the newest values are printed, in the language of the notice."""
    report = root / "reports" / "daily" / "2026-02-02"
    report.mkdir(parents=True)
    (report / "watch.json").write_bytes(watches.encode(watched()))
    lines = [str(line) for line in read_cause(str(report), root).lines]
    assert lines == [
        "The watch of stage 2 on 2026-02-02 says ROLLBACK: reports/daily/2026-02-02/watch.json",
        "Alarm: x \\(S1\\) has been open for 1 hour",
        "Pass rate on 2026-02-01: 83.0%, control 91.0%",
    ]
    outcome, notes = roll(root, report, "ko")
    assert outcome.record is not None
    assert "- 경보: x\\(S1\\): 1시간 동안 진행 중" in notes
    assert (root / "docs" / "LEDGER" / outcome.record / "watch.json").is_file()
