"""Knobs: within the plan's bounds, two at once, recorded; a rollback resets them, GOs keep them."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, structs

from rolloutlib.cli import main
from rolloutlib.errors import FileError
from rolloutlib.flags.document import FlagFiles, session_defaults
from rolloutlib.flags.knobs import Because, in_force, turn, turn_of, undo, with_knobs
from rolloutlib.flags.outcome import Trigger
from rolloutlib.flags.rollback import roll_back
from rolloutlib.flags.state import SESSION, read_flags
from rolloutlib.ledger.book import append
from rolloutlib.ledger.knobs import LOG, KnobError, knobs_since, read_log
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.plan.risks import Turn
from rolloutlib.words.sentences import speaking, translated
from tests.ledger.workbooks import ROOT, START, Quick, decided, promotion, workbook
from tests.tables import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Predicate

FILES = FlagFiles(time.time_ns)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHY = Because("over_formal", NOW)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Return a workbook with the shipped flags and session config."""
    root = workbook(tmp_path / "w")
    for name in ("flags.json", "session.config.json"):
        shutil.copy(ROOT / "params" / name, root / "params" / name)
    return root


def value_after(root: Path, name: str, text: str, why: Because = WHY) -> object:
    """Turn a knob as the command does; return what the session config has of `strategy`."""
    turn(root, PLAN, name, turn_of(PLAN.knobs.known[name], text), why, files=FILES)
    return json.loads((root / SESSION).read_bytes()).get("strategy")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("styleStrictness", "+0.2", r"\+0.2 is no step of 0.05 to 0.15"),
        ("styleStrictness", "0.48", r"-0.02 is no step of 0.05 to 0.15"),
        ("styleStrictness", "0.5", r"\+0 is no step of 0.05 to 0.15"),
        ("difficultyStep", "-0.1", r"0 is outside of 0.05 to 0.15"),
        ("maxTags", "3", r"3 is outside of 1 to 2"),
        ("maxTags", "-1", r"nobody knows its value now, so give the new one"),
        ("styleStrictness", "fast", r"'fast' is no number"),
        ("styleStrictness", "nan", r"'nan' is no number"),
        ("guardianProfile", "strickt", r"strickt is none of default, strict, fast"),
        ("guardianProfile", "default", r"guardianProfile is default already"),
    ],
)
def test_what_is_out_of_bounds_is_refused(book: Path, name: str, text: str, why: str) -> None:
    """In words that name the value, and nothing is written."""
    before = (book / SESSION).read_bytes()
    with pytest.raises(KnobError, match=why):
        value_after(book, name, text)
    assert (book / SESSION).read_bytes() == before
    assert not (book / LOG).exists()


def test_why_a_turn_is_refused_is_said_in_korean() -> None:
    """A plan's reason is a phrase within the error's, and names what is no number."""
    why = PLAN.knobs.known["styleStrictness"].refuses(0.5, Turn(to="fast"))
    assert str(why) == "'fast' is no number"
    with speaking("ko"):
        sentence = translated(KnobError("{name} is {value}; {why}", name="x", value="0.5", why=why))
    assert sentence == "x은(는) 0.5입니다. 'fast'은(는) 수가 아닙니다"


def test_a_step_and_a_value(book: Path) -> None:
    """A sign is a step, no sign a value; counts stay whole numbers, as the engine reads them."""
    assert value_after(book, "styleStrictness", "−0.05") == {"styleStrictness": 0.45}
    assert value_after(book, "styleStrictness", "-0.05") == {"styleStrictness": 0.4}
    assert value_after(book, "maxTags", "2") == {"styleStrictness": 0.4, "maxTags": 2}
    assert '"maxTags": 2\n' in (book / SESSION).read_text()
    value_after(book, "maxTags", "1")
    with pytest.raises(KnobError, match="it is only turned down"):
        value_after(book, "maxTags", "2")


def test_a_third_knob_waits_for_a_measurement(book: Path) -> None:
    """Two at once; what is turned back, forced, or older than the data does not count."""
    value_after(book, "styleStrictness", "-0.05")
    value_after(book, "difficultyStep", "0.05")
    with pytest.raises(KnobError, match="styleStrictness, difficultyStep are turned already"):
        value_after(book, "maxTags", "2")
    value_after(book, "styleStrictness", "-0.05")  # one of the two may go on
    measured = WHY._replace(since=NOW, at=NOW + timedelta(hours=1))
    value_after(book, "maxTags", "2", measured)
    value_after(book, "contradictoryTags", "forbid", measured)
    with pytest.raises(KnobError, match="maxTags, contradictoryTags"):
        value_after(book, "difficultyStep", "0.10", measured)
    value_after(book, "difficultyStep", "0.10", measured._replace(forced="the meeting wants it"))
    assert read_log(book)[-1].forced == "the meeting wants it"


