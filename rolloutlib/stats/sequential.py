"""Repeated looks and several tests: spending functions, exact binomial limits, Holm."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_between, last_true, log_factorial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from rolloutlib.stats._numeric import FloatArray

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]

_EDGE = 9.0  # standard deviations beyond which a path has no weight
_PANEL_NODES = 32  # of Gauss and Legendre, in each panel
_PANEL_STEPS = 5.0  # width of a panel in the steps' standard deviations
_MOST_PANELS = 200
_EVENTS = 12.0  # standard deviations beyond which a count of events has no weight
_SAME_LOOK = 1e-5  # a look that adds less information than this is no new look


def holm(p_values: ArrayLike) -> FloatArray:
    """Return Holm's adjusted p-values in the given order (1979, Scand J Stat 6:65).

    Args:
        p_values: one per test, 0 to 1; none give none.

    Raises:
        ValueError: a value that is NaN or outside of 0 to 1: a test that cannot be judged has
            p = 1.

    >>> holm([0.0042, 0.021, 0.012, 0.3, 0.04]).round(4)
    array([0.021, 0.063, 0.048, 0.3  , 0.08 ])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        message = f"p_values == {p}, must be between 0 and 1."
        raise ValueError(message)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))
    result = np.empty_like(p)
    result[order] = adjusted
    return result


def spent(information: float, *, alpha: float, spending: Spending = "obrien_fleming") -> float:
    """Return the one-sided error that may be spent by an information fraction.

    Lan and DeMets 1983, Biometrika 70:659. O'Brien-Fleming type:
    2(1 - Φ(z(1 - alpha/2)/sqrt(t))); Pocock type: alpha·log(1 + (e - 1)t). Fractions above 1 spend
    alpha.

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
        z = np.asarray(special.ndtri(alpha / 2.0) / np.sqrt(fraction), dtype=np.float64)
        return float(2.0 * special.ndtr(z))
    message = f"spending == {spending!r}, must be obrien_fleming or pocock."
    raise ValueError(message)


def lan_demets_boundaries(
    information: Sequence[float], *, alpha: float, spending: Spending = "obrien_fleming"
) -> FloatArray:
    """Return the upper z limit of each look that has been, or is planned, at these fractions.

    The looks need be neither equally spaced nor known in advance. Cluster-robust information of a
    look is 1/se², its fraction that over the planned one. A look without more information than the
    looks before it (1/se² can fall), or with nothing left to spend, has the limit inf.

    Args:
        information: fractions above 0, in the order of the looks; all of alpha is spent at 1.
        alpha: the type I error over all looks.
        spending: the spending function, as `spent`.

    Raises:
        ValueError: no look, or a fraction that is NaN or not above 0.

    >>> lan_demets_boundaries([0.2, 0.45, 0.8, 1.0], alpha=0.025).round(3)
    array([4.877, 3.144, 2.259, 2.027])
    """
    fractions = np.asarray(information, dtype=np.float64)
    if fractions.size == 0 or not np.all((fractions > 0) & np.isfinite(fractions)):
        message = f"information == {list(information)}, must be fractions above 0, one a look."
        raise ValueError(message)
    paths, used = _Paths(), 0.0
    limits: list[float] = []
    for fraction in fractions:
        if fraction - paths.time < _SAME_LOOK:
            limits.append(np.inf)
            continue
        allowed = spent(fraction, alpha=alpha, spending=spending)
        limits.append(paths.spend(fraction, allowed - used))
        used = allowed
    return np.array(limits)


def binomial_spending_limits(
    sizes: Sequence[int], *, p0: float, alpha: float = 0.05, spending: Spending = "pocock",
    elapsed: Sequence[float] | None = None,
) -> list[int]:  # fmt: skip
    """Return the cumulative numbers of events that reject P(event) <= p0 at each look, exactly.

    At look k the limit is the smallest count with P(reached at look k for the first time) within
    what the spending function allows by then and has not been used up.

    Args:
        sizes: cumulative samples at each look, increasing.
        p0: the tolerated probability of an event.
        alpha: the chance of ever rejecting when P(event) = p0.
        spending: the spending function, as `spent`.
        elapsed: the share of the plan that is over at each look, where later sizes are not known
            yet; without it, each size's share of the last one.

    Returns:
        A limit per look: reject when the events so far are at least that many, size + 1 when none
        do.

    >>> binomial_spending_limits(range(100, 1500, 100), p0=0.01)
    [5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 22, 23]
    """
    check_between("p0", p0, 0, 1)
    if len(sizes) == 0 or not np.all(np.diff([0, *sizes]) > 0):
        message = f"sizes == {list(sizes)}, must be increasing whole numbers above 0."
        raise ValueError(message)
    shares = [size / sizes[-1] for size in sizes] if elapsed is None else elapsed
    limits: list[int] = []
    going, used, before = np.ones(1), 0.0, 0
    for size, share in zip(sizes, shares, strict=True):
        going = np.convolve(going, _binomial_pmf(size - before, p0))
        allowed = spent(share, alpha=alpha, spending=spending) - used
        tail = np.cumsum(going[::-1])[::-1]
        limit = int(np.argmax(np.append(tail, 0.0) <= allowed))
        used += float(np.append(tail, 0.0)[limit])
        going, before = going[:limit], size
        limits.append(limit)
    return limits


class _Paths:
    """The sub-density of a Brownian path that no limit has stopped.

    Armitage, McPherson and Rowe 1969, JRSS A 132:235.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self._points = np.zeros(1)
        self._weights = np.ones(1)  # density times quadrature weight

    def beyond(self, time: float, z: float) -> float:
        """Return the chance to be above z·sqrt(time) then without having been stopped before."""
        distance = (z * np.sqrt(time) - self._points) / np.sqrt(time - self.time)
        return float(self._weights @ special.ndtr(np.asarray(-distance, dtype=np.float64)))

    def spend(self, time: float, error: float) -> float:
        """Return the z limit that stops with that chance, and go on behind it."""

        def more(z: FloatArray) -> NDArray[np.bool_]:
            return np.asarray(self.beyond(time, float(z)) > error)

        limit = float(last_true(more, -_EDGE, 4 * _EDGE)) if error > 0 else np.inf
        self.stop(time, limit)
        return limit

    def stop(self, time: float, z: float) -> None:
        """Move to `time` and take away the paths that are at or beyond z·sqrt(time)."""
        edge, step = np.sqrt(time), np.sqrt(time - self.time)
        top = min(z, _EDGE) * edge
        bottom = -_EDGE * edge
        panels = int(np.clip(np.ceil((top - bottom) / (_PANEL_STEPS * step)), 2, _MOST_PANELS))
        width = (top - bottom) / panels
        unit, weights = _legendre()
        points = (bottom + width * (np.arange(panels)[:, None] + 0.5 * (unit + 1.0))).ravel()
        density = np.exp(-0.5 * ((points[:, None] - self._points) / step) ** 2) / (
            step * np.sqrt(2.0 * np.pi)
        )
        self._weights = np.tile(0.5 * width * weights, panels) * (density @ self._weights)
        self._points, self.time = points, time


@cache
def _legendre() -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(_PANEL_NODES)


def _binomial_pmf(n: int, p: float) -> FloatArray:
    most = n * p + _EVENTS * np.sqrt(n * p * (1 - p)) + 2 * _EVENTS
    k = np.arange(min(n, int(most)) + 1)
    ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    return np.exp(ways + special.xlogy(k, p) + special.xlogy(n - k, 1.0 - p))
