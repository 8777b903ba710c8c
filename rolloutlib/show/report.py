"""Review → what a meeting reads: the headline, tables, and a summary for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.recommendation import Recommendation
from rolloutlib.judge.review_file import review_json, save
from rolloutlib.judge.verdicts import Verdict
from rolloutlib.measure.needed import UNITS
from rolloutlib.plan.metrics import METRICS
from rolloutlib.show.charts import SYMBOLS, verdict_word
from rolloutlib.show.tables import (
    Cell,
    Html,
    Row,
    aligned,
    bullets,
    joined,
    number,
    render,
    style,
    table,
    texts,
)
from rolloutlib.words.numbers import show, unit_of
from rolloutlib.words.sentences import Sentence, say, translate

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.review import Review
    from rolloutlib.judge.verdicts import GateResult
    from rolloutlib.measure.estimates import Estimate
    from rolloutlib.plan.model import Gate
    from rolloutlib.plan.params import ReviewParams

__all__ = [
    "changes", "checks", "gate_table", "headline", "inputs", "issues_table", "quarantine", "recommendation_word",
    "review_json", "runs_table", "sample_sizes", "segments_table", "summary_text", "title", "warnings", "write_review",
]  # fmt: skip

_NBSP: Final = "\u00a0"
TINY_P: Final = 0.0001
SIGNS: Final = {
    Recommendation.GO: "✓",
    Recommendation.HOLD: "?",
    Recommendation.NO_GO: "✕",
    Recommendation.INVALID: "!",
}


def recommendation_word(recommendation: Recommendation) -> Sentence:
    """Return a recommendation as people read it."""
    words = {
        Recommendation.GO: say("GO"),
        Recommendation.HOLD: say("HOLD"),
        Recommendation.NO_GO: say("NO-GO"),
    }
    return words.get(recommendation, say("INVALID"))


def title(review: Review, lang: str = "en") -> str:
    """Return the report's title: recommendation, stage and treatment."""
    word, name = recommendation_word(review.recommendation), translate(review.stage_plan.name, lang)
    said = say("{recommendation} · stage {stage}, {name} · {treatment}", recommendation=word, stage=review.stage,
               name=name, treatment=review.treatment)  # fmt: skip
    return said.text(lang)


def headline(review: Review, lang: str = "en") -> Html:
    """Show the recommendation, what it is about, and why."""
    word, sign = recommendation_word(review.recommendation).text(lang), SIGNS[review.recommendation]
    look = say("{number} of {planned}", number=review.look.number, planned=review.look.planned)
    until = review.as_of.strftime("%Y-%m-%d %H:%M %Z") if review.as_of else say("all runs")
    facts: list[tuple[Sentence, Sentence | str]] = [
        (say("Stage"), say("{stage}: {name}", stage=review.stage, name=translate(review.stage_plan.name, lang))),
        (say("Control"), review.control), (say("Treatment"), review.treatment), (say("Runs until"), until),
        (say("Look"), look), (say("Profile"), review.profile), (say("Source"), review.source_title or say("not named")),
    ]  # fmt: skip
    told = [
        (name.text(lang), value.text(lang) if isinstance(value, Sentence) else value)
        for name, value in facts
    ]
    reasons, meaning, heading = (
        texts(review.reasons, lang),
        _meaning(review.recommendation).text(lang),
        title(review, lang),
    )
    html = render("headline.html.j2", kind=review.recommendation.value.lower(), sign=sign, word=word, title=heading,
                  meaning=meaning, facts=told, reasons=reasons, why=say("Why").text(lang), style=style())  # fmt: skip
    lines = [f"{sign} {heading}", meaning, *(f"- {reason}" for reason in reasons)]
    return Html(html, "\n".join(lines), heading)


def _meaning(recommendation: Recommendation) -> Sentence:
    if recommendation is Recommendation.GO:
        return say(
            "The plan's rule and the evidence pass at every gate, and every check holds. People decide."
        )
    if recommendation is Recommendation.HOLD:
        return say("Nothing is proven broken, but not everything is proven yet. People decide.")
    if recommendation is Recommendation.NO_GO:
        return say("A limit is proven broken or a check failed. People decide.")
    return say("These data cannot be compared, so they support no decision.")


