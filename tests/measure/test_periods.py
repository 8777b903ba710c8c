"""Did both arms run at the same time, and do later runs say the same as earlier ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from rolloutlib.measure.averages import RunRow
from rolloutlib.measure.drift import Drift, Named, contrasts
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.periods import met
from rolloutlib.measure.run_series import StageRuns
from tests.tables import PLAN, RULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAIR = ("control", "treatment")
START = datetime(2026, 10, 1, 10, tzinfo=UTC)
HOURS = 36.0


def runs(arm: str, days: Sequence[float | None], n: int = 100, last: float = 0) -> list[RunRow]:
    """Return a run a day, counted from the start; None is a run without a time."""
    rows: list[RunRow] = []
    for k, day in enumerate(days):
        at = None if day is None else START + timedelta(days=day)
        until = at and at + timedelta(days=last)
        name = f"{arm[0]}{k:02d}"
        rows.append(RunRow(name, arm, at, name, n, None, None, None, None, averaged=False,
                           last_at=until))  # fmt: skip
    return rows


def told(control: list[RunRow], treatment: list[RunRow]) -> tuple[str | None, str | None]:
    """Return the codes of what blocks and of what warns."""
    block, warning = met([*control, *treatment], PAIR, HOURS)
    return block.code if block else None, warning.code if warning else None


FINE = (None, None)
CASES: dict[str, tuple[Any, Any, tuple[str | None, str | None]]] = {
    "the same hours": ((0, 1, 2), (0, 1, 2), FINE),
    "control in the morning": ((0, 1, 2), (0.3, 1.3, 2.3), FINE),
    "one run each, the next day": ((0,), (1,), FINE),
    "alternating days": ((0, 2, 4), (1, 3, 5), FINE),
    "two days, then two days": ((0, 1), (2, 3), (None, "time.partly")),
    "a month before": ((0, 1, 2), (30, 31, 32), ("time.apart", None)),
    "a month after": ((30, 31, 32), (0, 1, 2), ("time.apart", None)),
    "ten days, then ten days": (range(10), range(10, 20), ("time.apart", None)),
    "one old run among new ones": ((-30, 0, 1, 2), (0, 1, 2, 3), FINE),
    "one new run among old ones": ((-33, -32, -31, -30, 0), (0, 1, 2), (None, "time.partly")),
    "before and after": ((0, 1, 18, 19), (9, 10), ("time.apart", None)),
    "no times": ((None, None), (0, 1), FINE),
}


@pytest.mark.parametrize("name", CASES)
def test_arms_are_of_one_time(name: str) -> None:
    """Days as replays have them say nothing; a control of another time blocks or warns."""
    control, treatment, expected = CASES[name]
    assert told(runs("control", control), runs("treatment", treatment)) == expected


def test_long_runs_are_spread_over_their_samples() -> None:
    """A run that goes on for ten days meets daily runs of these days, and none of later ones."""
    long = runs("control", [0], n=1000, last=10)
    assert told(long, runs("treatment", range(10))) == FINE
    assert told(long, runs("treatment", range(20, 30)))[0] == "time.apart"


def test_the_share_is_the_best_matching() -> None:
    """As many samples find a counterpart as in the best assignment (Hungarian method)."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        days = [sorted(rng.uniform(0, 20, 8)) for _ in PAIR]
        near = np.abs(np.subtract.outer(*days)) <= 1.5
        rows, columns = linear_sum_assignment(~near)
        best = float(near[rows, columns].mean())
        block, warning = met([*runs("control", days[0]), *runs("treatment", days[1])], PAIR, HOURS)
        why = block or warning
        assert why is None or why.facts["share"] == pytest.approx(best)
        assert (block is None) or best < 0.5
        assert best >= 0.5 or why is not None


# --- drift ----------------------------------------------------------------------------------------


