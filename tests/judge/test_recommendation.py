"""The rule from verdicts to a recommendation, against every combination.

And its reasons in words.
"""

from __future__ import annotations

from itertools import product

import pytest
from msgspec.structs import replace

from rolloutlib.judge.gate import gate_row
from rolloutlib.judge.recommendation import changes, reasons, recommend
from rolloutlib.judge.record import (
    CheckResult,
    EvidenceVerdict,
    GateResult,
    PlanVerdict,
    Recommendation,
    Verdict,
)
from rolloutlib.judge.verdicts import evidence_of
from rolloutlib.measure.design import Design
from rolloutlib.measure.estimates import Estimate
from rolloutlib.measure.needed import Needed
from rolloutlib.phrase import Phrase
from rolloutlib.reason import Reason, because
from rolloutlib.words.reasons import sentence as said
from rolloutlib.words.reasons import texts as each
from tests.tables import PLAN

PASS, FAIL, INCONCLUSIVE, INVALID = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.INVALID,
)
DEFAULT = PLAN.profile("default")
ESTIMATE = Estimate(
    -0.01, -0.025, 0.005, 0.95, Phrase("by hand"), Design("paired", "prompt", 9, 9, 9), 9, 9
)


def gate(
    plan: Verdict = PASS,
    evidence: Verdict = PASS,
    *,
    value: float | None = 0.0,
    name: str = "pass_rate",
    runs: int = 3,
) -> GateResult:
    """Return a gate with these verdicts."""
    clears = None if value is None else plan is not FAIL
    why = because("bound.undecided") if evidence is INCONCLUSIVE else told("why")
    judged = evidence_of(ESTIMATE, evidence, why)
    ruled = PlanVerdict(plan, value, clears, runs, 3)
    row = gate_row(name, PLAN.gates[name], 2, DEFAULT, (None, None), ruled, judged)
    return replace(row, limit=-0.02, proof_limit=-0.02)


def told(text: str) -> Reason:
    """Return a reason whose sentence is this text."""
    return because("source.refused", message=text)


def check(holds: bool | None = True, name: str = "Suites") -> CheckResult:  # noqa: FBT001, FBT002
    """Return a check."""
    return CheckResult(name, name, holds, told("why"))


def texts(listed: tuple[Reason, ...]) -> str:
    """Return the sentences of reasons one after another."""
    return " ".join(each(listed))


GATES = list(product([PASS, FAIL, INCONCLUSIVE], [PASS, FAIL, INCONCLUSIVE, INVALID]))


def sentence(pairs: list[tuple[Verdict, Verdict]], holds: list[bool | None]) -> str:
    """Return what the specification's sentence says, word by word."""
    if any(evidence == INVALID for _, evidence in pairs):
        return "INVALID"
    if any(evidence == FAIL for _, evidence in pairs) or any(hold is False for hold in holds):
        return "NO_GO"
    every_plan = all(plan == PASS for plan, _ in pairs)
    every_evidence = all(evidence == PASS for _, evidence in pairs)
    return "GO" if every_plan and every_evidence and all(hold is True for hold in holds) else "HOLD"


def test_every_combination() -> None:
    """Two gates and two checks in all 1,296 combinations give what the rule's sentence says."""
    reached = set[str]()
    for first, second in product(GATES, GATES):
        for holds in product([True, False, None], repeat=2):
            got = recommend([gate(*first), gate(*second)], [check(h) for h in holds])
            assert got == sentence([first, second], list(holds)), (first, second, holds)
            reached.add(got)
    assert reached == {"GO", "HOLD", "NO_GO", "INVALID"}


@pytest.mark.parametrize("checks", [[], [check()], [check(None)], [check(holds=False)]])
def test_no_gates(checks: list[CheckResult]) -> None:
    """An empty list of gates is invalid, never a GO, whatever the checks say."""
    assert recommend([], checks) is Recommendation.INVALID


def test_no_checks() -> None:
    """An empty list of checks holds back: nobody has attested anything."""
    assert recommend([gate()], []) is Recommendation.HOLD


def test_nothing_wanting() -> None:
    """A GO has one reason, that all is well, and nothing that would change it."""
    assert texts(reasons([gate()], [check()])).startswith("Every gate passes")
    assert changes([gate()], [check()]) == ()


