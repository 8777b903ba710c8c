"""How often a verdict would differ on a repeat: draws of units, and shares of verdicts.

An eval run again meets other prompts of the same kind, so a repeat is a draw of prompts (users,
clusters) with replacement (the bootstrap of a decision: Efron & Tibshirani 1993, section 25.2;
Miller 2024, "Adding error bars to evals", arXiv:2411.00640, section 2 for why the question is the
unit). Where both arms are drawn from one pool there is nothing to find, and what differs between
two such repeats is the noise of the eval by itself (A/A).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rolloutlib.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.stats._numeric import FloatArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Draws", "Flip", "drawn", "flip", "pooled", "repeats_for", "taken"]

MOST_REPEATS, FEWEST_REPEATS = 400, 50
_SIDE, _Z = 0.975, 1.96  # of a 95 % interval
CELLS = 300_000  # repeats times units, so that a repeat costs what it may


class Draws(NamedTuple):
    """Which units a repeat has in which arm; every array is (repeats, units).

    Attributes:
        one, zero: the unit whose values the treatment and the control have at a place; -1 is none.
        swap: where the arms have exchanged their values.
    """

    one: Ints
    zero: Ints
    swap: Flags


class Flip(NamedTuple):
    """How often verdicts differ.

    Attributes:
        rate: share that differs from the verdict at hand, or of pairs that differ.
        lower, upper: its 95 % interval, from the number of repeats alone.
    """

    rate: float
    lower: float
    upper: float


def repeats_for(units: int) -> int:
    """Return how many repeats so many units allow; 0 where they are too many.

    >>> repeats_for(200), repeats_for(4000), repeats_for(1_000_000)
    (400, 75, 0)
    """
    many = CELLS // max(units, 1)
    return 0 if many < FEWEST_REPEATS // 5 else int(np.clip(many, FEWEST_REPEATS, MOST_REPEATS))


def drawn(treated: Flags, control: Flags, repeats: int, rng: np.random.Generator) -> Draws:
    """Draw units with replacement among those of the same arms, so that arms keep their sizes.

    Args:
        treated: which units have samples in the treatment. (units,)
        control: likewise in the control.
        repeats: how often.
        rng: the source of chance.
    """
    both, only_treated, only_control = _places(treated, control)
    shared, of_treated, of_control = (
        _draw(places, len(places), repeats, rng) for places in (both, only_treated, only_control)
    )
    return _laid(shared, of_treated, of_control, np.zeros(shared.shape, dtype=np.bool_))


def pooled(treated: Flags, control: Flags, repeats: int, rng: np.random.Generator) -> Draws:
    """Draw both arms from one pool: shared units exchange their arms by a coin; arguments as above.

    Units of one arm alone are drawn for either arm from those of both.
    """
    both, only_treated, only_control = _places(treated, control)
    pool = np.concatenate([only_treated, only_control])
    shared = _draw(both, len(both), repeats, rng)
    of_treated, of_control = (
        _draw(pool, len(places), repeats, rng) for places in (only_treated, only_control)
    )
    return _laid(shared, of_treated, of_control, rng.integers(2, size=shared.shape) > 0)


def _places(treated: Flags, control: Flags) -> tuple[Ints, Ints, Ints]:
    """Return the units of both arms, of the treatment alone and of the control alone."""
    masks = (treated & control, treated & ~control, control & ~treated)
    both, only_treated, only_control = map(np.flatnonzero, masks)
    return both, only_treated, only_control


def _draw(places: Ints, size: int, repeats: int, rng: np.random.Generator) -> Ints:
    if not len(places):
        return np.empty((repeats, 0), dtype=np.int64)
    return places[rng.integers(len(places), size=(repeats, size))]


def _laid(shared: Ints, of_treated: Ints, of_control: Ints, swap: Flags) -> Draws:
    """Lay the three kinds of units side by side."""
    treated = np.concatenate([shared, of_treated, np.full_like(of_control, -1)], axis=1)
    control = np.concatenate([shared, np.full_like(of_treated, -1), of_control], axis=1)
    alone = np.zeros((len(shared), of_treated.shape[1] + of_control.shape[1]), dtype=np.bool_)
    return Draws(treated, control, np.concatenate([swap, alone], axis=1))


def taken(draws: Draws, treated: FloatArray, control: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the values that both arms have in every repeat; 0 where an arm lacks the unit.

    A unit that is in one arm alone brings its own values into whichever arm it is drawn for.

    Args:
        draws: which units.
        treated: values of the treatment, 0 where it lacks the unit. (units,)
        control: of the control.
    """
    alone = (draws.one < 0) | (draws.zero < 0)
    whole = treated + control
    of_treated = np.where(
        alone, whole[draws.one], np.where(draws.swap, control[draws.one], treated[draws.one])
    )
    of_control = np.where(
        alone, whole[draws.zero], np.where(draws.swap, treated[draws.zero], control[draws.zero])
    )
    return np.where(draws.one < 0, 0.0, of_treated), np.where(draws.zero < 0, 0.0, of_control)


def flip(verdicts: NDArray[np.int64], own: int | None = None) -> Flip:
    """Return how often repeats differ from a verdict, or without one, two repeats from each other.

    Args:
        verdicts: of each repeat, as numbers. (repeats,)
        own: the verdict at hand.

    >>> flip(np.array([2, 2, 1, 2]), own=2).rate
    0.25
    >>> flip(np.array([2, 2, 1, 1])).rate  # of the six pairs four differ
    0.6666666666666666
    """
    repeats = len(verdicts)
    if own is not None:
        differ = int(np.count_nonzero(verdicts != own))
        return Flip(differ / repeats, *clopper_pearson(differ, repeats, confidence=_SIDE))
    _, counts = np.unique(verdicts, return_counts=True)
    share = counts / repeats
    rate = float((1 - np.sum(share**2)) * repeats / max(repeats - 1, 1))
    spread = float(np.sum(share**3) - np.sum(share**2) ** 2)
    margin = _Z * 2 * (max(spread, 0.0) / repeats) ** 0.5
    # Repeats that all agree have no spread: as many as the exact bound allows may differ yet.
    others = min(clopper_pearson(repeats - counts.max(), repeats, confidence=_SIDE).upper, 0.5)
    least = 2 * others * (1 - others)
    return Flip(rate, max(rate - margin, 0.0), min(max(rate + margin, least), 1.0))