def table(values: Mapping[str, Mapping[str, Sequence[float]]], n: int = 200) -> MomentTable:
    """Return moments of runs: arm → metric → each run's mean."""
    metrics = {name for arm in values.values() for name in arm}
    sizes = [len(next(iter(arm.values()))) for arm in values.values()]
    arm = np.repeat(np.arange(len(values)), sizes)
    names = tuple(f"{arm[0]}{k:02d}" for arm, size in zip(values, sizes, strict=True)
                  for k in range(size))  # fmt: skip
    count = np.full(sum(sizes), float(n))
    cells: dict[str, Cells] = {}
    for metric in metrics:
        means = np.concatenate([np.asarray(of[metric], float) for of in values.values()])
        spread = means * (1 - means) if metric != "latency_ms" else np.full(len(means), 300.0**2)
        cells[metric] = Cells(count, means, count * spread)
    keys = {"arm": Key(arm, tuple(values)), "run_id": Key(np.arange(len(names)), names)}
    return MomentTable(keys, count, cells)


def drift(
    control: Sequence[float], treatment: Sequence[float], *, gate: str = "pass_rate",
    metric: str = "passed", subject: str | None = None, days: Sequence[float | None] | None = None,
) -> Drift:  # fmt: skip
    """Test one gate over daily runs."""
    times = days or range(max(len(control), len(treatment)))
    rows = [*runs("control", times[: len(control)]), *runs("treatment", times[: len(treatment)])]
    rules = PLAN.gates[gate]
    limit = rules.proof_limit(3, PLAN.profile("default"))
    whole = table({"control": {metric: control}, "treatment": {metric: treatment}})
    of = (StageRuns(3, rows, whole),)
    named = Named(gate, rules, gate, subject, of, limit, rules.unit, signed=True)
    return contrasts([named], PAIR, RULES)[0]


def level(at: float, m: int, seed: int = 1) -> list[float]:
    """Return rates of runs around a level."""
    return (at + np.random.default_rng(seed).normal(0, 0.02, m)).tolist()


def test_what_turned_is_told_with_both_numbers() -> None:
    """+5 in seven runs and −5 in the last three: the reason carries both."""
    treatment = np.add(level(0.90, 10, 2), [0.05] * 7 + [-0.05] * 3).tolist()
    turned = drift(level(0.90, 10), treatment)
    facts = turned.why.facts
    assert (turned.worse, turned.proven, turned.why.code) == (True, False, "drift.worse")
    assert (facts["late"], facts["early"]) == (3, 7)
    assert (facts["value"], facts["point"]) == pytest.approx((-0.05, 0.05), abs=0.03)
    back = drift(treatment, level(0.90, 10))
    assert (back.better, back.why.code) == (True, "drift.better")


def test_a_step_within_the_limit_is_harmless() -> None:
    """The last runs are worse than those before, and still prove the limit by themselves."""
    treatment = np.add(level(0.80, 10, 2), [0.15] * 7 + [0.06] * 3).tolist()
    step = drift(level(0.80, 10), treatment)
    assert (step.worse, step.proven, step.why.code) == (True, True, "drift.harmless")


def test_a_ratio_is_told_as_ratios() -> None:
    """A top issue that was halved and is back: ratios of either part, tested as a deviation."""
    step = drift(level(0.30, 10), level(0.12, 7, 3) + level(0.31, 3, 4), gate="top_issue",
                  metric="issue:x", subject="x")  # fmt: skip
    assert step.why.code == "drift.worse"
    facts = step.why.facts
    assert (facts["value"], facts["point"]) == pytest.approx((1.0, 0.4), abs=0.15)


def test_one_arm_drifts_alone() -> None:
    """A latency is the treatment's own: the control's runs are not asked."""
    rng = np.random.default_rng(6)
    slow = (1500 + rng.normal(0, 20, 8) + np.r_[np.zeros(5), np.full(3, 700)]).tolist()
    step = drift(level(0.5, 2), slow, gate="avg_latency", metric="latency_ms")
    assert (step.worse, len(step.runs)) == (True, 8)
    assert step.runs[0].control is None


