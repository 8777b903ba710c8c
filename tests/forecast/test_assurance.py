"""After a HOLD: the chance of a GO with further data moves as it must, and is said in words."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

from rolloutlib.forecast.assurance import Assurance, assurance
from rolloutlib.judge.record import GateResult, Recommendation, Review, Verdict
from rolloutlib.measure.looks import look_at
from rolloutlib.measure.needed import Needed
from rolloutlib.show.assured import chance_of_go, told
from rolloutlib.words.sentences import speaking
from tests.sample_review import bfcl
from tests.tables import PLAN

CONFIDENCE = PLAN.evidence.confidence


@cache
def held(point: float, se: float, further: int = 100, looks: int = 2) -> Review:
    """Return a HOLD in which the pass rate alone is open: that point, 100 users so far."""
    z = float(norm.ppf(CONFIDENCE))
    gates = [_sure(gate) for gate in bfcl().gates]
    k = next(k for k, gate in enumerate(gates) if gate.id == "pass_rate")
    bounds = {"point": point, "lower": point - z * se, "upper": point + z * se}
    evidence = msgspec.structs.replace(
        gates[k].evidence, verdict=Verdict.INCONCLUSIVE, confidence=CONFIDENCE,
        needed=Needed("users", 100 + further, further), **bounds,
    )  # fmt: skip
    gates[k] = msgspec.structs.replace(gates[k], evidence=evidence)
    return msgspec.structs.replace(
        bfcl().record, recommendation=Recommendation.HOLD, gates=tuple(gates),
        look=look_at(1, planned=looks, confidence=CONFIDENCE),
    )  # fmt: skip


def _sure(gate: GateResult) -> GateResult:
    """Return a gate that passes far from its limits, with nearly no uncertainty."""
    rule = PLAN.gates[gate.id]
    share = rule.contrast == "treatment" and gate.evidence_unit == "proportion"
    good = {"treatment": 0.0 if share else 1000.0, "difference": 0.0, "ratio": 0.1}[rule.contrast]
    if rule.contrast == "difference":
        good = 1.0 if rule.harm == "lower" else -1.0
    width = 1e-4 * (1000 if gate.evidence_unit == "ms" else 1)
    evidence = msgspec.structs.replace(
        gate.evidence, verdict=Verdict.PASS, point=good, lower=good - width, upper=good + width,
        confidence=CONFIDENCE, n_treatment=10**6, needed=None,
    )  # fmt: skip
    return msgspec.structs.replace(gate, evidence=evidence)


def chance(point: float, se: float = 0.01, further: int = 100, looks: int = 2) -> Assurance:
    """Return what is told after that HOLD."""
    chances = assurance(held(point, se, further, looks), PLAN)
    assert chances is not None
    return chances


def test_what_was_seen_by_hand() -> None:
    """If the truth is what was seen, the chance is that of two normal draws, computed anew."""
    point, se, limit = -0.005, 0.012, PLAN.gates["pass_rate"].proof[2]
    z = float(norm.ppf(look_at(2, planned=2, confidence=CONFIDENCE).confidence or 0.0))
    fresh = np.random.default_rng(1).normal(point, se, 400_000)
    passes = ((point + fresh) / 2 - z * se / 2**0.5 > limit) & (fresh >= -0.02)
    assert chance(point, se).chance["seen"] == pytest.approx(passes.mean(), abs=0.03)


@pytest.mark.slow
def test_more_and_better_data_help() -> None:
    """A better point, less uncertainty and more further users have higher chances."""
    assert chance(0.0).chance["open"] > chance(-0.015).chance["open"]
    assert chance(-0.005).chance["seen"] > chance(-0.005, 0.02).chance["seen"]
    assert chance(-0.01, 0.02, 800).chance["seen"] > chance(-0.01, 0.02, 50).chance["seen"]
    assert chance(0.0).weakest[0] == "Pass rate"
    assert (chance(0.0).further, chance(0.0).unit) == (100, "users")


def test_nothing_is_said_of_other_words() -> None:
    """A NO_GO, and a gate without data, have no chance."""
    review = held(0.0, 0.01)
    no_go = msgspec.structs.replace(review, recommendation=Recommendation.NO_GO)
    assert assurance(no_go, PLAN) is None
    empty = msgspec.structs.replace(review.gates[0].evidence, point=None)
    gates = (msgspec.structs.replace(review.gates[0], evidence=empty), *review.gates[1:])
    assert assurance(msgspec.structs.replace(review, gates=gates), PLAN) is None


def test_seeded_and_spoken() -> None:
    """The same review says the same, in both languages; without looks left it says so."""
    assert chance(0.0) == chance(0.0)
    assert "With 100 further users like these: GO with" in told(chance(0.0)).text
    assert "No planned look is left" not in told(chance(0.0)).text
    assert "No planned look is left" in told(chance(0.0, looks=1)).text
    with speaking("ko"):
        assert "GO일 확률" in told(chance(0.0)).text


def test_the_report_says_why_it_says_nothing() -> None:
    """A review of another plan, and one that is no HOLD, name no chance."""
    other = msgspec.structs.replace(held(0.0, 0.01), plan_sha256="0" * 64)
    assert "not the one of this review" in chance_of_go(other).text
    assert "is no HOLD" in chance_of_go(msgspec.structs.replace(other, plan_sha256="",
                                        recommendation=Recommendation.NO_GO)).text  # fmt: skip
