"""Limits of daily looks whose error is spent by the calendar, many tests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import last_true

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rolloutlib.stats._numeric import FloatArray

_FARTHEST = 6.5  # standard deviations below which a path has no way back to a limit
_NODES = 96
_STEP = 0.02  # a look is taken to bring at least this share of new information


def calendar_limits(information: ArrayLike, elapsed: ArrayLike, *, alpha: ArrayLike) -> FloatArray:
    """Return the upper z limit of each look, (..., looks).

    Lan and DeMets' (1983) Pocock-type spending, alpha·log(1 + (e − 1)t), in calendar time: what
    may be spent by a day follows from the day, and the looks' information only tells how alike
    they are (Lan and DeMets 1989, Biometrics 45:1017). So no information has to be planned.

    A look with hardly more information than before, or less, counts as one with 2 % more:
    unlike looks cross more often (Slepian 1962), so the limits err on the safe side.

    Args:
        information: 1/se² at each look; 0 where there is no look, whose limit is inf and whose
            error the next one has. (..., looks)
        elapsed: the share of the planned days that is over at each look; beyond 1 there is nothing
            left to spend. (looks,)
        alpha: one-sided error of all looks together, of each test. (...)
    """
    information = np.asarray(information, dtype=np.float64)
    alpha = np.broadcast_to(np.asarray(alpha, dtype=np.float64), information.shape[:-1])
    flat = information.reshape(-1, information.shape[-1])
    spend = np.log1p((np.e - 1.0) * np.minimum(np.asarray(elapsed, dtype=np.float64), 1.0))
    spendable = alpha.reshape(-1, 1) * spend
    return _limits(flat, spendable).reshape(information.shape)


def _limits(information: FloatArray, spendable: FloatArray) -> FloatArray:
    limits = np.full(information.shape, np.inf)
    tests = len(information)
    x, weights = np.polynomial.legendre.leggauss(_NODES)
    time, used = np.zeros(tests), np.zeros(tests)
    points, mass = np.zeros((tests, 1)), np.ones((tests, 1))  # of paths, in sqrt(information)
    for look in range(information.shape[1]):
        left = spendable[:, look] - used
        going = np.flatnonzero((information[:, look] > 0) & (left > 0))
        if not going.size:
            continue
        # Until its first look a test has one point of mass 1; afterwards _NODES of them.
        for rows in (going[time[going] == 0], going[time[going] > 0]):
            if not rows.size:
                continue
            first = time[rows[0]] == 0
            then = np.maximum(information[rows, look], time[rows] * (1 + _STEP))
            step, edge = np.sqrt(then - time[rows]), np.sqrt(then)
            at = np.zeros((rows.size, 1)) if first else points[rows]
            have = np.ones((rows.size, 1)) if first else mass[rows]
            z = _crossing(at, have, step, edge, left[rows])
            limits[rows, look] = z
            if points.shape[1] == 1:
                points, mass = np.zeros((tests, _NODES)), np.zeros((tests, _NODES))
            half = 0.5 * (z + _FARTHEST) * edge
            new = half[:, None] * (x + 1.0) - (_FARTHEST * edge)[:, None]
            apart = (new[:, :, None] - at[:, None, :]) / step[:, None, None]
            density = np.einsum("rij,rj->ri", np.exp(-0.5 * apart**2), have)
            mass[rows] = density * half[:, None] * weights / (step * np.sqrt(2 * np.pi))[:, None]
            points[rows], time[rows] = new, then
            used[rows] = spendable[rows, look]
    return limits


def _crossing(
    points: FloatArray, mass: FloatArray, step: FloatArray, edge: FloatArray, error: FloatArray
) -> FloatArray:
    """Return the z beyond which paths end with that chance."""

    def more(z: FloatArray) -> NDArray[np.bool_]:
        distance = ((z * edge)[:, None] - points) / step[:, None]
        return np.asarray((mass * special.ndtr(-distance)).sum(axis=-1) > error)

    return last_true(more, np.full(len(edge), -1.0), 9.0, steps=30)
