"""Users inside of declared clusters: how many, in which arm, and whether each is in one."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw

from rolloutlib.measure.moments import collect

__all__ = ["People", "scan_people"]


class People(NamedTuple):
    """Users inside of clusters: of each arm, in both, and in several clusters."""

    control: int
    treatment: int
    both: int
    several: int


def scan_people(frame: nw.LazyFrame[Any], arms: tuple[str, str]) -> People:
    """Count the users inside of clusters; one group a user, added up where the samples are."""
    in_arm = [(nw.col("arm") == arm).cast(nw.Int64).max() for arm in arms]
    cluster = nw.col("cluster")
    by_user = (
        frame.drop_nulls(["user_id", "cluster"]).group_by("user_id")
        .agg(in_arm[0].alias("old"), in_arm[1].alias("new"), cluster.min().alias("first"),
             cluster.max().alias("last"))
    )  # fmt: skip
    both = (nw.col("old") * nw.col("new")).sum().alias("both")
    several = (nw.col("first") != nw.col("last")).cast(nw.Int64).sum().alias("several")
    sums = (nw.col("old").sum(), nw.col("new").sum(), both, several)
    row = collect(by_user.select(*sums)).to_pylist()[0]
    return People(*(int(row[name] or 0) for name in ("old", "new", "both", "several")))
