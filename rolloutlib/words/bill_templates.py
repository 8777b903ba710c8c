"""Sentences of units in doubt, and of what few sources tell: scorers, answers of a cache."""

from __future__ import annotations

from typing import Final

__all__ = ["BILLS"]

BILLS: Final = {
    "units.latency": (
        "{share:.0%} of the latencies of arm {arm} are below 20 ms, as seconds read as "
        "milliseconds are; name their unit in source.yaml ({confirm}, if they are milliseconds)."
    ),
    "units.latency_long": (
        "{share:.0%} of the latencies of arm {arm} are above 10 minutes, as microseconds read as "
        "milliseconds are; name their unit in source.yaml ({confirm}, if they are milliseconds)."
    ),
    "units.score": (
        "No score of arm {arm} is above 1, as fractions read as points of 10 are; name their "
        "scale in source.yaml ({confirm}, if they are points)."
    ),
    "units.scorer": (
        "No score of {scorer} of arm {arm} is above 1, as fractions read as points of 10 are; name "
        "their scale in source.yaml ({confirm}, if they are points)."
    ),
    "control.nothing": "{field} is 0 in every sample of the control, so there is no ratio to it.",
    "data.cached": (
        "{rows:,} answers of arm {arm} came from a cache: they are copies of earlier ones and were "
        "left out; to measure them, ask again without the cache."
    ),
    "data.nameless": (
        "{rows:,} of {expected:,} rows of arm {arm} are like another one in everything and have no "
        "id, so nobody can tell them from copies, and no gate may pass; map sample_id or prompt_id "
        "in source.yaml."
    ),
}
