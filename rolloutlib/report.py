"""Review → what a meeting reads: headline, tables, review.json. Every piece is HTML and, beside it, plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unicodedata import category, east_asian_width

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from rolloutlib.charts import SYMBOLS, verdict_word
from rolloutlib.gates import Verdict
from rolloutlib.messages import Sentence, say
from rolloutlib.recommendation import Recommendation
from rolloutlib.units import show, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rolloutlib.gates import GateResult
    from rolloutlib.params import ReviewParams
    from rolloutlib.plan import Gate
    from rolloutlib.review import Review

__all__ = [
    "Html",
    "changes",
    "checks",
    "gate_table",
    "headline",
    "inputs",
    "issues_table",
    "quarantine",
    "recommendation_word",
    "render",
    "review_json",
    "runs_table",
    "sample_sizes",
    "segments_table",
    "summary_text",
    "title",
    "warnings",
    "write_review",
]

_NBSP: Final = "\u00a0"
SCHEMA: Final = "rolloutlib/review@1"
LONGEST = 50  # rows of a table of files or runs; review.json holds all
SIGNS: Final = {
    Recommendation.GO: "✓",
    Recommendation.HOLD: "?",
    Recommendation.NO_GO: "✕",
    Recommendation.INVALID: "!",
}
LEVELS: Final = {"score": "score", "latency_ms": "ms", "style_violations": "ratio"}


class Cell(NamedTuple):
    """A table's cell: its text, smaller lines below it, a CSS class, and what opens on a click."""

    text: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    more: str = ""


class Row(NamedTuple):
    """A table's row and a remark that stands out below it."""

    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Html:
    """A piece of a report: notebooks show `html`, terminals `text`; the headline also has the page's title."""

    html: str
    text: str
    title: str = ""

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, str]]:
        return {"text/html": self.html, "text/plain": self.text}, {"rolloutlib_title": self.title} if self.title else {}


# --- pieces of the report -----------------------------------------------------------------------------------------------


def recommendation_word(recommendation: Recommendation) -> Sentence:
    """Return a recommendation as people read it."""
    words = {
        Recommendation.GO: say("GO"),
        Recommendation.HOLD: say("HOLD"),
        Recommendation.NO_GO: say("NO-GO"),
        Recommendation.INVALID: say("INVALID"),
    }
    return words[recommendation]


def title(review: Review, lang: str = "en") -> str:
    """Return the report's title: recommendation, stage and treatment."""
    return say(
        "{recommendation} · stage {stage}, {name} · {treatment}",
        recommendation=recommendation_word(review.recommendation),
        stage=review.stage,
        name=say(review.stage_plan.name),
        treatment=review.treatment,
    ).text(lang)


def headline(review: Review, lang: str = "en") -> Html:
    """Show the recommendation, what it is about, and why."""
    word, sign = recommendation_word(review.recommendation).text(lang), SIGNS[review.recommendation]
    facts = [
        (say("Stage"), say("{stage}: {name}", stage=review.stage, name=say(review.stage_plan.name))),
        (say("Control"), review.control),
        (say("Treatment"), review.treatment),
        (say("Runs until"), review.as_of.strftime("%Y-%m-%d %H:%M %Z") if review.as_of else say("all runs")),
        (say("Look"), say("{number} of {planned}", number=review.look.number, planned=review.look.planned)),
        (say("Profile"), review.profile),
        (say("Source"), review.source_title or say("not named")),
    ]
    said = [(_said(name, lang), _said(value, lang)) for name, value in facts]
    reasons, meaning = _texts(review.reasons, lang), _MEANING[review.recommendation].text(lang)
    html = render(
        "headline.html.j2",
        kind=review.recommendation.value.lower(),
        sign=sign,
        word=word,
        title=title(review, lang),
        meaning=meaning,
        facts=said,
        reasons=reasons,
        why=say("Why").text(lang),
        style=_style(),
    )
    lines = [f"{sign} {title(review, lang)}", meaning, *(f"- {reason}" for reason in reasons)]
    return Html(html, "\n".join(lines), title(review, lang))


