"""Several tests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rolloutlib.stats.inference import FloatArray

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> FloatArray:
    """Return Holm's adjusted p-values in the given order (1979, Scand J Stat 6:65).

    Args:
        p_values: one per test, 0 to 1; none give none.

    Raises:
        ValueError: a value that is NaN or outside of 0 to 1: a test that cannot be judged has p = 1.

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
