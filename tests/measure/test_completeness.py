"""What is missing: expected, known, unreadable and absent, the worst case, and who lacks more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutlib.measure.averages import run_rows
from rolloutlib.measure.completeness import Account, Lack, absent, lacks, unreadable
from rolloutlib.measure.counts import run_scale
from rolloutlib.measure.design import Arms, metric_of
from rolloutlib.measure.scan import measure
from rolloutlib.measure.worst import worst as worst_case
from rolloutlib.measure.worst import worst_planned
from rolloutlib.runs import RunInfo
from rolloutlib.runs.samples import Samples
from tests.tables import PLAN, RULES, frame_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolloutlib.measure.scan import Measured

PAIR = ("control", "treatment")
NOTHING: dict[str, Lack] = dict.fromkeys(PAIR, Lack(0, 0.0))


def refused(**rows: int) -> Any:  # noqa: ANN401 -- of runs only this is asked
    """Return runs with so many refused rows by arm; of no arm where it is called `nobody`."""
    by_arm = {None if arm == "nobody" else arm: count for arm, count in rows.items()}
    return SimpleNamespace(unreadable=by_arm, unknown_words=())


def rows(arm: str, n: int, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return samples of one arm that know everything, each of another prompt."""
    return [
        {"arm": arm, "run_id": f"{arm}1", "prompt_id": f"p{k}", "score": 8.0, "latency_ms": 900.0,
         "passed": True, "status": "passed", "issues": [], "suggested": True, "edited": False,
         "vetoed": False, "error": False, **more}
        for k in range(n)
    ]  # fmt: skip


def measured_of(table: Sequence[dict[str, Any]]) -> Measured:
    """Measure rows as a review does."""
    return measure(
        Samples(frame_of(table)),
        PAIR,
        timeout_cap_ms=30_000,
        slow_above_ms=2_200,
        latency_cap_ms=6_000,
    )


def account_of(table: Sequence[dict[str, Any]], lacking: Mapping[str, Lack] = NOTHING) -> Account:
    """Draw up the account of rows whose prompts both arms were to run."""
    measured = measured_of(table)
    return Account(measured, PAIR, lacking, RULES, run_scale(measured.counts, PAIR))


def blank(table: list[dict[str, Any]], name: str, count: int) -> list[dict[str, Any]]:
    """Return rows of which the first so many lack a value."""
    return [{**row, name: None} if k < count else row for k, row in enumerate(table)]


def test_each_metric_has_its_own_account() -> None:
    """Three scores are unknown and four suggestions unconfirmed; of the rest nothing is missing."""
    treatment = blank(blank(rows("treatment", 100), "score", 3), "edited", 4)
    treatment[50]["suggested"] = treatment[51]["suggested"] = False
    treatment[50]["edited"] = treatment[51]["edited"] = None
    account = account_of(rows("control", 100) + treatment)
    score, edits, passed = (account.of(m, "treatment") for m in ("score", "edited", "passed"))
    assert (score.expected, score.known, score.missing) == (100, 97, pytest.approx(0.03))
    assert (edits.expected, edits.known) == (98, 94)
    assert passed.missing == 0
    assert account.of("score", "control").missing == 0


def test_other_arms_dilute_nothing() -> None:
    """However many rows the control has, the treatment lacks what it lacks."""
    few, many = (
        account_of(rows("control", n) + blank(rows("treatment", 60), "score", 6)) for n in (60, 900)
    )
    assert few.of("score", "treatment") == many.of("score", "treatment")


def test_an_account_adds_up() -> None:
    """Expected is what is there, unreadable and absent; unreadable prompts are not absent too."""
    table = rows("control", 100) + rows("treatment", 90)
    measured = measured_of(table)
    lacking = lacks(measured, refused(treatment=4, other=50), PAIR, replayed=True, split=False)
    assert lacking == {"control": Lack(0, 0.0), "treatment": Lack(4, 6.0)}
    row = Account(measured, PAIR, lacking, RULES, 1.0).of("score", "treatment")
    assert (row.expected, row.known, row.unreadable, row.absent) == (100, 90, 4, 6)


