"""The change between two estimates that rest on different samples: variance recovered from bounds.

The square of a bound's distance from its point is what the estimate's variance is worth on that
side, so bounds of a difference follow from the bounds of its parts alone, skewed ones too
(Zou & Donner 2008, Stat. Med. 27:1693). For two proportions with Wilson's bounds it is Newcombe's
method 10 (1998, Stat. Med. 17:873).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rolloutlib.stats._numeric import floats, plain
from rolloutlib.stats.inference import Bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def difference_of_estimates(
    point1: ArrayLike, bounds1: tuple[ArrayLike, ArrayLike],
    point0: ArrayLike, bounds0: tuple[ArrayLike, ArrayLike],
) -> Bounds:  # fmt: skip
    """Return the bounds of point1 - point0, each at the confidence of the bounds that go in.

    The two have to be independent. Where they depend positively (the same users behind both), the
    bounds are wider than need be; where negatively, too narrow.

    Args:
        point1: the later estimate, in any unit; arrays broadcast.
        bounds1: its lower and upper bound, each one-sided; infinite where there is none.
        point0: the earlier estimate, in the same unit.
        bounds0: its bounds, at the same confidence.

    >>> wilson = (0.6918, 0.8770), (0.4905, 0.7004)  # of 56/70 and 48/80
    >>> difference_of_estimates(0.8, wilson[0], 0.6, wilson[1])
    Bounds(lower=0.0524, upper=0.3339)
    """
    p1, l1, u1, p0, l0, u0 = floats(point1, *bounds1, point0, *bounds0)
    change = p1 - p0
    return Bounds(
        plain(change - np.hypot(p1 - l1, u0 - p0)), plain(change + np.hypot(u1 - p1, p0 - l0))
    )
