# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2"]
# ///
"""Draw samples from the truths: the same prompts of the same users under both flag sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from truths import CATEGORIES, DIFFICULTIES, OTHER_ISSUES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from truths import Stage, Truth

__all__ = ["MIX", "TARGET_MS", "Record", "Replay", "draw_replays", "draw_samples", "without_contradiction"]

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]
Record = dict[str, Any]  # one JSON object of the engine's contract

PASS_SCORE = 7.0  # the profile `default`: a sample passes at this score or above
TARGET_MS = 2000  # the profile `default`
TIMEOUT_MS = 10_000  # what a sample that runs out of time is recorded at
MIX, MIX_WITHOUT_D = (0.3, 0.4, 0.3), (0.42, 0.36, 0.22)  # easy, medium, hard
DRIFT = 0.1  # share of the samples that feature D does not steer
EXTRA_TAG, SHOWN = 0.55, 0.75  # shares: a tag beyond the issues is wanted; a person is shown them
TIMEOUTS = 0.5  # share of the failing samples
SHARES = {  # of each latent variable's variance: the user's own, what both arms of a prompt share
    "score": (0.04, 0.72),
    "hallucination": (0.04, 0.72),
    "veto": (0.04, 0.75),
    "latency": (0.05, 0.45),
    "edit": (0.08, 0.0),
}


@dataclass(frozen=True, slots=True)
class Replay:
    """One day's prompts, which both arms answer: n of everything, and latent variables of shape (arm, n)."""

    day: int
    seed: int
    user: NDArray[np.int64]
    prompt: NDArray[np.int64]
    category: Texts
    latent: dict[str, Floats]


def draw_replays(rng: Generator, stage: Stage) -> Iterator[Replay]:
    """Yield the days of a stage; a user is the same person on all of them, a prompt is asked once."""
    traits = {name: rng.standard_normal(stage.users) for name in SHARES}
    asked = 0
    for day in range(stage.runs):
        low, high = stage.prompts
        user = np.repeat(np.arange(stage.users), rng.integers(low, high + 1, stage.users))
        prompt = asked + np.arange(user.size)
        asked += user.size
        category = rng.choice(list(CATEGORIES), user.size)
        latent = {name: _latent(rng, traits[name][user], *SHARES[name]) for name in SHARES}
        yield Replay(day, int(rng.integers(1, 10_000)), user, prompt, category, latent)


def _latent(rng: Generator, trait: Floats, user: float, pair: float) -> Floats:
    """Standard normals of shape (2, n): the user's trait, what the pair shares, and each arm's own noise."""
    shared = math.sqrt(user) * trait + math.sqrt(pair) * rng.standard_normal(trait.size)
    return shared + math.sqrt(1 - user - pair) * rng.standard_normal((2, trait.size))


def draw_samples(rng: Generator, replay: Replay, arm: int, truth: Truth) -> list[Record]:
    """Return what one arm made of a replay; statuses exclude each other."""
    n = replay.user.size
    latent = {name: values[arm] for name, values in replay.latent.items()}
    difficulty = _difficulty(rng, n, steered="D" in truth.on)
    issues = _issues(rng, _below(latent["hallucination"], truth.hallucination))
    score = _score(truth, latent["score"], replay.category, difficulty, issues)
    latency_ms = _latency_ms(truth, latent["latency"])
    vetoed = _below(latent["veto"], truth.vetoed)
    failing = rng.random(n) < truth.failing
    style = rng.poisson(truth.style, n)
    edited = _below(latent["edit"], truth.edited)
    samples: list[Record] = []
    for i in range(n):
        about: Record = {"category": str(replay.category[i]), "difficulty": str(difficulty[i])}
        if failing[i]:
            samples.append(about | _failure(rng))
            continue
        answer = _answer(float(score[i]), int(latency_ms[i]), issues[i], vetoed=bool(vetoed[i]))
        tags = _tags(rng, issues[i], edited=bool(edited[i])) if "C" in truth.on else {}
        samples.append(about | answer | {"styleViolations": int(style[i])} | tags)
    return samples


def _below(latent: Floats, share: float) -> NDArray[np.bool_]:
    return latent < NormalDist().inv_cdf(share)


def _difficulty(rng: Generator, n: int, *, steered: bool) -> Texts:
    names = list(DIFFICULTIES)
    if not steered:
        return rng.choice(names, n, p=MIX_WITHOUT_D)
    exact = np.repeat(names, np.diff(np.round(np.cumsum([0.0, *MIX]) * n).astype(int)))
    return np.where(rng.random(n) < DRIFT, rng.choice(names, n, p=MIX), rng.permutation(exact))


def _issues(rng: Generator, hallucinated: NDArray[np.bool_]) -> list[list[str]]:
    other = rng.random((len(OTHER_ISSUES), hallucinated.size)) < np.array([*OTHER_ISSUES.values()])[:, None]
    found = np.vstack([hallucinated, other])
    names = np.array(["hallucination", *OTHER_ISSUES])
    return [without_contradiction(names[column].tolist()) for column in found.T]


def without_contradiction(tags: Sequence[str]) -> list[str]:
    """Leave `too_easy` out where `too_hard` stands."""
    return [tag for tag in tags if tag != "too_easy" or "too_hard" not in tags]


def _score(
    truth: Truth, latent: Floats, category: Texts, difficulty: Texts, issues: list[list[str]]
) -> Floats:
    offset = np.array([CATEGORIES[c] + DIFFICULTIES[d] for c, d in zip(category, difficulty, strict=True)])
    penalty = np.array([0.9 * ("hallucination" in tags) + 0.25 * len(tags) for tags in issues])
    return np.clip(truth.score + 0.60 * latent + offset - penalty, 0, 10).round(2)


def _latency_ms(truth: Truth, latent: Floats, spread: float = 0.14) -> Floats:
    return np.round(truth.latency_ms * np.exp(spread * latent - spread**2 / 2))


def _answer(score: float, latency_ms: int, issues: list[str], *, vetoed: bool) -> Record:
    status = "vetoed" if vetoed else "passed" if score >= PASS_SCORE else "failed"
    answer: Record = {"status": status, "score": score, "latencyMs": latency_ms, "issues": issues}
    return answer | ({"vetoReason": _veto_reason(score, latency_ms)} if vetoed else {})


def _veto_reason(score: float, latency_ms: int) -> str:
    if score < PASS_SCORE:
        return "min_score"
    return "max_latency" if latency_ms > TARGET_MS else "policy"


def _failure(rng: Generator) -> Record:
    """A failing sample has no score and no issues; an error has no latency either."""
    if rng.random() < TIMEOUTS:
        return {"status": "timeout", "latencyMs": TIMEOUT_MS, "issues": [], "error": "no answer in 10 s"}
    return {"status": "error", "issues": [], "error": "provider closed the connection"}


def _tags(rng: Generator, issues: list[str], *, edited: bool) -> Record:
    """Feature C suggests at most two tags; a person who disagrees strikes the last one out.

    A suggestion is one that a person is shown: whoever is shown it has to confirm it.
    """
    extra = str(rng.choice(list(OTHER_ISSUES)))
    wanted = [*issues, extra] if rng.random() < EXTRA_TAG and extra not in issues else issues
    suggested = without_contradiction(wanted)[:2]
    if not suggested or rng.random() >= SHOWN:
        return {"suggestedTags": []}
    return {"suggestedTags": suggested, "confirmedTags": suggested[:-1] if edited else suggested}
