"""Means corrected by people's labels: against ppi_py, least squares, brute force, and worlds.

`ppi_py` 0.2.3 (PyPI: ppi-python, the authors' package) needs numba and scikit-learn, so its values
were computed once: `ppi_mean_pointestimate`, `ppi_mean_ci(alpha=0.1)` of the data below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from rolloutlib.stats.clusters import cluster_contrast
from rolloutlib.stats.differences import miettinen_nurminen_difference
from rolloutlib.stats.effective import crossed_score_difference, korn_graubard
from rolloutlib.stats.judge_error import (
    Arm,
    Corrected,
    Labels,
    Level,
    contrast,
    corrected_mean,
    corrected_rate,
)  # fmt: skip
from rolloutlib.stats.proportions import clopper_pearson
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LABELLED, UNLABELLED = np.arange(400), np.arange(1600)
JUDGE = np.round(5 + 2.5 * np.sin(LABELLED * 0.7) + 1.5 * np.cos(LABELLED * 1.3), 3)
HUMAN = np.round(0.7 * JUDGE + 1 + 1.2 * np.sin(LABELLED * 2.9), 3)
OTHERS = np.round(5.3 + 2.5 * np.sin(UNLABELLED * 0.9) + 1.5 * np.cos(UNLABELLED * 1.7), 3)
APPROVED = np.r_[np.ones(320), np.zeros(80)]
TRULY = np.r_[np.ones(300), np.zeros(20), np.ones(15), np.zeros(65)]
Z = stats.norm.ppf(0.95)


def arm(level: Level, judged: float, se: float) -> Arm:
    """Return an arm whose own mean has normal bounds."""
    return Arm(level, judged, Z * se, Z * se)


def rate(share: float, approved: Floats, truly: Floats) -> Level:
    """Return a corrected rate of single samples."""
    return corrected_rate(
        share, Labels(approved, approved * truly), Labels(1 - approved, (1 - approved) * truly)
    )


def test_scores_have_the_authors_interval() -> None:
    """PPI++ of 400 labelled and 1,600 other scores, by the authors' package."""
    every = np.r_[JUDGE, OTHERS]
    mean, se = float(every.mean()), float(every.std(ddof=1) / 2000**0.5)
    own = (mean, mean - Z * se, mean + Z * se)
    corrected = contrast(
        "treatment", own, arm(corrected_mean(mean, JUDGE, HUMAN, LABELLED), mean, se)
    )
    assert corrected.point == pytest.approx(4.67112855, abs=0.001)  # its variance is of all 2,000
    assert corrected.bounds == pytest.approx((4.58337768, 4.75887941), abs=0.001)


def test_verdicts_have_the_authors_interval_and_a_little_more() -> None:
    """The same of verdicts: exact bounds of both shares are wider than the normal one."""
    mean = 1570 / 2000
    se = (mean * (1 - mean) / 2000) ** 0.5
    own = (mean, mean - Z * se, mean + Z * se)
    corrected = contrast("treatment", own, arm(rate(mean, APPROVED, TRULY), mean, se))
    assert corrected.point == pytest.approx(0.77684025, abs=0.001)
    lower, upper = corrected.bounds
    assert 0.748 < lower < 0.75130226
    assert 0.80237823 < upper < 0.804


def test_where_labels_are_as_all_samples_it_is_the_authors_point() -> None:
    """30 of 40 labelled and 120 of 160 others were passed: 0.675 by either estimator."""
    approved = np.r_[np.ones(30), np.zeros(10)]
    truly = np.r_[np.ones(24), np.zeros(6), np.ones(3), np.zeros(7)]
    assert rate(0.75, approved, truly).point == pytest.approx(0.675, abs=1e-12)


def test_the_point_is_what_least_squares_predicts() -> None:
    """Double sampling: people's values on the judge's, at the judge's mean of all samples."""
    fitted = sm.OLS(HUMAN, sm.add_constant(JUDGE)).fit()
    level = corrected_mean(6.1, JUDGE, HUMAN, LABELLED)
    assert level.point == pytest.approx(float(fitted.predict([1.0, 6.1])[0]), abs=1e-10)
    of_verdicts = sm.OLS(TRULY, sm.add_constant(APPROVED)).fit()
    rate_of_people = rate(0.91, APPROVED, TRULY)
    assert rate_of_people.point == pytest.approx(
        float(of_verdicts.predict([1.0, 0.91])[0]), abs=1e-12
    )
    assert rate_of_people.slope == pytest.approx(float(of_verdicts.params[1]), abs=1e-12)


