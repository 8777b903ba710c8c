"""Random worlds near the limits, random damage to them, and what a naive judge would say of both.

A world is three runs of 120 prompts in both arms at stage 0, good but for one metric, whose truth
lies near its limit. Damage drops rows, blanks a metric or copies rows, in one arm or in both, by
chance or by outcome. A prompt keeps a row in one of the arms: one that is gone from both leaves no
trace, and nobody can know of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
import yaml

from rolloutlib.judge import review as judging
from rolloutlib.plan.model import load_plan
from tests.honest.reviews import ROOT, review
from tests.honest.worlds import CONTROL, TREATMENT, one
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    import pytest

Kind = Literal["drop", "mask", "copy"]
METRICS: Final = ("status", "score", "tags", "ms", "conf")
NEAR: Final = ("passed", "score", "tags", "vetoed", "error", "ms", "conf")
SHARES: Final = (0.003, 0.006, 0.01, 0.015, 0.019, 0.025, 0.05, 0.1, 0.3, 0.6)
ORDERS: Final = ("flattering", "chance", "worst", "best")
RUNS, PROMPTS = 3, 120
WORLDS = 171 if EXHAUSTIVE else 14  # of each kind of damage; 513 in all, as asked for
TIMES = 8 if EXHAUSTIVE else 2  # damages of a world
BELIEVED = max(WORLDS, 36)  # worlds that the naive judge alone is asked about, in milliseconds


@dataclass(frozen=True)
class Damage:
    """What was done to a world: to which arms, by chance or to the best or worst of a metric.

    What flatters the treatment hits its worst rows and the control's best; copies the other way.
    """

    kind: Kind
    metric: str
    where: Literal["better", "worse", "both"]
    order: Literal["chance", "worst", "best", "flattering"]
    share: float
    new_run: bool = False


def world(seed: int) -> tuple[pd.DataFrame, str]:
    """Return a world's rows, and the metric whose truth is near its limit."""
    rng = np.random.default_rng([9, seed])
    near = NEAR[seed % len(NEAR)]
    size = RUNS * PROMPTS
    place = np.arange(size)
    quality = rng.normal(size=size)
    arms = [_arm(rng, near, quality, treatment=treatment) for treatment in (False, True)]
    frames = [
        pd.DataFrame(columns).assign(
            arm=arm, run=[f"{arm[0]}{k}" for k in place // PROMPTS],
            prompt=[f"p{k}" for k in place], cat="qa", sug=pd.Series([["a"]] * size),
            at=[f"2026-10-0{5 + k}T10:00:00+09:00" for k in place // PROMPTS],
        )
        for arm, columns in zip((CONTROL, TREATMENT), arms, strict=True)
    ]  # fmt: skip
    rows = pd.concat(frames, ignore_index=True)
    if seed % 2:
        rows["sid"] = [f"s{k % PROMPTS}" for k in rows.index]
    return rows, near


def _arm(
    rng: np.random.Generator, near: str, quality: np.ndarray, *, treatment: bool
) -> dict[str, object]:
    """Return one arm's columns; the metric that is near lies about its limit in the treatment."""

    def truth(metric: str, control: float, good: float, low: float, high: float) -> float:
        return control if not treatment else rng.uniform(low, high) if metric == near else good

    size = len(quality)
    u, passes = rng.random(size), truth("passed", 0.86, 0.90, 0.81, 0.88)
    vetoes, errors = truth("vetoed", 0.06, 0.02, 0.04, 0.08), truth("error", 0, 0, 0.0, 0.03)
    score = 7.3 + truth("score", 0, 0.3, -0.2, 0.1) + 0.8 * quality + rng.normal(0, 0.4, size)
    typical = truth("ms", 1400, 1400, 1800, 2050)
    flawed = rng.random(size) < truth("tags", 0.25, 0.10, 0.13, 0.22)
    edited = rng.random(size) < truth("conf", 0.2, 0.15, 0.24, 0.35)
    ended = [u < errors, u < errors + vetoes, u > 1 - passes]
    return {
        "status": np.select(ended, ["error", "vetoed", "passed"], "failed"),
        "score": np.clip(score, 0, 10).round(3),
        "ms": (typical * rng.lognormal(0, 0.06, size)).round(1),
        "tags": [["wrong"] if flaw else [] for flaw in flawed],
        "conf": [["b"] if edit else ["a"] for edit in edited],
    }


def badness(rows: pd.DataFrame, metric: str) -> np.ndarray:
    """Return how bad each row is in a metric, worst highest; ties fall as they come."""
    if metric == "score":
        return -rows["score"].to_numpy(float)
    if metric == "ms":
        return rows["ms"].to_numpy(float)
    if metric == "tags":
        return rows["tags"].map(len).to_numpy(float)
    if metric == "conf":
        return np.array([tags != ["a"] for tags in rows["conf"]], float)
    marked = {"error": ("error",), "vetoed": ("vetoed",)}.get(metric)
    bad = rows["status"].isin(marked) if marked else rows["status"] != "passed"
    return bad.to_numpy(float)


def any_damage(rng: np.random.Generator, kind: Kind, near: str) -> Damage:
    """Draw a damage; more often than not to the metric that decides."""
    blind = rng.random() < 0.2
    metric = str(rng.choice(NEAR)) if blind else near
    where = ("better", "worse", "both")[rng.integers(3)]
    order = ORDERS[max(0, rng.integers(8) - 4)]
    share = float(rng.choice(SHARES[kind == "copy" and 6 :]))
    return Damage(kind, metric, where, order, share, bool(rng.integers(2)))


def damaged(rows: pd.DataFrame, damage: Damage, rng: np.random.Generator) -> pd.DataFrame:
    """Return the rows after the damage."""
    hit = np.zeros(len(rows), bool)
    for arm in _arms(rows, damage.where):
        hit |= _hit(rows, arm, damage, rng)
    if damage.kind == "drop":
        return rows[~hit]
    if damage.kind == "mask":
        column = damage.metric if damage.metric in METRICS else "status"
        cells = [None if gone else cell for cell, gone in zip(rows[column], hit, strict=True)]
        return rows.assign(**{column: pd.Series(cells, index=rows.index, dtype=object)})
    copies = rows[hit]
    if damage.new_run:
        copies = copies.assign(run=copies["run"] + "x")
    return pd.concat([rows, copies])


def _arms(rows: pd.DataFrame, where: str) -> list[str]:
    rates = (rows["status"] == "passed").groupby(rows["arm"]).mean()
    better, worse = (CONTROL, TREATMENT) if rates[CONTROL] > rates[TREATMENT] else _TURNED
    return {"better": [better], "worse": [worse], "both": [better, worse]}[where]


_TURNED = (TREATMENT, CONTROL)


def _hit(rows: pd.DataFrame, arm: str, damage: Damage, rng: np.random.Generator) -> np.ndarray:
    """Return which rows of an arm are hit: the same share of each arm that is damaged."""
    of_arm = (rows["arm"] == arm).to_numpy()
    open_to = of_arm
    if damage.kind == "drop" and damage.where == "both":
        even = rows["prompt"].str[1:].astype(int).to_numpy() % 2 == 0
        open_to = of_arm & (even if arm == CONTROL else ~even)
    luck, bad = rng.random(len(rows)), badness(rows, damage.metric)
    worst_first = (arm == TREATMENT) != (damage.kind == "copy")
    order = damage.order if damage.order != "flattering" else ("best", "worst")[worst_first]
    rank = {"chance": luck, "worst": -bad + 1e-6 * luck, "best": bad + 1e-6 * luck}[order]
    count = min(round(damage.share * of_arm.sum()), int(open_to.sum()))
    hit = np.zeros(len(rows), bool)
    hit[np.argsort(np.where(open_to, rank, np.inf), kind="stable")[:count]] = True
    return hit


def write(rows: pd.DataFrame, folder: Path) -> Path:
    """Write a world as Parquet."""
    return one(rows.reset_index(drop=True), "a world near the limits", kind="parquet").write(folder)


def naive_go(rows: pd.DataFrame) -> bool:
    """Judge as the plan's literal limits say, believing every row and no gap: means of what is."""
    c, t = (rows[rows["arm"] == arm] for arm in (CONTROL, TREATMENT))

    def change(metric: str) -> float:
        measured = [
            part.dropna(subset=[metric if metric in METRICS else "status"]) for part in (c, t)
        ]
        before, after = (float(badness(part, metric).mean()) for part in measured)
        return after - (0.7 if metric == "tags" else 1) * before

    errors, edits = (
        float(badness(t.dropna(subset=[column]), metric).mean())
        for column, metric in (("status", "error"), ("conf", "conf"))
    )
    return bool(
        change("passed") <= 0.02 and change("score") <= 0 and change("vetoed") <= 0
        and change("tags") <= 0 and errors <= 0.01 and edits <= 0.3
        and t["ms"].mean() <= 2000 and t["ms"].quantile(0.95) <= 2200
    )  # fmt: skip


def _plan_of_gates(path: Path) -> None:
    """Write the plan with one check: ten suites a review say nothing of its samples."""
    plan = yaml.safe_load((ROOT / "params" / "plan.yaml").read_text(encoding="utf-8"))
    plan["checks"] = {"release_notes": plan["checks"]["release_notes"]}
    path.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")


@contextmanager
def _plan_read_once() -> Generator[None]:
    """Read the plan once, not for each of a thousand reviews."""
    read, judging.load_plan = judging.load_plan, cache(load_plan)
    try:
        yield
    finally:
        judging.load_plan = read


# --- trials ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A world, what a review and a naive judge say of it, and a review of it after each damage."""

    seed: int
    go: bool
    naive: bool
    after: tuple[tuple[Damage, bool], ...] = ()
    shuffled: bool | None = None


def trials(kind: Kind, first: int, tmp: pytest.TempPathFactory) -> list[Trial]:
    """Try all worlds of a kind of damage."""
    folder = tmp.mktemp(kind)
    _plan_of_gates(folder / "plan.yaml")
    with _plan_read_once():
        return [_trial(kind, seed, folder) for seed in range(first, first + WORLDS)]


def _trial(kind: Kind, seed: int, folder: Path) -> Trial:
    rows, near = world(seed)
    rng, go, naive = np.random.default_rng([3, seed]), _is_go(rows, folder), naive_go(rows)
    if go:
        mixed = _is_go(rows.sample(frac=1, random_state=seed), folder) if seed % 10 == 0 else None
        return Trial(seed, go, naive, shuffled=mixed)
    drawn = [any_damage(rng, kind, near) for _ in range(TIMES)]
    hit = [damaged(rows, damage, rng) for damage in drawn]
    after = [_is_go(left, folder) for left in hit]
    return Trial(seed, go, naive, tuple(zip(drawn, after, strict=True)))


def _is_go(rows: pd.DataFrame, folder: Path) -> bool:
    reviewed = review(write(rows, folder / "world"), 0, plan=str(folder / "plan.yaml"))
    return reviewed.recommendation.value == "GO"


def wrong(tried: Iterable[Trial]) -> list[tuple[int, Damage]]:
    """Return the damages that made a GO of what was none."""
    return [(t.seed, damage) for t in tried for damage, go in t.after if go]


def fooled(kind: Kind, first: int) -> float:
    """Return the share of damages that fool the naive judge, of worlds that are no GO to it."""
    verdicts: list[bool] = []
    for seed in range(first, first + BELIEVED):
        (rows, near), rng = world(seed), np.random.default_rng([3, seed])
        if not naive_go(rows):
            verdicts += [
                naive_go(damaged(rows, any_damage(rng, kind, near), rng)) for _ in range(2)
            ]
    return sum(verdicts) / len(verdicts)