@pytest.mark.parametrize("plan", [PASS, FAIL, INCONCLUSIVE])
@pytest.mark.parametrize("evidence", [PASS, FAIL, INCONCLUSIVE])
@pytest.mark.parametrize("value", [0.0, None])
@pytest.mark.parametrize("holds", [True, False, None])
def test_all_is_well_is_said_only_of_a_go(
    plan: Verdict,
    evidence: Verdict,
    value: float | None,
    holds: bool | None,  # noqa: FBT001
) -> None:
    """Whatever holds a review back is among its reasons, and something would change it."""
    runs = 3 if plan is not INCONCLUSIVE or value is None else 1
    judged = (
        [
            gate(
                plan,
                evidence,
                value=None if plan is INCONCLUSIVE and value is None else 0.0,
                runs=runs,
            )
        ],
        [check(holds)],
    )
    if recommend(*judged) is Recommendation.GO:
        return
    assert "Every gate passes" not in texts(reasons(*judged))
    assert changes(*judged)


def test_the_weightiest_comes_first() -> None:
    """What is proven broken comes before failed checks, refusals, losses, doubts, the open."""
    gates = [
        gate(PASS, INCONCLUSIVE, name="vetoed"),
        gate(FAIL, PASS, name="avg_score"),
        gate(FAIL, FAIL),
        gate(INCONCLUSIVE, PASS, runs=1, name="error_rate"),
    ]
    checks = [check(None, "Open"), check(name="Broken", holds=False)]
    lines = each(reasons(gates, checks, [told("Hidden loss.")]))
    marks = [
        "proven broken",
        "Check failed: Broken",
        "the plan's rule fails",
        "Hidden loss",
        "is not proven",
        "there are 1",
        "Open",
    ]
    assert [mark in line for mark, line in zip(marks, lines, strict=True)] == [True] * len(marks)


def test_numbers_in_reasons() -> None:
    """Reasons carry point, bound towards harm and limit in people's units, also in Korean."""
    line = reasons([gate(PASS, INCONCLUSIVE)], [check()])[0]
    assert (
        said(line) == "Pass rate: −1.00 pp, but it could be as bad as −2.50 pp; "
        "the limit −2.00 pp is not proven."
    )
    assert "−2.50" in said(line, "ko")
    worse = gate(PASS, INCONCLUSIVE, name="vetoed")
    assert "as bad as +0.50 pp" in said(reasons([worse], [check()])[0])


def test_a_capped_gate_says_why() -> None:
    """Where too few clusters cap the verdict, that is the reason, not the bound."""
    capped = gate(PASS, INCONCLUSIVE)
    few = because("clusters.few", clusters=3, unit="user", least=5)
    evidence = replace(capped.evidence, why=few)
    few_clusters = replace(capped, evidence=evidence)
    expected = "Pass rate: Only 3 users an arm; a bound needs at least 5."
    assert said(reasons([few_clusters], [check()])[0]) == expected
    assert said(changes([few_clusters], [check()])[0]) == expected


def test_unusable_data_are_one_reason() -> None:
    """What keeps every gate from a verdict is said once for all, and is what must change."""
    why = told("Half of the rows are quarantined.")
    gates = [gate(PASS, INCONCLUSIVE, name=name) for name in ("pass_rate", "vetoed")]
    gates = [
        replace(g, evidence=replace(g.evidence, why=why, needed=Needed("pairs", 9, 1)))
        for g in gates
    ]
    expected = "Pass rate, Vetoed share: Half of the rows are quarantined."
    assert texts(reasons(gates, [check()])) == expected
    assert texts(changes(gates, [check()])) == expected


def test_gates_without_data_are_named_together() -> None:
    """Gates without any data are one reason; each says what it lacks under what would change."""
    none = EvidenceVerdict(verdict=INCONCLUSIVE, why=told("no sample carries the field score."))
    gates = [
        replace(gate(INCONCLUSIVE, value=None, name=n), evidence=none)
        for n in ("avg_score", "vetoed")
    ]
    assert "There are no data for: Average score, Vetoed share." in texts(reasons(gates, [check()]))
    assert "Average score, Vetoed share: no sample carries the field score." in texts(
        changes(gates, [check()])
    )


def test_how_much_more() -> None:
    """An inconclusive gate says how many more would settle it.

    A broken one that data will not help.
    """
    short = gate(PASS, INCONCLUSIVE)
    short = replace(short, evidence=replace(short.evidence, needed=Needed("pairs", 1546, 46)))
    assert texts(changes([short], [check()])) == "Pass rate: about 46 more pairs (1,546 in all)."
    assert "more data will not help" in texts(changes([gate(FAIL, FAIL)], [check()]))
    assert "this one is not proven good" in texts(changes([gate(PASS, INCONCLUSIVE)], [check()]))


def test_the_issue_is_named() -> None:
    """A gate on the top issue names the tag that the control arm made the top."""
    issue = replace(gate(PASS, INCONCLUSIVE, name="top_issue"), subject="hallucination")
    assert said(reasons([issue], [check()])[0]).startswith("Top issue rate (hallucination): ")
