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
    # A metric of a day: its light, and what it means beside the days before.
    "watch.lit": "{light} {trend}",
    "watch.light_none": "The light is amber: no day has a value, so nobody can tell.",
    "watch.light_few": (
        "The light is amber: {count:,} samples cannot tell ({value}, bounds {lower} and {upper})."
    ),
    "watch.light_sure": (
        "The light is {colour}, and the day's bounds ({lower} and {upper}) are too."
    ),
    "watch.light_spans": (
        "The light is {colour} by the day's value alone: its bounds ({lower} and {upper}) reach"
        " into {reaches}."
    ),
    "watch.untold": "No sample of the treatment tells it (field {field}).",
    "watch.first": "{value} on {day}; the days before it ({before}) are too few to compare with.",
    "watch.steady": (
        "{value} on {day}, within chance: the {before} days before let expect {lower} to {upper}."
    ),
    "watch.fell": (
        "Fell to {value} on {day}, below what the {before} days before let expect ({lower} to "
        "{upper}); days in a row: {run}."
    ),
    "watch.rose": (
        "Rose to {value} on {day}, above what the {before} days before let expect ({lower} to "
        "{upper}); days in a row: {run}."
    ),
    # (end of series and signals)
}