def changes(review: Review, lang: str = "en") -> Html:
    """List what would change the recommendation."""
    return bullets(review.changes, say("Nothing needs to change."), lang)


def warnings(review: Review, lang: str = "en") -> Html:
    """List what a reader should know although it changes no verdict."""
    return bullets(review.warnings, say("No warnings."), lang)


def summary_text(review: Review, lang: str = "en") -> str:
    """Return the recommendation for a terminal: a table of the gates and the reasons."""
    head = texts(
        (say("Gate"), say("Plan"), say("Evidence"), say("Estimate [bounds]"), say("Limit")), lang
    )
    lines = aligned(
        [tuple(head), *(_summary_row(gate, lang) for gate in review.gates)], right=frozenset({3, 4})
    )
    reasons = [f"  - {reason}" for reason in texts(review.reasons, lang)]
    heading = f"{SIGNS[review.recommendation]} {title(review, lang)}"
    return "\n".join([heading, "", *lines, "", say("Why:").text(lang), *reasons])


def write_review(review: Review, folder: Path | None, params: ReviewParams) -> Html:
    """Write review.json and params.yaml into a folder, or nothing where there is none; return the summary."""
    if folder is not None:
        save(review, folder, params)
    text = summary_text(review, params.lang)
    return Html(render("plain.html.j2", text=text), text)


# --- gates ----------------------------------------------------------------------------------------


def gate_table(review: Review, lang: str = "en") -> Html:
    """Show both verdicts of every gate side by side and call every disagreement out."""
    arms = (say("Gate"), say("Control"), say("Treatment"))
    head = (*arms, say("Plan's rule"), say("Evidence"), say("What would settle it"))
    return table(head, [_gate_row(gate, lang) for gate in review.gates], lang, kind="gates")


def _gate_row(gate: GateResult, lang: str) -> Row:
    cells = (
        Cell(translate(gate.gate.title, lang), (gate.subject,) if gate.subject else ()),
        number(_level(gate.gate, gate.control, lang)),
        number(_level(gate.gate, gate.treatment, lang)),
        Cell(
            _badge(gate.plan.verdict, lang), _plan_lines(gate, lang), f"verdict {gate.plan.verdict}"
        ),
        Cell(
            _badge(gate.evidence.verdict, lang),
            _evidence_lines(gate, lang),
            f"verdict {gate.evidence.verdict}",
        ),
        Cell(_settle(gate, lang)),
    )
    return Row(cells, _disagreement(gate).text(lang) if gate.disagrees else "")


def _plan_lines(gate: GateResult, lang: str) -> tuple[str, ...]:
    unit, signed = gate.gate.unit, gate.gate.contrast == "difference"
    value = (
        ()
        if gate.plan.value is None
        else (_tight(show(gate.plan.value, unit, signed=signed), lang),)
    )
    limit = say(
        "limit {value}", value=_sided(gate, show(gate.limit, unit, signed=signed), lang)
    ).text(lang)
    return (
        *value,
        limit,
        say("{runs} of {wanted} runs", runs=gate.plan.runs, wanted=gate.plan.runs_wanted).text(
            lang
        ),
    )


def _evidence_lines(gate: GateResult, lang: str) -> tuple[str, ...]:
    limit = say("limit {value}", value=_proof_limit(gate, lang)).text(lang)
    estimate = gate.evidence.estimate
    if estimate is None:
        return (limit,)
    slow = say("share slower than {limit}", limit=show(gate.limit, gate.gate.unit)).text(lang)
    lines = (
        _interval(gate.gate, estimate, lang),
        limit,
        f"{estimate.method} · {_size(estimate).text(lang)}",
    )
    return (slow, *lines) if gate.gate.statistic == "quantile" else lines


def _size(estimate: Estimate) -> Sentence:
    design = estimate.design
    if design.kind == "paired":
        return say("{n} pairs", n=f"{design.pairs:,}")
    both = f"{estimate.n_control:,} + {estimate.n_treatment:,}"
    n = f"{estimate.n_treatment:,}" if design.kind == "one_arm" else both
    clusters = max(design.clusters_control * (design.kind != "one_arm"), design.clusters_treatment)
    if clusters and design.unit != "sample":
        return say(
            "{n} samples of {clusters} {unit}",
            n=n,
            clusters=f"{clusters:,}",
            unit=say(UNITS[design.unit]),
        )
    return say("{n} samples", n=n)