def test_labels_part_of_the_error_is_that_of_least_squares() -> None:
    """The residuals' mean: CR3 of single samples is statsmodels' HC3 of an intercept."""
    level = corrected_mean(5.0, JUDGE, HUMAN, LABELLED)
    fit = sm.OLS(HUMAN - level.slope * JUDGE, np.ones(400)).fit(cov_type="HC3")
    t = stats.t.ppf(0.95, 398)  # a degree of freedom for the slope
    assert level.below == pytest.approx(t * float(fit.bse[0]), rel=0.01)


def test_clusters_of_labels_are_not_single_labels() -> None:
    """Ten labels of each of 40 prompts that err together widen the bound; CR3 by brute force."""
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(40), 10)
    judge = rng.normal(6, 1, 400)
    human = judge - 1 + np.repeat(rng.normal(0, 1, 40), 10) + rng.normal(0, 0.3, 400)
    level, single = (
        corrected_mean(6.0, judge, human, codes) for codes in (cluster, np.arange(400))
    )
    assert level.below > 2.5 * single.below
    residual = human - level.slope * judge
    sums = residual.reshape(40, 10).sum(axis=1)
    without = np.array([(sums.sum() - s) / 390 for s in sums])  # CR3 is this jackknife
    error = float(np.sum(np.square(without - residual.mean())) ** 0.5)
    assert level.below == pytest.approx(error * stats.t.ppf(0.95, 38), rel=0.02)


