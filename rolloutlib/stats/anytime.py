"""Looks without a plan: bounds that hold at every moment at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_between, last_true, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


_FARTHEST_Z = 60.0  # beyond it log Φ and x²/2 have said all they can at any alpha above 1e-700


def normal_mixture_one_sided(variance: ArrayLike, *, rho: float, alpha: float = 0.05) -> float:
    """Return u(V): P(a sum with intrinsic variance V ever exceeds u(V)) <= alpha.

    Solves 2·sqrt(rho/(V + rho))·exp(s²/(2(V + rho)))·Φ(s/sqrt(V + rho)) = 1/alpha for s, the
    boundary of a half-normal mixture (Howard, Ramdas, McAuliffe and Sekhon 2021, Ann Stat 49:1055).

    Args:
        variance: V, the variance of the sum so far, 0 or more.
        rho: where the boundary is tightest, in V's units; see `mixture_rho`.
        alpha: the chance of ever crossing, below one half.

    >>> round(normal_mixture_one_sided(1000.0, rho=50.0), 4)
    89.6556
    """
    check_between("rho", rho, 0, np.inf)
    check_between("alpha", alpha, 0, 0.5)
    v = np.asarray(variance, dtype=np.float64)
    if not np.all(v >= 0):
        message = f"variance == {v}, must be 0 or more."
        raise ValueError(message)
    target = 0.5 * np.log((v + rho) / rho) - np.log(2.0 * alpha)
    z = last_true(
        lambda x: 0.5 * x**2 + special.log_ndtr(x) < target, -np.ones_like(v), _FARTHEST_Z
    )
    return plain(z * np.sqrt(v + rho))


def mixture_rho(variance: float, *, alpha: float = 0.05) -> float:
    """Return the rho that makes the boundary tightest near a planned variance.

    Howard et al. 2021; Lambert's W by its leading terms.

    Args:
        variance: the intrinsic variance at the look that matters most, above 0.
        alpha: the chance of ever crossing, below one half.
    """
    check_between("variance", variance, 0, np.inf)
    check_between("alpha", alpha, 0, 0.5)
    log_term = -2.0 * np.log(2.0 * alpha)
    return float(variance / (log_term + np.log1p(log_term)))
