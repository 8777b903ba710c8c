"""Segments and issues: hidden losses are found, chance is not, and the issues are the control's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from rolloutlib.measure.design import Arms
from rolloutlib.measure.estimates import Estimate, estimate_gate
from rolloutlib.measure.expressions import metric_expressions
from rolloutlib.measure.moments import MomentTable, scan
from rolloutlib.measure.segments import issue_rates, segments
from tests.tables import PLAN, RULES, frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.plan.model import Gate

GATE, ISSUE = PLAN.gates["pass_rate"], PLAN.gates["top_issue"]
BY = {
    "arm": "arm",
    "run_id": "run_id",
    "cluster": "prompt_id",
    "category": "category",
    "difficulty": "difficulty",
    "profile": "profile",
}
TAGS = ("hallucination", "repetition", "tone")


def table_of(rows: Sequence[dict[str, Any]]) -> MomentTable:
    """Scan samples with their strata."""
    return scan(
        frame_of(rows),
        metric_expressions(timeout_cap_ms=1, slow_above_ms=1, latency_cap_ms=1, tags=TAGS),
        by=BY,
    )


def line_up(table: MomentTable, metric: str) -> Arms:
    """Line the arms up per prompt, as a review does."""
    control, treatment = (
        table.where(arm=arm).by("cluster", metric) for arm in ("control", "treatment")
    )
    return Arms(control, treatment, "prompt")


def pairs(
    category: str | None,
    n: int,
    lost: int,
    gained: int,
    **more: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    """Return prompts of a category in both arms, of which some are lost and some are gained."""
    return [
        {
            "arm": arm,
            "prompt_id": f"{category}-{more}-{i}",
            "category": category,
            **more,
            "passed": passed,
        }
        for i in range(n)
        for arm, passed in (("control", i >= gained), ("treatment", i < n - lost))
    ]


def found_in(rows: list[dict[str, Any]]) -> dict[str, tuple[float | None, bool]]:
    """Return p after Holm and the verdict by segment."""
    parts = segments(
        {"pass_rate": GATE}, dict.fromkeys(RULES.segments, table_of(rows)), RULES, arms_of=line_up
    )
    return {part.value: (part.p_holm, part.loss) for part in parts}


def test_a_hidden_loss_is_found() -> None:
    """A category that falls by a third inside an overall gain is a loss; the others are not."""
    rows = pairs("rest", 60, 20, 0) + pairs("simple", 400, 5, 60) + pairs("java", 100, 6, 5)
    tested = found_in(rows)
    assert {value: loss for value, (_, loss) in tested.items()} == {
        "rest": True,
        "simple": False,
        "java": False,
    }


def _tested(arms: Arms, gate: Gate) -> Estimate:
    """Return the estimate whose p-value is adjusted."""
    metric = "passed" if gate is GATE else f"issue:{TAGS[0]}"
    estimate = estimate_gate(gate, arms, RULES, metric=metric)
    assert estimate is not None
    return estimate


def test_holm_over_all_segments() -> None:
    """The p-values are statsmodels' Holm adjustment over categories and difficulties together."""
    rows = (
        pairs("a", 60, 12, 3, difficulty="easy")
        + pairs("b", 60, 8, 5, difficulty="hard")
        + pairs("c", 60, 9, 2, difficulty="easy")
    )
    parts = segments(
        {"pass_rate": GATE}, dict.fromkeys(RULES.segments, table_of(rows)), RULES, arms_of=line_up
    )
    assert [(part.by, part.value) for part in parts] == [
        ("category", "a"), ("category", "b"), ("category", "c"), ("difficulty", "easy"),
        ("difficulty", "hard"),
    ]  # fmt: skip
    whole = table_of(rows)
    raw = [
        _tested(line_up(whole.where(**{part.by: part.value}), "passed"), GATE).p_worse
        for part in parts
    ]
    assert [part.p_holm for part in parts] == pytest.approx(multipletests(raw, method="holm")[1])
    assert (parts[0].control, parts[0].treatment) == (
        pytest.approx(57 / 60),
        pytest.approx(48 / 60),
    )


