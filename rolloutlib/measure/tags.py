"""Issue tags: how many samples carry each, and which of them are measured."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.measure.moments import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import narwhals as nw

    from rolloutlib.measure.counts import Count

__all__ = ["NO_TAGS", "listed_tags", "tag_counts", "top_tags"]

TOP_ISSUES = 3
RISING = 5  # further tags that are measured because they may rise
NO_TAGS = ("",)  # measured where no sample has an issue: whether it tells so
CLOSE = 1.0  # standard errors by which a tag has to rise to be looked at


def tag_counts(frame: nw.LazyFrame[Any]) -> dict[tuple[str, str], int]:
    """Return how many samples of each arm carry each issue tag, by (arm, tag).

    Lists are counted as they are, then taken apart: there are few different ones.
    """
    import narwhals as nw

    flawed = frame.select("arm", "issues").filter(nw.col("issues").list.len() > 0)
    listed = flawed.group_by("arm", "issues")
    counts: dict[tuple[str, str], int] = {}
    for row in collect(listed.agg(nw.len().alias("n"))).to_pylist():
        for tag in {tag for tag in row["issues"] if tag is not None}:
            counts[row["arm"], tag] = counts.get((row["arm"], tag), 0) + row["n"]
    return counts


def top_tags(counts: Mapping[tuple[str, str], int], *, arm: str, most: int) -> tuple[str, ...]:
    """Return the tags that most samples of an arm carry, the most frequent first, equal by name."""
    carried = [(-count, tag) for (where, tag), count in counts.items() if where == arm]
    return tuple(tag for _, tag in sorted(carried)[:most])


def listed_tags(
    carried: Mapping[tuple[str, str], int], counts: Mapping[str, Count], arms: tuple[str, str],
    *, also: Iterable[str] = (),
) -> tuple[tuple[str, ...], int]:  # fmt: skip
    """Choose the tags to measure: both arms' top ones, those that rise most, and `also`.

    Returns:
        The tags, and how many of them are the control's top ones, which come first.
    """
    ranked, others = (top_tags(carried, arm=arm, most=TOP_ISSUES) for arm in arms)
    before, after = (max(counts[arm].labelled, 1) for arm in arms)
    rises: dict[str, float] = {}
    for tag in {tag for _, tag in carried}:
        old, new = (carried.get((arm, tag), 0) for arm in arms)
        pooled = (old + new) / (before + after)
        spread = (pooled * (1 - pooled) * (1 / before + 1 / after)) ** 0.5
        rises[tag] = (new / after - old / before) / spread if spread else 0.0
    rising = sorted((tag for tag in rises if rises[tag] > CLOSE), key=lambda t: (-rises[t], t))
    return tuple(dict.fromkeys((*ranked, *others, *rising[:RISING], *also))), len(ranked)
