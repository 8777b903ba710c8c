"""Reviews made by hand, so that charts and reports can be looked at without any data.

`bfcl()` has the numbers of the shipped example (no scores, vetoes or errors, one run an arm);
`story()` has every field, several runs, users, disagreements and an unbounded estimate; `hostile()`
has labels that attack a page.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import numpy as np
from msgspec import structs

from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.gate import gate_row
from rolloutlib.judge.owed import OpenItem
from rolloutlib.judge.record import (
    CheckResult,
    EvidenceVerdict,
    GateResult,
    QuarantineGroup,
    Recommendation,
    Reviewed,
    Verdict,
    encode,
)
from rolloutlib.judge.verdicts import judge_evidence, judge_plan
from rolloutlib.measure.averages import RunRow
from rolloutlib.measure.configuration import ArmSummary
from rolloutlib.measure.design import Design
from rolloutlib.measure.distributions import Distribution
from rolloutlib.measure.estimates import Estimate
from rolloutlib.measure.looks import Look
from rolloutlib.measure.needed import Needed
from rolloutlib.measure.segments import IssueRate, Segment
from rolloutlib.phrase import Phrase
from rolloutlib.plan.model import load_plan
from rolloutlib.reason import Reason, because
from rolloutlib.runs.quarantine import InputFile
from rolloutlib.show import assured, breakdowns, charts, curves, moved, over_runs, report
from rolloutlib.show.decision import decision_page
from rolloutlib.show.figure import Figure, Note
from rolloutlib.show.last_review import LastReview
from rolloutlib.show.notebooks import localise
from rolloutlib.show.past import past_of
from rolloutlib.show.signoffs import sign_off
from rolloutlib.show.trend import gates_over_looks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

    from rolloutlib.judge.record import Review
    from rolloutlib.plan.workbook import StageId
    from rolloutlib.show.tables import Html

ROOT = Path(__file__).resolve().parents[1]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
ATTACK = "</script><img src=x onerror=alert(1)>"
CONTROL, TREATMENT = "gpt-4o-2024-05-13-FC", "gpt-4o-2024-08-06-FC"
PAIRED = Design("paired", "prompt", 0, 0, 1700, 0)
ONE_ARM = Design("one_arm", "sample", 0, 0, 0, 0)
CROSSED = Design("crossed", "user", 62, 60, 0, 0)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)

# Every 2.5th percentile of the two arms' latencies in the published file.
LATENCIES = {
    CONTROL: (
        "384 510 546 571 601 622 636 655 669 684 703 726 747 768 789 819 850 885 927 970 1013 "
        "1047 1083 1135 1194 1246 1305 1352 1412 1492 1566 1641 1740 1841 2014 2173 2505 3031 "
        "3774 5444 13097"
    ),
    TREATMENT: (
        "377 477 503 521 539 551 566 578 591 609 625 642 661 676 695 721 744 775 808 854 902 962 "
        "1015 1051 1100 1159 1207 1287 1363 1430 1510 1586 1709 1819 1999 2234 2532 3073 3779 "
        "4905 9854"
    ),
}
CATEGORIES = (
    ("executable_multiple_function", 50, 0.88, 0.90, 0.0349),
    ("executable_parallel_function", 50, 0.90, 0.86, 0.0280),
    ("executable_parallel_multiple_function", 40, 0.775, 0.775, 0.0358),
    ("executable_simple", 100, 0.96, 0.96, 0.0),
    ("java", 100, 0.60, 0.55, 0.0386),
    ("javascript", 50, 0.60, 0.62, 0.0669),
    ("multiple_function", 200, 0.91, 0.905, 0.0133),
    ("parallel_function", 200, 0.90, 0.93, 0.0157),
    ("parallel_multiple_function", 200, 0.83, 0.845, 0.0166),
    ("relevance", 240, 0.7708, 0.8792, 0.0201),
    ("rest", 70, 0.8286, 0.5857, 0.0555),
    ("simple", 400, 0.8825, 0.915, 0.0143),
)


def estimate(
    point: float, lower: float, upper: float, method: str, design: Design = PAIRED, n: int = 1700
) -> Estimate:
    """Return an estimate with the same n in both arms."""
    return Estimate(
        point, lower, upper, 0.95, Phrase(method), design, 0 if design.kind == "one_arm" else n, n
    )


def gate(  # noqa: PLR0913
    name: str,
    stage: StageId,
    arms: tuple[float | None, float | None],
    value: float | None,
    got: Estimate | None,
    *,
    runs: int,
    missing: Reason | None = None,
    needed: Needed | None = None,
    subject: str | None = None,
) -> GateResult:
    """Return a gate judged by the real rules."""
    rule, profile = PLAN.gates[name], PLAN.profiles["default"]
    evidence = judge_evidence(rule, got, rule.proof_limit(stage, profile), missing=missing)
    if evidence.verdict is Verdict.INCONCLUSIVE and needed:
        evidence = structs.replace(evidence, needed=needed)
    plan = judge_plan(rule, value, rule.plan_limit(profile), runs=runs, runs_wanted=3)
    return gate_row(name, rule, stage, profile, arms, plan, evidence, subject=subject)


def told(text: str) -> Reason:
    """Return a reason whose sentence is this text."""
    return because("source.refused", message=text)


def distribution(metric: str, arm: str, values: Sequence[float], n: int = 1700) -> Distribution:
    """Return a distribution from equally spaced quantiles."""
    v = np.asarray(values, dtype=np.float64)
    share = np.linspace(0, 1, len(v))
    q = np.quantile(v, [0.5, 0.95])
    return Distribution(metric, arm, n, float(v.mean()), float(q[0]), float(q[1]), v, share)


def segment(value: str, n: int, control: float, treatment: float, se: float) -> Segment:
    """Return one category's change of the pass rate."""
    d = treatment - control
    wide, loss = 1.645 * se + 1 / n, value == "rest"
    return Segment(
        by="category", value=value, gate="pass_rate", control=control, treatment=treatment,
        point=d, lower=d - wide, upper=d + wide, p_holm=0.0009 if loss else 1.0, loss=loss,
        n_control=n, n_treatment=n,
    )  # fmt: skip


