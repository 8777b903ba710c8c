"""The plan as a page that people read: Markdown, in English or Korean, with nothing left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from rolloutlib.measure.unseen import due_runs
from rolloutlib.plan.metrics import metric_record
from rolloutlib.plan.model import Audience
from rolloutlib.plan.workbook import STAGES
from rolloutlib.show.plan_lines import metric_title as _metric
from rolloutlib.show.plan_lines import table_lines as _table
from rolloutlib.show.plan_risks import knob_lines, risk_lines
from rolloutlib.words.audiences import audience_word
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import say, speaking, translate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rolloutlib.plan.model import Feature, FeatureId, Gate, Plan, Stage
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.words.sentences import Sentence

__all__ = ["plan_page"]

EFFECTS: Final = {
    "no_go": say("NO-GO"), "hold": say("HOLD"), "tell": say("it is told"),
    "pass": say("the gate passes, unless one appears"), "fail": say("the gate fails"),
    "open": say("the gate stays open"),
}  # fmt: skip


def plan_page(plan: Plan, lang: str = "en") -> str:
    """Return the whole plan as Markdown."""
    with speaking(lang):
        written = say("Written by `rollout plan-page` from params/plan.yaml; edit it there.")
        lines = [f"# {translate(plan.name)}", "", str(written)]
        for heading, section in SECTIONS:
            lines += ["", f"## {heading}", "", *section(plan)]
    return "\n".join(lines) + "\n"


def _stages(plan: Plan) -> Iterator[str]:
    weeks = {
        s: [week for week, entry in plan.schedule.items() if s in entry.stages] for s in STAGES
    }
    head = (say("Stage"), say("Who"), say("At most"), say("Split"), say("Looks"), say("Planned"),
            say("Week"))  # fmt: skip
    rows = [
        (f"{number}: {translate(stage.name)}", audience_word(stage.audience),
         say("{cap} users", cap=stage.cap) if stage.cap else "–", _split(stage), stage.looks,
         _planned(stage), _listed(weeks[number]))
        for number, stage in sorted(plan.stages.items())
    ]  # fmt: skip
    yield from _table(head, rows)
    yield ""
    yield str(say(
        "Looks are counted in {file}, a new one for every review of new data of a candidate; after "
        "the last, nothing passes.", file=f"`{plan.evidence.looks_file}`",
    ))  # fmt: skip


def _split(stage: Stage) -> str:
    """Return the planned shares of control and treatment."""
    shares = stage.allocation.shares if stage.allocation else (0.5, 0.5)
    return " : ".join(f"{share:.0%}" for share in shares)


def _planned(stage: Stage) -> object:
    """Return whom the stage plans to ask, and how often."""
    quantity = stage.planned
    if quantity is None:
        return "–"
    return say("{users} users × {samples}, {runs} runs", users=quantity.users,
               samples=quantity.samples, runs=quantity.runs)  # fmt: skip


def _features(plan: Plan) -> Iterator[str]:
    head = (say("Feature"), say("What it does"), *(say("Stage {number}", number=s) for s in STAGES))
    rows = [
        (f"{key} {translate(feature.title)} `{feature.flag}`", _effect(feature),
         *(_toggle(plan, stage, key) for stage in STAGES))
        for key, feature in plan.features.items()
    ]  # fmt: skip
    return _table(head, rows)


def _effect(feature: Feature) -> str:
    steers = [str(say("changes the mix of {mix}", mix=translate(feature.steers)))
              if feature.steers else ""]  # fmt: skip
    return "; ".join(filter(None, (translate(feature.effect), *steers)))


def _toggle(plan: Plan, number: StageId, key: FeatureId) -> str:
    """Say a feature's value for everyone, whom the stage excepts, and whether it is logged."""
    stage, feature = plan.stages[number], plan.features[key]
    toggle = stage.toggles[key]
    flags = {True: feature.enabled, False: feature.disabled}
    words = {True: say("on"), False: say("off"), "explore": "explore", "exploit": "exploit"}
    excepted = [who for who in get_args(Audience) if toggle.on(who) != toggle.default]
    named = [f"{audience_word(who)}: {words[flags[not toggle.default]]}" for who in excepted]
    logged = [say("shown in the log")] if key in stage.logged else []
    return "; ".join(map(str, (words[flags[toggle.default]], *named, *logged)))


