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
    # What the day comes to.
    "watch.calm": "On {days} days with data of both arms nothing asks for anything.",
    "watch.empty": "No run of this stage started in the days that are watched.",
    "watch.empty_since": (
        "No run of this stage started in the days that are watched; the newest one started at "
        "{newest}."
    ),
    "watch.incidents_unread": "The log of incidents cannot be read: {message}",
    "watch.of": "{metric}: {why}",
    "watch.of_issue": "{metric} ({tag}): {why}",
    "watch.one_arm": "No day has data of both arms, so nothing can be compared.",
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
    # What each feature's risk demands.
    "watch.no_treatment": "The treatment has no sample on the days that are watched.",
    "watch.no_day": "No sample of the days that are watched tells it.",
    "watch.flags_told": "as the runs tell",
    "watch.flags_planned": "by the plan, as the runs do not tell their flags",
    "watch.flag_same": (
        "{title} is {setting} in both arms ({how}), so on and off cannot be compared."
    ),
    "watch.flag_untold": (
        "Neither the runs nor the plan tell whether {title} is on in each arm, so on and off "
        "cannot be compared."
    ),
    "watch.flag_mixed": (
        "{title} does not have one value in each arm, so on and off cannot be compared."
    ),
    "watch.no_latency": "An arm tells no latency, so on and off cannot be compared.",
    "watch.latency": (
        "With {title} on ({how}), latency is {value} of that with it off; bounds {lower} and "
        "{upper}, limit {limit}."
    ),
    "watch.no_veto": "No sample was vetoed ({count:,} tell it).",
    "watch.no_reason": "No veto reason was told ({count:,} samples were vetoed; field vetoReason).",
    "watch.vetoes_one": (
        "{count:,} vetoes under {profiles}, most often for {reason} ({share:.0%}); {unknown:,} "
        "tell no reason."
    ),
    "watch.vetoes": (
        "{count:,} vetoes under {profiles}, most often for {reason} ({share:.0%}); {unknown:,} "
        "tell no reason. That reasons do not depend on the profile: p = {p:.3g} (Cramér's V "
        "{strength:.2f})."
    ),
    "watch.tags": (
        "{each:.2f} suggested tags a sample ({count:,} samples tell them). Too many or opposed "
        "ones: {value} (bounds {lower} and {upper}), of them {many:,} samples with more than "
        "{most} and {against:,} with an opposed pair. {edits}"
    ),
    "watch.edits": "People changed {value} of {count:,} suggestions that they confirmed.",
    "watch.no_edits": "No sample tells whether people changed the suggestions.",
    "watch.mix": "Difficulty against the plan: over the days watched {whole}; on {day} {today}.",
    "watch.mix_within": (
        "KL {kl:.4f} nats, within chance or the plan's limit ({count:,} samples; chance "
        "{chance:.4f})"
    ),
    "watch.mix_beyond": (
        "KL {kl:.4f} nats, more than chance and the plan's limit ({count:,} samples; chance "
        "{chance:.4f})"
    ),
    "watch.mix_few": "too few people to tell ({count:,} samples)",
    "watch.mix_off": (
        "The difficulty mix is off in the treatment, so it is not held against the plan."
    ),
    "watch.copies": (
        "{count:,} rows of the treatment were left out because they repeat others ({value}; "
        "bounds {lower} and {upper}). {tags}"
    ),
    "watch.duplicate_tag": "The issue {tag} is on {value} of its samples.",
    "watch.no_duplicate_tag": "No sample tells the issue that the register names for duplicates.",
    "watch.style": (
        "{value} style violations a sample ({count:,} samples; bounds {lower} and {upper}). "
        "{beside}"
    ),
    "watch.style_beside": (
        "That is {value} of the control's (bounds {lower} and {upper}, limit {limit})."
    ),
    "watch.style_alone": "The control has none to compare with.",
    "watch.no_mode": "No run of the treatment tells its mode.",
    "watch.mode_one": (
        "All runs of the treatment that tell it ran in {mode} ({count:,}; {untold:,} do not tell)."
    ),
    "watch.modes": (
        "The treatment ran in several modes; what passed in {mode} is {value} against "
        "{other_mode} (bounds {lower} and {upper})."
    ),
    # Alarms: harm and errors.
    "watch.since_first": "since the first day",
    "watch.recent": "over the last {days} days",
    "watch.that_day": "on that day",
    "watch.harm": (
        "{metric}{tag}: {change} against the control {over}, at least {best}; seen on {day}. "
        "Without harm any such alarm comes in at most {error:.0%} of rollouts."
    ),
    "watch.harm_allowed": (
        "{metric}{tag}: {change} against the control {over}, at least {best}; seen on {day}. "
        "It is worse, but within what the plan allows ({limit})."
    ),
    "watch.harm_ratio": (
        "{metric}{tag}: {value} of the control {over}, at least {best}, where the plan allows "
        "{limit}; seen on {day}. Without harm any such alarm comes in at most {error:.0%} of "
        "rollouts."
    ),
    "watch.harm_level": (
        "{metric}{tag}: {value} {over}, at least {best}, where the plan's limit is {limit}; seen "
        "on {day}. Within it any such alarm comes in at most {error:.0%} of rollouts."
    ),
    "watch.surge": (
        "Errors and timeouts: {value} {over}, where the plan's limit is {limit}; seen on {day}. "
        "{control} Without harm such an alarm comes in at most {error:.0%} of rollouts."
    ),
    "watch.surge_both": (
        "Errors and timeouts: {value} {over}, where the plan's limit is {limit}; seen on {day}. "
        "{control} Both arms have them, so a rollback would not end them."
    ),
    "watch.errors_rose": (
        "Errors and timeouts rose: {value} {over}, within the plan's limit of {limit}; seen on "
        "{day}. {control}"
    ),
    "watch.errors_over": (
        "Errors and timeouts: {value} {over} ({count} in all, {most} of one person), beyond the "
        "plan's limit of {limit}; nobody can tell yet whether it is more than chance. {control}"
    ),
    "watch.control_errors": "The control has {value}.",
    # Alarms: what people report.
    "watch.blocked": (
        "Users report being blocked since {since}: {what} ({name}, {severity}; open reports: "
        "{count})."
    ),
    "watch.incident": (
        "An incident is open since {since}: {what} ({name}, {severity}; open ones of that weight: "
        "{count})."
    ),
    "watch.incidents": (
        "{count} incidents within {hours} hours, where the plan allows {most}; the latest: "
        "{latest}."
    ),
    # Alarms: the feed.
    "watch.nothing": "There are no data that count: the watch sees nothing.",
    "watch.stopped": (
        "The feed has stopped: the last data are of {last}, and now it is {now} (days without "
        "data: {days})."
    ),
    "watch.arm_never": "The arm {arm} has no data, while {other} has.",
    "watch.arm_stopped": (
        "The arm {arm} has no data since {last}, while {other} goes on (days: {days})."
    ),
    "watch.gaps": "Days without data: {days}.",
    "watch.thin": "The arm {arm} has {count} samples on {day}, where {usual} are usual.",
    "watch.vanished": (
        "{title} has vanished: of the arm {arm} {told} samples tell it since {day}, where {due} "
        "should."
    ),
    "watch.frozen": (
        "The arm {arm} has the same values on {day} as on {other}, number by number: the feed "
        "repeats itself."
    ),
    "watch.undated": (
        "{samples} samples are of runs that do not tell their start: they are of no day."
    ),
    "watch.at_once": "{count} runs of the arm {arm} are said to have started at one moment, {at}.",
    "watch.backwards": (
        "A clock jumps: run {run} of the arm {arm} is dated {at}, before the run that its number "
        "follows."
    ),
}