def _settle(gate: GateResult, lang: str) -> str:
    needed = gate.evidence.needed
    if gate.evidence.verdict is Verdict.PASS:
        return "–"
    if needed is None:
        return gate.evidence.why.text(lang)
    total, further = f"{needed.total:,}", f"{needed.further:,}"
    return say(
        "{further} more {unit} ({total} in all)",
        further=further,
        unit=say(needed.unit),
        total=total,
    ).text(lang)


def _disagreement(gate: GateResult) -> Sentence:
    if not gate.plan.clears:
        return say(
            "Disagreement: the point value misses the plan's limit, although the evidence clears this stage's wider "
            "one. Both must pass for GO."
        )
    if gate.evidence.verdict is Verdict.FAIL:
        return say(
            "Disagreement: the point value clears the plan's limit, yet the evidence proves that this stage's limit is "
            "broken."
        )
    return say(
        "Disagreement: the point value clears the plan's limit, but chance alone could explain that; the bound does "
        "not clear this stage's limit."
    )


def _summary_row(gate: GateResult, lang: str) -> tuple[str, ...]:
    estimate = gate.evidence.estimate
    told = _interval(gate.gate, estimate, lang) if estimate else say("no data").text(lang)
    verdicts = (_badge(gate.plan.verdict, lang), _badge(gate.evidence.verdict, lang))
    return (translate(gate.gate.title, lang), *verdicts, told, _proof_limit(gate, lang))


# --- what the gates rest on -----------------------------------------------------------------------


def checks(review: Review, lang: str = "en") -> Html:
    """Show the attested facts with their evidence."""
    words = {
        True: (say("✓ holds"), "pass"),
        False: (say("✕ fails"), "fail"),
        None: (say("? open"), "inconclusive"),
    }
    rows: list[Row] = []
    for check in review.checks:
        word, kind = words[check.holds]
        state, why = Cell(word.text(lang), kind=f"verdict {kind}"), Cell(check.why.text(lang))
        digests = [
            f"{name}: {sha256}" for name, sha256 in zip(check.evidence, check.sha256, strict=True)
        ]
        many = say("{n} files", n=len(digests)).text(lang) if len(digests) > 1 else None
        files = Cell(many or next(iter(check.evidence), "–"), more="\n".join(digests))
        rows.append(Row((Cell(translate(check.title, lang)), state, why, files)))
    return table((say("Check"), say("State"), say("Why"), say("Evidence files")), rows, lang)


def segments_table(review: Review, lang: str = "en") -> Html:
    """Show every segment's change, losses first."""
    gates = {gate.id: gate.gate for gate in review.gates}
    found = sorted(
        review.segments, key=lambda s: (not s.loss, s.p_holm if s.p_holm is not None else 2)
    )
    rows: list[Row] = []
    for s in found:
        gate = gates[s.gate]
        told = (
            f"{s.estimate.n_treatment:,}",
            _level(gate, s.control, lang),
            _level(gate, s.treatment, lang),
        )
        cells = [number(text) for text in (*told, _interval(gate, s.estimate, lang), _p(s.p_holm))]
        loss = Cell(say("▼ loss").text(lang), kind="verdict fail") if s.loss else Cell("–")
        rows.append(Row((Cell(s.value, (translate(s.by, lang),)), *cells, loss)))
    arms = (say("Samples"), say("Control"), say("Treatment"))
    head = (say("Segment"), *arms, say("Change [bounds]"), say("p (Holm)"), say("Loss"))
    return table(head, rows, lang, none=say("The source names no segments."))


def issues_table(review: Review, lang: str = "en") -> Html:
    """Show issue rates before and after; the ranks were fixed on the control arm."""
    rows: list[Row] = []
    for i in review.issues:
        shares = [show(share, "proportion").text(lang) for share in (i.control, i.treatment)]
        ratio = _bounds(i.estimate, "ratio", lang) if i.estimate else "–"
        told = [number(text) for text in (*shares, ratio, _p(i.p_holm))]
        rows.append(Row((number(str(i.rank or "–")), Cell(i.tag), *told)))
    arms = (say("Control"), say("Treatment"))
    head = (say("Rank"), say("Issue"), *arms, say("Ratio [bounds]"), say("p (Holm)"))
    return table(head, rows, lang, none=say("The source names no issues."))


