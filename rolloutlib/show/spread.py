"""How much runs and prompts differ beyond chance, and what that costs, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.judge.record import Verdict
from rolloutlib.words.numbers import show
from rolloutlib.words.sentences import Sentence, say, translate

if TYPE_CHECKING:
    from rolloutlib.judge.record import GateResult, Review
    from rolloutlib.measure.beyond import Varied

__all__ = ["outages", "spread"]

HEADLINE: Final = ("passed", "score")  # told also where runs differ no more than chance
MANY: Final = 8  # runs from which on an outage in one of three is hardly ever missed
ONE_IN: Final = 3
TINY: Final = 0.001


def spread(review: Review) -> list[Sentence]:
    """Say how much runs and prompts differ: of headline metrics always, of others if they do."""
    lines = [
        _line(gate, row)
        for gate in review.gates
        for row in gate.evidence.varied
        if row.adds or gate.metric in HEADLINE
    ]
    if review.runs and not any(gate.evidence.varied for gate in review.gates):
        lines.append(say("Each arm has one run: whether runs differ, nobody can know."))
    return lines


def _line(gate: GateResult, row: Varied) -> Sentence:
    alone = gate.contrast == "treatment"
    n = f"{row.treatment}" if alone else f"{row.control} + {row.treatment}"
    about = {"gate": translate(gate.title), "n": n}
    if not row.adds and row.source == "run":
        return say("{gate}: runs differ no more than chance ({n} runs).", **about)
    if not row.adds:
        return say("{gate}: prompts differ no more than chance ({n} prompts).", **about)
    unit = "proportion" if gate.contrast == "ratio" else gate.evidence_unit
    sd = str(show(row.sd, unit, signed=True)).replace("+", "±")
    p = f"< {TINY:g}" if row.p < TINY else f"= {row.p:.2g}"
    about |= {"sd": sd, "p": p, "wider": f"{gate.evidence.widened:.0%}"}
    if row.source == "run":
        return say(
            "{gate}: runs differ by {sd} more than samples explain ({n} runs, p {p}); the bound is "
            "{wider} wider for it. Six to eight short runs with as many samples in all cost less.",
            **about,
        )  # fmt: skip
    return say(
        "{gate}: prompts differ by {sd} more than samples explain ({n} prompts, p {p}); the bound "
        "is {wider} wider for it. More prompts cost less than more users.", **about,
    )  # fmt: skip


def outages(gate: GateResult) -> Sentence | None:
    """Say what few runs cannot exclude, where a gate on errors passes."""
    runs = [row.treatment for row in gate.evidence.varied if row.source == "run"]
    passes = gate.evidence.verdict is Verdict.PASS
    if gate.metric != "error" or not passes or not runs or runs[0] >= MANY:
        return None
    missed, many = ((1 - 1 / ONE_IN) ** count for count in (runs[0], MANY))
    return say(
        "{runs} runs: an outage in one run of three would be missed in {missed} of reviews; with "
        "8 runs in {many}", runs=runs[0], missed=f"{missed:.0%}", many=f"{many:.0%}",
    )  # fmt: skip