def issue(
    tag: str,
    rank: int | None,
    arms: tuple[float, float],
    ratio: tuple[float, float, float] | None,
    p: float | None,
) -> IssueRate:
    """Return an issue's rates and their ratio with its bounds."""
    point, lower, upper = ratio or (None, None, None)
    return IssueRate(
        tag=tag, rank=rank, control=arms[0], treatment=arms[1], point=point, lower=lower,
        upper=upper, p_holm=p,
    )  # fmt: skip


def checks() -> tuple[CheckResult, ...]:
    """Return the plan's checks, all open."""
    why = told("No evidence folder was given, so this check is open.")
    return tuple(CheckResult(key, check.title, None, why) for key, check in PLAN.checks.items())


def nothing(field: str) -> Reason:
    """Return why a gate has no data."""
    return told(f"The source has no field {field}.")


def bfcl(stage: StageId = 2) -> Reviewed:
    """Return the shipped example: 1,700 paired prompts, one run an arm."""
    gates = (
        gate(
            "pass_rate",
            stage,
            (0.8412, 0.8559),
            0.0147,
            estimate(0.0147, 0.0033, 0.0261, "Tango score (1998)"),
            runs=1,
        ),
        gate("avg_score", stage, (None, None), None, None, runs=1, missing=nothing("score")),
        gate(
            "top_issue",
            stage,
            (0.0324, 0.0171),
            0.527,
            estimate(0.527, 0.376, 0.731, "paired score bound of a ratio"),
            runs=1,
            subject="relevance_error:decoder_success",
        ),
        gate(
            "avg_latency",
            stage,
            (1417.1, 1318.3),
            1318.3,
            estimate(1318.3, 1271.5, 1365.1, "t bound", ONE_ARM),
            runs=1,
        ),
        gate(
            "p95_latency",
            stage,
            (3774.6, 3779.9),
            3779.9,
            estimate(0.1288, 0.1157, 0.1431, "exact binomial on exceedances", ONE_ARM),
            runs=1,
        ),
        gate("vetoed", stage, (None, None), None, None, runs=1, missing=nothing("vetoed")),
        gate("error_rate", stage, (None, None), None, None, runs=1, missing=nothing("error")),
        gate(
            "manual_edit_rate", stage, (None, None), None, None, runs=1, missing=nothing("edited")
        ),
    )
    return Reviewed(
        stage=stage,
        stage_name=PLAN.stages[stage].name,
        audience=PLAN.stages[stage].audience,
        min_score=PLAN.profiles["default"].min_score,
        control=CONTROL,
        treatment=TREATMENT,
        decided=decided_of(PLAN, stage),
        open_items=(
            OpenItem("engine", told("Bring back within the limit: 95th percentile latency.")),
            OpenItem("qa", told("Bring evidence for the checks: Test suites pass.")),
        ),
        profile="default",
        as_of=None,
        look=Look(1, 1, 0.95, 0.05),
        source_title="Berkeley Function-Calling Leaderboard, 2024-08-11",
        recommendation=Recommendation.NO_GO,
        reasons=(
            told("95th percentile latency: even the favourable bound misses the limit."),
            told("The plan wants 3 runs an arm; there is 1."),
            told("Four gates have no data: score, vetoed, error, edited."),
        ),
        warnings=(
            told("Category rest loses 24.29 pp although the whole gains: a hidden regression."),
        ),
        changes=(
            told(
                "Bring 95th percentile latency below 2,200 ms: 12.9% of samples are slower, at "
                "most 5.00% may be."
            ),
            told("Add 2 more runs of each arm."),
            told("Record score, vetoed, error and edited, or point source.yaml to them."),
        ),
        design=told("The arms are compared prompt by prompt: 1,700 pairs."),
        gates=gates,
        segments=tuple(segment(*row) for row in CATEGORIES),
        issues=(
            issue(
                "relevance_error:decoder_success",
                1,
                (0.0324, 0.0171),
                (0.527, 0.376, 0.731),
                0.0004,
            ),
            issue(
                "parallel_function_checker_no_order:cannot_find_match",
                2,
                (0.0229, 0.0206),
                (0.897, 0.62, 1.29),
                0.61,
            ),
            issue(
                "parallel_function_checker_no_order:wrong_count",
                3,
                (0.0188, 0.0147),
                (0.781, 0.50, 1.20),
                0.40,
            ),
            issue("ast_decoder:decoder_failed", None, (0.0, 0.0224), None, None),
        ),
        checks=checks(),
        distributions=tuple(
            distribution("latency_ms", arm, [float(v) for v in text.split()])
            for arm, text in LATENCIES.items()
        ),
        arms=(ArmSummary(CONTROL, 1, 1700, None, 1700), ArmSummary(TREATMENT, 1, 1700, None, 1700)),
        runs=(
            RunRow(
                "bfcl-2024-08-11-05-13-FC",
                CONTROL,
                datetime(2024, 8, 11, tzinfo=UTC),
                "1",
                1700,
                0.8412,
                None,
                1417.1,
                None,
                averaged=True,
            ),
            RunRow(
                "bfcl-2024-08-11-08-06-FC",
                TREATMENT,
                datetime(2024, 8, 11, tzinfo=UTC),
                "1",
                1700,
                0.8559,
                None,
                1318.3,
                None,
                averaged=True,
            ),
        ),
        inputs=(
            InputFile(
                "samples.parquet",
                "9f2c4a7be1d05c3388a1f0b6c2d4e59718aa30c4be5d6f7081920a3b4c5d6e7f",
                "parquet",
                10200,
                10200,
                0,
                6800,
            ),
        ),
        quarantine=(),
        set_aside=(told("6800 samples of arms that this review does not compare."),),
    )


