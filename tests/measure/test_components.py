"""Runs as a source of variance: what is due without them, and how often bounds with them hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from rolloutlib.measure.components import RunSources, overlap_of
from rolloutlib.measure.counts import Count
from rolloutlib.measure.design import Arms, Compared, Quadratic, Source, Sums
from rolloutlib.measure.estimates import estimate_gate, estimate_many, proves
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.scan import Measured
from rolloutlib.stats.components import component as component_of
from rolloutlib.stats.components import excess_p, recovered, rescaled_p
from rolloutlib.stats.pairs import tango
from tests.tables import PLAN, RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.design import Unit

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PASS = PLAN.gates["pass_rate"]
TOP = PLAN.gates["top_issue"]
SCORE = PASS.model_copy(update={"metric": "score"})
PAIR = ("control", "treatment")
Arm = tuple["Ints", "Ints", "Floats"]  # unit, run and value of each sample


def moments(codes: Ints, values: Floats, size: int) -> Cells:
    """Return count, mean and centred sum of squares per code, computed one by one."""
    groups = [values[codes == k] for k in range(size)]
    means = [group.mean() if len(group) else 0.0 for group in groups]
    squares = [group.var() * len(group) if len(group) else 0.0 for group in groups]
    return Cells(np.array([float(len(group)) for group in groups]), np.array(means),
                 np.array(squares))  # fmt: skip


def lined_up(
    untreated: Arm,
    treated: Arm,
    *,
    unit: Unit = "user",
    replicates: dict[tuple[str, str], str] | None = None,
) -> Arms:
    """Return both arms per unit, with what their runs add to the metric `score`."""
    units = int(max(untreated[0].max(), treated[0].max())) + 1
    runs = int(max(untreated[1].max(), treated[1].max())) + 1
    control, treatment = (moments(arm[0], arm[2], units) for arm in (untreated, treated))
    arms = Arms(control, treatment, unit)
    by_run = [moments(arm[1], arm[2], runs) for arm in (untreated, treated)]
    names, labels = tuple(map(str, range(runs))), tuple(map(str, range(units)))
    groups = np.array([(k, r, u) for k, arm in enumerate((untreated, treated))
                       for u, r in zip(arm[0], arm[1], strict=True)])  # fmt: skip
    cut, n = np.unique(groups, axis=0, return_counts=True)
    keys = {"arm": Key(cut[:, 0], PAIR), "run_id": Key(cut[:, 1], names),
            "cluster": Key(cut[:, 2], labels)}  # fmt: skip
    shared = overlap_of(MomentTable(keys, n.astype(float), {})) if unit != "sample" else None
    counts = {name: Count(len(arm[0]), 0, 0, 0, 0)
              for name, arm in zip(PAIR, (untreated, treated), strict=True)}  # fmt: skip
    measured = Measured(
        counts, unit, 1.0, (), 0, table([control, treatment], "cluster", labels),
        table(by_run, "run_id", names), {}, {}, {}, {}, None, overlap=shared,
    )  # fmt: skip
    sources = RunSources(measured, PAIR, replicates or {})
    return replace(arms, beyond=sources.of_metric("score"))


def table(parts: list[Cells], name: str, labels: tuple[str, ...]) -> MomentTable:
    """Return both arms' moments of the metric `score` as a table by arm and one other key."""
    n, mean, m2 = (
        np.concatenate([getattr(part, of) for part in parts]) for of in ("n", "mean", "m2")
    )
    arm, other = np.repeat([0, 1], len(labels)), np.tile(np.arange(len(labels)), 2)
    keys = {"arm": Key(arm, PAIR), name: Key(other, labels)}
    return MomentTable(keys, n, {"score": Cells(n, mean, m2)})


def dealt(rng: np.random.Generator, kind: str) -> tuple[Ints, Ints]:
    """Deal samples to units and runs, unevenly: in all runs, in one run each, or by luck."""
    units = np.repeat(np.arange(12), rng.integers(3, 9, 12))
    if kind == "all runs":
        return units, np.arange(len(units)) % 3
    if kind == "one run each":
        return units, units % 3
    return units, rng.choice(3, len(units), p=(0.5, 0.3, 0.2))


