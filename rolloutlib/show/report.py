"""Review → what a meeting reads: titles, tables, and a summary for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Recommendation
from rolloutlib.measure.segments import ANY_ISSUE
from rolloutlib.show.folder import save, save_beside_reports
from rolloutlib.show.holding import holding, refusing
from rolloutlib.show.kernel import report_folder
from rolloutlib.show.labels import judge_errors
from rolloutlib.show.measured import completeness, measured
from rolloutlib.show.registered import firing, register
from rolloutlib.show.rows import (
    bounds,
    gate_row,
    interval,
    level,
    p_value,
    terminal_table,
    towards_harm,
)
from rolloutlib.show.spread import spread
from rolloutlib.show.stages import not_carried, stages_of
from rolloutlib.show.tables import (
    Cell,
    Html,
    Row,
    bullets,
    joined,
    label,
    number,
    render,
    table,
)  # fmt: skip
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Review, Reviewed
    from rolloutlib.measure.segments import IssueRate
    from rolloutlib.plan.params import ReviewParams
    from rolloutlib.reason import Reason

__all__ = [
    "SIGNS", "candidate_of", "changes", "checks", "completeness", "every_reason", "gate_table",
    "inputs", "issues_table", "judge_errors", "look_of", "meaning_of", "measured", "quarantine",
    "recommendation_word", "register", "runs_table", "sample_sizes", "segments_table",
    "summary_text", "title_of", "warnings", "write_review",
]  # fmt: skip

_ARM: Final = "treatment"  # a name of an arm that says nothing of what is in it
GO, HOLD, NO_GO = Recommendation.GO, Recommendation.HOLD, Recommendation.NO_GO
SIGNS: Final = {GO: "✓", HOLD: "?", NO_GO: "✕", Recommendation.INVALID: "!"}


def recommendation_word(recommendation: Recommendation) -> Sentence:
    """Return a recommendation as people read it."""
    words = {GO: say("GO"), HOLD: say("HOLD"), NO_GO: say("NO-GO")}
    return words.get(recommendation, say("INVALID"))


def title_of(review: Review, word: Sentence | None = None) -> str:
    """Name recommendation (or what was decided), stage and candidate."""
    return str(say(
        "{recommendation} · stage {stage}, {name} · {candidate}",
        recommendation=word or recommendation_word(review.recommendation), stage=review.stage,
        name=translate(review.stage_name), candidate=candidate_of(review),
    ))  # fmt: skip


def candidate_of(review: Review) -> str:
    """Name what is under review: its features, and the treatment where that has its own name."""
    moves = review.decided.candidate if review.decided else ()
    features = ", ".join(f"{move.feature} {translate(move.title)}" for move in moves)
    if features and review.treatment.casefold() == _ARM:
        return features
    return " · ".join(filter(None, (features, plain(review.treatment, LABEL))))


def tolerated(review: Review) -> tuple[Reason, ...]:
    """Return what a GO on this review accepts: values that miss the plan's limit by little."""
    return tuple(gate.tolerated for gate in review.gates if gate.tolerated is not None)


def look_of(review: Review) -> Sentence:
    """Say which look this is, and whether and where it counts."""
    look = review.look
    about = {"number": look.number, "planned": look.planned}
    if look.counting == "exploration":
        return say("{number} of {planned}; exploration: not counted", **about)
    if look.counting == "free":
        return say("{number} of {planned}; not counted: no gate could have passed", **about)
    if look.file:
        return say("{number} of {planned}; counted in {file}", **about, file=look.file)
    return say("{number} of {planned}", **about)


def meaning_of(review: Review) -> Sentence:
    """Say what a recommendation means."""
    recommendation = review.recommendation
    if recommendation is GO and (within := tolerated(review)):
        return say(
            "Every check holds and the evidence passes at every gate; by the plan's rule {n} miss "
            "within the declared tolerance, the others pass. People decide.", n=len(within),
        )  # fmt: skip
    if recommendation is GO:
        return say(
            "The plan's rule and the evidence pass at every gate, and every check holds. People "
            "decide."
        )
    if recommendation is HOLD:
        return say("No limit is proven broken. Open: {parts}. People decide.",
                   parts=holding(review))  # fmt: skip
    if recommendation is NO_GO:
        return say("{parts}. People decide.", parts=refusing(review))
    return say("These data cannot be compared, so they support no decision.")


