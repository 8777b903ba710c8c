"""Code → sentence, for every reason there is: a table, in English; the catalogue translates it."""

from __future__ import annotations

from typing import Final

from rolloutlib.words.bill_templates import BILLS
from rolloutlib.words.carry_templates import CARRIES
from rolloutlib.words.check_templates import CHECKS
from rolloutlib.words.draft_templates import DRAFTS
from rolloutlib.words.issue_templates import ISSUES
from rolloutlib.words.label_templates import LABELS
from rolloutlib.words.moved_templates import MOVES
from rolloutlib.words.pair_templates import PAIRS
from rolloutlib.words.risk_templates import RISKS
from rolloutlib.words.slice_templates import SLICES
from rolloutlib.words.source_templates import SOURCES
from rolloutlib.words.trace_templates import TRACES
from rolloutlib.words.watch_templates import WATCHES

__all__ = ["TEMPLATES"]

TEMPLATES: Final = {
    # What a gate lacks.
    "field.missing": "no sample carries the field {field}.",
    "field.missing_in_arm": "no sample of arm {arm} carries the field {field}.",
    "control.no_event": "the control arm has no event, so there is no ratio to it.",
    "unit.gaps": (
        "Only {share:.0%} of the samples name their {unit}, so their dependence is unknown."
    ),
    "clusters.few": "Only {clusters} {unit}s an arm; a bound needs at least {least}.",
    "clusters.unseen": (
        "With {clusters} {unit}s, trouble that fewer than {share:.0%} of all {unit}s have can be "
        "missed altogether; {total} show what 1% have. Bounds of rates hold where the samples of a "
        "{unit} correlate by up to 0.2."
    ),
    "clusters.shared": (
        "{count:,} users are in several clusters, so that these are not independent; give each "
        "user one cluster, or leave the column out."
    ),
    "clusters.per_user": (
        "A mean of users is not computed where clusters above them are declared; use estimand: "
        "per_sample."
    ),
    "clusters.heavy": (
        "A few {unit}s carry nearly all samples ({df:.1f} degrees of freedom); a bound needs at "
        "least {least:g}."
    ),
    # How the arms compare, and whether they can.
    "design.independent": "Two independent groups of samples.",
    "design.paired": "{pairs:,} pairs: the same {unit} in both arms.",
    "design.nested": "Clusters: each {unit} is in one arm ({control:,} and {treatment:,}).",
    "design.crossed": (
        "Paired clusters: {pairs:,} {unit}s are in both arms, each with several samples."
    ),
    "design.partly": ("Clusters, some of them in both arms: {pairs:,} of {union:,} {unit}s are."),
    "arms.swapped": (
        "The arms are named the other way round: the runs' control was given as treatment; swap "
        "--control and --treatment."
    ),
    "profiles.differ": (
        "The arms ran under different guardian profiles ({control} and {treatment}), so they "
        "cannot be compared."
    ),
    "arms.sample_ratio": (
        "Sample-ratio mismatch: {control:,} and {treatment:,} users where the plan splits them "
        "{planned_control:,.0f} to {planned_treatment:,.0f} (p = {p:.1g}); who is missing is not "
        "random."
    ),
    "arms.row_ratio": (
        "Sample-ratio mismatch: {control:,} and {treatment:,} samples where the plan splits them "
        "{planned_control:,.0f} to {planned_treatment:,.0f} (p = {p:.1g}); if the split was meant, "
        "say so in plan.yaml (allocation)."
    ),
    "look.spent": (
        "This is look {number} of {planned} planned: the error that the stage may make is spent; "
        "plan more looks or bring a new candidate (new by its flags or strategy hash, or where no "
        "run tells them by the arm's name)."
    ),
    "source.refused": "{message}",
    # What a reader should know.
    **SOURCES,
    "segments.unmapped": (
        "The plan asks for segments by {segment}, which the source does not name: add "
        '"segments: {{{segment}: <its column>}}" to source.yaml, or take {segment} out of '
        "evidence.segments."
    ),
    "segments.misspelled": (
        "The plan asks for segments by {segment}, which the source does not name; its segments:"
        " in source.yaml has {near}. One of the two spellings is wrong."
    ),
    "segments.crowded": (
        "The plan asks for segments by {segment}, which has {values:,} values; {most:,} are the"
        " most. What has so many is an id: it can filter samples, but it is no segment."
    ),
    "segments.alike": (
        "The plan asks for segments by {segment}, of which the samples tell fewer than two "
        "values (segments: in source.yaml)."
    ),
    "runs.no_start": "{count} of {among} runs have no start time.",
    "runs.no_samples": "{count} of {among} runs have no samples.",
    "arms.imbalance": (
        "The arms' cluster counts differ by more than 2 : 1; the bounds are then slightly too "
        "narrow (they fail in up to 7 % instead of 5 % of simulated reviews)."
    ),
    "pairs.dropped": (
        "{dropped} samples have no partner in the other arm and are left out of the paired "
        "comparison."
    ),
    "aside.stages": "{count} runs belong to other stages than {stage}.",
    "aside.later": "{count} runs started after {moment}.",
    "runs.differ": (
        "The control has {control} runs and the treatment {treatment}; nobody can see here whether "
        "runs were left out."
    ),
    "time.apart": (
        "The arms were not measured at the same time: the control from {control_first} to "
        "{control_last}, the treatment from {treatment_first} to {treatment_last} (UTC); "
        "{share:.0%} of the samples have one of the other arm within {hours:g} hours. What "
        "changed in between would count as an effect: let both arms run in turns, or measure the "
        "control again."
    ),
    "time.partly": (
        "Only {share:.0%} of the samples have one of the other arm within {hours:g} hours (the "
        "control ran from {control_first} to {control_last}, the treatment from "
        "{treatment_first} to {treatment_last}, UTC); what changed over time may look like an "
        "effect. Let both arms run in turns."
    ),
    "drift.worse": (
        "{gate}: the last {late} runs say {value}, the {early} before {point} (p = {p:.2g} after "
        "Holm's correction). They do not measure the same thing: find what changed in between, "
        "and judge the runs since then."
    ),
    "drift.harmless": (
        "{gate}: the last {late} runs say {value}, the {early} before {point} (p = {p:.2g} after "
        "Holm's correction). They do not measure the same thing, though the last ones alone prove "
        "the limit of this stage."
    ),
    "drift.better": (
        "{gate}: the last {late} runs say {value}, the {early} before {point} (p = {p:.2g} after "
        "Holm's correction). They do not measure the same thing, though it got better; the "
        "evidence pools all of them."
    ),
    "drift.none": (
        "{gate}: later runs differ from earlier ones by no more than chance (p = {p:.2g} after "
        "Holm's correction, {runs} runs)."
    ),
    "drift.few": (
        "{gate}: with {runs} runs nobody can tell a drift from chance; a test needs {least} that "
        "started at different times."
    ),
    "drift.no_order": (
        "{gate}: not every run tells when it started, so the runs stand by name and a drift "
        "cannot be tested."
    ),
    "users.both": (
        "{count:,} users are in both arms of a comparison that gives each user one arm; they count "
        "as one user each."
    ),
    "data.copies": (
        "{rows:,} rows of arm {arm} repeat others in everything but run, file and date; each "
        "counts once."
    ),
    "data.word_in_arm": "{rows:,} rows of arm {arm} have an outcome that nobody knows: {word}.",
    # What is missing.
    "data.word": "{word} ({rows:,})",
    "data.unreadable": (
        "{share:.1%} of the rows of arm {arm} could not be read ({rows:,} of {expected:,}, at most "
        "{most:.0%}), so no gate may pass."
    ),
    "data.unreadable_words": (
        "{share:.1%} of the rows of arm {arm} could not be read ({rows:,} of {expected:,}, at most "
        "{most:.0%}), so no gate may pass; unknown words for an outcome: {words}."
    ),
    "data.absent": (
        "{share:.1%} of the samples of arm {arm} are missing ({rows:,} of {expected:,}, at most "
        "{most:.0%}): the other arm has them, so no gate may pass."
    ),
    "data.absent_unlike": (
        "The arms do not lack samples alike: {control:,} of the control's are missing and "
        "{treatment:,} of the treatment's (p = {p:.1g}), so no gate may pass."
    ),
    "data.mend": "Mend the data: {why}",
    "missing.share": (
        "{share:.1%} of arm {arm} have no {field} ({rows:,} of {expected:,}, at most {most:.0%}); "
        "what is missing may be what is bad."
    ),
    "missing.differs": (
        "The arms do not lack {field} alike: {control:,} of the control's are missing and "
        "{treatment:,} of the treatment's (p = {p:.1g}); the difference may be what is missing."
    ),
    "missing.worst": (
        "{share:.1%} of arm {arm} are missing ({rows:,} of {expected:,}); if all of them are bad, "
        "it could be {worst}, and the limit {limit} is not proven."
    ),
    # Did both arms run the same thing, and what the plan says.
    "material.overlap": (
        "The arms ran different prompts: {shared:,} of {union:,} are in both ({share:.0%}, at "
        "least {least:.0%}), {alone:,} have no partner."
    ),
    "material.mix": (
        "The arms have another mix of {by}: {named} is {control:.1%} of the control and "
        "{treatment:.1%} of the treatment (p = {p:.1g}), so they are not alike."
    ),
    "config.flags_differ": (
        "Arm {arm} ran with {flags}; the plan says {planned} at stage {stage}, so this is not what "
        "would be decided."
    ),
    "config.flags_unknown": (
        "The arms differ in flags that the plan does not know ({flags}: control | treatment), so "
        "this is not what would be decided."
    ),
    "config.flags_mixed": "The runs of arm {arm} differ in their flags: {flags}.",
    "config.flags_untold": "Only {count} of {runs} runs of arm {arm} tell their flags.",
    "config.profiles_mixed": (
        "The runs of arm {arm} have {count} guardian profiles ({values}); expected one."
    ),
    "config.hashes_mixed": (
        "The runs of arm {arm} have {count} strategy hashes ({values}), so they are not one "
        "candidate."
    ),
    "config.seeds_mixed": "Some runs of arm {arm} have a seed and others none.",
    "stage.over_cap": (
        "{users:,} users took part in the treatment; the stage is for at most {cap:,}."
    ),
    # What bounds prove.
    "evidence.none": "There are no samples to judge.",
    "bound.clears": "The bound clears the limit of this stage.",
    "bound.broken": "Even the favourable bound misses the limit: the breach is proven.",
    "evidence.unseen": (
        "The bound clears the limit {limit}, but {units:,} {unit}s can all miss a trouble that "
        "{share:.1%} of all {unit}s have; at its worst that makes it {value}. {enough:,} {unit}s "
        "would show it."
    ),
    "evidence.outage": (
        "No error bound holds for what no run had: an outage in one run of three is missed by "
        "{runs} runs in {missed:.0%} of reviews; {enough} runs show it."
    ),
    "bound.undecided": "The data prove neither that the limit holds nor that it is broken.",
    # Why this recommendation.
    "gate.subject": "{gate} ({subject})",
    "gate.broken": "{gate}: {point}, at best {best}; the limit {limit} is proven broken.",
    "gate.refused": "{gate}: the plan's rule fails, {value} against a limit of {limit}.",
    "gate.tolerated": (
        "{gate}: {value} misses the plan's {side} {limit} by less than the declared {tolerance}; "
        "the evidence passes: within tolerance."
    ),
    "gate.tolerated_worst": (
        "{gate}: {value}, but {worst} if all that is missing is bad; that misses the plan's {side} "
        "{limit} by less than the declared {tolerance}; the evidence passes: within tolerance."
    ),
    "gate.unproven": (
        "{gate}: {point}, but it could be as bad as {worst}; the limit {limit} is not proven."
    ),
    "gates.blocked": "{gate}: {why}",
    "gates.empty": "There are no data for: {gates}.",
    "gates.silent": "The last runs hold no value for: {gates}.",
    "runs.few": "The plan averages the last {wanted} runs; there are {runs}.",
    "segment.loss": (
        "Hidden loss: the pass rate of {by} {value} changes by {change} (p = {p:.2g} after Holm's "
        "correction)."
    ),
    "segment.worse": (
        "Hidden loss: {gate} of {by} {value} changes by {change} (p = {p:.2g} after Holm's "
        "correction)."
    ),
    "issue.new": (
        "New issue: {issue} is in {value} of the treatment's samples and in none of the control's "
        "(p = {p:.2g} after Holm's correction)."
    ),
    "issue.rises": (
        "Rising issue: {issue} goes from {limit} to {value} of the samples (p = {p:.2g} after "
        "Holm's correction)."
    ),
    "issue.vanishes": (
        "Only the control ever has the issue {issue} ({value} of its samples, none of the "
        "treatment's): is it called otherwise there?"
    ),
    "issues.rise": (
        "Samples with any issue at all rise from {limit} to {value} (p = {p:.2g} after Holm's "
        "correction)."
    ),
    **DRAFTS,
    **TRACES,
    **ISSUES,
    **LABELS,
    **BILLS,
    **CARRIES,
    **SLICES,
    **MOVES,
    **WATCHES,
    "check.failed": "Check failed: {check}. {why}",
    "check.open": "Check open: {check}. {why}",
    "checks.open": "No evidence yet for the checks: {checks}.",
    "all.pass": "Every gate passes by the plan's rule and by the evidence, and every check holds.",
    "all.tolerated": (
        "All else passes by the plan's rule, every gate by the evidence, and every check holds."
    ),
    # Who owes what.
    "open.data": "Mend the data as the reasons say, then review again.",
    "open.broken": "Bring back within the limit, or turn the feature off: {gates}.",
    "open.refused": "The plan's own limit is missed: {gates}.",
    "open.needs": "About {further:,} more {unit} settle: {gates}.",
    "open.unproven": "Not proven yet: {gates}.",
    "open.look": "Find the cause. {why}",
    "open.decide": "Draft the decision and have it signed.",
    "open.promote": "Approve the step to stage {stage}, {title}.",
    # What would change it.
    "gate.better": "{gate}: a better candidate; more data will not help.",
    "gate.needs": "{gate}: about {further:,} more {unit} ({total:,} in all).",
    "gate.enough": (
        "{gate}: enough data to recognise a good candidate, but this one is not proven good."
    ),
    "check.repair": "Repair what the check found: {check}.",
    "checks.bring": "Bring evidence for the checks: {checks}.",
    **PAIRS,
    **CHECKS,
    **RISKS,
}
