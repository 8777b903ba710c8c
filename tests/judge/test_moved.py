"""Two reviews side by side: what is subtracted, what is not, and how much both share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from rolloutlib.judge.moved import moved
from rolloutlib.measure.carried import CarriedStage
from rolloutlib.reason import Reason, because
from rolloutlib.stats.recovery import difference_of_estimates
from tests.sample_review import bfcl, earlier, story

if TYPE_CHECKING:
    from rolloutlib.judge.moved import GateMoved, Moved
    from rolloutlib.judge.record import Review

AFTER = story()
BEFORE = earlier(AFTER)


def other_runs(review: Review) -> Review:
    """Return a review of other runs, from other files."""
    runs = tuple(
        replace(run, run_id=f"w46-{run.run_id}", avg_latency_ms=(run.avg_latency_ms or 0) + 1)
        for run in review.runs
    )
    files = tuple(dataclasses.replace(file, sha256="f" * 64) for file in review.inputs)
    return replace(review, runs=runs, inputs=files, data_sha256="1" * 64)


def with_gate(review: Review, key: str, **changes: Any) -> Review:  # noqa: ANN401
    """Return a review one of whose gates is another one."""
    gates = (replace(gate, **changes) if gate.id == key else gate for gate in review.gates)
    return replace(review, gates=tuple(gates))


def gate_of(pair: Moved, key: str) -> GateMoved:
    """Return what moved of a gate."""
    return next(gate for gate in pair.gates if gate.id == key)


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    """Return the codes of reasons."""
    return [reason.code for reason in reasons]


def test_a_review_against_itself_moved_nowhere() -> None:
    """Same data, no change of any gate, every run and reason the same, nothing differs."""
    alike = replace(AFTER, data_sha256="2" * 64)
    pair = moved(alike, alike)
    assert pair.same_data
    assert pair.differs == ()
    assert {gate.change for gate in pair.gates} == {0.0}
    assert not any(gate.verdict_moved for gate in pair.gates)
    assert {run.state for run in pair.runs} == {"same"}
    assert {reason.state for reason in pair.reasons} == {"stays"}
    assert codes(pair.overlap.why) == ["moved.same_data"]


def test_a_change_is_the_difference_of_points() -> None:
    """In the evidence's unit; harm says which way is worse."""
    pair = moved(BEFORE, AFTER)
    for gate in pair.gates:
        assert gate.before is not None
        assert gate.after is not None
        both = gate.after.evidence.point, gate.before.evidence.point
        assert gate.change == pytest.approx((both[0] or 0) - (both[1] or 0))
    assert gate_of(pair, "pass_rate").worse  # from −1.32 to −1.47 points
    assert gate_of(pair, "avg_score").worse is False


def test_reviews_that_share_samples_have_no_interval() -> None:
    """Half of the runs are in both: it says how many samples that is, and gives no bounds."""
    pair = moved(BEFORE, AFTER)
    shared = sum(run.n for run in BEFORE.runs)
    assert pair.overlap.shared == shared > 0
    assert codes(pair.overlap.why) == ["moved.shared"]
    assert pair.overlap.why[0].facts["shared"] == shared
    assert all(gate.lower is None and gate.upper is None for gate in pair.gates)


def test_reviews_apart_have_the_recovered_interval() -> None:
    """No run and no file in common: each change has the bounds that variance recovery gives."""
    pair = moved(other_runs(BEFORE), AFTER)
    assert pair.overlap.why == ()
    assert pair.overlap.new == pair.overlap.after == sum(run.n for run in AFTER.runs)
    gate = gate_of(pair, "pass_rate")
    new, old = AFTER.gates[0].evidence, BEFORE.gates[0].evidence
    assert new.point is not None
    assert old.point is not None
    ends = [(evidence.lower or 0.0, evidence.upper or 0.0) for evidence in (new, old)]
    expected = difference_of_estimates(new.point, ends[0], old.point, ends[1])
    assert (gate.lower, gate.upper) == expected
    edited = gate_of(pair, "manual_edit_rate")  # nothing bounds either estimate above
    assert edited.change is not None
    assert (edited.lower, edited.upper) == (None, None)


APART = other_runs(BEFORE)
PERHAPS_SHARED = {
    "moved.files": replace(APART, inputs=AFTER.inputs),
    "moved.untold": replace(APART, runs=()),
    "moved.carries": replace(APART, carried=(CarriedStage(1, "runs/stage-1"),)),
    "moved.unclear": replace(APART, runs=(*APART.runs, replace(AFTER.runs[0], n=7))),
    "moved.shared": replace(APART, runs=(replace(AFTER.runs[0], run_id="renamed", arm="old"),)),
}


