"""Which prompts the arms share, and what one lacks beside the other."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.measure.moments import collect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "PromptCounts", "Prompts", "due_samples", "lined_up", "prompt_counts", "scan_prompts",
]  # fmt: skip

EDGE = 1e-9  # a product of whole numbers that rounding takes below one


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the arms ran, by its ids.

    Attributes:
        shared: different prompts in both arms; `union`: in either.
        absent: by arm, how many samples it lacks beside the other: of each prompt the other arm's
            samples, scaled to the arm's own number of runs, less its own.
    """

    shared: int
    union: int
    absent: Mapping[str, float]


def scan_prompts(frame: nw.LazyFrame[Any], arms: tuple[str, str], scale: float) -> Prompts:
    """Line the arms' prompts up; one group a prompt, added up where the samples are.

    Args:
        frame: the samples of both arms.
        arms: names of the control and the treatment.
        scale: how many runs the treatment has for one of the control.
    """
    in_arm = [(nw.col("arm") == arm).cast(nw.Float64).sum() for arm in arms]
    by_prompt = (
        frame.drop_nulls("prompt_id").group_by("prompt_id")
        .agg(in_arm[0].alias("old"), in_arm[1].alias("new"))
    )  # fmt: skip
    old, new = nw.col("old"), nw.col("new")
    lacking = {"lacks_new": _due(old, scale) - new, "lacks_old": _due(new, 1 / scale) - old}
    shortfalls = [
        nw.when(short > 0).then(short).otherwise(0.0).sum().alias(name)
        for name, short in lacking.items()
    ]
    both = ((old > 0) & (new > 0)).cast(nw.Int64).sum().alias("shared")
    row = collect(by_prompt.select(both, nw.len().alias("all"), *shortfalls)).to_pylist()[0]
    return Prompts(
        int(row["shared"]), int(row["all"]), {arms[0]: row["lacks_old"], arms[1]: row["lacks_new"]}
    )


def _due(theirs: nw.Expr, scale: float) -> nw.Expr:
    rows = (theirs * scale + EDGE).floor()
    once = nw.when(theirs > 0).then(1.0).otherwise(0.0)
    return nw.when(rows >= 1).then(rows).otherwise(once)


def due_samples(theirs: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return how many samples of each prompt an arm should have beside the other's, (K,).

    As many as the other's scaled to the arm's own number of runs, in whole samples: a prompt that
    the other arm has is due once at least.
    """
    return np.where(theirs > 0, np.maximum(np.floor(theirs * scale + EDGE), 1.0), 0.0)


class PromptCounts(NamedTuple):
    """Different prompts of an arm, in order, and how many samples each has."""

    hashes: NDArray[np.uint64]
    n: NDArray[np.float64]


def prompt_counts(parts: Sequence[pa.Table], arm: str) -> PromptCounts:
    """Count an arm's prompts in stored tables of arm, prompt (a hash) and n."""
    of_arm = [part.filter(pc.equal(part["arm"].cast(pa.string()), arm)) for part in parts]
    hashes = np.concatenate([part["prompt"].to_numpy() for part in of_arm] or [np.empty(0)])
    n = np.concatenate([part["n"].to_numpy() for part in of_arm] or [np.empty(0)])
    different, place = np.unique(hashes.astype(np.uint64), return_inverse=True)
    return PromptCounts(different, np.bincount(place, n, len(different)).astype(np.float64))


def lined_up(
    by_arm: Mapping[str, PromptCounts], scale: float, arms: tuple[str, str]
) -> Prompts | None:
    """Line the arms' prompts up, as `scan_prompts` does; None where an arm names none."""
    old, new = (by_arm[arm] for arm in arms)
    if not len(old.hashes) or not len(new.hashes):
        return None
    union = np.union1d(old.hashes, new.hashes)
    before, after = np.zeros(len(union)), np.zeros(len(union))
    before[np.searchsorted(union, old.hashes)] = old.n
    after[np.searchsorted(union, new.hashes)] = new.n
    absent = (
        np.maximum(due_samples(after, 1 / scale) - before, 0).sum(),
        np.maximum(due_samples(before, scale) - after, 0).sum(),
    )
    shared = int(((before > 0) & (after > 0)).sum())
    return Prompts(shared, len(union), dict(zip(arms, map(float, absent), strict=True)))