def test_rows_of_an_unknown_arm_are_missing_in_both() -> None:
    """Nobody can say whose they are, so they may be either's."""
    table = rows("control", 50) + rows("treatment", 50)
    lacking = lacks(measured_of(table), refused(nobody=3), PAIR, replayed=True, split=False)
    assert {arm: lack.unreadable for arm, lack in lacking.items()} == dict.fromkeys(PAIR, 3)


@pytest.mark.parametrize(("split", "gone"), [(False, 7.0), (True, 0.0)])
def test_samples_without_ids_are_due_alike(split: bool, gone: float) -> None:  # noqa: FBT001
    """Two files of a tool have as many rows; a random split has as many by chance only."""
    table = rows("control", 60, prompt_id=None) + rows("treatment", 53, prompt_id=None)
    lacking = lacks(measured_of(table), refused(), PAIR, replayed=False, split=split)
    assert lacking["treatment"].absent == gone


def test_more_runs_are_no_absence() -> None:
    """A control that ran five times has five samples a prompt; a treatment of three has three."""
    table = [row for k in range(5) for row in rows("control", 20, run_id=f"c{k}")]
    table += [row for k in range(3) for row in rows("treatment", 20, run_id=f"t{k}")][:-2]
    prompts = measured_of(table).prompts
    assert prompts is not None
    assert prompts.absent["treatment"] == pytest.approx(2)


def test_fewer_runs_are_no_absence_in_the_other_arm() -> None:
    """Each run has prompts of its own; where a treatment's run is gone, the control lacks none."""
    table = [row for k in range(3) for row in rows("control", 20, run_id=f"c{k}")]
    table = [{**row, "prompt_id": f"{row['run_id'][1]}-{row['prompt_id']}"} for row in table]
    other = [{**row, "arm": "treatment", "run_id": "t" + row["run_id"][1]} for row in table]
    prompts = measured_of([*table, *(row for row in other if row["run_id"] != "t2")]).prompts
    assert prompts is not None
    assert (prompts.shared, prompts.absent["control"], prompts.absent["treatment"]) == (40, 0, 20)


def test_too_much_is_said_arm_by_arm() -> None:
    """Above the plan's share an arm blocks every gate, with its number; at it, nothing is said."""
    measured = measured_of(rows("control", 98) + rows("treatment", 98))
    at, above = ({"control": Lack(2, 0.0), "treatment": Lack(n, 0.0)} for n in (2, 3))
    reasons = [unreadable(each, measured, refused(), RULES) for each in (at, above)]
    assert reasons[0] == []
    assert [(r.code, r.facts["arm"], r.facts["rows"]) for r in reasons[1]] == [
        ("data.unreadable", "treatment", 3)
    ]
    gone = absent({"control": Lack(0, 0.0), "treatment": Lack(1, 2.0)}, measured, RULES)
    assert [(r.code, r.facts["rows"], r.facts["expected"]) for r in gone] == [
        ("data.absent", 3, 101)
    ]


