"""Sentences of the daily watch: where the rollout stands, series, signals and alarms."""

from __future__ import annotations

from typing import Final

__all__ = ["WATCHES"]

WATCHES: Final = {
    # Where the rollout stands in the plan's schedule.
    "watch.here": (
        "{week} of the plan, day {day} since {start}: it names stage {planned}, and stage {stage} "
        "is in force."
    ),
    "watch.late": (
        "Late: {week} of the plan, day {day} since {start}, names stage {planned}, and stage "
        "{stage} is in force."
    ),
    "watch.early": (
        "Ahead of the plan: {week}, day {day} since {start}, names stage {planned}, and stage "
        "{stage} is in force."
    ),
    "watch.over": (
        "The plan's last week, {week}, ended before day {day} since {start}; it names stage "
        "{planned}, and stage {stage} is in force."
    ),
    "watch.over_late": (
        "Late: the plan's last week, {week}, ended before day {day} since {start}; it names stage "
        "{planned}, and stage {stage} is in force."
    ),
    "watch.no_start": "Nothing tells when the rollout began, so its week is unknown.",
}
