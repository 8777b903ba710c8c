"""Release notes in the team's format, to the last byte, in both languages.

`ROLLOUT_REWRITE=1 pytest tests/flags/test_notices.py` writes the golden files: read what changed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.flags.document import FlagState
from rolloutlib.flags.notices import measured_gate, release_notes, rollback_notes
from rolloutlib.flags.outcome import RolledBack
from rolloutlib.judge.decided import decided_of
from rolloutlib.ledger.card_parts import move_line
from rolloutlib.ledger.record_parts import GateState
from rolloutlib.phrase import phrase
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import STAGES
from rolloutlib.reason import because
from rolloutlib.words.sentences import Sentence, say, speaking

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.plan.workbook import StageId

    Notes = Callable[[], tuple[Sentence | str, ...]]

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
PLAN = load_plan(ROOT / "params" / "plan.yaml")
BEFORE = FlagState(1, 3, "dec-20261019-001")
AFTER = FlagState(2, 4, "dec-20261026-001")
OFF = FlagState(2, 5, "dec-20261029-rollback-001", off=("A",))


def gate(name: str, unit: str, limit: str, value: str, *, signed: bool = True) -> GateState:
    """Return what a record holds of a gate."""
    title = PLAN.gates[name].title
    return GateState(
        name, title, unit, unit, signed, limit, limit, "pass", value, "pass", value, None, None,
        300, 300, 60,
    )  # fmt: skip


GOOD = (
    gate("pass_rate", "proportion", "-0.02", "0.0654"),
    gate("avg_latency", "ms", "2000", "1812", signed=False),
)
BAD = (gate("pass_rate", "proportion", "-0.02", "-0.0853"),)
WITHIN = because(
    "gate.tolerated", gate="Average score", value=-0.02, limit=0.0, tolerance=0.1, side="≥",
    measure="score", signed=True,
)  # fmt: skip


def promoted() -> tuple[Sentence | str, ...]:
    """Return the notes of a promotion with an accepted deviation."""
    return (*release_notes(PLAN, BEFORE, AFTER, GOOD, [WITHIN]),)


def rolled_back() -> tuple[Sentence | str, ...]:
    """Return the notice of a rollback that a review has caused."""
    outcome = RolledBack(
        AFTER, OFF, switched=True, data=b"", flags=(PLAN.features["A"].flag,),
        record=OFF.decision, green=BEFORE.decision,
        done=[phrase("Session defaults are safe")],
        filed=[phrase("Release notes with the rollback notice are drafted"),
               phrase("Recorded as {record}", record=OFF.decision)],
        open=[phrase("A client sees the flags off: {why}", why="x|y")],
        follows=[phrase("Signatures: run `rollout sign {record} --as engine`", record=OFF.decision),
                 ],
    )  # fmt: skip
    notice = (
        say("Reason: {reason}", reason="pass rate fell"),
        say("When: {time}", time="2026-10-29T09:00:00Z"),
        say("Ledger: {card}", card=f"docs/LEDGER/{OFF.decision}.md"),
    )
    return (*rollback_notes(PLAN, outcome, notice, AFTER.decision, map(measured_gate, BAD)),)


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_notes_tell_the_moves_of_the_decision(stage: StageId) -> None:
    """Each flag goes from which value to which for whom, as the decision page and the card say."""
    after = FlagState(STAGES[stage + 1], 2, "dec-20261026-001")
    lines = [str(line) for line in release_notes(PLAN, FlagState(stage, 1), after, ())]
    moves = [f"- {move_line(move)}" for move in decided_of(PLAN, stage).moves]
    assert moves
    assert [line for line in lines if " → " in line] == moves


@pytest.mark.parametrize(("stage", "says"), [(1, False), (2, True), (3, True), (4, False)])
def test_only_what_can_be_refused_is_said_to_be(stage: StageId, *, says: bool) -> None:
    """Nobody can refuse what is on for everybody, and the team's own stage asks nobody."""
    before = FlagState(STAGES[stage - 1], 1)
    notes = release_notes(PLAN, before, FlagState(stage, 2), ())
    assert any("Search summaries can be refused" in str(line) for line in notes) == says


def test_notes_without_a_plan_or_flags_of_before() -> None:
    """What nobody can tell is not said: the flags that are off now, and no audience."""
    outcome = RolledBack(None, OFF, switched=True, data=b"", flags=("feature.searchLite",))
    for plan in (PLAN, None):
        lines = [str(line) for line in rollback_notes(plan, outcome, (), None)]
        assert "- Flags off: feature.searchLite" in lines
        assert "- Everybody for whom these flags were on" in lines


def test_what_stands_elsewhere_is_no_action() -> None:
    """Flags, record and the notes themselves are said once, and a command is there to be copied."""
    notes = [str(line) for line in rolled_back()]
    actions = notes[notes.index("## Actions") : notes.index("## Rollback Notice")]
    assert not [line for line in actions if "drafted" in line or "Recorded" in line]
    assert sum("feature.searchLite" in line for line in notes) == 2  # what changed, and for whom
    assert f"- Next: Signatures: run `rollout sign {OFF.decision} --as engine`" in actions


def test_only_commands_are_code() -> None:
    """What a machine's message holds is words, whatever marks it has; blanks between stay."""
    outcome = RolledBack(None, OFF, switched=True, data=b"", flags=("feature.a",))
    why = "`a` <b>: `rollout verify`, `git restore docs/LEDGER` | *x*"
    outcome.open.append(phrase("Recorded: {why}", why=why))
    lines = [str(line) for line in rollback_notes(None, outcome, (), None)]
    shown = "\\`a\\` &lt;b&gt;: `rollout verify`, `git restore docs/LEDGER` \\| \\*x\\*"
    assert f"- Open: Recorded: {shown}" in lines


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("notes", [promoted, rolled_back], ids=lambda notes: notes.__name__)
def test_notes_are_the_golden_ones(notes: Notes, lang: str) -> None:
    """What changed, who, the numbers that caused it, actions, and how it is taken back."""
    with speaking(lang):
        text = "\n".join(str(line) for line in notes())
    path = GOLDEN / f"{notes.__name__}.{lang}.md"
    if os.environ.get("ROLLOUT_REWRITE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