def gate_table(review: Review, lang: str = "en") -> Html:
    """Show both verdicts of every gate side by side and call every disagreement out."""
    head = (
        say("Gate"),
        say("Control"),
        say("Treatment"),
        say("Plan's rule"),
        say("Evidence"),
        say("What would settle it"),
    )
    return _table(head, [_gate_row(gate, lang) for gate in review.gates], lang, kind="gates")


def changes(review: Review, lang: str = "en") -> Html:
    """List what would change the recommendation."""
    return _list(review.changes, say("Nothing needs to change."), lang)


def warnings(review: Review, lang: str = "en") -> Html:
    """List what a reader should know although it changes no verdict."""
    return _list(review.warnings, say("No warnings."), lang)


def checks(review: Review, lang: str = "en") -> Html:
    """Show the attested facts with their evidence."""
    words = {True: (say("✓ holds"), "pass"), False: (say("✕ fails"), "fail"), None: (say("? open"), "inconclusive")}
    rows = [
        Row(
            (
                Cell(say(check.title).text(lang)),
                Cell(words[check.holds][0].text(lang), kind=f"verdict {words[check.holds][1]}"),
                Cell(check.why.text(lang)),
                Cell(", ".join(check.evidence) or "–", more="\n".join(check.sha256)),
            )
        )
        for check in review.checks
    ]
    return _table((say("Check"), say("State"), say("Why"), say("Evidence files")), rows, lang)


def segments_table(review: Review, lang: str = "en") -> Html:
    """Show every segment's change, losses first."""
    gates = {gate.id: gate.gate for gate in review.gates}
    found = sorted(review.segments, key=lambda s: (not s.loss, s.p_holm if s.p_holm is not None else 2))
    rows = [
        Row(
            (
                Cell(s.value, (say(s.by).text(lang),)),
                Cell(f"{s.estimate.n_treatment:,}", kind="number"),
                Cell(_level(gates[s.gate], s.control, lang), kind="number"),
                Cell(_level(gates[s.gate], s.treatment, lang), kind="number"),
                Cell(
                    _interval(gates[s.gate], s.estimate.point, s.estimate.lower, s.estimate.upper, lang), kind="number"
                ),
                Cell("–" if s.p_holm is None else f"{s.p_holm:.2g}", kind="number"),
                Cell(say("▼ loss").text(lang), kind="verdict fail") if s.loss else Cell("–"),
            )
        )
        for s in found
    ]
    head = (
        say("Segment"),
        say("Samples"),
        say("Control"),
        say("Treatment"),
        say("Change [bounds]"),
        say("p (Holm)"),
        say("Loss"),
    )
    return _table(head, rows, lang, none=say("The source names no segments."))


def issues_table(review: Review, lang: str = "en") -> Html:
    """Show issue rates before and after; the ranks were fixed on the control arm."""
    rows = [
        Row(
            (
                Cell(str(i.rank or "–"), kind="number"),
                Cell(i.tag),
                Cell(_share(i.control, lang), kind="number"),
                Cell(_share(i.treatment, lang), kind="number"),
                Cell(
                    _ratio(i.estimate.point, i.estimate.lower, i.estimate.upper, lang) if i.estimate else "–",
                    kind="number",
                ),
                Cell("–" if i.p_holm is None else f"{i.p_holm:.2g}", kind="number"),
            )
        )
        for i in review.issues
    ]
    head = (say("Rank"), say("Issue"), say("Control"), say("Treatment"), say("Ratio [bounds]"), say("p (Holm)"))
    return _table(head, rows, lang, none=say("The source names no issues."))


def sample_sizes(review: Review, lang: str = "en") -> Html:
    """Show how many runs, samples, users and prompts each arm has, and how the arms compare."""
    counted = [(a.arm, (a.runs, a.samples, a.users, a.prompts)) for a in review.arms]
    rows = [
        Row((Cell(arm), *(Cell("–" if n is None else f"{n:,}", kind="number") for n in counts)))
        for arm, counts in counted
    ]
    head = (say("Arm"), say("Runs"), say("Samples"), say("Users"), say("Prompts"))
    return _join(_list((review.design, *review.set_aside), say("–"), lang), _table(head, rows, lang))


