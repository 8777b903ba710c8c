"""Looks without a plan: bounds and e-values that hold at every moment at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import check_between, check_confidence, counts, last_true, plain
from rolloutlib.stats._special import beta_sf, log_beta, normal_log_cdf
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import ClusterInference, FloatArray

__all__ = [
    "anytime_bounds",
    "beta_binomial_e_value",
    "mixture_rho",
    "msprt_likelihood_ratio",
    "normal_mixture_one_sided",
    "normal_mixture_two_sided",
]

_FARTHEST_Z = 60.0  # beyond it log Φ and x²/2 have said all they can at any alpha above 1e-700


def normal_mixture_one_sided(variance: ArrayLike, *, rho: float, alpha: float = 0.05) -> float:
    """Return u(V): P(a sum with intrinsic variance V ever exceeds u(V)) <= alpha.

    Solves 2·sqrt(rho/(V + rho))·exp(s²/(2(V + rho)))·Φ(s/sqrt(V + rho)) = 1/alpha for s, the boundary of a
    half-normal mixture (Howard, Ramdas, McAuliffe and Sekhon 2021, Ann Stat 49:1055).

    Args:
        variance: V, the variance of the sum so far, 0 or more.
        rho: where the boundary is tightest, in V's units; see `mixture_rho`.
        alpha: the chance of ever crossing, below one half.

    >>> round(normal_mixture_one_sided(1000.0, rho=50.0), 4)
    89.6556
    """
    v = _variance(variance, rho, alpha)
    target = 0.5 * np.log((v + rho) / rho) - np.log(2.0 * alpha)
    z = last_true(lambda x: 0.5 * x**2 + normal_log_cdf(x) < target, -np.ones_like(v), _FARTHEST_Z)
    return plain(z * np.sqrt(v + rho))


def normal_mixture_two_sided(variance: ArrayLike, *, rho: float, alpha: float = 0.05) -> float:
    """Return u(V): P(a sum with intrinsic variance V ever leaves -u(V)..u(V)) <= alpha.

    Robbins 1970, Ann Math Stat 41:1397; Howard et al. 2021. Arguments as
    `normal_mixture_one_sided`.

    >>> round(normal_mixture_two_sided(10.0, rho=2.0), 4)
    9.6643
    """
    v = _variance(variance, rho, alpha)
    return plain(np.sqrt((v + rho) * (np.log((v + rho) / rho) - 2.0 * np.log(alpha))))


def mixture_rho(variance: float, *, alpha: float = 0.05, sided: int = 1) -> float:
    """Return the rho that makes the boundary tightest near a planned variance.

    Howard et al. 2021; Lambert's W by its leading terms.

    Args:
        variance: the intrinsic variance at the look that matters most, above 0.
        alpha: the chance of ever crossing.
        sided: 1 or 2, as the boundary.
    """
    check_between("variance", variance, 0, np.inf)
    error = 2.0 * alpha if sided == 1 else alpha
    check_between("alpha", error, 0, 1)
    log_term = -2.0 * np.log(error)
    return float(variance / (log_term + np.log1p(log_term)))


def anytime_bounds(inference: ClusterInference, *, rho: float, confidence: float = 0.95) -> Bounds:
    """Return bounds of a mean that hold at all looks together, however many (asymptotically).

    With information I = 1/se² the sum is point·I and its variance I, so the bound is point -/+ u(I)/I.
    Infinite when the standard error is 0 or cannot be told.

    Args:
        inference: the point with its cluster-robust standard error at this look.
        rho: in units of information; `mixture_rho(1/se²)` at the planned look. The same at every look.
        confidence: of each bound separately, above one half.
    """
    check_confidence(confidence)
    point, se, _ = (np.asarray(value, dtype=np.float64) for value in inference)
    known = np.isfinite(se) & (se > 0)
    information = 1.0 / np.where(known, se, 1.0) ** 2
    margin = (
        np.asarray(normal_mixture_one_sided(information, rho=rho, alpha=1.0 - confidence))
        / information
    )
    centre, margin = np.where(known, point, 0.0), np.where(known, margin, np.inf)
    return Bounds(plain(centre - margin), plain(centre + margin))


def msprt_likelihood_ratio(point: ArrayLike, variance: ArrayLike, *, tau2: float) -> float:
    """Return the mixture likelihood ratio of effect ~ N(0, tau2) against 0.

    Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022, Oper Res 70:1806. Reaching 1/alpha at any look
    rejects at alpha.

    Args:
        point: the estimated effect.
        variance: its squared standard error, above 0.
        tau2: the prior variance of the effect, above 0.
    """
    check_between("tau2", tau2, 0, np.inf)
    point, v = np.asarray(point, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    if not np.all(v > 0):
        message = f"variance == {v}, must be above 0."
        raise ValueError(message)
    return plain(np.sqrt(v / (v + tau2)) * np.exp(0.5 * point**2 * tau2 / (v * (v + tau2))))


def beta_binomial_e_value(x: ArrayLike, n: ArrayLike, *, p0: float, a: float, b: float) -> float:
    """Return the e-value of x events in n against P(event) <= p0, with a Beta(a, b) prior cut to (p0, 1).

    The mean likelihood ratio over the prior; reaching 1/alpha at any look rejects at alpha (Ville 1939).

    Args:
        x: events so far.
        n: samples so far.
        p0: the tolerated probability.
        a: first prior parameter, above 0.
        b: second prior parameter, above 0.
    """
    check_between("p0", p0, 0, 1)
    check_between("a", a, 0, np.inf)
    check_between("b", b, 0, np.inf)
    x, n = counts(x, n)
    mixture = log_beta(a + x, b + n - x) + np.log(beta_sf(a + x, b + n - x, p0))
    prior = log_beta(a, b) + np.log(beta_sf(a, b, p0))
    with np.errstate(over="ignore"):  # evidence beyond 1e308 is infinite
        return plain(np.exp(mixture - prior - x * np.log(p0) - (n - x) * np.log1p(-p0)))


def _variance(variance: ArrayLike, rho: float, alpha: float) -> FloatArray:
    check_between("rho", rho, 0, np.inf)
    check_between("alpha", alpha, 0, 0.5)
    v = np.asarray(variance, dtype=np.float64)
    if not np.all(v >= 0):
        message = f"variance == {v}, must be 0 or more."
        raise ValueError(message)
    return v
