"""What one more mean is expected to be, from the means before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from rolloutlib.stats._numeric import check_confidence, or_one, plain
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_LEAST = 3  # means whose spread says how much means differ


def prediction_bounds(
    means: ArrayLike, n: ArrayLike, following: ArrayLike, *, variance: float = 0.0,
    confidence: float = 0.95,
) -> Bounds:  # fmt: skip
    """Return the bounds of the next mean of `following` values, each one-sided.

    Means vary as φ·variance/n, with φ from the means themselves and at least 1, as on Laney's
    chart (2002, Quality Engineering 14:531); the bounds are those of a prediction (Hahn and
    Meeker 1991, Statistical Intervals, section 4.3): Student's t of m - 1 degrees of freedom.
    Infinite below three means, and where nothing varies at all.

    Args:
        means: of the groups before, such as days. (m,)
        n: values behind each. (m,)
        following: values behind the mean that comes next; an array for several of them.
        variance: of a single value, as it is within groups.
        confidence: of each bound separately.

    >>> prediction_bounds([7.5, 7.4, 7.6, 7.5], [30, 30, 30, 30], 30, variance=0.01)
    Bounds(lower=7.2852, upper=7.7148)
    """
    check_confidence(confidence)
    values, size, after = (np.asarray(part, dtype=np.float64) for part in (means, n, following))
    usable = values.size >= _LEAST and bool(np.all(size > 0))
    centre = float(np.average(values, weights=size)) if usable else 0.0
    spread = float(np.sum(size * (values - centre) ** 2)) / max(values.size - 1, 1)
    single = max(spread, variance) if usable else 0.0
    t = float(special.stdtrit(values.size - 1.0, confidence)) if single > 0 else np.inf
    scale = single * (1.0 / or_one(after) + 1.0 / size.sum()) if single > 0 else 1.0
    margin = np.where(after > 0, t * np.sqrt(scale), np.inf)
    return Bounds(plain(centre - margin), plain(centre + margin))