def runs_table(review: Review, lang: str = "en") -> Html:
    """Show every run's own headline; the plan averages the last ones of each arm."""
    rows = [
        Row(
            (
                Cell(run.run_id, (run.arm,)),
                Cell(run.started_at.strftime("%Y-%m-%d %H:%M") if run.started_at else "–"),
                Cell(f"{run.n:,}", kind="number"),
                *(
                    Cell(show(value, unit).text(lang), kind="number")
                    for value, unit in (
                        (run.pass_rate, "proportion"),
                        (run.avg_score, "score"),
                        (run.avg_latency_ms, "ms"),
                        (run.vetoed, "proportion"),
                    )
                ),
                Cell(say("yes").text(lang) if run.averaged else "–"),
            )
        )
        for run in review.runs
    ]
    head = (
        say("Run"),
        say("Started"),
        say("Samples"),
        say("Pass rate"),
        say("Average score"),
        say("Average latency"),
        say("Vetoed share"),
        say("Averaged"),
    )
    return _table(head, rows, lang)


def quarantine(review: Review, lang: str = "en") -> Html:
    """Show what was read but is no evidence, by reason."""
    rows = [
        Row((Cell(group.expectation), Cell(f"{group.rows:,}", kind="number"), Cell(group.example)))
        for group in review.quarantine
    ]
    return _table(
        (say("Expected"), say("Rows"), say("Example")),
        rows,
        lang,
        none=say("Every row that was read is in the numbers."),
    )


def inputs(review: Review, lang: str = "en") -> Html:
    """Show every file with its digest and what became of its rows."""
    rows = [
        Row(
            (
                Cell(i.name),
                *(Cell(f"{n:,}", kind="number") for n in (i.read, i.kept, i.quarantined)),
                Cell(f"{i.sha256[:12]}…", kind="digest", more=i.sha256),
            )
        )
        for i in review.inputs
    ]
    return _table((say("File"), say("Read"), say("Kept"), say("Quarantined"), say("SHA-256")), rows, lang)


def summary_text(review: Review, lang: str = "en") -> str:
    """Return the recommendation for a terminal: a table of the gates and the reasons."""
    head = [
        _said(name, lang)
        for name in (say("Gate"), say("Plan"), say("Evidence"), say("Estimate [bounds]"), say("Limit"))
    ]
    lines = [tuple(head), *(_summary_row(gate, lang) for gate in review.gates)]
    reasons = [f"  - {reason}" for reason in _texts(review.reasons, lang)]
    heading = f"{SIGNS[review.recommendation]} {title(review, lang)}"
    return "\n".join([heading, "", *_aligned(lines, right=frozenset({3, 4})), "", say("Why:").text(lang), *reasons])


# --- review.json ----------------------------------------------------------------------------------------------------------


def review_json(review: Review) -> dict[str, Any]:
    """Return the review as plain data (schema rolloutlib/review@1); null stands for what there is not, also for no bound."""
    return {
        "schema": SCHEMA,
        "stage": review.stage,
        "control": review.control,
        "treatment": review.treatment,
        "recommendation": review.recommendation.value,
        "reasons": _texts(review.reasons),
        "gates": [_gate_json(gate) for gate in review.gates],
        "segments": [
            {
                "by": s.by,
                "value": s.value,
                "gate": s.gate,
                "control": _number(s.control),
                "treatment": _number(s.treatment),
                **_bounds(s.estimate.point, s.estimate.lower, s.estimate.upper),
                "p_holm": _number(s.p_holm),
                "loss": s.loss,
            }
            for s in review.segments
        ],
        "checks": [
            {
                "id": c.id,
                "title": c.title,
                "holds": c.holds,
                "why": c.why.text(),
                "evidence": list(c.evidence),
                "sha256": list(c.sha256),
            }
            for c in review.checks
        ],
        "inputs": [
            {"name": i.name, "sha256": i.sha256, "read": i.read, "kept": i.kept, "quarantined": i.quarantined}
            for i in review.inputs
        ],
        "issues": [
            {
                "tag": i.tag,
                "rank": i.rank,
                "control": _number(i.control),
                "treatment": _number(i.treatment),
                **(_bounds(i.estimate.point, i.estimate.lower, i.estimate.upper) if i.estimate else _bounds()),
                "p_holm": _number(i.p_holm),
            }
            for i in review.issues
        ],
        "quarantine": [{"expectation": q.expectation, "rows": q.rows, "example": q.example} for q in review.quarantine],
        "arms": [
            {"arm": a.arm, "runs": a.runs, "samples": a.samples, "users": a.users, "prompts": a.prompts}
            for a in review.arms
        ],
        "warnings": _texts(review.warnings),
        "changes": _texts(review.changes),
        "set_aside": _texts(review.set_aside),
        "design": review.design.text(),
        "profile": review.profile,
        "as_of": review.as_of.isoformat() if review.as_of else None,
        "look": {
            "number": review.look.number,
            "planned": review.look.planned,
            "confidence": _number(review.look.confidence),
            "spent": _number(review.look.spent),
        },
    }