@pytest.mark.parametrize("kind", ["all runs", "one run each", "by luck"])
def test_without_run_effects_runs_differ_as_much_as_is_due(kind: str) -> None:
    """What run means show, averaged over worlds without run effects, is what is due."""
    rng = np.random.default_rng(3)
    places = [dealt(rng, kind) for _ in PAIR]
    variances, expected = [], []
    for _ in range(150):
        both = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 12)
        control, treated = ((u, r, both[u, k] + rng.normal(size=len(u)))
                     for k, (u, r) in enumerate(places))  # fmt: skip
        arms = lined_up(control, treated)
        source = arms.beyond[0]
        variances.append(float(source.seen.at(1.0)[0]))
        expected.append(float(source.due.at(1.0)[0]))
    assert np.mean(variances) == pytest.approx(np.mean(expected), rel=0.25)


def test_single_samples_agree_with_one_way_analysis_of_variance() -> None:
    """Of equal runs of single samples, seen over due is SciPy's F, but for the total variance."""
    rng = np.random.default_rng(5)
    units, runs = np.arange(90), np.arange(90) % 3
    values = rng.normal(size=90) + 0.4 * runs
    source = lined_up((units, runs, values), (units, runs, values), unit="sample").beyond[0]
    between = stats.f_oneway(*(values[runs == k] for k in range(3))).statistic
    within = np.mean([values[runs == k].var(ddof=1) for k in range(3)])
    assert source.seen.one[0] == pytest.approx(between * within / 90)
    assert source.due.one[0] == pytest.approx(values.var(ddof=1) / 90)
    assert source.df_one[0] == pytest.approx(2)


def test_runs_of_the_same_pairs_are_matched() -> None:
    """Where runs share their prompts, differences of runs are compared, in whatever order."""
    rng = np.random.default_rng(8)
    prompts, runs = np.arange(300), np.arange(300) % 6
    hard = rng.normal(size=300)
    control, treated = (hard + 0.3 * rng.normal(size=300) for _ in PAIR)
    other = (runs + 2) % 6  # the treatment's runs have other names
    arms = lined_up((prompts, runs, control), (prompts, other, treated), unit="prompt")
    source, change = arms.beyond[0], treated - control
    means = np.array([change[runs == k].mean() for k in range(6)])
    assert source.df_both[0] == pytest.approx(5)
    assert source.seen.at(1.0)[0] == pytest.approx(means.var(ddof=1) / 6)
    assert source.due.at(1.0)[0] == pytest.approx(change.var(ddof=1) / 300, rel=0.02)


def test_repeated_runs_are_one_and_one_run_tells_nothing() -> None:
    """Three runs of the same seed and prompts are a single run, whose mean differs from none."""
    rng = np.random.default_rng(2)
    arm = (np.arange(60) % 10, np.arange(60) % 3, rng.normal(size=60))
    assert lined_up(arm, arm).beyond[0].groups == (3, 3)
    again = {(name, str(run)): "same" for name in PAIR for run in range(3)}
    assert lined_up(arm, arm, replicates=again).beyond == ()


def test_recovered_bounds_are_welch_s_where_the_bound_is_a_t_bound() -> None:
    """A t bound with a second, independent variance is the t bound of their sum (Satterthwaite)."""
    own, df, variance, expected, groups = 0.5, 12.0, 4.0, 0.0, 3.0
    extra = component_of(variance, expected, groups, groups)
    distance, after = recovered(stats.t.ppf(0.95, df) * own**0.5, df, [extra], confidence=0.95)
    freedom = (own + variance) ** 2 / (own**2 / df + variance**2 / groups)
    assert after == pytest.approx(freedom)
    assert distance == pytest.approx(stats.t.ppf(0.95, freedom) * (own + variance) ** 0.5)
    p = rescaled_p(stats.t.sf(2.0, df), df, (own / (own + variance)) ** 0.5, freedom)
    assert p == pytest.approx(stats.t.sf(2.0 * (own / (own + variance)) ** 0.5, freedom))
    assert excess_p(4.0, 2.0, 3.0) == pytest.approx(stats.chi2.sf(6.0, 3))