def _gates(plan: Plan) -> Iterator[str]:
    head = (
        say("Criterion"), say("The plan's limit"),
        *(say("Proof at stage {number}", number=stage) for stage in STAGES), say("Designed for"),
    )  # fmt: skip
    yield from _table(head, [_gate(plan, gate) for gate in plan.gates.values()])
    yield ""
    rules, runs = plan.evidence, plan.evidence.runs_averaged
    yield str(say(
        "Limits for the profile {profile}. A proof is a one-sided bound with {confidence:.0%} "
        "confidence (of a percentile: of the share of samples beyond the limit); the plan's limit "
        "is held against the mean of the last {runs} runs. Fewer than {clusters} users, or more "
        "than {missing:.0%} of an arm's values missing, prove nothing.",
        profile=plan.rollback.safe_profile, confidence=rules.confidence, runs=runs,
        clusters=rules.min_clusters, missing=rules.max_missing,
    ))  # fmt: skip
    yield from ("", *(f"- {line}" for line in _honesty(plan)))
    tolerant = [_tolerance(gate) for gate in plan.gates.values() if gate.reading == "tolerant"]
    if tolerant:
        yield "- " + str(say(
            "A value that misses the plan's limit by less than the tolerance ({tolerances}), while "
            "the evidence passes, does not hold a GO back: it is the GO's first reason, and who "
            "signs accepts it.", tolerances=tuple(tolerant),
        ))  # fmt: skip


def _tolerance(gate: Gate) -> str:
    signed = gate.contrast == "difference"
    span = str(show(gate.tolerance, gate.unit, signed=signed)).removeprefix("+")
    return f"{translate(gate.title)} {span}"


def _held(plan: Plan, gate: Gate) -> str:
    """Name a gate and the stages at which what nobody saw holds it; nothing where none does."""
    stages = [str(stage) for stage in STAGES if plan.evidence.holds_unseen(gate, stage)]
    return f"{translate(gate.title)} ({', '.join(stages)})" if stages else ""


def _honesty(plan: Plan) -> Iterator[Sentence]:
    """Say what the data have to show before a gate may pass, and what else decides."""
    rules, decides = plan.evidence, plan.decides
    yield say("Both arms have at least {share:.0%} of all prompts.", share=rules.min_overlap)
    yield say("Arms that do not lack values alike (p below {p:g}) prove nothing.",
              p=rules.missing_p)  # fmt: skip
    yield say("In a mean of latencies a sample counts up to {factor:g} times the target.",
              factor=rules.cap_factor)  # fmt: skip
    if rules.labelled == "all":
        yield say("A sample without issue labels is missing.")
    else:
        yield say("Only samples with issue labels are expected to have them.")
    if rules.human_labels == "correct":
        yield say("Pass rate and score are corrected by people's labels where samples have them.")
    else:
        yield say("People's labels are told; the judge's own verdicts decide.")
    if rules.carries == "same_candidate":
        yield say("Samples of earlier stages count too, as long as candidate and control are the "
                  "same.")  # fmt: skip
    else:
        yield say("Each stage is judged by its own samples.")
    held_gates = tuple(filter(None, (_held(plan, gate) for gate in plan.gates.values())))
    if held_gates:
        yield say("A pass stays open where a trouble that all users of a stage may have missed "
                  "would break its limit: {gates}.", gates=held_gates)  # fmt: skip
    if rules.outages == "hold":
        yield say("Errors cannot pass with fewer than {runs} runs.", runs=due_runs())
    yield say("A segment that loses although the whole does not: {effect}.",
              effect=EFFECTS[decides.segments])  # fmt: skip
    yield say("An issue that rises: {effect}.", effect=EFFECTS[decides.issues])
    yield say("Samples of both arms are of one time within {hours} hours.",
              hours=f"{rules.max_apart_hours:g}")  # fmt: skip
    yield say("A gate whose later runs say something worse than those before: {effect}.",
              effect=EFFECTS[decides.drift])  # fmt: skip
    yield say("Top issue, where the control has none: {effect}.",
              effect=EFFECTS[decides.nothing_to_reduce])  # fmt: skip


def _gate(plan: Plan, gate: Gate) -> tuple[object, ...]:
    profile, signed = plan.profile(plan.rollback.safe_profile), gate.contrast == "difference"
    side, unit = "≥" if gate.harm == "lower" else "≤", unit_of(gate.unit, gate.statistic)
    proofs = [show(gate.proof_limit(stage, profile), unit, signed=signed) for stage in STAGES]
    limit = show(gate.plan_limit(profile), gate.unit, signed=signed)
    design = show(gate.design_alternative(profile), unit, signed=signed)
    title = translate(gate.title)
    return (
        say("{gate} ({subject})", gate=title, subject=gate.issue) if gate.issue else title,
        f"{side} {limit}",
        *(f"{side} {proof}" for proof in proofs),
        design,
    )