def test_ten_labels_that_agree_are_no_proof_that_the_judge_is_right() -> None:
    """Nothing differs, yet the correction has a width: of rates the exact one, of scores too."""
    ones = np.ones(10)
    level = rate(1.0, ones, ones)
    assert (level.point, level.above) == (1.0, 0.0)
    assert level.below == pytest.approx(1 - 0.05 ** (1 / 10), abs=1e-12)
    scores = corrected_mean(7.0, 7 * ones, 7 * ones, np.arange(10))
    assert scores.point == 7.0
    assert scores.below == pytest.approx(10 * (1 - 0.05 ** (1 / 10)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_no_labels_say_next_to_nothing(count: int) -> None:
    """Without labels the judge's word is the point and everything is possible."""
    approved, truly = np.ones(count), np.ones(count)
    level = rate(0.9, approved, truly)
    assert level.point == pytest.approx(0.9)
    assert level.above == pytest.approx(0.1)
    assert level.below >= 0.9 * (1 - 0.05 ** (1 / max(count, 1))) - 1e-9
    scores = corrected_mean(7.0, 7 * approved, 7 * truly, np.arange(count))
    assert min(scores.below, scores.above) > 7


def test_what_is_failed_and_unlabelled_may_all_be_right() -> None:
    """Labels of passes alone: the bound leaves every unlabelled failure open."""
    level = rate(0.8, np.ones(50), np.ones(50))
    assert level.point == pytest.approx(0.8)
    assert level.above == pytest.approx(0.2)


def test_labelling_what_the_judge_failed_does_not_move_the_estimate() -> None:
    """People look at most failures and few passes: weighed by verdict, nothing shifts."""
    rng = np.random.default_rng(3)
    truly = rng.random(200_000) < 0.9
    approved = np.where(truly, rng.random(200_000) < 0.97, rng.random(200_000) < 0.3)
    looked = np.where(approved, rng.random(200_000) < 0.05, rng.random(200_000) < 0.8)
    level = rate(approved.mean(), approved[looked].astype(float), truly[looked].astype(float))
    assert level.point == pytest.approx(0.9, abs=0.006)
    assert truly[looked].mean() < 0.8  # what the labels by themselves say


def test_a_ratio_is_fiellers_where_only_labels_err() -> None:
    """Without an error of the judge the ratio's bounds solve one - r·zero = its error."""
    treated = Arm(Level(0.8, 1.0, 0.05, 0.05), 0.8, 0.0, 0.0)
    control = Arm(Level(0.9, 1.0, 0.03, 0.03), 0.9, 0.0, 0.0)
    corrected = contrast("ratio", (0.8 / 0.9, 0.8 / 0.9, 0.8 / 0.9), treated, control)
    for end in corrected.bounds:
        assert abs(0.8 - end * 0.9) == pytest.approx(np.hypot(0.05, end * 0.03), abs=1e-6)


def test_a_ratio_to_a_control_that_may_be_nothing_has_no_bound() -> None:
    """The control's labels allow 0, so no ratio is excluded."""
    treated = Arm(Level(0.8, 1.0, 0.05, 0.05), 0.8, 0.0, 0.0)
    control = Arm(Level(0.2, 1.0, 0.3, 0.3), 0.2, 0.0, 0.0)
    assert contrast("ratio", (4.0, 3.9, 4.1), treated, control).bounds == (-np.inf, np.inf)


def test_equal_slopes_keep_the_pairing_of_the_judges_own_contrast() -> None:
    """What the arms share stays cancelled: only the labels widen the difference."""
    treated, control = (Arm(Level(m, 0.8, 0.01, 0.01), m, 0.05, 0.05) for m in (0.8, 0.85))
    corrected = contrast("difference", (-0.05, -0.06, -0.04), treated, control)
    assert corrected.bounds.lower == pytest.approx(-0.05 - (0.008**2 + 2 * 0.01**2) ** 0.5)


# --- how often bounds miss ------------------------------------------------------------------------

# Truth of the treatment and of the control; then how the judge errs: passes what people fail
# (treatment, control), fails what people pass (treatment, control); labels an arm; how many times
# likelier the judge's failures are labelled.
VERDICTS = [
    ((0.90, 0.90), (0.3, 0.3), (0.05, 0.05), 20, 1),
    ((0.85, 0.90), (0.6, 0.1), (0.02, 0.10), 50, 1),
    ((0.85, 0.90), (0.6, 0.1), (0.02, 0.10), 50, 8),
    ((0.97, 0.98), (0.5, 0.2), (0.01, 0.02), 50, 1),
    ((0.60, 0.62), (0.4, 0.3), (0.20, 0.20), 10, 1),
    ((0.60, 0.62), (0.4, 0.3), (0.20, 0.20), 200, 1),
    ((0.90, 0.90), (0.3, 0.3), (0.05, 0.05), 500, 1),
]
SAMPLES = 500


def rates(
    truth: tuple[float, float], false: tuple[float, float], missed: tuple[float, float],
    labels: int, often: float, repeats: int, rng: np.random.Generator,
) -> Corrected:  # fmt: skip
    """Draw both arms' verdicts and labels many times and correct the difference."""
    arms, counts = [], []
    for p, a, b in zip(truth, false, missed, strict=True):
        truly = rng.random((repeats, SAMPLES)) < p
        approved = np.where(truly, rng.random(truly.shape) >= b, rng.random(truly.shape) < a)
        order = rng.random(truly.shape) / np.where(approved, 1.0, often)
        looked = np.argpartition(order, labels - 1, axis=1)[:, :labels]
        f, y = (np.take_along_axis(part, looked, 1).astype(float) for part in (approved, truly))
        share = approved.mean(axis=1)
        lower, upper = clopper_pearson(approved.sum(axis=1), SAMPLES)
        level = corrected_rate(share, Labels(f, f * y), Labels(1 - f, (1 - f) * y))
        arms.append(Arm(level, share, share - lower, upper - share))
        counts += [approved.sum(axis=1), np.full(repeats, SAMPLES)]
    lower, upper = miettinen_nurminen_difference(*counts)
    point = counts[0] / SAMPLES - counts[2] / SAMPLES
    return contrast("difference", (point, lower, upper), arms[0], arms[1])


@pytest.mark.slow
@pytest.mark.parametrize("world", VERDICTS if EXHAUSTIVE else VERDICTS[1:3])
def test_bounds_of_verdicts_miss_as_often_as_they_may(world: tuple[object, ...]) -> None:
    """A judge that favours an arm, rare failures, labels by the verdict: 5 % a bound at most."""
    repeats = 4000 if EXHAUSTIVE else 800
    truth, false, missed, labels, often = world
    corrected = rates(truth, false, missed, labels, often, repeats, np.random.default_rng(5))  # type: ignore[arg-type]
    true = truth[0] - truth[1]  # type: ignore[index]
    missing = (np.mean(corrected.bounds.lower > true), np.mean(corrected.bounds.upper < true))
    assert max(missing) <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5


SCORES = [(10, 1, 0.5), (20, 1, 0.5), (50, 1, 1.5), (20, 3, 0.5), (50, 3, 1.5)]


@pytest.mark.slow
@pytest.mark.parametrize("world", SCORES if EXHAUSTIVE else SCORES[2:4])
def test_bounds_of_scores_miss_as_often_as_they_may(world: tuple[int, int, float]) -> None:
    """Ten to fifty labelled prompts, some with several answers that the judge misreads alike."""
    units, each, noise = world
    repeats, rng = (3000 if EXHAUSTIVE else 300), np.random.default_rng(11)
    missed = np.zeros(2)
    for _ in range(repeats):
        arms, cells = [], []
        for shift in (0.8, 0.0):  # the judge flatters the treatment; people see no difference
            prompt = np.repeat(np.arange(300), each)
            human = 6.5 + rng.normal(0, 1, 300)[prompt] + rng.normal(0, 0.5, 300 * each)
            wrong = rng.normal(0, 0.6, 300)[prompt] + rng.exponential(noise, 300 * each)
            judge = 0.8 * human + shift + wrong
            labelled = prompt < units
            mean = float(judge.mean())
            sums = np.bincount(prompt, judge, 300)
            se = float(np.std(sums / each, ddof=1) / 300**0.5)
            level = corrected_mean(mean, judge[labelled], human[labelled], prompt[labelled])
            arms.append(arm(level, mean, se))
            cells += [np.full(300, float(each)), sums]
        own = cluster_contrast(
            *(np.concatenate([part, 0 * part]) for part in cells[:2]),
            *(np.concatenate([0 * part, part]) for part in cells[2:]),
        )
        ends = (own.point, own.point - Z * own.se, own.point + Z * own.se)
        corrected = contrast("difference", ends, *arms)
        missed += (corrected.bounds.lower > 0, corrected.bounds.upper < 0)
    assert max(missed / repeats) <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5


# Prompts, answers to each, labelled prompts, how alike answers are, whether the judge misreads
# other prompts in the other arm.
CLUSTERED = [
    (300, 3, 20, 0.8, True), (300, 3, 50, 0.8, False), (300, 3, 100, 0.2, True),
    (200, 10, 20, 0.5, True), (200, 10, 20, 0.5, False),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("world", CLUSTERED if EXHAUSTIVE else CLUSTERED[:2])
def test_bounds_of_clusters_miss_as_often_as_they_may(
    world: tuple[int, int, int, float, bool],
) -> None:
    """A judge that passes whole prompts which people fail, more of them in the treatment."""
    prompts, each, labelled, alike, opposite = world
    repeats, rng = (1500 if EXHAUSTIVE else 300), np.random.default_rng(2)
    shape, odd = (repeats, prompts, each), rng.random((repeats, prompts))
    n = np.full((repeats, prompts), float(each))
    arms: list[Arm] = []
    events: list[Floats] = []
    for place, (truth, blind) in enumerate(((0.82, 0.6), (0.90, 0.2))):
        decided = rng.random((repeats, prompts, 1)) < truth
        truly = np.where(rng.random(shape) < alike, decided, rng.random(shape) < truth)
        misread = (1 - odd if opposite and place else odd)[..., None]
        approved = (misread < blind) | (truly & (misread <= 0.97))
        x = approved.sum(axis=-1).astype(float)
        share = x.sum(axis=1) / n.sum(axis=1)
        lower, upper = korn_graubard(n, x, icc_floor=0.1)
        f, y = (part[:, :labelled] for part in (approved, truly))
        strata = (Labels((f == w).sum(axis=-1), ((f == w) & y).sum(axis=-1)) for w in (True, False))
        level = corrected_rate(share, *strata, icc_floor=0.1)
        arms.append(Arm(level, share, share - lower, upper - share))
        events.append(x)
    own = crossed_score_difference(n, events[0], n, events[1], icc_floor=0.15)
    point = np.subtract(arms[0].judged, arms[1].judged)
    corrected = contrast("difference", (point, own.lower, own.upper), *arms)  # type: ignore[arg-type]
    missing = (np.mean(corrected.bounds.lower > -0.08), np.mean(corrected.bounds.upper < -0.08))
    assert max(missing) <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5
