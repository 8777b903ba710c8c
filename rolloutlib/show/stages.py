"""What every stage shows of a gate by itself, where the evidence sums several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.text import LABEL, plain
from rolloutlib.words.numbers import bound, show
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import Sentence, say

if TYPE_CHECKING:
    from rolloutlib.judge.record import EvidenceVerdict, GateResult, Review, StageEvidence

__all__ = ["alone", "not_carried", "stage_lines", "stages_of", "whole"]

_NBSP = "\u00a0"


def stages_of(review: Review) -> Sentence | None:
    """Name the stages whose samples the evidence sums; None where it is this one's alone."""
    carried_stages = [carried.stage for carried in review.carried if carried.why is None]
    if not carried_stages:
        return None
    return say("stages {stages}", stages=tuple(map(str, (review.stage, *carried_stages))))


def not_carried(review: Review) -> list[str]:
    """Say of each stage that was named in vain why it does not count."""
    return [
        str(say("Stage {stage} is not carried ({source}): {why}", stage=carried.stage,
                source=plain(carried.source, LABEL), why=sentence(carried.why)))
        for carried in review.carried
        if carried.why is not None
    ]  # fmt: skip


def stage_lines(gate: GateResult) -> tuple[str, ...]:
    """Say what each stage shows of a gate by itself; nothing where one stage is all."""
    return tuple(
        str(say("stage {number}: {point}", number=evidence.stage, point=alone(gate, evidence)))
        for evidence in gate.stages
    )


def alone(gate: GateResult, evidence: StageEvidence) -> str:
    """Say what one stage shows by itself, and how many samples it has."""
    count = f"{evidence.n_treatment:,}"
    if gate.contrast != "treatment":
        count = f"{evidence.n_control:,}{_NBSP}+{_NBSP}{count}"
    return f"{_shown(gate, evidence.point)} ({count})"


def whole(gate: GateResult, evidence: EvidenceVerdict) -> str:
    """Say what all stages show together, with the bounds."""
    ends = (bound(end, gate.evidence_unit, signed=gate.signed)
            for end in (evidence.lower, evidence.upper))  # fmt: skip
    lower, upper = (str(end).replace(" ", _NBSP) for end in ends)
    return f"{_shown(gate, evidence.point)} [{lower}, {upper}]"


def _shown(gate: GateResult, point: float | None) -> str:
    return str(show(point, gate.evidence_unit, signed=gate.signed)).replace(" ", _NBSP)