def test_runs_that_agree_change_nothing_and_those_that_do_not_widen_all() -> None:
    """Equal run means leave bounds and tests alone; unequal ones widen both bounds and raise p."""
    users, runs = np.repeat(np.arange(30), 12), np.tile(np.arange(12) % 3, 30)
    passed = (np.tile(np.arange(12) // 3, 30) + users) % 4 > 0
    arm = (users, runs, passed.astype(float))
    worse = (users, runs, passed * (runs != 0) * 1.0)
    for other, same in ((arm, True), (worse, False)):
        with_runs = lined_up(arm, other)
        plain = estimate_gate(PASS, replace(with_runs, beyond=()), RULES, metric="passed")
        wider = estimate_gate(PASS, with_runs, RULES, metric="passed")
        assert plain is not None
        assert wider is not None
        assert plain.point == wider.point
        assert (wider.lower == plain.lower) == (wider.upper == plain.upper) == same
        assert wider.varied[0].adds is not same
        ratio = estimate_gate(TOP, with_runs, RULES, metric="passed")
        alone = estimate_gate(TOP, replace(with_runs, beyond=()), RULES, metric="passed")
        assert ratio is not None
        assert alone is not None
        assert not same or (ratio.lower, ratio.upper) == (alone.lower, alone.upper)
        if not same:
            assert -1 <= wider.lower < plain.lower < plain.upper < wider.upper
            assert wider.widened > 0
            assert "variance between runs" in str(wider.method)
            assert (wider.p_worse or 0) > (plain.p_worse or 1)


def test_a_test_and_its_bound_say_the_same() -> None:
    """The bound at the confidence 1 − p ends at no change, also where runs widen it."""
    users, runs = np.repeat(np.arange(30), 12), np.tile(np.arange(12) % 3, 30)
    noise = np.random.default_rng(3).normal(size=(2, 360))
    arms = lined_up((users, runs, noise[0]), (users, runs, noise[1] - 1.0 + 0.5 * runs))
    usual = estimate_gate(SCORE, arms, RULES, metric="score")
    assert usual is not None
    assert usual.varied[0].adds
    confidence = 1 - (usual.p_worse or 0)
    rules = RULES.model_copy(update={"confidence": confidence})
    again = estimate_gate(SCORE, arms, rules, metric="score")
    assert again is not None
    assert again.upper == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("both", [True, False], ids=["both arms", "the treatment alone"])
@pytest.mark.parametrize(
    ("runs", "sd"), [(3, 0.0), (3, 0.005), (3, 0.02), (3, 0.06), (8, 0.005), (8, 0.03)]
)
def test_a_candidate_at_the_limit_passes_in_at_most_six_percent(
    runs: int, sd: float, *, both: bool
) -> None:
    """Whatever the standard deviation between runs is, and in whichever arm, in normal worlds."""
    rng, (worlds, users, limit) = np.random.default_rng(17), (10_000, 40, -0.02)
    variance = 0.09 / 6000  # of an arm's mean by its samples alone
    sds = [sd, sd if both else 0.0]
    means = [rng.normal(0, (at**2 + variance * runs) ** 0.5, (worlds, runs)) for at in sds]
    nothing, expected, share = np.zeros(worlds), np.full(worlds, variance), np.full(1, 1 / runs)
    treated, control = (mean.var(axis=1, ddof=1) / runs for mean in means)
    df = np.full(worlds, runs - 1.0)
    observed, without = Quadratic(treated, control, nothing), Quadratic(expected, expected, nothing)
    alone = np.full(1, np.nan)
    source = Source("run", (runs, runs), observed, without, df, df, alone, (share, share))
    spread = 30 * (variance * users) ** 0.5 * np.resize([1, -1], users)
    n = np.full((worlds, users), 30.0)
    sums = [Sums(n, 30 * (mean.mean(axis=1, keepdims=True) + at) + apart) for mean, at, apart in
            zip(means, (limit, 0.0), (spread, np.sort(spread)), strict=True)]  # fmt: skip
    arms = Compared(sums[0], sums[1], "crossed", "user", (source,))
    estimates = estimate_many(SCORE, arms, RULES, metric="score")
    error = 2 * (0.06 * 0.94 / worlds) ** 0.5
    for proven in proves(estimates.lower, estimates.upper, limit, SCORE.harm):
        assert proven.mean() <= 0.06 + error


def test_a_single_pair_has_score_bounds_without_a_warning() -> None:
    """Rounding below 0 under Tango's root warns nobody, for whole and other counts."""
    for lost in (1, 0.3, 0.999999):
        lower, upper = tango(0, lost, 1)
        assert -1 <= lower < upper <= 1
