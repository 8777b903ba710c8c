"""A gate in words: its row of both verdicts, and how numbers, bounds and p-values are said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Verdict
from rolloutlib.plan.metrics import metric_record
from rolloutlib.show.charts import SYMBOLS, verdict_word
from rolloutlib.show.spread import outages
from rolloutlib.show.stages import stage_lines
from rolloutlib.show.tables import Cell, Row, aligned
from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolloutlib.judge.record import EvidenceVerdict, GateResult
    from rolloutlib.measure.segments import IssueRate, Segment
    from rolloutlib.reason import Reason

__all__ = [
    "badge", "bounds", "by_judge", "estimate", "evidence_lines", "gate_row", "interval",
    "judged_share", "level", "p_value", "plan_limit", "plan_value", "proof_limit", "settled_by",
    "terminal_table", "tight", "towards_harm",
]  # fmt: skip

_NBSP: Final = "\u00a0"
TINY_P: Final = 0.0001
WORTH_SAYING: Final = 0.01  # of a mean: how far the one without a cap is off before it is told
UNSEEN_CODES: Final = ("evidence.unseen", "evidence.outage")  # a pass but for what nobody saw
UNITS: Final = {"user": "users", "prompt": "prompts", "sample": "samples", "cluster": "clusters"}


def gate_row(gate: GateResult) -> Row:
    """Show both verdicts of a gate, what would settle it, and a disagreement."""
    plan, evidence = gate.plan.verdict, gate.evidence.verdict
    cells = (
        Cell(translate(gate.title), _subject(gate)),
        *(Cell(level(gate, value), by_judge(gate), "number")
          for value in (gate.control, gate.treatment)),
        Cell(badge(plan), _plan_lines(gate), f"verdict {plan}"),
        Cell(badge(evidence), evidence_lines(gate), f"verdict {evidence}"),
        Cell(settled_by(gate)),
    )  # fmt: skip
    if gate.tolerated is not None:
        return Row(cells, str(_accepted(gate.tolerated)))
    return Row(cells, str(_disagreement(gate)) if gate.disagrees else "")


def _subject(gate: GateResult) -> tuple[str, ...]:
    """Say which issue a gate is about, and who chose it."""
    if gate.subject is None:
        return ()
    return (gate.subject, *([sentence(gate.chosen)] if gate.chosen else []))


def _plan_lines(gate: GateResult) -> tuple[str, ...]:
    plan = gate.plan
    lines = (
        say("limit {value}", value=plan_limit(gate)),
        say("{runs} of {wanted} runs", runs=plan.runs, wanted=plan.runs_wanted),
    )
    if gate.tolerated is not None:
        span = tight(show(gate.tolerance, gate.unit, signed=gate.signed)).removeprefix("+")
        lines = (*lines, say("within the tolerance of {tolerance}", tolerance=span))
    return (*(() if plan.value is None else (plan_value(gate),)), *map(str, lines))


def evidence_lines(gate: GateResult) -> tuple[str, ...]:
    """Return an estimate with its bounds, the limit, the method, and what it rests on."""
    limit = str(say("limit {value}", value=proof_limit(gate)))
    if gate.evidence.point is None:
        return (limit,)
    parts = gate.evidence.method_parts
    method = f"{sentence(parts) if parts else gate.evidence.method} · {_size(gate.evidence)}"
    missed = outages(gate)
    more = (*stage_lines(gate), method, *([str(missed)] if missed else []))
    lines = (interval(gate, gate.evidence), limit, *_labels(gate), *_capped(gate), *more)
    return (*judged_share(gate), *lines)


def judged_share(gate: GateResult) -> tuple[str, ...]:
    """Say which share stands for a quantile, which is judged by the samples beyond its limit."""
    if gate.evidence_unit == gate.unit:
        return ()
    return (str(say("share slower than {limit}", limit=show(gate.limit, gate.unit))),)


def _labels(gate: GateResult) -> tuple[str, ...]:
    """Say what the judge alone says, where people's labels correct it."""
    labels = gate.labels
    if labels is None or not labels.corrected:
        return ()
    ends = (tight(bound(end, gate.evidence_unit, signed=gate.signed))
            for end in (labels.judge_lower, labels.judge_upper))  # fmt: skip
    point = tight(show(labels.judge, gate.evidence_unit, signed=gate.signed))
    return (str(say("by the judge alone {estimate}", estimate=f"{point} [{', '.join(ends)}]")),)


def by_judge(gate: GateResult) -> tuple[str, ...]:
    """Say whose an arm's own level is, where the estimate is people's."""
    corrected = gate.labels is not None and gate.labels.corrected
    return (str(say("(by the judge)")),) if corrected else ()


def _capped(gate: GateResult) -> tuple[str, ...]:
    """Say up to what a latency counts in the mean, and the mean without a cap where it differs."""
    cap = gate.capped
    if cap is None or not cap.treatment_n:
        return ()
    counts = {"slower": f"{cap.treatment:,}", "n": f"{cap.treatment_n:,}"}
    about = {"cap": show(cap.at_ms, "ms"), **counts}
    mean, capped = cap.treatment_uncapped, gate.treatment
    if mean is None or capped is None or mean <= capped * (1 + WORTH_SAYING):
        return (str(say("capped at {cap}: {slower} of {n} samples", **about)),)
    return (str(say(
        "capped at {cap}: {slower} of {n} samples; {mean} without a cap",
        **about, mean=show(mean, "ms"),
    )),)  # fmt: skip