def _monitoring(plan: Plan) -> Iterator[str]:
    watch = plan.monitoring
    mix = [f"{translate(level)} {share:.0%}" for level, share in watch.difficulty.items()]
    yield f"- {say('Every day')}: {_listed(_metric(name) for name in watch.metrics)}"
    yield f"- {say('Planned difficulty')}: {_listed(mix)}"
    days = watch.harm_test_days
    yield f"- {say('The test for harm spends its error over {days} days.', days=days)}"
    spread = say(
        "Days of an arm are taken to differ by {share:g} standard deviations of a sample, until "
        "they show how much they do.",
        share=watch.day_spread,
    )
    yield f"- {spread}"
    yield f"- {say('Data are expected on')}: {_listed(watch.data_days)}"
    window, zone = watch.window_days, watch.zone
    text = say("The last {days} calendar days of {zone} are watched.", days=window, zone=zone)
    yield f"- {text}"
    yield ""
    rows: list[tuple[str, ...]] = []
    for name, light in watch.traffic_lights.items():
        side, unit = "≥" if light.better == "higher" else "≤", metric_record(name).unit
        rows.append(
            (_metric(name), *(f"{side} {show(v, unit)}" for v in (light.green, light.amber)))
        )
    yield from _table((say("Light"), say("Green"), say("Amber")), rows)


def _checks(plan: Plan) -> Iterator[str]:
    for check in plan.checks.values():
        items = f": {_listed(check.items)}" if check.items else ""
        days = check.max_age_days
        age = "" if days is None else str(say("; at most {n} days older than the runs", n=days))
        yield f"- [ ] {translate(check.title)}{items}{age}"


def _rollback(plan: Plan) -> Iterator[str]:
    head = (say("Trigger"), say("Alarms"), say("Pulls the switch by itself"))
    rows = [
        (translate(each.title), _listed(each.alarms), say("yes") if each.pulls else say("no"))
        for each in plan.rollback.triggers.values()
    ]
    yield from _table(head, rows)
    breaker = plan.rollback.breaker
    yield ""
    yield str(
        say(
            "Incidents: one open {severities}, or more than {most} in {hours} hours",
            severities=_listed(breaker.severities), most=breaker.most, hours=breaker.hours,
        )
    )  # fmt: skip
    yield from ("", *(f"1. {translate(action)}" for action in plan.rollback.actions), "")
    yield f"{say('Profile to return to')}: `{plan.rollback.safe_profile}`"


def _schedule(plan: Plan) -> Iterator[str]:
    for week, entry in plan.schedule.items():
        stages = say("stage {numbers}", numbers=_listed(entry.stages))
        yield f"- {week}: {stages} — {translate(entry.note)}"


def _roles(plan: Plan) -> Iterator[str]:
    rows = [
        (role, translate(duty.raci), _translated(duty.duties)) for role, duty in plan.roles.items()
    ]
    yield from _table((say("Role"), "RACI", say("Duties")), rows)
    yield ""
    for verdict, signatures in plan.signatures.items():
        later = f"; {say('within 24 hours')}: {_listed(signatures.within_24h)}"
        yield f"- {verdict}: {_listed(signatures.now)}{later if signatures.within_24h else ''}"


def _documents(plan: Plan) -> Iterator[str]:
    documents = plan.documents
    yield f"- {say('Sections of a pull request')}: {_listed(documents.pr_sections)}"
    yield f"- {say('Quick links in the overview: the newest {count}', count=documents.quick_links)}"
    yield f"- {say('Every dataset_meta records')}: {_listed(documents.dataset_meta)}"
    yield f"- {say('References')}: {_listed(documents.references)}"


def _listed(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts)) or "–"


def _translated(parts: Iterable[str]) -> str:
    return _listed(map(translate, parts))


SECTIONS: Final = (
    (say("Stages"), _stages), (say("What is on, and for whom"), _features),
    (say("Exit criteria"), _gates), (say("Daily monitoring"), _monitoring),
    (say("Go/No-Go checks"), _checks), (say("Rollback"), _rollback), (say("Risks"), risk_lines),
    (say("Knobs"), knob_lines),
    (say("Schedule"), _schedule), (say("Roles and signatures"), _roles),
    (say("Documents"), _documents),
)  # fmt: skip
