"""What declared clusters (documents, conversations, teams) lose as a whole.

They are few, and what falls often falls in all of one: a bound that reads its variance off twenty
documents passes a limit in 10 % of studies instead of 5 %, since those that saw no document fall
have a good point and a small variance. Users and prompts keep the bounds that docs/calibration.md
holds to their promise; of them many are due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rolloutlib.measure.bounds import clustered
from rolloutlib.stats import effective
from rolloutlib.stats.inference import Bounds, ClusterInference

if TYPE_CHECKING:
    from rolloutlib.measure.bounds import Inference, Pattern
    from rolloutlib.measure.design import Compared
    from rolloutlib.plan.model import Evidence

__all__ = ["icc_of_losses", "pattern_of_whole", "widened_by_whole"]

_ALIKE: Final = 3.0  # times the floor of exact bounds is how alike a cluster loses


def icc_of_losses(arms: Compared, rules: Evidence) -> float:
    """Return how alike the samples of a cluster are taken to lose; 0 where it is not declared."""
    return min(_ALIKE * rules.icc_floor, 0.99) if arms.unit == "cluster" else 0.0


def widened_by_whole(
    score: Inference, robust: Inference, arms: Compared, rules: Evidence
) -> Bounds:
    """Return a score's bounds of a difference of proportions, widened twice.

    For the skewness of the clusters that fell (Hall 1992, as of scores), and for those of which
    none did (`effective.with_unseen_losses`).

    Args:
        score: with the bounds of the score.
        robust: with the clusters' own, widened for skewness.
        arms: both arms.
        rules: the plan's.
    """
    if not (icc := icc_of_losses(arms, rules)):
        return score.bounds
    lower = np.maximum(np.minimum(score.bounds.lower, robust.bounds.lower), -1.0)
    upper = np.minimum(np.maximum(score.bounds.upper, robust.bounds.upper), 1.0)
    difference = ClusterInference(robust.point, robust.se, robust.df)  # type: ignore[arg-type]
    n1, _, n0, _ = clustered(arms)
    squares = (np.sum((n / n.sum(axis=-1, keepdims=True)) ** 2, axis=-1) for n in (n1, n0))
    return effective.with_unseen_losses(
        Bounds(lower, upper), difference, np.maximum(*squares), icc=icc,  # type: ignore[arg-type]
        confidence=rules.confidence,
    )  # fmt: skip


def pattern_of_whole(pattern: Pattern, arms: Compared, rules: Evidence) -> Pattern:
    """Return how such bounds narrow: at the limit, clusters differ in what was not seen."""
    icc = icc_of_losses(arms, rules)
    distance, variance = np.asarray(pattern.distance), np.asarray(pattern.variance)
    unseen = icc * distance * (1.0 - np.minimum(distance, 1.0))
    more = np.where(variance > 0, unseen / np.where(variance > 0, variance, 1.0), 0.0)
    return pattern._replace(null=pattern.null + more)
