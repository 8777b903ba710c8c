"""Checks, scalars in and out, and a root finder which works on whole arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

FloatArray: TypeAlias = NDArray[np.float64]
Alternative: TypeAlias = Literal["greater", "less", "two-sided"]

TINY = float(np.finfo(np.float64).tiny)
_ROUNDING = 1e-15  # data that are this close to the null equal it


def check_between(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low < value < high (so NaN is refused)."""
    if not low < value < high:
        message = f"{name} == {value}, must be between {low:g} and {high:g}."
        raise ValueError(message)


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless the confidence of a bound lies strictly between 0 and 1."""
    check_between("confidence", confidence, 0, 1)


def floats(*values: ArrayLike) -> tuple[FloatArray, ...]:
    """Return every argument as an array of floats."""
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


def counts(x: ArrayLike, n: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return events and trials as arrays; ValueError unless 0 <= x <= n (so NaN is refused)."""
    x, n = floats(x, n)
    if not np.all((x >= 0) & (x <= n) & np.isfinite(n)):
        message = f"x == {x}, n == {n}, must be counts with 0 <= x <= n."
        raise ValueError(message)
    return x, n


def plain(value: ArrayLike) -> float:
    """Return a number of no dimension as a float, and an array as it is.

    Typed as a float, which is what callers with one sample have.
    """
    array = np.asarray(value, dtype=np.float64)
    return float(array) if array.ndim == 0 else cast("float", array)


def or_one(value: ArrayLike) -> FloatArray:
    """Return the value where it is above 0, else 1: a divisor for what is replaced afterwards."""
    value = np.asarray(value, dtype=np.float64)
    return np.where(value > 0, value, 1.0)


def log_factorial(n: ArrayLike) -> FloatArray:
    """Return log(n!)."""
    return special.gammaln(np.asarray(n, dtype=np.float64) + 1.0)


def last_true(
    holds: Callable[[FloatArray], NDArray[np.bool_]],
    low: ArrayLike,
    high: ArrayLike,
    *,
    steps: int = 54,
) -> FloatArray:
    """Return, by bisection, where `holds` turns from true (towards low) to false."""
    low, high = (np.array(edge, dtype=np.float64) for edge in np.broadcast_arrays(low, high))
    for _ in range(steps):
        middle = 0.5 * (low + high)
        true = holds(middle)
        low, high = np.where(true, middle, low), np.where(true, high, middle)
    return 0.5 * (low + high)


def score_limits(
    score: Callable[[FloatArray], FloatArray], z: float, low: ArrayLike, high: ArrayLike, *,
    steps: int = 54,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Return where a falling score is z and where it is -z, both by one run of `last_true`.

    Args:
        score: of values with a leading axis of two before those of the edges.
        z: the limit, above 0.
        low: the lower edge of both. (...)
        high: the upper edge of both; edges broadcast.
        steps: halvings.
    """
    edges = np.broadcast_arrays(*floats(low, high))
    limit = np.array([z, -z]).reshape(2, *[1] * edges[0].ndim)
    lower, upper = last_true(
        lambda value: score(value) > limit, *(np.stack([edge, edge]) for edge in edges), steps=steps
    )
    return lower, upper


def z_of(distance: FloatArray, variance: FloatArray, scale: ArrayLike = 1.0) -> FloatArray:
    """Return distance/sqrt(variance); 0 where the distance is rounding of `scale`.

    Infinite without variance.
    """
    # A null at the edge of its range has no variance.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(
            np.abs(distance) <= _ROUNDING * np.asarray(scale), 0.0, distance / np.sqrt(variance)
        )


def fillings(total: int, caps: ArrayLike) -> FloatArray:
    """Return every way to put `total` things into boxes that hold at most `caps`: (ways, boxes).

    >>> fillings(2, [1, 2])
    array([[0., 2.],
           [1., 1.]])
    """
    caps = np.asarray(caps, dtype=np.int64)
    room_after = np.append(np.cumsum(caps[::-1])[::-1], 0)[1:]
    rows, left = np.zeros((1, 0), dtype=np.int64), np.array([total], dtype=np.int64)
    for cap, room in zip(caps, room_after, strict=True):
        fewest = np.maximum(left - room, 0)
        choices = np.maximum(np.minimum(left, cap) - fewest + 1, 0)
        parent = np.repeat(np.arange(left.size), choices)
        first = np.cumsum(choices) - choices
        value = np.arange(parent.size) - first[parent] + fewest[parent]
        rows, left = np.column_stack([rows[parent], value]), left[parent] - value
    return rows.astype(np.float64)