@pytest.mark.parametrize("code", PERHAPS_SHARED)
def test_whatever_may_be_shared_takes_the_interval_away(code: str) -> None:
    """The same file, no list of runs, carried evidence, a changed run, a run that was renamed."""
    pair = moved(PERHAPS_SHARED[code], AFTER)
    assert codes(pair.overlap.why) == [code]
    assert all(gate.lower is None and gate.upper is None for gate in pair.gates)


def test_bounds_of_two_confidences_are_not_put_together() -> None:
    """Another look has another confidence: the change stays, its bounds do not, and it is said."""
    old = other_runs(BEFORE)
    evidence = replace(old.gates[0].evidence, confidence=0.99)
    pair = moved(with_gate(old, "pass_rate", evidence=evidence), AFTER)
    gate = gate_of(pair, "pass_rate")
    assert gate.change is not None
    assert (gate.lower, gate.upper) == (None, None)
    assert "moved.confidence" in codes(pair.differs)


@pytest.mark.parametrize(
    ("key", "changes", "code"),
    [
        ("top_issue", {"subject": "style"}, "moved.subject"),
        ("p95_latency", {"limit": 3000.0}, "moved.quantity"),
        ("pass_rate", {"metric": "score"}, "moved.quantity"),
    ],
)
def test_what_is_not_the_same_quantity_is_not_subtracted(
    key: str, changes: dict[str, Any], code: str
) -> None:
    """Another issue, the share slower than another limit, another metric: no change, and why."""
    gate = gate_of(moved(with_gate(BEFORE, key, **changes), AFTER), key)
    assert gate.change is None
    assert gate.plan_change is None
    assert codes(gate.differs)[0] == code


def test_limits_that_moved_are_said_at_their_gate() -> None:
    """A verdict may have changed because its limit did: both limits, and the plan, are named."""
    old = replace(with_gate(BEFORE, "pass_rate", limit=-0.05, proof_limit=-0.06), plan_sha256="3")
    pair = moved(old, AFTER)
    assert codes(gate_of(pair, "pass_rate").differs) == ["moved.limit", "moved.proof"]
    assert pair.differs[0].code == "moved.plan"
    assert pair.differs[0].facts == {"limits": 1, "gates": len(AFTER.gates)}
    assert codes(moved(replace(BEFORE, plan_sha256="3"), AFTER).differs) == ["moved.plan_only"]


def test_other_stages_arms_and_profiles_are_allowed_and_said() -> None:
    """Whatever is compared, what differs beside the data is told."""
    old = replace(BEFORE, stage=1, control="old", profile="strict")
    differences = codes(moved(old, AFTER).differs)
    assert differences == ["moved.stage", "moved.arms", "moved.profile"]


def test_gates_come_and_go() -> None:
    """A gate of one review alone has no change; the later review's order comes first."""
    pair = moved(replace(BEFORE, gates=BEFORE.gates[:-1]), replace(AFTER, gates=AFTER.gates[1:]))
    ends = {gate.id: gate for gate in pair.gates}
    assert ends[AFTER.gates[-1].id].before is None
    assert ends[AFTER.gates[0].id].after is None
    assert [gate.id for gate in pair.gates][-1] == AFTER.gates[0].id
    assert ends[AFTER.gates[0].id].verdict_moved


def test_reasons_are_the_same_whatever_their_numbers_are() -> None:
    """Code and names identify a reason; another gate's is another reason."""

    def unproven(gate: str, point: float) -> Reason:
        return because("gate.unproven", gate=gate, id=gate, point=point, measure="score")

    named = because("gate.subject", gate="Top issue rate", subject="style")
    other = because("gate.subject", gate="Top issue rate", subject="tone")
    before = (unproven("a", 0.1), unproven("b", 0.2), because("gates.silent", gates=(named,)))
    after = (unproven("b", 0.3), unproven("c", 0.1), because("gates.silent", gates=(other,)))
    pair = moved(replace(BEFORE, reasons=before), replace(AFTER, reasons=after))
    states = [(row.state, row.reason) for row in pair.reasons]
    assert states == [("stays", after[0]), ("came", after[1]), ("came", after[2]),
                      ("went", before[0]), ("went", before[2])]  # fmt: skip


def test_runs_are_new_gone_or_there() -> None:
    """By arm and name; the samples of the new ones are counted."""
    old = replace(BEFORE, runs=(*BEFORE.runs[1:], replace(AFTER.runs[0], run_id="x", n=9)))
    pair = moved(old, AFTER)
    states = [run.state for run in pair.runs]
    fresh = [run.run.n for run in pair.runs if run.state == "new"]
    assert states.count("gone") == 1
    assert states[-1] == "gone"
    assert pair.overlap.new == sum(fresh) == pair.overlap.after - pair.overlap.shared


def test_reviews_of_other_worlds_can_be_compared() -> None:
    """Two reviews with nothing in common but gates: everything that differs is said."""
    pair = moved(bfcl(), AFTER)
    assert {"moved.arms"} <= {*codes(pair.differs)}
    assert len(pair.gates) == len(AFTER.gates)