def _size(evidence: EvidenceVerdict) -> Sentence:
    """Say how much an estimate rests on."""
    if evidence.pairs is not None:
        return say("{n} pairs", n=f"{evidence.pairs:,}")
    alone = evidence.design == "one_arm"
    n = f"{evidence.n_control or 0:,} + {evidence.n_treatment or 0:,}"
    n = f"{evidence.n_treatment or 0:,}" if alone else n
    both = (0 if alone else evidence.clusters_control or 0, evidence.clusters_treatment or 0)
    unit = evidence.unit or "sample"
    if max(both) and unit != "sample":
        clusters = f"{max(both):,}"
        return say(
            "{n} samples of {clusters} {unit}", n=n, clusters=clusters, unit=say(UNITS[unit])
        )
    return say("{n} samples", n=n)


def settled_by(gate: GateResult) -> str:
    """Say what would settle a gate; a dash where it passes."""
    needed = gate.evidence.needed
    if gate.evidence.verdict is Verdict.PASS:
        return "–"
    if needed is None:
        return sentence(gate.evidence.why)
    return str(say(
        "{further} more {unit} ({total} in all)",
        further=f"{needed.further:,}", unit=say(needed.unit), total=f"{needed.total:,}",
    ))  # fmt: skip


def _accepted(why: Reason) -> Sentence:
    return say("{why} Who signs a GO accepts that.", why=sentence(why))


def _disagreement(gate: GateResult) -> Sentence:
    if not gate.plan.clears:
        return say(
            "Disagreement: the point value misses the plan's limit, although the evidence clears "
            "this stage's wider one. Both must pass for GO."
        )  # fmt: skip
    if gate.evidence.verdict is Verdict.FAIL:
        return say(
            "Disagreement: the point value clears the plan's limit, yet the evidence proves that "
            "this stage's limit is broken."
        )  # fmt: skip
    if gate.evidence.why.code in UNSEEN_CODES:
        return say(
            "Disagreement: the point value clears the plan's limit and the bound this stage's, but "
            "so few could not have shown what may break it."
        )  # fmt: skip
    return say(
        "Disagreement: the point value clears the plan's limit, but chance alone could explain "
        "that; the bound does not clear this stage's limit."
    )  # fmt: skip


def badge(verdict: Verdict) -> str:
    """Return a verdict as a sign and a word."""
    return f"{SYMBOLS[verdict]} {verdict_word(verdict)}"


def terminal_table(
    head: Sequence[Sentence],
    gates: Sequence[GateResult],
    *verdicts: Callable[[GateResult], Verdict],
) -> list[str]:
    """Lay gates out for a terminal; below each stands what its name does not say: issue and share.

    Args:
        head: names of the columns: the gate, a verdict each, the estimate, the limit.
        gates: the gates.
        verdicts: what takes each verdict that is shown.
    """
    rows = [tuple(map(str, head))]
    for gate in gates:
        badges = (badge(verdict(gate)) for verdict in verdicts)
        rows.append((translate(gate.title), *badges, _bounds_of(gate), proof_limit(gate)))
    last = len(head) - 1
    name, rule, *lines = aligned(rows, right=frozenset({last - 1, last}))
    below = ((gate.subject or "", *judged_share(gate)) for gate in gates)
    return [name, rule, *(
        text for line, more in zip(lines, below, strict=True)
        for text in (line, *(f"  {plain(each, LABEL)}" for each in more if each))
    )]  # fmt: skip


def estimate(gate: GateResult) -> str:
    """Say a gate's estimate with its bounds; a quantile's is the share beyond the plan's limit."""
    if gate.evidence_unit == gate.unit:
        return _bounds_of(gate)
    slower = say("slower than {limit}", limit=show(gate.limit, gate.unit))
    return f"{slower}: {_bounds_of(gate)}"


def _bounds_of(gate: GateResult) -> str:
    if gate.evidence.point is None:
        return str(say("no data"))
    return interval(gate, gate.evidence)


def interval(gate: GateResult, estimated: EvidenceVerdict | Segment) -> str:
    """Say a point and its bounds in the unit of the gate's evidence."""
    return bounds(estimated, gate.evidence_unit, signed=gate.signed)


def bounds(
    estimated: EvidenceVerdict | Segment | IssueRate, unit: str, *, signed: bool = False
) -> str:
    """Say a point and its bounds; None is no bound."""
    ends = (bound(end, unit, signed=signed) for end in (estimated.lower, estimated.upper))
    lower, upper = (tight(end) for end in ends)
    return f"{tight(show(estimated.point, unit, signed=signed))} [{lower}, {upper}]"


def proof_limit(gate: GateResult) -> str:
    """Say what the stage's bound must clear, and from which side."""
    return _sided(gate, show(gate.proof_limit, gate.evidence_unit, signed=gate.signed))


def plan_limit(gate: GateResult) -> str:
    """Say the plan's own limit, and from which side."""
    return _sided(gate, show(gate.limit, gate.unit, signed=gate.signed))


def plan_value(gate: GateResult) -> str:
    """Say the value that the plan's rule compares: an average of the last runs."""
    return tight(show(gate.plan.value, gate.unit, signed=gate.signed))


def _sided(gate: GateResult, limit: Sentence) -> str:
    return f"{'≥' if gate.harm == 'lower' else '≤'}{_NBSP}{tight(limit)}"


def towards_harm(gate: GateResult, part: Segment) -> float:
    """Return a segment's change, the less the worse: what charts and tables of them sort by."""
    return part.point if gate.harm == "lower" else -part.point


def level(gate: GateResult, value: float | None) -> str:
    """Say an arm's own level: a share, a score or a latency, whatever the gate compares them by."""
    return str(show(value, metric_record(gate.metric).unit))


def tight(value: Sentence) -> str:
    """Keep a number and its unit on one line."""
    return str(value).replace(" ", _NBSP)


def p_value(value: float | None) -> str:
    """Say a p-value; a dash where there was no test."""
    if value is None:
        return "–"
    return f"{value:.2g}" if value >= TINY_P else f"< {TINY_P}"