def write_review(review: Review, folder: Path | None, params: ReviewParams) -> Html:
    """Write review.json and params.yaml into a folder, or nothing where there is none; return the summary either way."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        told = json.dumps(review_json(review), ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "review.json").write_text(told + "\n", encoding="utf-8")
        used = yaml.safe_dump(params.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False)
        (folder / "params.yaml").write_text(used, encoding="utf-8")
    text = summary_text(review, params.lang)
    return Html(render("plain.html.j2", text=text), text)


def _gate_json(gate: GateResult) -> dict[str, Any]:
    estimate, needed = gate.evidence.estimate, gate.evidence.needed
    plan = {
        "verdict": gate.plan.verdict.value,
        "value": _number(gate.plan.value),
        "clears": gate.plan.clears,
        "runs": gate.plan.runs,
        "runs_wanted": gate.plan.runs_wanted,
    }
    more = {"unit": needed.unit, "total": needed.total, "further": needed.further} if needed else None
    evidence: dict[str, Any] = {
        "verdict": gate.evidence.verdict.value,
        **_bounds(),
        "confidence": None,
        "method": None,
        "n_control": None,
        "n_treatment": None,
        "pairs": None,
        "clusters": None,
    }
    if estimate:
        design = estimate.design
        clusters = (
            design.clusters_control + design.clusters_treatment
            if design.kind == "nested"
            else max(design.clusters_control, design.clusters_treatment)
        )
        evidence |= _bounds(estimate.point, estimate.lower, estimate.upper) | {
            "confidence": estimate.confidence,
            "method": estimate.method,
            "n_control": estimate.n_control,
            "n_treatment": estimate.n_treatment,
            "pairs": design.pairs if design.kind == "paired" else None,
            "clusters": clusters or None,
            "design": design.kind,
            "unit": design.unit,
        }
    return {
        "id": gate.id,
        "title": gate.gate.title,
        "subject": gate.subject,
        "unit": gate.gate.unit,
        "limit": _number(gate.limit),
        "proof_limit": _number(gate.proof_limit),
        "control": _number(gate.control),
        "treatment": _number(gate.treatment),
        "plan": plan,
        "evidence": evidence | {"needed": more, "why": gate.evidence.why.text()},
        "disagrees": gate.disagrees,
    }


def _bounds(
    point: float | None = None, lower: float | None = None, upper: float | None = None
) -> dict[str, float | None]:
    return {"point": _number(point), "lower": _number(lower), "upper": _number(upper)}


def _number(value: float | None) -> float | None:
    """Return a plain float; what JSON cannot say (no bound, not a number) is null."""
    return float(value) if value is not None and isfinite(value) else None


# --- numbers in words -------------------------------------------------------------------------------------------------------


def _gate_row(gate: GateResult, lang: str) -> Row:
    plan, evidence = gate.plan, gate.evidence
    runs = say("{runs} of {wanted} runs", runs=plan.runs, wanted=plan.runs_wanted).text(lang)
    limit = say("limit {value}", value=_at(gate, _plan(gate, gate.limit, lang))).text(lang)
    literal = () if plan.value is None else (_plan(gate, plan.value, lang),)
    cells = (
        Cell(say(gate.gate.title).text(lang), (gate.subject,) if gate.subject else ()),
        Cell(_level(gate.gate, gate.control, lang), kind="number"),
        Cell(_level(gate.gate, gate.treatment, lang), kind="number"),
        Cell(_badge(plan.verdict, lang), (*literal, limit, runs), f"verdict {plan.verdict}"),
        Cell(_badge(evidence.verdict, lang), _evidence_lines(gate, lang), f"verdict {evidence.verdict}"),
        Cell(_settle(gate, lang)),
    )
    return Row(cells, _disagreement(gate).text(lang) if gate.disagrees else "")


def _evidence_lines(gate: GateResult, lang: str) -> tuple[str, ...]:
    estimate = gate.evidence.estimate
    limit = say("limit {value}", value=_at(gate, _estimate(gate, gate.proof_limit, lang))).text(lang)
    if estimate is None:
        return (limit,)
    bounds = _interval(gate.gate, estimate.point, estimate.lower, estimate.upper, lang)
    slow = say("share slower than {limit}", limit=show(gate.limit, gate.gate.unit)).text(lang)
    return (
        *((slow,) if gate.gate.statistic == "quantile" else ()),
        bounds,
        limit,
        f"{say(estimate.method).text(lang)} · {_sizes(gate, lang)}",
    )


def _sizes(gate: GateResult, lang: str) -> str:
    estimate = gate.evidence.estimate
    if estimate is None:
        return ""
    design = estimate.design
    if design.kind == "paired":
        return say("{n} pairs", n=f"{design.pairs:,}").text(lang)
    n = (
        f"{estimate.n_treatment:,}"
        if design.kind == "one_arm"
        else f"{estimate.n_control:,} + {estimate.n_treatment:,}"
    )
    clusters = (
        design.clusters_treatment
        if design.kind == "one_arm"
        else max(design.clusters_control, design.clusters_treatment)
    )
    if clusters and design.unit != "sample":
        return say("{n} samples of {clusters} {unit}", n=n, clusters=f"{clusters:,}", unit=_UNITS[design.unit]).text(
            lang
        )
    return say("{n} samples", n=n).text(lang)


def _settle(gate: GateResult, lang: str) -> str:
    needed = gate.evidence.needed
    if gate.evidence.verdict is Verdict.PASS:
        return "–"
    if needed is None:
        return gate.evidence.why.text(lang)
    return say(
        "{further} more {unit} ({total} in all)",
        further=f"{needed.further:,}",
        unit=say(needed.unit),
        total=f"{needed.total:,}",
    ).text(lang)


def _disagreement(gate: GateResult) -> Sentence:
    if not gate.plan.clears:
        return say(
            "Disagreement: the point value misses the plan's limit, although the evidence clears this stage's wider one. Both must pass for GO."
        )
    if gate.evidence.verdict is Verdict.FAIL:
        return say(
            "Disagreement: the point value clears the plan's limit, yet the evidence proves that this stage's limit is broken."
        )
    return say(
        "Disagreement: the point value clears the plan's limit, but chance alone could explain that; the bound does not clear this stage's limit."
    )


def _badge(verdict: Verdict, lang: str) -> str:
    return f"{SYMBOLS[verdict]} {verdict_word(verdict).text(lang)}"


def _at(gate: GateResult, limit: str) -> str:
    return f"{'≥' if gate.gate.harm == 'lower' else '≤'}{_NBSP}{limit}"


def _tight(value: Sentence, lang: str) -> str:
    """Keep a number and its unit on one line."""
    return value.text(lang).replace(" ", _NBSP)


def _plan(gate: GateResult, value: float | None, lang: str) -> str:
    return _tight(show(value, gate.gate.unit, signed=gate.gate.contrast == "difference"), lang)


def _estimate(gate: GateResult, value: float | None, lang: str) -> str:
    return _tight(
        show(value, unit_of(gate.gate.unit, gate.gate.statistic), signed=gate.gate.contrast == "difference"), lang
    )


def _interval(gate: Gate, point: float, lower: float, upper: float, lang: str) -> str:
    unit, signed = unit_of(gate.unit, gate.statistic), gate.contrast == "difference"
    said = [_tight(show(value, unit, signed=signed), lang) for value in (point, lower, upper)]
    return f"{said[0]} [{said[1]}, {said[2]}]"


def _level(gate: Gate, value: float | None, lang: str) -> str:
    """Say an arm's own level: a share, a score or a latency, whatever the gate compares them by."""
    return show(value, LEVELS.get(gate.metric, "proportion")).text(lang)