def story(stage: StageId = 2) -> Reviewed:
    """Return a rollout with every field.

    Users, five runs an arm, a disagreement, an estimate without a bound.
    """
    return structs.replace(
        bfcl(stage),
        control="off",
        treatment="on",
        as_of=START + timedelta(days=12),
        source_title="A simulated five-week rollout",
        recommendation=Recommendation.HOLD,
        reasons=(
            told("Pass rate: the data prove neither that the limit holds nor that it is broken."),
            told("One check is open."),
        ),
        warnings=(told("Three gates rest on fewer than 30 users."),),
        changes=(
            told("Collect 412 more pairs: pass rate would then be settled with probability 0.8."),
        ),
        design=told("Users are in both arms: 62 users, 1,240 samples."),
        gates=_story_gates(stage),
        segments=(),
        issues=(
            issue("hallucination", 1, (0.112, 0.071), (0.634, 0.47, 0.85), 0.012),
            issue("too_long", 2, (0.081, 0.083), (1.02, 0.74, 1.41), 1.0),
            issue("off_topic", 3, (0.034, 0.020), (0.588, 0.31, 1.02), 0.11),
        ),
        checks=_story_checks(),
        distributions=_story_distributions(),
        arms=(ArmSummary("off", 5, 620, 62, 310), ArmSummary("on", 5, 600, 60, 310)),
        runs=tuple(_story_run(arm, k) for k in range(5) for arm in ("off", "on")),
        inputs=tuple(
            InputFile(f"runs/r{k}.json", f"{k:064x}", "envelope", 122, 122 - (k == 3), int(k == 3))
            for k in range(10)
        ),
        quarantine=(
            QuarantineGroup(
                "latencyMs is no number",
                1,
                "runs/r3.json:12: latencyMs is '2,050'; expected a number of milliseconds, 0 or "
                "more.",
            ),
        ),
        set_aside=(),
    )