@spoken
def every_reason(review: Review) -> Html:
    """List why this is recommended, and which risks fire; the decision page shows the first."""
    reasons = texts(review.reasons)
    risks = [line for line in firing(review) if line not in reasons]
    lines = bullets([*reasons, *risks])
    return Html(f'<div id="rl-reasons">{lines.html}</div>', lines.text)


@spoken
def changes(review: Review) -> Html:
    """List what would change the recommendation."""
    return bullets(texts(review.changes), say("Nothing needs to change."))


@spoken
def warnings(review: Review) -> Html:
    """List what a reader should know although it changes no verdict."""
    return bullets(texts(review.warnings), say("No warnings."))


@spoken
def summary_text(review: Review) -> str:
    """Return the recommendation for a terminal: a table of the gates and the reasons."""
    head = (say("Gate"), say("Plan"), say("Evidence"), say("Estimate [bounds]"), say("Limit"))
    why = texts(review.reasons)
    why += [line for line in firing(review) if line not in why]
    reasons = [plain(f"  - {reason}") for reason in why]
    heading = plain(f"{SIGNS[review.recommendation]} {title_of(review)}")
    lines = terminal_table(
        head, review.gates, lambda gate: gate.plan.verdict, lambda gate: gate.evidence.verdict
    )
    look = plain(f"{say('Look')}: {look_of(review)}")
    carried = [plain(f"{say('Evidence of')}: {stages_of(review)}")] if stages_of(review) else []
    carried += map(plain, not_carried(review))
    return "\n".join([heading, look, *carried, "", *lines, "", str(say("Why:")), *reasons])


def write_review(review: Reviewed, folder: Path | None, params: ReviewParams) -> Html:
    """Write the review and return the summary for a terminal.

    What `rollout review` runs goes into its report. What anybody else runs goes into the folder, or
    into a draft beside it where it holds a report; without a folder nothing is written.
    """
    text = summary_text(review, params.lang)
    if (gathering := report_folder()) is not None:
        save(review, gathering, params)
    elif folder is not None and (place := save_beside_reports(review, folder, params)) != folder:
        draft_note = say("{folder} holds a report and stays as it is; this is in {place}.",
                   folder=folder, place=place)  # fmt: skip
        text += f"\n\n{draft_note.text(params.lang)}"
    return Html(render("plain.html.j2", text=text), text)


@spoken
def gate_table(review: Review) -> Html:
    """Show both verdicts of every gate side by side and call every disagreement out."""
    arms = (say("Gate"), say("Control"), say("Treatment"))
    head = (*arms, say("Plan's rule"), say("Evidence"), say("What would settle it"))
    return table(head, [gate_row(gate) for gate in review.gates], kind="gates")


# --- what the gates rest on -----------------------------------------------------------------------


@spoken
def checks(review: Review) -> Html:
    """Show the attested facts with their evidence."""
    words = {
        True: (say("✓ holds"), "pass"), False: (say("✕ fails"), "fail"),
        None: (say("? open"), "inconclusive"),
    }  # fmt: skip
    rows: list[Row] = []
    for check in review.checks:
        word, kind = words[check.holds]
        files = list(zip(check.evidence, check.sha256, strict=True))
        digests = "\n".join(f"{name}: {sha256}" for name, sha256 in files)
        name = str(say("{n} files", n=len(files))) if len(files) > 1 else [*check.evidence, "–"][0]
        state = Cell(str(word), kind=f"verdict {kind}")
        why = Cell(sentence(check.why))
        rows.append(Row((Cell(translate(check.title)), state, why, Cell(name, more=digests))))
    head = (say("Check"), say("State"), say("Why"), say("Evidence files"))
    return table(head, rows, kind="checks")