def _share(value: float, lang: str) -> str:
    return show(value, "proportion").text(lang)


def _ratio(point: float, lower: float, upper: float, lang: str) -> str:
    said = [show(value, "ratio").text(lang) for value in (point, lower, upper)]
    return f"{said[0]} [{said[1]}, {said[2]}]"


def _summary_row(gate: GateResult, lang: str) -> tuple[str, ...]:
    estimate = gate.evidence.estimate
    told = (
        _interval(gate.gate, estimate.point, estimate.lower, estimate.upper, lang)
        if estimate
        else say("no data").text(lang)
    )
    limit = _at(gate, _estimate(gate, gate.proof_limit, lang))
    return (
        say(gate.gate.title).text(lang),
        _badge(gate.plan.verdict, lang),
        _badge(gate.evidence.verdict, lang),
        told,
        limit,
    )


_UNITS: Final = {"user": say("users"), "prompt": say("prompts"), "sample": say("samples")}
_MEANING: Final = {
    Recommendation.GO: say(
        "The plan's rule and the evidence pass at every gate, and every check holds. People decide."
    ),
    Recommendation.HOLD: say("Nothing is proven broken, but not everything is proven yet. People decide."),
    Recommendation.NO_GO: say("A limit is proven broken or a check failed. People decide."),
    Recommendation.INVALID: say("These data cannot be compared, so they support no decision."),
}