@pytest.mark.parametrize(
    ("days", "m", "code"),
    [
        (None, 3, "drift.few"),
        ((0, 1, 2, None, 4, 5), 6, "drift.no_order"),
        ((0, 0, 0, 0, 0, 0), 6, "drift.few"),
        ((0, 0, 0, 1, 1, 1), 6, "drift.none"),
    ],
)
def test_without_order_there_is_no_test(
    days: tuple[float | None, ...] | None, m: int, code: str
) -> None:
    """Few runs, runs without a time and runs of one moment are shown, and are not tested."""
    untested = drift(level(0.9, m), level(0.9, m, 2), days=days)
    assert (untested.why.code, len(untested.runs)) == (code, m)
    assert (untested.p_worse is None) == (code != "drift.none")


def test_unequal_numbers_of_runs_are_put_together() -> None:
    """Twelve runs of the control stand beside six of the treatment, two by two."""
    gate_drift = drift(level(0.9, 12), level(0.9, 6, 2))
    assert [len(run.runs) for run in gate_drift.runs] == [3] * 6
    assert sum(run.n_control for run in gate_drift.runs) == 12 * 200


def test_replicates_are_one_run() -> None:
    """Runs of one seed and the same prompts are one, at their latest."""
    rows = [*runs("control", range(4)), *runs("treatment", range(4))]
    rows = [
        RunRow(r.run_id, r.arm, r.started_at, "same" if r.run_id[1:] in {"01", "03"} else r.run_id,
               r.n, None, None, None, None, averaged=False)
        for r in rows
    ]  # fmt: skip
    rates = {"passed": level(0.9, 4)}
    of = (StageRuns(3, rows, table({"control": rates, "treatment": rates})),)
    gate = PLAN.gates["pass_rate"]
    named = Named("pass_rate", gate, "p", None, of, -0.02, "proportion", signed=True)
    gate_drift = contrasts([named], PAIR, RULES)[0]
    assert [run.runs for run in gate_drift.runs] == [
        ("c00", "t00"), ("c02", "t02"), ("c01", "c03", "t01", "t03"),
    ]  # fmt: skip


def test_the_first_gate_has_half_of_the_error() -> None:
    """With seven gates the first one's p is doubled, whatever the others say."""
    control, treatment = level(0.9, 10), np.add(level(0.9, 10, 2), [0.02] * 7 + [0] * 3).tolist()
    alone = drift(control, treatment)
    gate = PLAN.gates["pass_rate"]
    rows = [*runs("control", range(10)), *runs("treatment", range(10))]
    of = (StageRuns(3, rows, table({"control": {"passed": control},
                                    "treatment": {"passed": treatment}})),)  # fmt: skip
    named = [Named(f"g{k}", gate, "g", None, of, -0.02, "proportion", signed=True)
             for k in range(7)]  # fmt: skip
    several = contrasts(named, PAIR, RULES)
    assert alone.p_worse is not None
    assert several[0].p_worse == pytest.approx(min(1.0, 2 * alone.p_worse))


def test_stages_that_count_are_in_the_row() -> None:
    """+5 points in six runs of the stage before, −5 in three of this one: carried, they drift."""
    gate = PLAN.gates["pass_rate"]
    before, now = (
        StageRuns(stage, [*runs("control", days), *runs("treatment", days)],
                  table({"control": {"passed": level(0.9, len(days), 5)},
                         "treatment": {"passed": level(0.9 + shift, len(days), 6)}}))
        for stage, days, shift in ((2, range(6), 0.05), (3, range(10, 13), -0.05))
    )  # fmt: skip
    named = Named("p", gate, "p", None, (before, now), -0.02, "proportion", signed=True)
    gate_drift = contrasts([named], PAIR, RULES)[0]
    assert [run.stage for run in gate_drift.runs] == [2] * 6 + [3] * 3
    assert (gate_drift.why.code, gate_drift.why.facts["late"]) == ("drift.worse", 3)
