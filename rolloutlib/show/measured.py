"""What was measured: what each arm ran with, how many, from when to when, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.plan.metrics import metric_record
from rolloutlib.show.tables import Cell, Html, Row, label, number, table
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.completeness import Completeness
    from rolloutlib.measure.configuration import ArmSummary

__all__ = ["completeness", "counts_of", "how_many", "measured", "missing_lines", "simulated"]

_SHORT = 12  # digits of a strategy hash that are shown


def simulated(review: Review) -> str:
    """Say on the first screen that runs or evidence are no real ones; nothing where they are."""
    runs = any(arm.simulated for arm in review.arms)
    checks = [translate(check.title) for check in review.checks if check.simulated]
    if runs:
        return str(say("Simulated: these runs say of themselves that nobody measured them."))
    if checks:
        return str(say("Simulated evidence: {checks}.", checks=tuple(checks)))
    return ""


@spoken
def measured(review: Review) -> Html:
    """Show both arms side by side as they were measured."""
    head = (say("Arm"), say("What ran"), say("Who, how many"), say("From – to"), say("Missing"))
    return table(head, [_arm(review, arm) for arm in review.arms], kind="measured")


def _arm(review: Review, arm: ArmSummary) -> Row:
    role = say("Control") if arm.arm == review.control else say("Treatment")
    named = () if arm.arm.lower() == role.template.lower() else (plain(arm.arm, LABEL),)
    ran, *more = _configuration(review, arm)
    who, *counts = how_many(arm)
    missing, *rest = missing_lines(review, arm)
    cells = (Cell(str(role), named), Cell(ran, tuple(more)), Cell(who, tuple(counts)),
             Cell(_when(arm)), Cell(missing, tuple(rest)))  # fmt: skip
    return Row(cells)


def _configuration(review: Review, arm: ArmSummary) -> list[str]:
    """Return the flags in which the arms differ, then the others, the profile and the strategy."""
    lines = [str(say("no flags told"))]
    if arm.flags is not None:
        other = next((a.flags for a in review.arms if a.arm != arm.arm), None) or {}
        differing = {k: v for k, v in arm.flags.items() if other.get(k, v) != v}
        alike = {k: v for k, v in arm.flags.items() if k not in differing}
        parts = (_flags(review, flags) for flags in (differing, alike))
        lines = [text for text in parts if text]
    if arm.profiles:
        lines.append(str(say("profile {profiles}", profiles=arm.profiles)))
    if arm.strategies:
        shown = tuple(strategy[:_SHORT] for strategy in arm.strategies)
        lines.append(str(say("strategy {strategies}", strategies=shown)))
    return lines


def _flags(review: Review, flags: Mapping[str, bool | str]) -> str:
    """Name flags by their feature's letter, in the plan's order."""
    words: dict[bool | str, Sentence] = {True: say("on"), False: say("off")}
    lettered = sorted((review.features.get(key, ""), key) for key in flags)
    named = (f"{letter} {key} {words.get(flags[key], flags[key])}" for letter, key in lettered)
    return ", ".join(text.strip() for text in named)


def how_many(arm: ArmSummary) -> list[str]:
    """Return how many users, prompts, samples and runs an arm has, line by line, and its bill."""
    return [*counts_of(arm).values(), *_bill(arm)]


def counts_of(arm: ArmSummary) -> dict[str, str]:
    """Return how many users, prompts, samples and runs an arm has, as far as that is known."""
    counts: dict[str, tuple[Sentence, int | None]] = {
        "users": (say("1 user" if arm.users == 1 else "{n} users", n=f"{arm.users or 0:,}"),
                  arm.users),
        "prompts": (say("1 prompt" if arm.prompts == 1 else "{n} prompts",
                        n=f"{arm.prompts or 0:,}"), arm.prompts),
        "samples": (say("1 sample" if arm.samples == 1 else "{n} samples", n=f"{arm.samples:,}"),
                    arm.samples),
        "runs": (say("1 run" if arm.runs == 1 else "{n} runs", n=f"{arm.runs:,}"), arm.runs),
    }  # fmt: skip
    return {name: str(text) for name, (text, count) in counts.items() if count is not None}


def _bill(arm: ArmSummary) -> list[str]:
    """Return what a sample cost on average, and its tokens; nothing where nobody tells."""
    lines: list[str] = []
    if arm.cost is not None:
        lines.append(str(say("cost a sample: {cost}", cost=show(arm.cost, "cost"))))
    if arm.tokens_in is not None or arm.tokens_out is not None:
        before, after = (show(part, "tokens") for part in (arm.tokens_in, arm.tokens_out))
        lines.append(str(say("a sample: {before} in, {after} out", before=before, after=after)))
    return lines


def _when(arm: ArmSummary) -> str:
    if arm.first is None or arm.last is None:
        return str(say("not told"))
    first, last = f"{arm.first:%Y-%m-%d %H:%M}", f"{arm.last:%Y-%m-%d %H:%M} UTC"
    return last if arm.first == arm.last else f"{first} – {last}"


def missing_lines(review: Review, arm: ArmSummary) -> list[str]:
    """Return the metrics that lack most, the most first, and what counts once."""
    rows = [row for row in review.completeness if row.arm == arm.arm and row.missing > 0]
    rows.sort(key=lambda row: -row.missing)
    lines = [_lacking(row) for row in rows[:3]]
    if unmeasured := tuple(translate(g.title) for g in review.gates if _is_unmeasured(g)):
        lines.append(str(say("not measured: {gates}", gates=unmeasured)))
    lines = lines or [str(say("nothing"))]
    if arm.copies:
        lines.append(str(say("{n} copies count once", n=f"{arm.copies:,}")))
    return lines


def _is_unmeasured(gate: GateResult) -> bool:
    return gate.evidence.point is None and gate.control is None and gate.treatment is None


def _lacking(row: Completeness) -> str:
    gone = row.expected - row.known
    return str(say(
        "{metric}: {share} ({gone} of {expected})", metric=_title(row.metric),
        share=show(row.missing, "proportion"), gone=f"{gone:,}", expected=f"{row.expected:,}",
    ))  # fmt: skip


def _title(metric: str) -> str:
    tag = metric.partition(":")[2]
    return translate(metric_record(metric).title) + (f" ({tag})" if tag else "")


@spoken
def completeness(review: Review) -> Html:
    """Show of each gate's metric, arm by arm, how many values were due and what became of them."""
    rows: list[Row] = []
    for row in review.completeness:
        silent = max(row.expected - row.known - row.unreadable - row.absent, 0)
        counts = (row.expected, row.known, row.unreadable, row.absent, silent)
        share = Cell(str(show(row.missing, "proportion")), kind="number")
        name = label(_title(row.metric), row.arm)
        rows.append(Row((name, *(number(f"{count:,}") for count in counts), share)))
    head = (say("Metric"), say("Expected"), say("Known"), say("Unreadable"), say("Absent"),
            say("No value"), say("Missing"))  # fmt: skip
    return table(head, rows, none=str(say("Nothing was measured.")))