def test_arms_that_lack_unlike_block_what_compares_them() -> None:
    """Each arm is within 2 %, but all that is missing is the treatment's."""
    table = rows("control", 1000) + blank(rows("treatment", 1000), "score", 19)
    account = account_of(table)
    gap = account.gap("score", PAIR)
    assert gap is not None
    assert (gap.code, gap.facts["treatment"]) == ("missing.differs", 19)
    assert account.gap("score", PAIR[1:]) is None
    alike = blank(rows("control", 1000), "score", 15) + blank(rows("treatment", 1000), "score", 19)
    assert account_of(alike).gap("score", PAIR) is None


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 12), st.integers(0, 12), st.sampled_from(["score", "passed", "latency_ms"]))
def test_the_worst_case_is_what_one_would_fill_in(old: int, new: int, metric: str) -> None:
    """Filling the gaps by hand and measuring again gives the same moments."""
    control = blank(rows("control", 30), metric, old)
    treatment = blank(rows("treatment", 30), metric, new)
    gates = {gate.metric: gate for gate in PLAN.gates.values() if gate.statistic == "mean"}
    gate, account = gates[metric], account_of(control + treatment)
    ends = {"score": (10.0, 0.0), "passed": (1.0, 0.0), "latency_ms": (0.0, 6_000.0)}[metric]
    worst = worst_case(account, gate, _arms(account, metric), metric)
    assert (worst is None) == (old + new == 0)
    if worst is None:
        return
    filled = ((worst.control, control, ends[0]), (worst.treatment, treatment, ends[1]))
    for cells, table, end in filled:
        values = [float(end if row[metric] is None else row[metric]) for row in table]
        assert cells.n.sum() == len(values)
        assert cells.total.sum() == pytest.approx(sum(values))
        assert (cells.m2 == 0).all()


def _arms(account: Account, metric: str) -> Arms:
    table = account.measured.table
    control, treatment = (table.where(arm=arm).by("cluster", metric) for arm in PAIR)
    return Arms(control, treatment, "prompt")


def test_absent_prompts_are_filled_in_prompt_by_prompt() -> None:
    """A prompt that only the control has is a pair at worst, not a row without a partner."""
    table = rows("control", 50) + rows("treatment", 49)
    measured = measured_of(table)
    lacking = lacks(measured, refused(), PAIR, replayed=True, split=False)
    account = Account(measured, PAIR, lacking, RULES, 1.0)
    worst = worst_case(account, PLAN.gates["pass_rate"], _arms(account, "passed"), "passed")
    assert worst is not None
    assert np.array_equal(worst.treatment.n, worst.control.n)
    assert worst.treatment.total.sum() == 49


def test_a_count_has_no_worst_value() -> None:
    """Nobody can say how many style violations a sample could have, so no case is made up."""
    table = rows("control", 20, style_violations=1) + blank(
        rows("treatment", 20, style_violations=1), "style_violations", 5
    )
    account = account_of(table)
    gate = PLAN.gates["avg_score"].model_copy(update={"metric": "style_violations"})
    assert worst_case(account, gate, _arms(account, "style_violations"), "style_violations") is None
    assert account.gap("style_violations", PAIR) is not None


@pytest.mark.parametrize("gate_id", ["pass_rate", "avg_latency", "p95_latency"])
def test_the_plans_value_at_its_worst(gate_id: str) -> None:
    """What is absent is bad in the shortest of the last runs; where nothing is missing, no case."""
    table = [row for k in range(3) for row in rows("control", 40, run_id=f"c{k}")]
    table += [row for k in range(3) for row in rows("treatment", 40 - k, run_id=f"t{k}")]
    measured, gate = measured_of(table), PLAN.gates[gate_id]
    lacking = {"control": Lack(0, 0.0), "treatment": Lack(0, 3.0)}
    rows_of_arms = [run_rows([RunInfo(run, arm, None, 2, "default", None, run, 40, None, "", 1)
                      for run in (f"{arm[0]}{k}" for k in range(3))],
                     measured.by_run, (arm,), 3) for arm in PAIR]  # fmt: skip
    metric = metric_of(gate)
    whole, short = (
        worst_planned(Account(measured, PAIR, lack, RULES, 1.0), gate, metric, *rows_of_arms)
        for lack in (NOTHING, lacking)
    )
    assert whole is None
    assert short is not None
    of_shortest = {"pass_rate": -3 / 41 / 3, "avg_latency": 900 + 3 / 41 * 5_100 / 3,
                   "p95_latency": 900.0}[gate_id]  # fmt: skip
    assert short.value == pytest.approx(of_shortest)
