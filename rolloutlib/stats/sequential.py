"""Repeated looks with a fixed number of looks: constants, spending functions and exact binomial limits."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from rolloutlib.stats._numeric import check_between, last_true
from rolloutlib.stats._special import log_factorial, normal_cdf, normal_quantile, x_log_y

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.stats.inference import FloatArray

__all__ = [
    "Spending",
    "binomial_spending_limits",
    "lan_demets_boundaries",
    "obrien_fleming_constant",
    "pocock_constant",
    "spent",
]

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]

_EDGE = 9.0  # standard deviations beyond which a path has no weight
_PANEL_NODES, _PANEL_STEPS = (
    32,
    5.0,
)  # Gauss-Legendre nodes in a panel, and its width in steps' standard deviations
_MOST_PANELS = 200
_SAME_LOOK = 1e-5  # a look that adds less information than this is no new look


def pocock_constant(looks: int, *, alpha: float, sided: int = 2) -> float:
    """Return the constant z limit for equally spaced looks (Pocock 1977, Biometrika 64:191).

    Args:
        looks: planned looks, 1 or more.
        alpha: the type I error over all looks.
        sided: 2 to stop in either direction, 1 to stop upwards only.

    >>> round(pocock_constant(5, alpha=0.05), 3)
    2.413
    """
    return _constant(looks, alpha, sided, np.ones_like)


def obrien_fleming_constant(looks: int, *, alpha: float, sided: int = 2) -> float:
    """Return the final z limit c, where look k of K has the limit c·sqrt(K/k).

    O'Brien and Fleming 1979, Biometrics 35:549. Arguments as `pocock_constant`.

    >>> round(obrien_fleming_constant(5, alpha=0.05), 3)
    2.04
    """
    return _constant(looks, alpha, sided, lambda information: 1.0 / np.sqrt(information))


def spent(information: float, *, alpha: float, spending: Spending = "obrien_fleming") -> float:
    """Return the one-sided error that may be spent by an information fraction.

    Lan and DeMets 1983, Biometrika 70:659. O'Brien-Fleming type: 2(1 - Φ(z(1 - alpha/2)/sqrt(t))); Pocock
    type: alpha·log(1 + (e - 1)t). Fractions above 1 spend alpha.

    Args:
        information: the share of the planned information seen so far, 0 or more.
        alpha: the one-sided error at full information.
        spending: obrien_fleming (little early) or pocock (evenly).
    """
    check_between("alpha", alpha, 0, 1)
    fraction = min(float(information), 1.0)
    if not fraction > 0:
        return 0.0
    if spending == "pocock":
        return float(alpha * np.log1p((np.e - 1.0) * fraction))
    if spending == "obrien_fleming":
        return float(2.0 * normal_cdf(normal_quantile(alpha / 2.0) / np.sqrt(fraction)))
    message = f"spending == {spending!r}, must be obrien_fleming or pocock."
    raise ValueError(message)


def lan_demets_boundaries(
    information: Sequence[float],
    *,
    alpha: float,
    spending: Spending = "obrien_fleming",
    sided: int = 1,
) -> FloatArray:
    """Return the z limit of each look that has been, or is planned, at these information fractions.

    The looks need be neither equally spaced nor known in advance. Cluster-robust information of a look is
    1/se², its fraction that over the planned one. A look without more information than the looks before it
    (1/se² can fall), or with nothing left to spend, has the limit inf.

    Args:
        information: fractions above 0, in the order of the looks; all of alpha is spent at 1.
        alpha: the type I error over all looks; halved for each side when two-sided.
        spending: the spending function, as `spent`.
        sided: 1 to stop upwards only, 2 to stop in either direction.

    Raises:
        ValueError: no look, or a fraction that is NaN or not above 0.

    >>> lan_demets_boundaries([0.2, 0.45, 0.8, 1.0], alpha=0.025).round(3)
    array([4.877, 3.144, 2.259, 2.027])
    """
    fractions = np.asarray(information, dtype=np.float64)
    if fractions.size == 0 or not np.all((fractions > 0) & np.isfinite(fractions)):
        message = f"information == {list(information)}, must be fractions above 0, one a look."
        raise ValueError(message)
    side_alpha = alpha / _sides(sided)
    paths, used = _Paths(two_sided=sided == 2), 0.0  # noqa: PLR2004
    limits: list[float] = []
    for fraction in fractions:
        if fraction - paths.time < _SAME_LOOK:
            limits.append(np.inf)
            continue
        allowed = spent(fraction, alpha=side_alpha, spending=spending)
        limits.append(paths.spend(fraction, allowed - used))
        used = allowed
    return np.array(limits)


def binomial_spending_limits(
    sizes: Sequence[int], *, p0: float, alpha: float = 0.05, spending: Spending = "pocock"
) -> list[int]:
    """Return the cumulative numbers of events that reject P(event) <= p0 at each look, exactly.

    At look k the limit is the smallest count with P(reached at look k for the first time) within what the
    spending function allows by then and has not been used up; the information fraction is the share of the
    last size.

    Args:
        sizes: cumulative samples at each look, increasing.
        p0: the tolerated probability of an event.
        alpha: the chance of ever rejecting when P(event) = p0.
        spending: the spending function, as `spent`.

    Returns:
        A limit per look: reject when the events so far are at least that many, size + 1 when none do.

    >>> binomial_spending_limits(range(100, 1500, 100), p0=0.01)
    [5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 22, 23]
    """
    check_between("p0", p0, 0, 1)
    if len(sizes) == 0 or not np.all(np.diff([0, *sizes]) > 0):
        message = f"sizes == {list(sizes)}, must be increasing whole numbers above 0."
        raise ValueError(message)
    limits: list[int] = []
    going, used, before = np.ones(1), 0.0, 0
    for size in sizes:
        going = np.convolve(going, _binomial_pmf(size - before, p0))
        allowed = spent(size / sizes[-1], alpha=alpha, spending=spending) - used
        tail = np.cumsum(going[::-1])[::-1]
        limit = int(np.argmax(np.append(tail, 0.0) <= allowed))
        used += float(np.append(tail, 0.0)[limit])
        going, before = going[:limit], size
        limits.append(limit)
    return limits


class _Paths:
    """The sub-density of a Brownian path that no limit has stopped (Armitage, McPherson and Rowe 1969)."""

    def __init__(self, *, two_sided: bool) -> None:
        self._two_sided = two_sided
        self.time = 0.0
        self._points = np.zeros(1)
        self._weights = np.ones(1)  # density times quadrature weight

    def beyond(self, time: float, z: float) -> float:
        """Return the chance to be above z·sqrt(time) at that time without having been stopped before."""
        distance = (z * np.sqrt(time) - self._points) / np.sqrt(time - self.time)
        return float(self._weights @ normal_cdf(-distance))

    def spend(self, time: float, error: float) -> float:
        """Return the z limit that stops with that chance (per side), and go on behind it."""
        if error <= 0:
            limit = np.inf
        else:
            limit = float(
                last_true(
                    lambda z: np.asarray(self.beyond(time, float(z)) > error), -_EDGE, 4 * _EDGE
                )
            )
        self.stop(time, limit)
        return limit

    def stop(self, time: float, z: float) -> None:
        """Move to `time` and take away the paths that are at or beyond z·sqrt(time)."""
        edge, step = np.sqrt(time), np.sqrt(time - self.time)
        top = min(z, _EDGE) * edge
        bottom = -top if self._two_sided else -_EDGE * edge
        panels = int(np.clip(np.ceil((top - bottom) / (_PANEL_STEPS * step)), 2, _MOST_PANELS))
        width = (top - bottom) / panels
        unit, weights = _legendre()
        points = (bottom + width * (np.arange(panels)[:, None] + 0.5 * (unit + 1.0))).ravel()
        density = np.exp(-0.5 * ((points[:, None] - self._points) / step) ** 2) / (
            step * np.sqrt(2.0 * np.pi)
        )
        self._weights = np.tile(0.5 * width * weights, panels) * (density @ self._weights)
        self._points, self.time = points, time


def _constant(
    looks: int, alpha: float, sided: int, shape: Callable[[FloatArray], FloatArray]
) -> float:
    check_between("looks", looks, 0, np.inf)
    check_between("alpha", alpha, 0, 1)
    information = np.arange(1, looks + 1) / looks
    unit = shape(information)
    error = alpha / _sides(sided)

    def crossed(constant: float) -> float:
        paths, total = _Paths(two_sided=sided == 2), 0.0  # noqa: PLR2004
        for time, z in zip(information, constant * unit, strict=True):
            total += paths.beyond(time, z)
            paths.stop(time, z)
        return total

    return float(last_true(lambda c: np.asarray(crossed(float(c)) > error), 0.0, _EDGE, steps=45))


def _sides(sided: int) -> int:
    if sided not in {1, 2}:
        message = f"sided == {sided}, must be 1 or 2."
        raise ValueError(message)
    return sided


@cache
def _legendre() -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(_PANEL_NODES)


def _binomial_pmf(n: int, p: float) -> FloatArray:
    k = np.arange(n + 1)
    ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    return np.exp(ways + x_log_y(k, p) + x_log_y(n - k, 1.0 - p))