def hostile() -> Reviewed:
    """Return a review whose labels try to run a script wherever they are shown."""
    review = story()
    attacked = structs.replace(review.issues[0], tag=ATTACK)
    bad_segments = tuple(
        structs.replace(s, value=ATTACK if s.loss else s.value) for s in bfcl().segments
    )
    return structs.replace(
        review,
        control="off",
        treatment=ATTACK,
        source_title=ATTACK,
        issues=(attacked, *review.issues[1:]),
        segments=bad_segments,
        gates=tuple(
            structs.replace(g, subject=ATTACK) if g.id == "top_issue" else g for g in review.gates
        ),
        distributions=tuple(
            dataclasses.replace(d, arm=ATTACK if d.arm == "on" else d.arm)
            for d in review.distributions
        ),
        arms=tuple(structs.replace(a, arm=ATTACK if a.arm == "on" else a.arm) for a in review.arms),
        runs=tuple(
            structs.replace(r, run_id=ATTACK + r.run_id, arm=ATTACK if r.arm == "on" else r.arm)
            for r in review.runs
        ),
        quarantine=(QuarantineGroup(ATTACK, 1, f"runs/{ATTACK}.json:1: {ATTACK}"),),
        inputs=(InputFile(ATTACK, "0" * 64, "envelope", 1, 0, 1),),
        reasons=(told(f"{ATTACK} is there."),),
        open_items=(OpenItem(ATTACK, told(f"{ATTACK} is owed.")),),
        stage_name=ATTACK,
        decided=structs.replace(decided_of(PLAN, 2), next_name=ATTACK, audience=ATTACK),
    )


def _story_gates(stage: StageId) -> tuple[GateResult, ...]:
    users = Needed("users", 180, 118)
    edits = Estimate(
        0.31,
        0.21,
        inf,
        0.95,
        Phrase("Korn–Graubard (1998)"),
        ONE_ARM,
        0,
        58,
        cap=told("Only 4 users confirmed tags; 5 are needed."),
    )
    return (
        gate(
            "pass_rate",
            stage,
            (0.812, 0.797),
            -0.0147,
            estimate(-0.0147, -0.041, 0.0112, "CR3, Satterthwaite", CROSSED, 600),
            runs=3,
            needed=users,
        ),
        gate(
            "avg_score",
            stage,
            (7.41, 7.52),
            0.11,
            estimate(0.11, -0.03, 0.25, "CR3, Satterthwaite", CROSSED, 600),
            runs=3,
        ),
        gate(
            "top_issue",
            stage,
            (0.112, 0.071),
            0.634,
            estimate(0.634, 0.47, 0.85, "Fieller, CR3", CROSSED, 600),
            runs=3,
            needed=users,
            subject="hallucination",
        ),
        gate(
            "avg_latency",
            stage,
            (1710.0, 1885.0),
            1885.0,
            estimate(1885.0, 1846.0, 1924.0, "CR3 of a mean", ONE_ARM, 600),
            runs=3,
        ),
        gate(
            "p95_latency",
            stage,
            (2080.0, 2189.0),
            2189.0,
            estimate(0.048, 0.034, 0.067, "Korn–Graubard (1998)", ONE_ARM, 600),
            runs=3,
            needed=users,
        ),
        gate(
            "vetoed",
            stage,
            (0.041, 0.045),
            0.004,
            estimate(0.004, -0.012, 0.021, "CR3, Satterthwaite", CROSSED, 600),
            runs=3,
        ),
        gate(
            "error_rate",
            stage,
            (0.003, 0.002),
            0.002,
            estimate(0.002, 0.0001, 0.0079, "Korn–Graubard (1998)", ONE_ARM, 600),
            runs=3,
        ),
        gate("manual_edit_rate", stage, (0.33, 0.31), 0.31, edits, runs=3),
    )


