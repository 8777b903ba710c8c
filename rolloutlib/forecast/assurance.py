"""After a HOLD: how likely a GO is with further data, given the data so far.

Assurance (O'Hagan, Stevens & Campbell 2005, Pharm. Stat. 4:187): the truth of each gate is drawn
from what its bounds leave open, further data are drawn from that truth, and both together are
judged as the next look would judge them. Bounds narrow with the square root of the data, those of
events are exact. Gates are taken as independent of each other, checks as held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy import special

from rolloutlib.forecast.judged import literal_limit, tolerated
from rolloutlib.judge.record import Recommendation
from rolloutlib.measure.estimates import clears
from rolloutlib.measure.looks import look_at
from rolloutlib.plan.metrics import METRICS
from rolloutlib.stats import proportions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rolloutlib.judge.record import EvidenceVerdict, GateResult, Review
    from rolloutlib.plan.model import Gate, Plan, Profile

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Assumed = Literal["open", "seen", "design"]
DRAWS: Final = 4000
SEED: Final = 20261130
MOST: Final = 9.0  # times the data so far; nobody collects more for one look
ROUNDED: Final = 0.5  # of a unit
ENOUGH: Final = 1.0  # as much again, where no gate says how much it needs


class Assurance(NamedTuple):
    """The chance of a GO at the next look.

    Attributes:
        further: how many of the unit are added.
        unit: of the gate that needs most (users, pairs, …).
        chance: of a GO, by what is taken as true: what the data leave open, what was seen, what
            the plan designs.
        weakest: title of the gate that is likeliest to stand in the way, and its chance.
        looks_left: planned looks that are left; with none no GO can follow at this stage.
    """

    further: int
    unit: str
    chance: Mapping[Assumed, float]
    weakest: tuple[str, float]
    looks_left: int


def assurance(review: Review, plan: Plan) -> Assurance | None:
    """Return the chance of a GO with further data.

    None where it is not HOLD, or a gate has no estimate: then nothing can be said.

    Args:
        review: of a stage, decided or not.
        plan: gates and looks.
    """
    gates = [(plan.gates[gate.id], gate) for gate in review.gates if gate.id in plan.gates]
    if review.recommendation is not Recommendation.HOLD or len(gates) < len(review.gates):
        return None
    if not gates or any(_se(result.evidence) is None for _, result in gates):
        return None
    limits = plan.profiles.get(review.profile or plan.rollback.safe_profile)
    if limits is None:
        return None
    more, further, unit = _further(review)
    planned, left = review.look.planned, max(review.look.planned - review.look.number, 0)
    number = min(review.look.number + 1, max(planned, 1))
    look = look_at(number, planned=max(planned, 1), confidence=plan.evidence.confidence)
    confidence = look.confidence or plan.evidence.confidence
    chance: dict[Assumed, float] = {}
    passes: dict[str, float] = {}
    for assumed in ("open", "seen", "design"):
        rng, whole = np.random.default_rng(SEED), np.ones(DRAWS, dtype=bool)
        for gate, result in gates:
            ok = _passes(gate, result, limits, assumed, more, confidence, rng)
            whole &= ok
            if assumed == "open":
                passes[result.title] = float(ok.mean())
        chance[assumed] = float(whole.mean())
    return Assurance(further, unit, chance, min(passes.items(), key=lambda item: item[1]), left)


def _further(review: Review) -> tuple[float, int, str]:
    """Return what is added, as a multiple of the data so far, as a number, and of what."""
    needs = [
        (gate.evidence.needed.further / (gate.evidence.needed.total - gate.evidence.needed.further),
         gate.evidence.needed)
        for gate in review.gates
        if gate.evidence.needed and gate.evidence.needed.total > gate.evidence.needed.further
    ]  # fmt: skip
    if needs:
        more, size = max(needs, key=lambda pair: pair[0])
        return (more, size.further, size.unit) if more <= MOST else (
            MOST, round(MOST * (size.total - size.further)), size.unit
        )  # fmt: skip
    arm = next((arm for arm in review.arms if arm.arm == review.treatment), None)
    have, unit = 0, "samples"
    if arm is not None:
        have, unit = (arm.users, "users") if arm.users else (arm.samples, "samples")
    return ENOUGH, round(ENOUGH * have), unit


def _se(evidence: EvidenceVerdict) -> float | None:
    """Return the standard error that the bounds amount to; None where nothing is bounded."""
    if evidence.point is None or evidence.confidence is None:
        return None
    z = float(special.ndtri(evidence.confidence))
    apart = [abs(bound - evidence.point) for bound in (evidence.lower, evidence.upper)
             if bound is not None]  # fmt: skip
    return float(np.mean(apart)) / z if apart else None


def _passes(
    gate: Gate, result: GateResult, limits: Profile, assumed: Assumed, more: float,
    confidence: float, rng: np.random.Generator,
) -> Flags:  # fmt: skip
    """Return in which draws the gate passes by evidence and plan."""
    binary = METRICS[gate.metric].kind == "binary" or gate.evidence_unit == "proportion"
    of = (gate, result, limits, assumed)
    if gate.contrast == "treatment" and binary:
        worst, fresh = _of_events(*of, more=more, confidence=confidence, rng=rng)
    else:
        worst, fresh = _of_bounds(*of, more=more, confidence=confidence, rng=rng)
    limit, sign = literal_limit(gate, limits), 1.0 if gate.harm == "lower" else -1.0
    proven = (sign * (worst - result.proof_limit) > 0) & _shown(result.evidence, more)
    return proven & (np.asarray(clears(fresh, limit, gate.harm)) | tolerated(gate, fresh, limit))


def _shown(evidence: EvidenceVerdict, more: float) -> bool:
    """Return whether so many show what the ones so far may all have missed (`evidence.unseen`)."""
    if evidence.why.code not in {"evidence.unseen", "evidence.outage"} or evidence.needed is None:
        return True
    total, further = evidence.needed.total, evidence.needed.further
    return (total - further) * (1 + more) >= total - ROUNDED


def _of_bounds(
    gate: Gate, result: GateResult, limits: Profile, assumed: Assumed, *, more: float,
    confidence: float, rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the bound towards harm of all data, and the value of the further ones."""
    evidence = result.evidence
    point, se = evidence.point or 0.0, _se(evidence) or 0.0
    bound = evidence.lower if gate.harm == "lower" else evidence.upper
    z = float(special.ndtri(evidence.confidence or confidence))
    half = abs(bound - point) if bound is not None else se * z
    noise = rng.standard_normal((2, DRAWS))
    truth = {"open": point + se * noise[0], "seen": np.full(DRAWS, point),
             "design": np.full(DRAWS, gate.design_alternative(limits))}[assumed]  # fmt: skip
    fresh = truth + se / more**0.5 * noise[1]
    whole = (point + more * fresh) / (1 + more)
    half *= float(special.ndtri(confidence)) / z / (1 + more) ** 0.5
    return whole - half if gate.harm == "lower" else whole + half, fresh


