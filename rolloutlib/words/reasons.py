"""Code and facts → sentence: the one place that knows what a reason sounds like.

A fact's name says how it is shown: numbers of a gate in the unit that the reason's own `measure`
and `signed` name, words of the plan in the reader's language, data as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from rolloutlib.reason import Reason
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.sentences import speaking, translate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.reason import Fact

__all__ = ["TEMPLATES", "sentence", "texts", "worded"]

MEASURES: Final = frozenset({"point", "value", "limit", "change", "step"})
BOUNDS: Final = frozenset({"worst", "best"})
WORDS: Final = frozenset(
    {"by", "check", "checks", "gate", "gates", "metric", "signal", "title", "unit"}
)

TEMPLATES: Final = {
    # What a gate lacks.
    "field.missing": "no sample carries the field {field}.",
    "field.missing_in_arm": "no sample of arm {arm} carries the field {field}.",
    "field.no_issue": "no sample of the control arm carries an issue.",
    "control.no_event": "the control arm has no event, so there is no ratio to it.",
    "latency.gaps": (
        "{share:.1%} of the samples of arm {arm} have no latency; what is missing may be what is "
        "slow."
    ),
    "unit.gaps": (
        "Only {share:.0%} of the samples name their {unit}, so their dependence is unknown."
    ),
    "clusters.few": "Only {clusters} {unit}s an arm; a bound needs at least {least}.",
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
    "arms.swapped": (
        "The arms are named the other way round: the runs' control was given as treatment; swap "
        "--control and --treatment."
    ),
    "profiles.differ": (
        "The arms ran under different guardian profiles ({control} and {treatment}), so they "
        "cannot be compared."
    ),
    "arms.sample_ratio": (
        "Sample-ratio mismatch: {control:,} and {treatment:,} users where as many were planned "
        "(p = {p:.1g}); who is missing is not random."
    ),
    "look.spent": (
        "This is look {number} of {planned} planned: the error that the stage may make is spent; "
        "plan more looks or bring a new candidate."
    ),
    "data.quarantined": (
        "{share:.1%} of the rows are quarantined; above {most:.0%} no gate may pass."
    ),
    "source.refused": "{message}",
    # What a reader should know.
    "source.fast": (
        "The median latency is {median:.3g} ms; if the source writes seconds, say so (unit: s in "
        "source.yaml)."
    ),
    "source.days": (
        "The source names no runs, so each day of an arm is a run ({runs} in all); map run_id in "
        "source.yaml where runs are known."
    ),
    "source.one_run": (
        "The source names neither runs nor times, so each arm is one run; map run_id or started_at "
        "in source.yaml."
    ),
    "source.ignored": "Nothing read these files: {names}.",
    "source.later": "{rows} rows of these runs started after {moment} and are left out.",
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
    "profiles.mixed": (
        "Several guardian profiles are mixed in both arms; the strictest latency target is used."
    ),
    "aside.stages": "{count} runs belong to other stages than {stage}.",
    "aside.later": "{count} runs started after {moment}.",
    # What bounds prove.
    "evidence.none": "There are no samples to judge.",
    "bound.clears": "The bound clears the limit of this stage.",
    "bound.broken": "Even the favourable bound misses the limit: the breach is proven.",
    "bound.undecided": "The data prove neither that the limit holds nor that it is broken.",
    # Why this recommendation.
    "gate.subject": "{gate} ({subject})",
    "gate.broken": "{gate}: {point}, at best {best}; the limit {limit} is proven broken.",
    "gate.refused": "{gate}: the plan's rule fails, {value} against a limit of {limit}.",
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
    "check.failed": "Check failed: {check}. {why}",
    "checks.open": "No evidence yet for the checks: {checks}.",
    "all.pass": "Every gate passes by the plan's rule and by the evidence, and every check holds.",
    # What would change it.
    "gate.better": "{gate}: a better candidate; more data will not help.",
    "gate.needs": "{gate}: about {further:,} more {unit} ({total:,} in all).",
    "gate.enough": (
        "{gate}: enough data to recognise a good candidate, but this one is not proven good."
    ),
    "check.repair": "Repair what the check found: {check}.",
    "checks.bring": "Bring evidence for the checks: {checks}.",
    # What a check found.
    "check.no_folder": "There is no evidence folder.",
    "suites.fail": "These suites fail: {suites}. {age}",
    "suites.open": "These suites are open: {suites}.",
    "suites.pass": "All {count} suites pass. {age}",
    "suites.flaky": "All {count} suites pass, but some tests failed first: {tests}. {age}",
    # Why a suite is open: phrases of suites.open.
    "suite.no_file": "{suite} has no result",
    "suite.unreadable": "{suite}: {file} {what}",
    "suite.not_run": "{suite}: of {tests} tests none ran",
    "suite.absent": "{suite}: of {declared} declared tests {absent} are missing",
    "suite.odd": "{suite}: {field} is {value!r}, which says neither passed nor failed",
    # What a file is instead of JUnit XML: phrases of suite.unreadable.
    "file.empty": "is empty",
    "file.large": "is larger than {most:,} bytes",
    "file.foreign": "is {format}, not JUnit XML",
    "file.root": "is not JUnit XML (its root is {root})",
    "file.encoding": "has the unknown encoding {encoding}",
    "file.entities": "declares XML entities, which are refused",
    "file.broken": "is cut off or broken ({error})",
    "incidents.no_file": "There is no incidents.jsonl.",
    "incidents.no_time": "The runs carry no time, so the last {hours} hours are unknown.",
    "incidents.recent": "{count} incidents in the last {hours} hours; the latest: {latest}.",
    "incidents.empty": "incidents.jsonl is empty: nothing says until when it tells every incident.",
    "incidents.uncovered": "incidents.jsonl says nothing after {until}; it has to cover {moment}.",
    "incidents.none": "No incident in the {hours} hours before {now}.",
    "documents.no_file": "There is no changes.yaml.",
    "documents.stale": "These documents do not reflect the change: {documents}. {age}",
    "documents.missing": "Nothing is said of these documents: {documents}.",
    "documents.no_path": "These documents are not where changes.yaml says: {documents}.",
    "documents.changed": "These documents are not those that changes.yaml attests: {documents}.",
    "documents.unchanged": (
        "These documents are as they were in the last green record: {documents}."
    ),
    "documents.reflect": "All {count} documents reflect the change. {age}",
    "documents.waived": "All {count} documents reflect the change or are waived: {waived}. {age}",
    "notes.no_file": "There is no release-notes.md.",
    "notes.lack": "The release notes lack: {sections}. {age}",
    "notes.whole": "The release notes have all sections. {age}",
    # How old evidence is, by its own word.
    "age.told": "Evidence of {at}.",
    "age.partly": "Evidence of {at}; nothing tells the age of: {files}.",
    "age.unknown": "Nothing tells the age of: {files}.",
    "evidence.stale": "Older than the newest treatment run, of {newest}: {files}, of {at}.",
    "evidence.old": (
        "More than {days} days older than the newest treatment run, of {newest}: {files}, of {at}."
    ),
    "evidence.undated": "The plan limits the age of evidence; nothing tells the age of: {files}.",
    "evidence.no_run_time": (
        "The plan limits the age of evidence, but the runs carry no time to compare with."
    ),
    "evidence.unreadable": "The evidence cannot be read: {what}",
    # What the risk register says.
    "risk.reported": "people say: {signal}",
    "risk.above": "{metric}: {value}, fires above {limit}",
    "risk.below": "{metric}: {value}, fires below {limit}",
    "risk.turn_off": "`{flag}`: {on} → {off} (`rollout rollback --feature {key}`)",
    "risk.step": "one step of {step} ({title})",
    "risk.tags": "suggest at most {count} tags",
    "risk.profile": "another guardian profile: {profiles}",
}

Part = TypeVar("Part")


def sentence(reason: Reason, lang: str | None = None) -> str:
    """Return a reason's sentence, in the language that is spoken unless one is named.

    A code that this version does not know keeps the text that the record carries.

    >>> sentence(Reason("runs.few", {"wanted": 3, "runs": 1}))
    'The plan averages the last 3 runs; there are 1.'
    """
    if lang is not None:
        with speaking(lang):
            return sentence(reason)
    template = TEMPLATES.get(reason.code)
    if template is None:
        return reason.text or reason.code
    facts = {name: _shown(name, fact, reason) for name, fact in reason.facts.items()}
    return translate(template).format(**facts)


def texts(reasons: Iterable[Reason]) -> list[str]:
    """Return the sentences of several reasons, in the language that is spoken."""
    return [sentence(reason) for reason in reasons]


def _shown(name: str, fact: Fact, reason: Reason) -> object:
    if isinstance(fact, Reason):
        return sentence(fact)
    if isinstance(fact, tuple):
        return ", ".join(str(_shown(name, part, reason)) for part in fact)
    if isinstance(fact, str):
        return translate(fact) if name in WORDS else fact
    if name in MEASURES or name in BOUNDS:
        how = bound if name in BOUNDS else show
        unit, signed = str(reason.facts["measure"]), bool(reason.facts["signed"])
        return str(how(fact, unit, signed=signed))
    return fact


def worded(part: Part) -> Part:
    """Return a record whose reasons, however deep, carry their English sentence."""
    return cast("Part", _worded(part))


def _worded(part: object) -> object:
    if isinstance(part, tuple):
        return tuple(_worded(inner) for inner in cast("tuple[object, ...]", part))
    if isinstance(part, Reason):
        facts = cast("dict[str, Fact]", {name: _worded(f) for name, f in part.facts.items()})
        return Reason(part.code, facts, sentence(part, "en"))
    if isinstance(part, msgspec.Struct):
        fields = {name: _worded(getattr(part, name)) for name in part.__struct_fields__}
        return msgspec.structs.replace(part, **fields)
    return part