def _story_checks() -> tuple[CheckResult, ...]:
    first, second, third, last = checks()
    passed = told("Every suite passed: 212 tests.")
    return (
        structs.replace(
            first, holds=True, why=passed, evidence=("junit.xml",), sha256=("ab" * 32,)
        ),
        structs.replace(
            second,
            holds=True,
            why=told("The log holds no incident since 2026-03-12 09:00."),
            evidence=("incidents.jsonl",),
            sha256=("cd" * 32,),
        ),
        structs.replace(
            third,
            why=told("FLAGS_WIRING is not mentioned."),
            evidence=("changes.yaml",),
            sha256=("ef" * 32,),
        ),
        last,
    )


def _story_distributions() -> tuple[Distribution, ...]:
    rng = np.random.default_rng(7)
    made: list[Distribution] = []
    for arm, shift in (("off", 0.0), ("on", 0.1)):
        latency = np.sort(rng.lognormal(7.38 + shift, 0.18, 400))
        score = np.sort(np.clip(np.round(rng.normal(7.41 + shift, 1.1, 400), 1), 0, 10))
        made += [
            distribution("latency_ms", arm, list(latency), 600),
            distribution("score", arm, list(score), 600),
        ]
    return tuple(made)


def _story_run(arm: str, k: int) -> RunRow:
    rate = {"off": (0.80, 0.82, 0.81, 0.79, 0.83), "on": (0.76, 0.79, 0.82, 0.78, 0.79)}[arm][k]
    return RunRow(
        f"{arm}-{k + 1}",
        arm,
        START + timedelta(days=2 * k),
        str(k),
        122,
        rate,
        7.4 + k / 50,
        1700 + 20 * k,
        0.04,
        averaged=k >= 2,
    )


class Tags(HTMLParser):
    """Collects the tags and the attributes of a page as a browser would see them."""

    def __init__(self, html: str) -> None:
        """Parse at once."""
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


def earlier(review: Review) -> Review:
    """Return a review as it may have been a week before: half of its runs, other numbers."""
    gates = [structs.replace(gate, evidence=_smaller(gate.evidence)) for gate in review.gates]
    runs = review.runs[: len(review.runs) // 2]
    return structs.replace(
        review, gates=tuple(gates), runs=runs, recommendation=Recommendation.HOLD,
        reasons=review.reasons[1:], data_sha256="0" * 64,
    )  # fmt: skip


def _smaller(evidence: EvidenceVerdict) -> EvidenceVerdict:
    """Return evidence that is not settled yet, its numbers a tenth smaller."""
    numbers = {
        name: None if value is None else 0.9 * value
        for name in ("point", "lower", "upper")
        for value in [getattr(evidence, name)]
    }
    return structs.replace(evidence, verdict=Verdict.INCONCLUSIVE, **numbers)


def executed(review: Reviewed, lang: str = "en") -> NotebookNode:
    """Return notebooks/stage_review.ipynb as if a kernel had run it on this review."""
    notebook = localise(
        nbformat.read(ROOT / "notebooks" / "stage_review.ipynb", as_version=4), lang
    )
    for cell in notebook.cells:
        of_samples = "judged" in cell.source  # a review made by hand has none
        if (
            cell.cell_type == "code"
            and not {"analyst", "parameters"} & set(cell.metadata.get("tags", []))
            and not of_samples
        ):
            context = {"root": ROOT, "now": datetime(2026, 11, 22, tzinfo=UTC), "params": None}
            names = {
                "assured": assured,
                "breakdowns": breakdowns,
                "over_runs": over_runs,
                "charts": charts,
                "curves": curves,
                "moved": moved,
                "last": LastReview("reports/w46", earlier(review)),
                "before": (past_of(encode(earlier(review.record)), "w46"),),
                "gates_over_looks": gates_over_looks,
                "report": report,
                "review": review,
                "lang": lang,
                "here": context,
                "decision_page": decision_page,
                "sign_off": sign_off,
            }
            cell.outputs = [_shown(eval(cell.source, names))]  # noqa: S307
    nbformat.validate(notebook)
    return notebook


def _shown(thing: Figure | Note | Html) -> NotebookNode:
    if isinstance(thing, Figure):
        return nbformat.v4.new_output("display_data", data=thing.bundle())
    bundle = thing._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


__all__ = [
    "ATTACK", "CONTROL", "PLAN", "TREATMENT", "Tags", "bfcl", "earlier", "executed", "hostile",
    "story",
]  # fmt: skip
