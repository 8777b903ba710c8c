"""The special functions behind the estimators, under the names of what they compute.

SciPy is imported at the first call rather than with the package: its import takes longer than most reviews.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = [
    "beta_cdf",
    "beta_quantile",
    "beta_sf",
    "binomial_cdf",
    "chi2_sf",
    "gamma_quantile",
    "gamma_upper_quantile",
    "log_beta",
    "log_factorial",
    "noncentral_t_cdf",
    "normal_cdf",
    "normal_log_cdf",
    "normal_quantile",
    "t_cdf",
    "t_quantile",
    "x_log_y",
]


@cache
def _ufunc(name: str) -> Callable[..., FloatArray]:
    return getattr(import_module("scipy.special"), name)


def normal_cdf(z: ArrayLike) -> FloatArray:
    """Return P(Z <= z) for a standard normal Z."""
    return _ufunc("ndtr")(z)


def normal_log_cdf(z: ArrayLike) -> FloatArray:
    """Return log P(Z <= z), accurate in the far tail."""
    return _ufunc("log_ndtr")(z)


def normal_quantile(probability: ArrayLike) -> FloatArray:
    """Return z with P(Z <= z) = probability."""
    return _ufunc("ndtri")(probability)


def t_cdf(df: ArrayLike, t: ArrayLike) -> FloatArray:
    """Return P(T <= t) for Student's T with df (not necessarily whole) degrees of freedom."""
    return _ufunc("stdtr")(df, t)


def t_quantile(df: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Return t with P(T <= t) = probability."""
    return _ufunc("stdtrit")(df, probability)


def noncentral_t_cdf(df: ArrayLike, shift: ArrayLike, t: ArrayLike) -> FloatArray:
    """Return P(T <= t) for the non-central T with that shift."""
    return _ufunc("nctdtr")(df, shift, t)


def beta_cdf(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> FloatArray:
    """Return P(B <= x) for B ~ Beta(a, b)."""
    return _ufunc("betainc")(a, b, x)


def beta_sf(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> FloatArray:
    """Return P(B > x) for B ~ Beta(a, b)."""
    return _ufunc("betaincc")(a, b, x)


def beta_quantile(a: ArrayLike, b: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Return x with P(B <= x) = probability."""
    return _ufunc("betaincinv")(a, b, probability)


def binomial_cdf(x: ArrayLike, n: ArrayLike, p: ArrayLike) -> FloatArray:
    """Return P(X <= x) for X ~ Binomial(n, p); 0 below 0 and 1 from n on."""
    x, n = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = beta_sf(np.maximum(x, 0.0) + 1.0, np.maximum(n - x, 0.5), p)
    return np.where(x < 0, 0.0, np.where(x >= n, 1.0, inside))


def chi2_sf(df: ArrayLike, x: ArrayLike) -> FloatArray:
    """Return P(X > x) for a chi-squared X."""
    return _ufunc("chdtrc")(df, x)


def gamma_quantile(shape: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Return x with P(X <= x) = probability for X ~ Gamma(shape, 1)."""
    return _ufunc("gammaincinv")(shape, probability)


def gamma_upper_quantile(shape: ArrayLike, probability: ArrayLike) -> FloatArray:
    """Return x with P(X > x) = probability for X ~ Gamma(shape, 1)."""
    return _ufunc("gammainccinv")(shape, probability)


def log_beta(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Return the logarithm of the beta function."""
    return _ufunc("betaln")(a, b)


def log_factorial(n: ArrayLike) -> FloatArray:
    """Return log(n!)."""
    return _ufunc("gammaln")(np.asarray(n, dtype=np.float64) + 1.0)


def x_log_y(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Return x·log(y), 0 where x is 0."""
    return _ufunc("xlogy")(x, y)