@pytest.mark.parametrize(
    "rows",
    [
        pairs("only", 50, 30, 0),
        pairs(None, 50, 30, 0),
        pairs("a", 50, 30, 0)[::2] + pairs("b", 50, 30, 0)[1::2],
    ],
    ids=["one segment", "no segment", "each in one arm"],
)
def test_no_segmentation(rows: list[dict[str, Any]]) -> None:
    """A stratum with one value, none, or no arm in common has no segments."""
    assert found_in(rows) == {}


def test_segments_of_few_units_are_not_tested() -> None:
    """Prompts that repeat in a segment of three prompts cry no wolf.

    There is an estimate, but no test.
    """
    few = [row | {"run_id": run} for row in pairs("few", 3, 2, 0) for run in ("r1", "r2", "r3")]
    many = [row | {"run_id": run} for row in pairs("many", 40, 2, 2) for run in ("r1", "r2", "r3")]
    tested = found_in(few + many)
    assert tested["few"] == (None, False)
    assert tested["many"][0] is not None


@pytest.mark.slow
def test_chance_cries_no_wolf() -> None:
    """Simulated: with 12 equal segments a review flags a loss in at most 5 % of cases."""
    rng, flagged, repetitions = np.random.default_rng(5), 0, 30
    for _ in range(repetitions):
        lost = rng.binomial(60, 0.06, 12), rng.binomial(60, 0.06, 12)
        rows = [
            row for k in range(12) for row in pairs(f"c{k}", 60, int(lost[0][k]), int(lost[1][k]))
        ]
        flagged += any(loss for _, loss in found_in(rows).values())
    assert flagged / repetitions <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)


def issues(arm: str, **share: int) -> list[dict[str, Any]]:
    """Return 100 samples an arm, so many of them with each tag."""
    return [
        {
            "arm": arm,
            "prompt_id": str(i),
            "issues": [tag for tag, count in share.items() if i < count],
        }
        for i in range(100)
    ]


def test_issue_rates() -> None:
    """Rates before and after; only the control's top issues are ranked and adjusted."""
    rows = issues("control", hallucination=40, repetition=20) + issues(
        "treatment", hallucination=20, repetition=20, tone=30
    )
    rates = issue_rates(ISSUE, table_of(rows), RULES, tags=TAGS, ranked=2, family=3,
                        arms_of=line_up)  # fmt: skip
    assert [(r.tag, r.rank, r.control, r.treatment) for r in rates] == [
        ("hallucination", 1, 0.4, 0.2), ("repetition", 2, 0.2, 0.2), ("tone", None, 0.0, 0.3),
        ("*", None, 0.4, 0.3),
    ]  # fmt: skip
    tested = _tested(line_up(table_of(rows), f"issue:{TAGS[0]}"), ISSUE)
    assert rates[0].point == pytest.approx(0.5)
    assert rates[0].p_holm == pytest.approx(2 * (tested.p_better or 0))
    assert (rates[2].point, rates[2].p_holm) == (None, None)
    assert [rate.rises for rate in rates] == [False, False, True, False]


def test_a_rise_is_adjusted_for_every_tag() -> None:
    """Whoever lists one tag of many has still looked at all of them, and at any issue at all."""
    rows = issues("control", tone=1) + issues("treatment", tone=9)
    alone, among = (
        issue_rates(ISSUE, table_of(rows), RULES, tags=("tone",), ranked=1, family=family,
                    arms_of=line_up)[0]
        for family in (1, 40)
    )  # fmt: skip
    assert (alone.rises, among.rises) == (True, False)
    assert among.p_rise == pytest.approx(min(41 / 2 * (alone.p_rise or 0), 1))


def test_no_issues() -> None:
    """Without tags there is nothing to compare."""
    table = table_of(issues("control"))
    about: dict[str, Any] = {"tags": (), "ranked": 0, "family": 0, "arms_of": line_up}
    assert issue_rates(ISSUE, table, RULES, **about) == ()