def test_undo_goes_back_change_by_change(book: Path) -> None:
    """To what was there, the absence of a value included, and never over somebody's hand."""
    first = (book / SESSION).read_bytes()
    value_after(book, "styleStrictness", "-0.05")
    value_after(book, "styleStrictness", "-0.05")
    for _ in range(2):
        undo(book, PLAN, None, WHY, files=FILES)
    assert (book / SESSION).read_bytes() == first
    with pytest.raises(KnobError, match="no change to take back"):
        undo(book, PLAN, None, WHY, files=FILES)
    value_after(book, "difficultyStep", "0.05")
    (book / SESSION).write_bytes(first)
    with pytest.raises(KnobError, match="somebody turned it since, or a rollback reset it"):
        undo(book, PLAN, "difficultyStep", WHY, files=FILES)
    assert not next(
        state for state in in_force(book, PLAN) if state.name == "difficultyStep"
    ).recorded


def test_a_damaged_log_or_session_is_a_sentence(book: Path) -> None:
    """Which names the line and the way out; the knob stays where it is."""
    value_after(book, "styleStrictness", "-0.05")
    (book / LOG).write_text((book / LOG).read_text() * 2)
    with pytest.raises(KnobError, match=r"params/knobs.jsonl, line 2: its number"):
        value_after(book, "styleStrictness", "-0.05")
    (book / LOG).unlink()
    (book / SESSION).write_text("[]")
    with pytest.raises(KnobError, match=r"session.config.json is no object"):
        value_after(book, "styleStrictness", "-0.05")


def test_new_session_configs_keep_recorded_knobs(book: Path) -> None:
    """A promotion's does; what nobody recorded, or a knob may not have, is left out."""
    fresh = session_defaults(PLAN, read_flags(book / "params" / "flags.json").state)
    value_after(book, "styleStrictness", "-0.05")
    assert with_knobs(book, PLAN, fresh) == (book / SESSION).read_bytes() != fresh
    session = json.loads((book / SESSION).read_bytes())
    session["strategy"] = {"styleStrictness": 0.9, "difficultyStep": 0.07}
    (book / SESSION).write_text(json.dumps(session))
    assert with_knobs(book, PLAN, fresh) == fresh


def test_a_rollback_resets_them(book: Path) -> None:
    """What is safe is what the engine has by itself: the kill switch needs to know no knob."""
    before = (book / SESSION).read_bytes()
    value_after(book, "styleStrictness", "-0.05")
    roll_back(book, Trigger("slow"), now=NOW, files=FILES)
    assert "strategy" not in json.loads((book / SESSION).read_bytes())
    assert json.loads(before)["guardianProfileId"] == "default"
    assert [state.recorded for state in in_force(book, PLAN)].count(False) == 1


def test_the_next_decision_repeats_them(book: Path) -> None:
    """Record and card say before → after and why; later records tell only what came later."""
    value_after(book, "styleStrictness", "-0.05", WHY._replace(at=START - timedelta(hours=1)))
    value_after(book, "guardianProfile", "fast", WHY._replace(at=START - timedelta(hours=1)))
    ledger = Workbook(book, Quick())

    def draft(slot: Slot) -> Predicate:
        knobs = knobs_since(ledger, PLAN, slot.seq)
        return structs.replace(promotion(slot), knobs=knobs or UNSET)

    node = append(ledger, "promotion", draft, {}, now=START)
    card = (book / "docs" / "LEDGER" / f"{node.id}.md").read_text("utf-8")
    assert "- `strategy.styleStrictness`: 0.5 → 0.45 (over\\_formal: style gets too formal)" in card
    assert "- `guardianProfileId`: default → fast" in card
    assert knobs_since(ledger, PLAN, node.predicate.seq + 1) == ()
    later = decided(book)
    assert b'"knobs"' not in (book / "docs" / "LEDGER" / f"{later}.record").read_bytes()


def test_the_command_says_what_it_did(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed as it is typed by the register: a negative step is no option."""
    monkeypatch.chdir(book)
    assert main(["knobs", "set", "styleStrictness", "-0.05", "--because", "over_formal"]) == 0
    assert "strategy.styleStrictness: 0.5 → 0.45 (over_formal)" in capsys.readouterr().out
    assert main(["knobs", "set", "styleStrictness", "-0.05", "--because", "over_forml"]) == 2
    assert "Did you mean 'over_formal'?" in capsys.readouterr().err
    assert main(["knobs", "undo"]) == 0
    assert main(["knobs", "list"]) == 0
    assert "styleStrictness (E) = 0.5 " in capsys.readouterr().out
    assert main(["flags", "check"]) == 0


@pytest.mark.parametrize("odd", ["a pipe", "a loop"])
def test_what_is_no_file_is_no_empty_log(book: Path, odd: str) -> None:
    """A pipe or a loop in the log's place is named: a promotion would drop the knobs silently."""
    log = book / LOG
    os.mkfifo(log) if odd == "a pipe" else log.symlink_to(log.name)
    with pytest.raises(FileError, match=r"knobs\.jsonl"):
        read_log(book)