@spoken
def segments_table(review: Review) -> Html:
    """Show every segment's change, gate by gate, the largest loss first, as the chart does."""
    gates = {gate.id: gate for gate in review.gates}
    order = {gate.id: place for place, gate in enumerate(review.gates)}
    parts = sorted(
        review.segments, key=lambda part: (order[part.gate], towards_harm(gates[part.gate], part))
    )
    several = len({part.gate for part in parts}) > 1
    rows: list[Row] = []
    for part in parts:
        gate = gates[part.gate]
        levels = (level(gate, part.control), level(gate, part.treatment))
        cells = (f"{part.n_treatment:,}", *levels, interval(gate, part), p_value(part.p_holm))
        loss = Cell(str(say("▼ loss")), kind="verdict fail") if part.loss else Cell("–")
        of = (translate(gate.title),) if several else ()
        rows.append(Row((label(part.value, translate(part.by), *of), *map(number, cells), loss)))
    arms = (say("Samples"), say("Control"), say("Treatment"))
    head = (say("Segment"), *arms, say("Change [bounds]"), say("p (Holm)"), say("Loss"))
    return table(head, rows, none=str(say("The source names no segments.")))


@spoken
def issues_table(review: Review) -> Html:
    """Show issue rates before and after; the ranks were fixed on the control arm."""
    rows: list[Row] = []
    for issue in review.issues:
        shares = [show(share, "proportion") for share in (issue.control, issue.treatment)]
        ratio = "–" if issue.point is None else bounds(issue, "ratio")
        cells = [number(text) for text in (*shares, ratio, p_value(issue.p_holm))]
        rows.append(Row((label(_tag(issue)), number(issue.rank or "–"), *cells)))
    arms = (say("Control"), say("Treatment"))
    head = (say("Issue"), say("Rank"), *arms, say("Ratio [bounds]"), say("p (Holm)"))
    return table(head, rows, none=str(say("The source names no issues.")))


def _tag(issue: IssueRate) -> str:
    return str(say("any issue")) if issue.tag == ANY_ISSUE else issue.tag


@spoken
def sample_sizes(review: Review) -> Html:
    """Show how many runs, samples, users and prompts each arm has, and how the arms compare."""
    rows: list[Row] = []
    for arm in review.arms:
        counts = (arm.runs, arm.samples, arm.users, arm.prompts)
        cells = (number("–" if count is None else f"{count:,}") for count in counts)
        rows.append(Row((label(arm.arm), *cells)))
    head = (say("Arm"), say("Runs"), say("Samples"), say("Users"), say("Prompts"))
    design = [review.design] if review.design else []
    return joined(bullets(texts([*design, *review.set_aside])), table(head, rows))


@spoken
def runs_table(review: Review) -> Html:
    """Show how much runs differ beyond chance, and every run's own headline.

    The plan averages the last runs of each arm.
    """
    rows: list[Row] = []
    for run in review.runs:
        values = (
            show(run.pass_rate, "proportion"), show(run.avg_score, "score"),
            show(run.avg_latency_ms, "ms"), show(run.vetoed, "proportion"),
        )  # fmt: skip
        start = run.started_at.strftime("%Y-%m-%d %H:%M") if run.started_at else "–"
        averaged = Cell(str(say("yes")) if run.averaged else "–")
        name = label(run.run_id, run.arm)
        rows.append(Row((name, Cell(start), number(f"{run.n:,}"), *map(number, values), averaged)))
    latency = say("Average latency, capped")
    metrics = (say("Pass rate"), say("Average score"), latency, say("Vetoed share"))
    head = (say("Run"), say("Started"), say("Samples"), *metrics, say("Averaged"))
    return joined(bullets(spread(review)), table(head, rows))


@spoken
def quarantine(review: Review) -> Html:
    """Show what was read but is no evidence, by what was expected of it."""
    rows = [
        Row(
            (
                Cell(sentence(group.due) if group.due else group.expectation),
                number(f"{group.rows:,}"),
                Cell(sentence(group.shown) if group.shown else group.example),
            )
        )
        for group in review.quarantine
    ]
    none = str(say("Every row that was read is in the numbers."))
    head = (say("Expected"), say("Rows"), say("Example"))
    return table(head, rows, kind="quarantine", none=none)


@spoken
def inputs(review: Review) -> Html:
    """Show every file with its digest and what became of its rows."""
    rows: list[Row] = []
    for file in review.inputs:
        digest = Cell(f"{file.sha256[:12]}…", kind="digest", more=file.sha256)
        counts = (number(f"{count:,}") for count in (file.read, file.kept, file.quarantined))
        rows.append(Row((label(file.name), *counts, digest)))
    return table((say("File"), say("Read"), say("Kept"), say("Quarantined"), say("SHA-256")), rows)


__dir__ = __all__.copy  # what completion lists
