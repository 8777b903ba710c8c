"""What is decided, and who owes what: from the plan's stage table, its duties and the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.open_items import open_items
from rolloutlib.judge.owed import owes
from rolloutlib.judge.recommendation import reasons
from rolloutlib.judge.record import Recommendation
from rolloutlib.reason import Reason, because
from rolloutlib.words.reasons import sentence
from tests.sample_review import PLAN, bfcl, story

if TYPE_CHECKING:
    from rolloutlib.plan.workbook import StageId

GO, HOLD, NO_GO = Recommendation.GO, Recommendation.HOLD, Recommendation.NO_GO
MOVES: dict[StageId, tuple[str, str, str]] = {
    0: ("C D", "C D", "dogfood opted_in everyone opted_out"), 1: ("C D", "A", "opted_in"),
    2: ("A", "A", "internal dogfood everyone"), 3: ("A", "A", "opted_out"), 4: ("A", "", ""),
}  # fmt: skip


def owed(why: Reason) -> list[str]:
    """Return who owes what for one reason of a HOLD, but for the decision itself."""
    items = open_items(PLAN, 2, HOLD, (why,))
    return [f"{item.role}: {item.why.code}" for item in items[:-1]]


@pytest.mark.parametrize("stage", MOVES)
def test_each_stage_tells_what_is_judged_and_what_a_go_moves(stage: StageId) -> None:
    """The stage table says both: what the arms differ in, and for whom the next stage differs."""
    judged, moved, whom = MOVES[stage]
    decided = decided_of(PLAN, stage)
    assert " ".join(move.feature for move in decided.candidate) == judged
    assert " ".join(move.feature for move in decided.moves) == moved
    assert " ".join(decided.moves[0].audiences if moved else ()) == whom
    arms = PLAN.flags_of_arms(stage)
    for move in decided.candidate:
        assert (arms["control"][move.flag], arms["treatment"][move.flag]) == (
            move.before, move.after,
        )  # fmt: skip


def test_who_opted_out_keeps_what_they_have() -> None:
    """A GO at the beta turns summaries on for everyone but those, and the record says so."""
    assert decided_of(PLAN, 2).moves[0].stays == ("opted_out",)


@pytest.mark.parametrize(
    ("why", "roles"),
    [(because("runs.few", wanted=3, runs=1), ["engine: runs.few"]),
     (because("arms.swapped"), ["engine: open.data"]),
     (because("look.spent", number=2, planned=1), ["pm: look.spent"]),
     (because("issue.new", issue="x"), ["qa: open.look"]),
     (because("segment.loss", by="a", value="b"), ["qa: open.look"]),
     (because("risk.fires", id="slow_search"), ["engine: risk.fires"]),
     (because("all.pass"), []), (because("gate.tolerated", gate="x"), [])],
)  # fmt: skip
def test_every_reason_is_owed_by_the_role_whose_duty_it_is(why: Reason, roles: list[str]) -> None:
    """Data and numbers are the engine's, regressions QA's, looks the PM's; good news nobody's."""
    assert owed(why) == roles


def test_gates_that_lack_the_same_are_asked_for_together() -> None:
    """Six gates that need more users are one line with the most that any of them needs."""
    whys = reasons(story().gates, ())
    items = [item for item in open_items(PLAN, 2, HOLD, whys, story().gates) if item.role != "pm"]
    needing = [item for item in items if item.why.code == "open.needs"]
    assert len(needing) == 1
    assert needing[0].role == "engine"
    assert sentence(needing[0].why).startswith("About 118 more users settle: Pass rate, Top issue")


def test_edited_tags_are_the_pm_s() -> None:
    """The plan gives tag policy to the PM: a gate without data on it is theirs, others are not."""
    whys = reasons(bfcl().gates, ())
    items = open_items(PLAN, 2, NO_GO, whys, bfcl().gates)
    empty = {item.role: sentence(item.why) for item in items if item.why.code == "gates.empty"}
    assert empty["pm"] == "There are no data for: Manually edited tags."
    assert "Vetoed share" in empty["engine"]
    assert "Manually" not in empty["engine"]


def test_checks_go_to_who_does_them() -> None:
    """What failed or lies there is told one by one, what has no evidence together by role."""
    first, second, third, last = (
        structs.replace(c, holds=None, evidence=()) for c in bfcl().checks
    )
    failed = structs.replace(first, holds=False, evidence=("a.xml",))
    items = open_items(PLAN, 2, NO_GO, (), (), (failed, second, third, last))
    lines = [f"{item.role}: {sentence(item.why)}" for item in items]
    assert lines[0].startswith("qa: Check failed: Test suites pass.")
    assert lines[1:3] == [
        (
            "engine: Bring evidence for the checks: No incident for 48 hours, Documents reflect "
            "the change."
        ),
        "pm: Bring evidence for the checks: Release notes are ready.",
    ]


def test_the_decision_comes_last_and_invalid_has_none() -> None:
    """A GO asks the PM for the record and the owner for the step; the last stage has no step."""

    def asked(stage: StageId, recommended: Recommendation) -> list[str]:
        return [f"{item.role} {item.why.code}" for item in open_items(PLAN, stage, recommended, ())]

    assert asked(2, GO) == ["pm open.decide", "owner open.promote"]
    assert asked(4, GO) == asked(2, NO_GO) == ["pm open.decide"]
    assert asked(2, Recommendation.INVALID) == []


def test_another_plan_s_roles_hold() -> None:
    """Duties decide; what no duty names is owed by who is responsible."""
    qa = PLAN.roles["qa"].model_copy(update={"duties": ("Communication",)})
    pm = PLAN.roles["pm"].model_copy(update={"duties": ()})
    plan = PLAN.model_copy(update={"roles": PLAN.roles | {"qa": qa, "pm": pm}})
    assert owes(plan, "release_notes") == "qa"
    assert owes(plan, "tags") == "pm"
    assert owes(PLAN, "promotion") == "owner"
