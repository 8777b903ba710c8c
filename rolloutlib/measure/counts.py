"""How many samples each arm has, which ids they carry, and what a unit of inference then is."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (pyarrow carries no types)
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from rolloutlib.measure.moments import collect, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.moments import MomentTable

__all__ = [
    "CLUSTERS", "Count", "choose_unit", "count_groups", "count_samples", "names_of", "run_scale",
    "with_different_ids",
]  # fmt: skip

CLUSTERS: Final[Mapping[Unit, str]] = {
    "user": "user_id", "prompt": "prompt_id", "sample": "arm", "cluster": "cluster",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of an arm, how many carry a user or prompt id, and how many different ones.

    Attributes:
        runs: different runs.
        labelled: samples that tell their issues, be it that there are none.
        with_cluster, people: those of a declared cluster above users, and labels of people.
    """

    samples: int
    with_user: int
    users: int
    with_prompt: int
    prompts: int
    runs: int = 0
    labelled: int = 0
    with_cluster: int = 0
    people: int = 0


def count_samples(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> dict[str, Count]:
    """Count samples and what they carry; an arm without any has zeros.

    Different users and runs are not counted: `with_different_ids` takes them from groups.
    """
    prompt = nw.col("prompt_id")
    aggregates = {
        "with_user": nw.col("user_id").count(), "with_prompt": prompt.count(),
        "prompts": prompt.n_unique(), "labelled": nw.col("issues").count(),
        "with_cluster": nw.col("cluster").count(),
        "people": nw.col("human_passed").count() + nw.col("human_score").count(),
    }  # fmt: skip
    named = [expression.alias(name) for name, expression in aggregates.items()]
    by_arm = frame.group_by("arm").agg(nw.len().alias("samples"), *named)
    rows = {row.pop("arm"): row for row in collect(by_arm).to_pylist()}
    nothing = dict.fromkeys(("samples", *aggregates), 0)
    return {arm: _count(rows.get(arm, nothing)) for arm in arms}


def _count(row: dict[str, int]) -> Count:
    """Take null out of the different prompts, where it counts as one of its own."""
    without_null = row["prompts"] - (row["with_prompt"] < row["samples"])
    return Count(**row | {"users": 0, "prompts": without_null})


def choose_unit(counts: Mapping[str, Count]) -> tuple[Unit, float]:
    """Choose what a cluster is: a declared one, else users, else prompts, else the sample itself.

    The first that any sample names. Samples of one user are not independent, so a user id that only
    some samples carry leaves the dependence unknown.

    Returns:
        The unit, and the smaller arm's share of samples that name it.

    >>> choose_unit({"control": Count(4, 0, 0, 4, 2), "treatment": Count(4, 0, 0, 3, 2)})
    ('prompt', 0.75)
    """
    every = counts.values()
    naming: dict[Unit, list[int]] = {"cluster": [count.with_cluster for count in every],
                                    "user": [count.with_user for count in every],
                                    "prompt": [count.with_prompt for count in every]}  # fmt: skip
    sizes = [max(count.samples, 1) for count in every]
    for unit, carrying in naming.items():
        shares = [n / size for n, size in zip(carrying, sizes, strict=True)]
        if max(shares) > 0:
            return unit, min(shares)
    return "sample", 1.0


def count_groups(frame: nw.LazyFrame[Any], unit: Unit) -> MomentTable:
    """Count the samples of each arm, run and cluster, and measure nothing."""
    return scan(frame, {}, by={"arm": "arm", "run_id": "run_id", "cluster": CLUSTERS[unit]})


def names_of(groups: MomentTable, arm: str, key: str) -> list[str]:
    """Return the different names that an arm's groups carry under a key."""
    of_arm = groups.where(arm=arm).keys[key]
    labels = [of_arm.labels[code] for code in np.unique(of_arm.codes).tolist()]
    return [label for label in labels if label is not None]


def with_different_ids(
    counts: Mapping[str, Count], groups: MomentTable, unit: Unit, frame: nw.LazyFrame[Any]
) -> dict[str, Count]:
    """Add how many different runs and users each arm has; users are read again inside clusters."""
    users = dict.fromkeys(counts, 0)
    if unit == "user":
        users = {arm: len(names_of(groups, arm, "cluster")) for arm in counts}
    elif unit == "cluster":
        of_user = scan(frame.drop_nulls("user_id"), {}, by={"arm": "arm", "user": "user_id"})
        users = {arm: len(names_of(of_user, arm, "user")) for arm in counts}
    return {
        arm: replace(count, users=users[arm], runs=len(names_of(groups, arm, "run_id")))
        for arm, count in counts.items()
    }


def run_scale(counts: Mapping[str, Count], arms: tuple[str, str]) -> float:
    """Return how many runs the treatment has for one of the control."""
    return counts[arms[1]].runs / counts[arms[0]].runs
