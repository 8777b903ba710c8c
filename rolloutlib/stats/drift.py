"""Do later runs say something else than earlier ones: a test for a step in a row of run means.

The spread of the runs themselves is the yardstick, so whatever makes runs differ without an order
(day, seed, load, users of their own) does not count as a step, and whatever they share (users,
prompts) is in none of the differences.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Step", "later_bounds", "step_test", "weighted_holm"]

DRAWS: Final = 4_000
SEED: Final = 20_261_130  # the same data give the same p-values
DIGITS: Final = 4  # of the weights for which reference distributions are kept
NOTHING: Final = 1e-12  # relative; a spread below is rounding


class Step(NamedTuple):
    """The step that stands out most in one direction.

    Attributes:
        late: how many of the last runs lie behind it.
        before, after: the weighted means of the runs on either side.
        p: one-sided, corrected for the choice among the splits.
    """

    late: int
    before: float
    after: float
    p: float


def step_test(values: Floats, sampling: Floats, splits: Sequence[int]) -> tuple[Step, Step]:
    """Test whether the runs after a split lie below, or above, those before it.

    Runs are weighed by a random-effects model (DerSimonian & Laird 1986, Control. Clin. Trials
    7:177), a step is measured by the runs' own spread around it (Knapp & Hartung 2003, Stat. Med.
    22:2693; for runs of one size it is Student's t), and the most extreme of the splits is held
    against its distribution under no step (Monte Carlo test: Barnard 1963, JRSS B 25:294). Besides
    the step must exceed what the samples of the runs alone explain (normal), so that a spread
    that is small by luck, or zero, proves nothing.

    Args:
        values: each run's value, in the order of time, (m,) with m ≥ 3.
        sampling: their sampling variances, (m,); all above 0.
        splits: sizes of the later part to look at, each 1…m − 1.

    Returns:
        The step down and the step up, most extreme split each.
    """
    m = len(values)
    weights = 1 / (sampling + _between(values, sampling))
    shares = tuple(round(float(weight / weights.mean()), DIGITS) for weight in weights)
    t, before, after = _steps(values[None], weights, splits)
    if not np.ptp(values) > NOTHING * max(1.0, float(np.abs(values).max())):
        t = np.zeros_like(t)
    spread = [_sampling_error(weights, sampling, m - late) for late in splits]
    reference = _reference(shares, tuple(splits))
    steps: list[Step] = []
    for sign in (-1, 1):
        directed: Floats = sign * t[0]
        k = int(np.argmax(directed))
        beyond = int(np.count_nonzero((sign * reference >= directed[k]).any(axis=1)))
        by_samples = float(special.ndtr(-sign * float(after[0, k] - before[0, k]) / spread[k]))
        p = max((1 + beyond) / (1 + DRAWS), by_samples)
        steps.append(Step(splits[k], float(before[0, k]), float(after[0, k]), min(1.0, p)))
    return steps[0], steps[1]


def later_bounds(
    values: Floats, sampling: Floats, late: int, confidence: float
) -> tuple[float, float]:
    """Return one-sided bounds of the last runs' mean, each at `confidence`.

    The spread is that of all runs around a step, but never less than what their samples explain.
    """
    m, weights = len(values), 1 / (sampling + _between(values, sampling))
    last = np.arange(m) >= m - late
    parts = [(weights[part], values[part]) for part in (~last, last)]
    squares = sum(float((w * (v - np.average(v, weights=w)) ** 2).sum()) for w, v in parts)
    (w, v), own = parts[1], sampling[last]
    spread = max(squares / (m - 2) / w.sum(), (w**2 * own).sum() / w.sum() ** 2)
    mean, reach = float(np.average(v, weights=w)), float(special.stdtrit(m - 2, confidence))
    return mean - reach * float(spread) ** 0.5, mean + reach * float(spread) ** 0.5


def _between(values: Floats, sampling: Floats) -> float:
    """Return the runs' variance beyond their sampling error, by moments."""
    weights = 1 / sampling
    total = weights.sum()
    mean = (weights * values).sum() / total
    excess = (weights * (values - mean) ** 2).sum() - (len(values) - 1)
    return max(0.0, float(excess / (total - (weights**2).sum() / total)))


def _steps(values: Floats, weights: Floats, splits: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return t, the mean before and the mean after, (repetitions, splits) each."""
    m = values.shape[1]
    late = np.array([np.arange(m) >= m - k for k in splits], dtype=np.float64).T * weights[:, None]
    early = weights[:, None] - late
    sum_late, sum_early = late.sum(axis=0), early.sum(axis=0)
    after, before = values @ late / sum_late, values @ early / sum_early
    squares = (values**2 @ weights)[:, None] - sum_late * after**2 - sum_early * before**2
    variance = np.maximum(squares, 0) / (m - 2) * (1 / sum_late + 1 / sum_early)
    t = (after - before) / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    return t, before, after


def _sampling_error(weights: Floats, sampling: Floats, first: int) -> float:
    """Return the standard error of a step, if runs differ by their samples only."""
    parts = (weights[:first], sampling[:first]), (weights[first:], sampling[first:])
    return float(np.sqrt(sum((w**2 * v).sum() / w.sum() ** 2 for w, v in parts)))


@lru_cache(maxsize=64)
def _reference(shares: tuple[float, ...], splits: tuple[int, ...]) -> Floats:
    """Return t of each split where there is no step, (draws, splits)."""
    weights = np.array(shares)
    noise = np.random.default_rng(SEED).standard_normal((DRAWS, len(weights)))
    return _steps(noise / np.sqrt(weights), weights, splits)[0]


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Adjust p-values for testing several, some of them with more of the error than others.

    Source: Holm 1979, Scand. J. Stat. 6:65, section 4. With equal weights it is Holm's method.

    Args:
        p_values: one a test.
        weights: their shares of the error, above 0; only their ratios matter.

    >>> weighted_holm([0.02, 0.01, 0.5], [2, 1, 1])
    [0.04, 0.04, 0.5]
    """
    order = sorted(range(len(p_values)), key=lambda k: p_values[k] / weights[k])
    left, least, adjusted = float(sum(weights)), 0.0, [1.0] * len(p_values)
    for k in order:
        least = max(least, min(1.0, left * p_values[k] / weights[k]))
        adjusted[k] = least
        left -= weights[k]
    return adjusted
