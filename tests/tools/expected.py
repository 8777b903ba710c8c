"""What must be read of a tool's files: counted from the answers of `world`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.tools import world

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_outcomes", "outcomes"]


def outcomes(arm: str, repeats: int, *, errors: bool = True) -> Counter[str]:
    """Return how often an arm passed, failed and broke.

    Args:
        arm: v1 or v2.
        repeats: how often each question was asked.
        errors: whether the tool tells what broke from what is wrong.
    """
    statuses: Counter[str] = Counter()
    for number in range(world.SIZE):
        right = "passed" if world.is_right(arm, number) else "failed"
        broke = "error" if errors else "failed"
        statuses[broke if world.is_down(number) else right] += repeats
    return statuses


def check_outcomes(
    rows: Iterable[dict[str, Any]], arms: tuple[str, str], repeats: int, *, errors: bool = True
) -> None:
    """Check the outcomes of both arms, and that each question is one prompt of both."""
    rows = list(rows)
    for arm, called in zip(world.EVERY, arms, strict=True):
        own = [row for row in rows if row["arm"] == called]
        assert Counter(row["status"] for row in own) == outcomes(arm, repeats, errors=errors)
        counts = Counter(row["prompt_id"] for row in own)
        assert set(counts.values()) == {repeats}
        assert len(counts) == world.SIZE
    assert len({row["prompt_id"] for row in rows}) == world.SIZE
