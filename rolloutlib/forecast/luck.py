"""How far a simulated chance may be luck."""

from __future__ import annotations

from typing import Final

from rolloutlib.stats.proportions import clopper_pearson

__all__ = ["luck"]

TOGETHER: Final = 0.95  # of all intervals that are looked at


def luck(share: float, repetitions: int, looks: int = 1) -> tuple[float, float]:
    """Return between which chances the true one lies: exact, 95 % for all looks (Bonferroni).

    Args:
        share: of the repetitions in which it happened.
        repetitions: how often it was simulated.
        looks: how many such shares are looked at together.

    >>> [round(end, 3) for end in luck(0.065, 1000)]
    [0.051, 0.082]
    >>> [round(end, 3) for end in luck(0.065, 1000, looks=8)]
    [0.046, 0.089]
    """
    each = 1 - (1 - TOGETHER) / (2 * looks)
    bounds = clopper_pearson(round(share * repetitions), repetitions, confidence=each)
    return float(bounds.lower), float(bounds.upper)
