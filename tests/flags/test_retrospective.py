"""Looking back: what the ledger and the logs say, added up by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import altair as alt
import msgspec
import pytest

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.files import file_sha256
from rolloutlib.flags.document import FLAGS, FlagState, document
from rolloutlib.flags.outcome import Trigger
from rolloutlib.flags.retrospective import brier, look_back, moment_of
from rolloutlib.flags.rollback import roll_back
from rolloutlib.forecast.assurance import assurance
from rolloutlib.judge.record import Recommendation, encode
from rolloutlib.ledger.book import append
from rolloutlib.ledger.incident_log import open_incident
from rolloutlib.ledger.records import Move
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.show import lookback
from rolloutlib.show.figure import Figure
from rolloutlib.text import chart
from rolloutlib.watch import record as watches
from tests.english import english_on, texts_of
from tests.ledger import workbooks
from tests.often import EXHAUSTIVE
from tests.rollback.books import FILES, PLAN, ROOT, at, decided, workbook
from tests.rollback.test_cause import watched
from tests.sample_review import ATTACK, story

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.flags.lookback import LookBack
    from rolloutlib.ledger.book import Slot
    from rolloutlib.ledger.records import Predicate

pytestmark = pytest.mark.slow  # a ledger with its signatures


def held(root: Path, *, hours: float, plan_sha256: str) -> str:
    """Append a HOLD at stage 1 with the review that it rests on; return its id."""
    review = msgspec.structs.replace(
        story().record, recommendation=Recommendation.HOLD, plan_sha256=plan_sha256
    )

    def draft(slot: Slot) -> Predicate:
        return msgspec.structs.replace(
            workbooks.promotion(slot, "HOLD"), recommendation="HOLD", stage=Move(1, 2)
        )

    evidence = {"review.json": encode(review)}
    return append(Workbook(root), "promotion", draft, evidence, now=at(hours)).id


@pytest.fixture(scope="module")
def back(tmp_path_factory: pytest.TempPathFactory) -> LookBack:
    """A rollout: stage 1, two HOLDs (one under another plan), stage 2, a rollback, an unused GO."""
    root = workbook(tmp_path_factory.mktemp("back") / "book")
    plan = file_sha256(root / "params" / "plan.yaml")
    decided(root, hours=0, stage=0, signers=())
    held(root, hours=24, plan_sha256="another")
    held(root, hours=48, plan_sha256=plan)
    state = FlagState(2, 3, decided(root, hours=72, stage=1))
    (root / FLAGS).write_bytes(document(PLAN, state))
    roll_back(root, Trigger("slow"), (), now=at(96), files=FILES)
    decided(root, hours=120, stage=2, signers=())
    for day, hours in (("02-03", 73), ("02-04", 97), ("02-20", 480)):
        folder = root / "reports" / "daily" / f"2026-{day}"
        folder.mkdir(parents=True)
        watch = msgspec.structs.replace(watched(), as_of=at(hours))
        (folder / "watch.json").write_bytes(watches.encode(watch))
    (root / "reports" / "daily" / "2026-02-05").mkdir()
    (root / "reports" / "daily" / "2026-02-05" / "watch.json").write_bytes(b"{}")
    open_incident(root, "Empty answers", "S2", by="", now=at(100))
    return look_back(root, now=at(600))


def test_decisions_tell_what_came_of_them(back: LookBack) -> None:
    """Each at its stage; a GO that was taken back and one that nobody promoted are told apart."""
    outcomes = [(step.verdict, step.stage, step.entered, bool(step.undone)) for step in back.steps]
    assert outcomes == [
        ("GO", 0, 1, False), ("HOLD", 1, None, False), ("HOLD", 1, None, False),
        ("GO", 1, 2, True), ("ROLLBACK", 2, None, False), ("GO", 2, None, False),
    ]  # fmt: skip


def test_days_at_each_stage(back: LookBack) -> None:
    """Three days at stage 1; at stage 2 since the rollback all days are blocked ones."""
    days = [(stay.stage, stay.days, round(stay.blocked, 6)) for stay in back.stays]
    assert days == [(0, None, 0.0), (1, 3.0, 0.0), (2, 22.0, 21.0)]


def test_a_forecast_is_the_one_that_the_report_named(back: LookBack) -> None:
    """The chance of the pinned review against the next recommendation, scored as Brier did."""
    first, second = back.forecasts
    assert (first.chance, first.came) == (None, False)  # another plan; then came a HOLD
    review = msgspec.structs.replace(story().record, recommendation=Recommendation.HOLD)
    named = assurance(review, PLAN)
    assert named is not None
    assert (second.chance, second.came) == (named.chance["open"], True)
    assert back.scored == 1
    assert back.score == pytest.approx((1 - named.chance["open"]) ** 2, abs=1e-9)
    text = lookback.forecast_table(back).text
    assert "So few forecasts say next to nothing about calibration." in text
    assert "1 cannot be named any more" in text


def test_the_score_of_known_forecasts() -> None:
    """By hand: (.2² + .4² + 1² + 0²) / 4; who always says 50 % scores .25."""
    pairs = [(0.8, True), (0.4, False), (1.0, False), (0.0, False)]
    assert brier(pairs) == pytest.approx((0.04 + 0.16 + 1 + 0) / 4)
    assert brier([(0.5, True), (0.5, False)]) == lookback.BASE


def test_an_alarm_that_rings_on_is_one(back: LookBack) -> None:
    """Two days in a row were answered by the rollback, the one weeks later by nobody."""
    assert back.watches == 3
    assert [(a.days, a.answered and "rollback" in a.answered) for a in back.heard] == [
        (2, True), (1, None),
    ]  # fmt: skip
    assert "that nobody acted on: 1." in lookback.alarms_table(back).text


def test_what_cannot_be_read_is_said(back: LookBack) -> None:
    """A damaged watch is named at the top, and the rest is told."""
    assert any("2026-02-05/watch.json is no watch.json" in str(what) for what in back.unread)
    assert "Not read: " in lookback.headline(back).text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_piece_is_drawn(back: LookBack, lang: str) -> None:
    """Tables and the time line have what the record holds, in both languages."""
    pieces = [
        lookback.headline(back, lang).text, lookback.steps_table(back, lang).text,
        lookback.stays_table(back, lang).text, lookback.knobs_table(back, lang).text,
        lookback.accepted_table(back, lang).text, lookback.incidents_table(back, lang).text,
    ]  # fmt: skip
    for piece, word in zip(
        pieces, ("3 GO", "rollback-001", "22.0", "", "", "inc-2026"), strict=True
    ):
        assert word in piece.replace("GO 3", "3 GO")
    drawn = lookback.time_line(back, lang)
    assert "2026-02-05 ROLLBACK 2" in getattr(drawn, "alt", "")
    assert "<svg" in drawn.svg(narrow=True)  # pyright: ignore[reportAttributeAccessIssue]


def test_marks_of_the_time_line_tell_what_came_of_them(back: LookBack) -> None:
    """Decisions and stays have tooltips of inert text, names keep to their width, time zooms."""
    odd = back.steps[0]._replace(id="dec-" + ATTACK + "y" * 200)
    drawn = lookback.time_line(replace(back, steps=(odd, *back.steps[1:])))
    assert isinstance(drawn, Figure)
    wide = drawn.wide
    alt.Chart.from_dict(wide)  # held against Vega-Lite's schema
    explained = {part["mark"]["type"] for part in wide["layer"] if "tooltip" in part["encoding"]}
    assert explained == {"rule", "point", "text"}
    rows = [row for values in wide["datasets"].values() for row in values]
    assert {"stage 2 entered", "22.0"} & {row.get("came", row.get("days")) for row in rows}
    assert all(value == chart(value) for row in rows for value in row.values()
               if isinstance(value, str))  # fmt: skip
    (zoom,) = wide["params"]
    assert (zoom["bind"], zoom["select"]["encodings"]) == ("scales", ["x"])
    svg = drawn.svg()
    assert ATTACK not in svg
    assert "aria-label=" not in svg
    assert float(ET.fromstring(svg).attrib["width"]) <= 916  # noqa: S314


def test_an_empty_ledger_is_no_error(tmp_path: Path) -> None:
    """A new workbook has nothing to look back on, and says so; before the first record likewise."""
    root = workbook(tmp_path / "book")
    empty = look_back(root, now=at(0))
    assert (empty.steps, empty.stays, empty.score, empty.unread) == ((), (), None, ())
    assert lookback.headline(empty).text == "The ledger holds no decision yet."
    assert lookback.alarms_table(empty).text == "No day's watch was found."


def test_the_moment_needs_an_offset() -> None:
    """Which day a decision is of must not depend on who looks."""
    assert moment_of("2026-02-01T09:00+00:00") == at(0)
    assert moment_of(None).tzinfo is UTC
    for odd in ("2026-02-01", "soon", 20260201):
        with pytest.raises(UsageError, match="expected ISO 8601 with offset"):
            moment_of(odd)  # pyright: ignore[reportArgumentType] -- as YAML may read it


@pytest.mark.notebooks
@pytest.mark.skipif(not EXHAUSTIVE, reason="the notebook itself runs in every test run")
def test_the_command_writes_one_page_over_its_own_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run twice, in two languages: the second page is there, and so is another file beside it."""
    root = workbook(tmp_path / "book")
    for name in ("notebooks/retrospective.ipynb", "params/retrospective.yaml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    monkeypatch.chdir(root)
    assert main(["retrospective", "--out", "reports/back"]) == 0
    (root / "reports" / "back" / "notes.txt").touch()
    assert main(["retrospective", "--out", "reports/back", "--lang", "ko"]) == 0
    assert capsys.readouterr().out == "reports/back/retrospective.html\n" * 2
    page = (root / "reports" / "back" / "retrospective.html").read_text("utf-8")
    assert "원장에 아직 결정이 없습니다." in page
    assert english_on(texts_of(page)) == []
    assert (root / "reports" / "back" / "notes.txt").is_file()