def sample_sizes(review: Review, lang: str = "en") -> Html:
    """Show how many runs, samples, users and prompts each arm has, and how the arms compare."""
    counted = [(a.arm, (a.runs, a.samples, a.users, a.prompts)) for a in review.arms]
    rows = [
        Row((Cell(arm), *(number("–" if n is None else f"{n:,}") for n in counts)))
        for arm, counts in counted
    ]
    head = (say("Arm"), say("Runs"), say("Samples"), say("Users"), say("Prompts"))
    return joined(
        bullets((review.design, *review.set_aside), say("–"), lang), table(head, rows, lang)
    )


def runs_table(review: Review, lang: str = "en") -> Html:
    """Show every run's own headline; the plan averages the last ones of each arm."""
    headline = [METRICS[name] for name in ("passed", "score", "latency_ms", "vetoed")]
    rows: list[Row] = []
    for run in review.runs:
        values = zip(
            (run.pass_rate, run.avg_score, run.avg_latency_ms, run.vetoed), headline, strict=True
        )
        told = [number(show(value, metric.unit).text(lang)) for value, metric in values]
        start = run.started_at.strftime("%Y-%m-%d %H:%M") if run.started_at else "–"
        held = say("yes").text(lang) if run.averaged else "–"
        rows.append(
            Row(
                (Cell(run.run_id, (run.arm,)), Cell(start), number(f"{run.n:,}"), *told, Cell(held))
            )
        )
    return table(
        (
            say("Run"),
            say("Started"),
            say("Samples"),
            *(say(m.title) for m in headline),
            say("Averaged"),
        ),
        rows,
        lang,
    )


def quarantine(review: Review, lang: str = "en") -> Html:
    """Show what was read but is no evidence, by what was expected of it."""
    rows = [
        Row((Cell(q.expectation), number(f"{q.rows:,}"), Cell(q.example)))
        for q in review.quarantine
    ]
    none = say("Every row that was read is in the numbers.")
    return table((say("Expected"), say("Rows"), say("Example")), rows, lang, none=none)


def inputs(review: Review, lang: str = "en") -> Html:
    """Show every file with its digest and what became of its rows."""
    rows: list[Row] = []
    for i in review.inputs:
        digest = Cell(f"{i.sha256[:12]}…", kind="digest", more=i.sha256)
        rows.append(
            Row(
                (Cell(i.name), *(number(f"{n:,}") for n in (i.read, i.kept, i.quarantined)), digest)
            )
        )
    return table(
        (say("File"), say("Read"), say("Kept"), say("Quarantined"), say("SHA-256")), rows, lang
    )


# --- numbers in words -----------------------------------------------------------------------------


def _badge(verdict: Verdict, lang: str) -> str:
    return f"{SYMBOLS[verdict]} {verdict_word(verdict).text(lang)}"


def _interval(gate: Gate, estimate: Estimate, lang: str) -> str:
    return _bounds(
        estimate, unit_of(gate.unit, gate.statistic), lang, signed=gate.contrast == "difference"
    )


def _bounds(estimate: Estimate, unit: str, lang: str, *, signed: bool = False) -> str:
    values = (estimate.point, estimate.lower, estimate.upper)
    point, lower, upper = (_tight(show(value, unit, signed=signed), lang) for value in values)
    return f"{point} [{lower}, {upper}]"


def _proof_limit(gate: GateResult, lang: str) -> str:
    unit, signed = unit_of(gate.gate.unit, gate.gate.statistic), gate.gate.contrast == "difference"
    return _sided(gate, show(gate.proof_limit, unit, signed=signed), lang)


def _sided(gate: GateResult, limit: Sentence, lang: str) -> str:
    return f"{'≥' if gate.gate.harm == 'lower' else '≤'}{_NBSP}{_tight(limit, lang)}"


def _level(gate: Gate, value: float | None, lang: str) -> str:
    """Say an arm's own level: a share, a score or a latency, whatever the gate compares them by."""
    return show(value, METRICS[gate.metric].unit).text(lang)


def _tight(value: Sentence, lang: str) -> str:
    """Keep a number and its unit on one line."""
    return value.text(lang).replace(" ", _NBSP)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2g}" if value >= TINY_P else f"< {TINY_P}"