# --- tables and lists -------------------------------------------------------------------------------------------------------


def _table(
    head: Sequence[Sentence], rows: Sequence[Row], lang: str, *, kind: str = "", none: Sentence | None = None
) -> Html:
    """Lay rows out; a long table ends with how many rows are left out."""
    if not rows:
        return _list((), none or say("–"), lang)
    names, shown = _texts(head, lang), list(islice(rows, LONGEST))
    left_out = (
        say("{n} more rows are in review.json.", n=f"{len(rows) - LONGEST:,}").text(lang) if len(rows) > LONGEST else ""
    )
    html = render("table.html.j2", head=names, rows=shown, kind=kind, left_out=left_out)
    lines = _aligned([tuple(names), *(tuple(_cell_text(cell) for cell in row.cells) for row in shown)])
    for place, row in reversed(list(enumerate(shown, 2))):
        if row.note:
            lines.insert(place + 1, f"  ! {row.note}")
    return Html(html, "\n".join([*lines, *([left_out] if left_out else [])]))


def _cell_text(cell: Cell) -> str:
    return ", ".join((cell.text, *cell.lines))


def _list(sentences: Iterable[Sentence], none: Sentence, lang: str) -> Html:
    said = _texts(sentences, lang)
    if not said:
        return Html(render("list.html.j2", sentences=[], none=none.text(lang)), none.text(lang))
    return Html(render("list.html.j2", sentences=said, none=""), "\n".join(f"- {text}" for text in said))


def _join(*pieces: Html) -> Html:
    return Html("\n".join(piece.html for piece in pieces), "\n".join(piece.text for piece in pieces))


def _aligned(rows: Sequence[tuple[str, ...]], right: frozenset[int] = frozenset()) -> list[str]:
    """Align columns of text, counting a Korean syllable as two places; a rule follows the first row."""
    widths = [max(_width(row[k]) for row in rows) for k in range(len(rows[0]))]
    padded = [[(_pad(row[k], w, k in right)) for k, w in enumerate(widths)] for row in rows]
    lines = ["  ".join(row).rstrip() for row in padded]
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]


def _pad(text: str, width: int, right: bool) -> str:  # noqa: FBT001 -- a private helper's last argument
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    return sum(0 if category(c) in {"Mn", "Cf"} else 2 if east_asian_width(c) in {"W", "F"} else 1 for c in text)


def _texts(sentences: Iterable[Sentence], lang: str = "en") -> list[str]:
    return [sentence.text(lang) for sentence in sentences]


def _said(value: Sentence | str, lang: str) -> str:
    return value.text(lang) if isinstance(value, Sentence) else value


def render(template: str, **values: object) -> str:
    """Fill one of the package's templates; every value is escaped."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    """Make the one environment of all templates: everything is escaped, and a missing value is an error."""
    loader = PackageLoader("rolloutlib", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _style() -> str:
    """Return the pieces' stylesheet: JupyterLab needs it once, in the headline."""
    return _environment().get_template("pieces.css").render()
