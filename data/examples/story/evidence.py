# /// script
# requires-python = ">=3.11"
# ///
"""Write the evidence for a simulated stage's checks: test suites, incidents, documents, release notes.

README.md beside this file describes the formats; `simulate.py` calls `files`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from truths import Stage

__all__ = ["SUITES", "Facts", "Summary", "files"]

SUITES = {  # the suites that the test plan names, and what each asserts
    "contract": ("run_result_fields", "statuses_exclude_each_other", "rates_are_fractions"),
    "feature-A": ("summaries_at_most_3", "off_makes_no_call", "latency_at_most_10_percent_higher"),
    "feature-B": ("profile_thresholds", "unknown_profile_refused"),
    "feature-C": ("at_most_2_tags", "no_contradictory_tags"),
    "feature-D": ("kl_falls", "target_3_4_3"),
    "feature-E": ("terms", "violations_reported"),
    "feature-F": ("exploit_is_default", "explore_differs"),
    "perf": ("memory_within_budget", "throughput_within_budget"),
    "compat": ("optional_fields_stay_optional", "old_reader_reads_new_file"),
    "regression": ("golden_set_pass_rate", "golden_set_issues"),
}
ROLLED_BACK = "2026-10-18T20:00:00+09:00"
CHANGES = {"BCDE": "Automatic tags (C) and the difficulty mix (D)", "ABCDE": "Search summaries (A)"}
DOCUMENTS = {
    "COMPATIBILITY": "docs/COMPATIBILITY.md",
    "HITL": "docs/HITL_SPEC.md",
    "STRATEGY_PROFILE": "docs/STRATEGY_PROFILE.md",
    "FLAGS_WIRING": "docs/FLAGS_WIRING.md",
    "PLAN_super": "docs/PLAN_super.md",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """One arm over the last three runs: shares 0–1, the score 0–10, the latency in ms."""

    pass_rate: float
    hallucination: float
    score: float
    latency_ms: float
    vetoed: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the evidence has to agree with."""

    broken: bool
    last_run: datetime
    control: Summary
    treatment: Summary

    @property
    def made(self) -> str:
        """When all evidence was made: two hours after the last run started."""
        return (self.last_run + timedelta(hours=2)).isoformat()

    def failures(self) -> dict[tuple[str, str], str]:
        """Return the failing tests and their messages: those that a broken candidate breaks."""
        if not self.broken:
            return {}
        c, t = self.control, self.treatment
        ratio = f"ratio {t.latency_ms / c.latency_ms:.3f} > 1.100"
        slower = f"average latency {c.latency_ms:.0f} -> {t.latency_ms:.0f} ms, {ratio}"
        worse = f"pass rate {c.pass_rate:.3f} -> {t.pass_rate:.3f}"
        latency, golden = ("feature-A", SUITES["feature-A"][-1]), ("regression", SUITES["regression"][0])
        return {latency: slower, golden: worse}


def files(stage: Stage, facts: Facts) -> dict[str, str]:
    """Return the text of every evidence file, by its name under evidence/."""
    written = {f"junit/TEST-{suite}.xml": _junit(suite, facts) for suite in SUITES}
    written |= {path: _document(name, stage) for name, path in DOCUMENTS.items()}
    return written | {
        "incidents.jsonl": _incidents(stage, facts),
        "changes.yaml": _changes(facts),
        "release-notes.md": _release_notes(stage, facts),
    }


def _junit(suite: str, facts: Facts) -> str:
    """One suite."""
    failures = facts.failures()
    cases = [_case(suite, name, failures.get((suite, name))) for name in SUITES[suite]]
    failed = sum(broken == suite for broken, _ in failures)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="0"'
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuite name="{suite}" {counts} timestamp="{facts.made}">',
            '  <properties><property name="simulated" value="true"/></properties>',
            *cases,
            "</testsuite>\n",
        )
    )


def _case(suite: str, name: str, failure: str | None) -> str:
    case = f'  <testcase classname="engine.{suite}" name="{name}"'
    return f"{case}/>" if failure is None else f"{case}><failure message={quoteattr(failure)}/></testcase>"


def _incidents(stage: Stage, facts: Facts) -> str:
    slow = ("2026-09-29T14:05:00+09:00", "S3", "Provider answered slowly", "2026-09-29T15:40:00+09:00")
    rollback = (ROLLED_BACK, "S2", "Beta rolled back: more hallucinations", "2026-10-18T20:30:00+09:00")
    rolled_back = stage.starts > datetime.fromisoformat(ROLLED_BACK).date()
    keys = ("at", "severity", "title", "resolvedAt")
    incidents = [dict(zip(keys, one, strict=True)) for one in ((slow, rollback) if rolled_back else (slow,))]
    coverage = {"coversUntil": facts.made, "simulated": True}
    return "".join(json.dumps(line) + "\n" for line in (*incidents, coverage))


def _changes(facts: Facts) -> str:
    head = "# Documents that the change touches, and whether they say so already.\n"
    rows = (f"  - {{document: {name}, path: {path}, reflected: true}}\n" for name, path in DOCUMENTS.items())
    return f"{head}updated: {facts.made}\nsimulated: true\ndocuments:\n{''.join(rows)}"


def _document(name: str, stage: Stage) -> str:
    change = CHANGES[stage.truths[1].on]
    return f"# {name}\n\nSimulated. Stage {stage.number} ({stage.cohort}): {change}.\n"


def _release_notes(stage: Stage, facts: Facts) -> str:
    return f"""---
date: {facts.made}
simulated: true
---
# Release notes: stage {stage.number} ({stage.cohort}), simulated

## What changed
{CHANGES[stage.truths[1].on]}, for this cohort.

## Who is impacted (cohorts)
{stage.cohort}: {stage.users} users.

## Metrics summary (last 3 runs)
| | control | treatment |
|---|---|---|
{_metrics(facts.control, facts.treatment)}

## Actions
Review the stage, sign the decision{", switch the feature off" if facts.broken else ", open the next stage"}.

## Rollback Notice (if any)
{_notice(facts)}
"""


def _metrics(control: Summary, treatment: Summary) -> str:
    both = (control, treatment)
    rows = (
        ("Pass rate", [f"{100 * arm.pass_rate:.1f} %" for arm in both]),
        ("Average score", [f"{arm.score:.2f}" for arm in both]),
        ("Average latency", [f"{arm.latency_ms:.0f} ms" for arm in both]),
        ("Vetoed", [f"{100 * arm.vetoed:.1f} %" for arm in both]),
        ("Hallucination", [f"{100 * arm.hallucination:.1f} %" for arm in both]),
    )
    return "\n".join(f"| {title} | {before} | {after} |" for title, (before, after) in rows)


def _notice(facts: Facts) -> str:
    if not facts.broken:
        return "None."
    reason = "the pass rate fell, hallucinations and latency rose"
    return f"Reason: {reason}. When: {ROLLED_BACK}. Ledger Link: docs/LEDGER/dec-20261018-rollback-001.md"
