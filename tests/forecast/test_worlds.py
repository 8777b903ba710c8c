"""Simulated worlds have the truth, the correlation and the pairs that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import lognorm, multivariate_normal, norm

from rolloutlib.forecast import worlds
from rolloutlib.forecast.latent import LOG_LATENCY_SD
from rolloutlib.forecast.worlds import DRAWN, Sums, Truth, World, layout, simulate

CONTROL = {
    "passed": 0.9, "score": 7.5, "issue": 0.15, "vetoed": 0.05, "error": 0.01, "edited": 0.25,
    "latency_ms": 1800.0, "slow": 0.03,
}  # fmt: skip
TREATMENT = CONTROL | {"passed": 0.8, "score": 7.0, "issue": 0.05}
BOTH = ("passed", "score", "issue", "vetoed")


def whole(study: worlds.Layout, repetitions: int, *truths: Truth, seed: int = 3) -> list[World]:
    """Put a simulation's portions together."""
    parts = list(simulate(study, truths, np.random.default_rng(seed), repetitions))

    def joined(k: int, arm: str) -> dict[str, Sums]:
        names = getattr(parts[0][k], arm)
        return {
            name: Sums(
                *(
                    np.concatenate([getattr(part[k], arm)[name][i] for part in parts])
                    for i in (0, 1)
                )
            )
            for name in names
        }

    return [World(joined(k, "control"), joined(k, "treatment")) for k in range(len(truths))]


def mean(sums: Sums) -> float:
    """Return the mean over everything."""
    return float(sums.total.sum() / sums.n.sum())


def correlation(sums: Sums, of: float) -> float:
    """Return the intra-class correlation from the variance of equally large units' sums."""
    m = float(sums.n[0, 0])
    variance = float(np.mean((sums.total - m * of) ** 2))
    return (variance / (m * of * (1 - of)) - 1) / (m - 1)


@pytest.mark.parametrize("kind", ["nested", "crossed"])
def test_truth_and_correlation(kind: worlds.Kind) -> None:
    """Means are the truth's, and two samples of a user are as alike as asked."""
    (world,) = whole(layout(kind, 50, 20, icc=0.1), 200, Truth(CONTROL, TREATMENT))
    assert set(world.treatment) == set(DRAWN)
    assert set(world.control) == set(BOTH)
    for metric, truth in TREATMENT.items():
        assert mean(world.treatment[metric]) == pytest.approx(truth, rel=0.06), metric
    for metric in ("passed", "issue", "vetoed", "edited"):
        assert correlation(world.treatment[metric], TREATMENT[metric]) == pytest.approx(
            0.1, abs=0.02
        ), metric
    within = float(np.var(world.treatment["score"].total / 20)) / worlds.SCORE_SD**2
    assert within == pytest.approx((1 + 19 * 0.1) / 20, rel=0.05)


def test_pairs_share_what_they_share() -> None:
    """Discordance of pairs is that of SciPy's bivariate normal cut at a threshold."""
    (world,) = whole(layout("paired", 2000, pairing=0.75), 20, Truth(CONTROL, CONTROL))
    differ = float(np.mean(world.treatment["passed"].total != world.control["passed"].total))
    both = multivariate_normal.cdf([norm.ppf(0.9)] * 2, cov=[[1, 0.75], [0.75, 1]])
    assert differ == pytest.approx(2 * (0.9 - both), rel=0.05)
    (apart,) = whole(layout("independent", 2000), 20, Truth(CONTROL, CONTROL))
    assert (
        np.corrcoef(apart.treatment["score"].total.ravel(), apart.control["score"].total.ravel())[
            0, 1
        ]
        < 0.02
    )


def test_metrics_are_correlated() -> None:
    """A bad answer fails, scores low and is slow.

    A shared factor of 30 % of the latent variance.
    """
    (world,) = whole(layout("independent", 5000), 10, Truth(CONTROL, CONTROL))
    score, latency = (world.treatment[metric].total.ravel() for metric in ("score", "latency_ms"))
    assert np.corrcoef(score, np.log(latency))[0, 1] == pytest.approx(-worlds.SHARED, abs=0.02)


def test_latencies_are_lognormal() -> None:
    """Skewed as SciPy's lognormal distribution of that deviation, with the mean asked for."""
    (world,) = whole(layout("independent", 5000), 20, Truth(CONTROL, CONTROL))
    latency = world.treatment["latency_ms"].total.ravel()
    spread = LOG_LATENCY_SD
    expected = lognorm(spread, scale=1800 * np.exp(-(spread**2) / 2))
    assert np.quantile(latency, [0.1, 0.5, 0.95]) == pytest.approx(
        expected.ppf([0.1, 0.5, 0.95]), rel=0.02
    )


def test_truths_share_their_draws() -> None:
    """The same people under a worse truth: nobody who passed there fails under the better one."""
    better, worse = whole(
        layout("crossed", 20, 5, icc=0.1), 10, Truth(CONTROL, CONTROL), Truth(CONTROL, TREATMENT)
    )
    assert np.all(better.treatment["passed"].total >= worse.treatment["passed"].total)
    assert better.treatment["passed"].total.sum() > worse.treatment["passed"].total.sum()
    assert np.array_equal(better.control["passed"].total, worse.control["passed"].total)


def test_layouts() -> None:
    """Unequal sizes keep their mean, ratios multiply units, rows are missing at random."""
    unequal = layout("nested", 40, 20, spread=0.8, ratio=2)
    assert len(set(unequal.sizes_treatment)) > 10
    assert np.mean(unequal.sizes_treatment) == pytest.approx(20, rel=0.02)
    assert (len(unequal.sizes_control), unequal.pairing) == (80, 0.0)
    (world,) = whole(layout("crossed", 30, 20, missing=0.1), 50, Truth(CONTROL, CONTROL))
    assert float(world.treatment["passed"].n.mean()) == pytest.approx(18, rel=0.02)
    assert not np.array_equal(world.treatment["passed"].n, world.control["passed"].n)


def test_seeded() -> None:
    """The same seed draws the same world, another one another."""
    study = layout("crossed", 5, 4, icc=0.05)
    first, same, other = (
        whole(study, 5, Truth(CONTROL, CONTROL), seed=seed)[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first.treatment["score"].total, same.treatment["score"].total)
    assert not np.array_equal(first.treatment["score"].total, other.treatment["score"].total)