def _of_events(
    gate: Gate, result: GateResult, limits: Profile, assumed: Assumed, *, more: float,
    confidence: float, rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the same of a share of one arm, whose bound is exact at its effective size.

    The truth is drawn by the samples that there are: the effective size holds what is assumed of
    their correlation, which is for the bound.
    """
    evidence = result.evidence
    point, size = evidence.point or 0.0, _effective(evidence)
    n = max(evidence.n_treatment or 0, 1)
    open_truth = rng.beta(point * n + 0.5, (1 - point) * n + 0.5, DRAWS)
    truth = {"open": open_truth, "seen": np.full(DRAWS, point),
             "design": np.full(DRAWS, gate.design_alternative(limits))}[assumed]  # fmt: skip
    extra = max(round(n * more), 1)
    fresh = rng.binomial(extra, truth) / extra
    whole = size * (1 + more)
    share = (point + more * fresh) / (1 + more)
    bounds = proportions.clopper_pearson(share * whole, whole, confidence=confidence)
    return np.asarray(bounds.upper if gate.harm == "higher" else bounds.lower), fresh


def _effective(evidence: EvidenceVerdict) -> float:
    """Return the size at which the exact upper bound is the one that was found."""
    sizes = np.geomspace(1.0, 1e7, 2000)
    point, upper = evidence.point or 0.0, 1.0 if evidence.upper is None else evidence.upper
    bounds = proportions.clopper_pearson(
        point * sizes, sizes, confidence=evidence.confidence or 0.95
    )
    below = np.flatnonzero(np.asarray(bounds.upper) <= upper)
    return float(sizes[below[0]]) if len(below) else float(sizes[-1])
