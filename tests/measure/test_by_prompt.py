"""Prompts that many users answer: what is due without them, and that their spread widens bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rolloutlib.measure.by_prompt import PromptSources, answered_often
from rolloutlib.measure.counts import Count
from rolloutlib.measure.design import Arms
from rolloutlib.measure.estimates import estimate_gate
from rolloutlib.measure.moments import Cells, Key, MomentTable
from rolloutlib.measure.needed import needed
from rolloutlib.measure.scan import Measured
from tests.tables import PLAN, RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rolloutlib.measure.design import Source

    Ints = NDArray[np.int64]
    Arm = tuple[Ints, Ints, NDArray[np.float64]]  # user, prompt and value of each sample

PAIR = ("control", "treatment")
PASS = PLAN.gates["pass_rate"]


def sums(codes: Ints, values: NDArray[np.float64], size: int) -> Cells:
    """Return count, mean and centred sum of squares of each code."""
    n = np.bincount(codes, minlength=size).astype(float)
    mean = np.divide(np.bincount(codes, values, size), n, out=np.zeros(size), where=n > 0)
    square = np.bincount(codes, (values - mean[codes]) ** 2, size).astype(float)
    return Cells(n, mean, square)


def prompts_of(
    control: Arm, treated: Arm, users: int, prompts: int, *, with_users: bool = True
) -> tuple[Source, ...]:
    """Return what prompts add to the metric `score` of two arms."""
    parts: list[tuple[Ints, Cells]] = []
    for user, prompt, values in (control, treated):
        cells_of_arm, place = np.unique(prompt * users + user, return_inverse=True)
        parts.append((cells_of_arm, sums(place, values, len(cells_of_arm))))
    cells = Cells(*(np.concatenate([getattr(part, name) for _, part in parts])
                    for name in ("n", "mean", "m2")))  # type: ignore[arg-type]  # fmt: skip
    codes = np.concatenate([cells_of_arm for cells_of_arm, _ in parts])
    arm = np.repeat([0, 1], [len(cells_of_arm) for cells_of_arm, _ in parts])
    keys = {"arm": Key(arm, PAIR), "prompt": Key(codes // users, tuple(map(str, range(prompts))))}
    if with_users:
        keys["cluster"] = Key(codes % users, tuple(map(str, range(users))))
    table = MomentTable(keys, cells.n, {"score": cells})
    measured = Measured({}, "user", 1.0, (), 0, table, table, {}, {}, {}, {}, None, answers=table)
    return PromptSources(measured, PAIR).of_metric("score")


def dealt(kind: str, rng: np.random.Generator) -> tuple[Ints, Ints, int, int]:
    """Deal 24 users' samples to prompts: to all, to some by luck, or to their own ones."""
    user = np.repeat(np.arange(24), 18)
    if kind == "all, three times":
        return user, np.tile(np.arange(18) % 6, 24), 24, 6
    if kind == "own prompts":
        return user, user * 6 + np.tile(np.arange(18) % 6, 24), 24, 144
    return user, rng.choice(9, len(user), p=np.arange(1, 10) / 45), 24, 9


@pytest.mark.parametrize("kind", ["all, three times", "own prompts", "some by luck"])
def test_without_prompt_effects_prompts_differ_as_much_as_is_due(kind: str) -> None:
    """Users, and answers that one user gives to one prompt again, are no effect of prompts."""
    rng = np.random.default_rng(4)
    user, prompt, users, prompts = dealt(kind, rng)
    variances, expected = [], []
    for _ in range(120):
        taste = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], users)
        habit = rng.normal(size=(users, prompts))  # of a user with a prompt, in both arms
        arms = [(user, prompt, taste[user, k] + habit[user, prompt] + rng.normal(size=len(user)))
                for k in (0, 1)]  # fmt: skip
        source = prompts_of(arms[0], arms[1], users, prompts)[0]
        variances.append(float(source.seen.at(1.0)[0]))
        expected.append(float(source.due.at(1.0)[0]))
    assert np.mean(variances) == pytest.approx(np.mean(expected), rel=0.25)


def test_prompts_that_differ_widen_the_bound_and_more_prompts_are_needed() -> None:
    """Eight prompts whose contrast varies: a wider bound, told in its method; more are needed."""
    rng = np.random.default_rng(11)
    user, prompt = np.repeat(np.arange(150), 8), np.tile(np.arange(8), 150)
    change = np.linspace(-0.15, 0.13, 8)
    arms = [(user, prompt, (rng.random(1200) < 0.8 + k * change[prompt]).astype(float))
            for k in (0, 1)]  # fmt: skip
    sources = prompts_of(arms[0], arms[1], 150, 8)
    plain = Arms(*(sums(user, arm[2], 150) for arm in arms), "user")  # type: ignore[misc]
    before = estimate_gate(PASS, plain, RULES, metric="passed")
    after = estimate_gate(PASS, replace(plain, beyond=sources), RULES, metric="passed")
    assert before is not None
    assert after is not None
    assert after.lower < before.lower < before.upper < after.upper
    assert (after.varied[0].source, after.varied[0].treatment) == ("prompt", 8)
    assert after.varied[0].sd == pytest.approx(change.std(ddof=1) / 2**0.5, rel=0.4)
    assert "variance between prompts" in str(after.method)
    more = needed(PASS, replace(plain, beyond=sources), after.design, metric="passed",
                  limit=-0.02, alternative=0.02, rules=RULES)  # fmt: skip
    assert more is not None
    assert more.unit == "prompts"
    assert more.total == 8 + more.further > 8


def test_many_rows_are_measured_without_users() -> None:
    """Where cells of prompt and user are too many, each sample counts as a cell of its own."""
    rng = np.random.default_rng(1)
    user, prompt = np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)
    arms = [(user, prompt, rng.normal(size=400)) for _ in PAIR]
    by_users, alone = (
        prompts_of(arms[0], arms[1], 40, 10, with_users=part)[0] for part in (True, False)
    )
    assert alone.seen == by_users.seen
    assert alone.due.one[0] == pytest.approx(by_users.due.one[0], rel=0.2)


def test_prompts_are_looked_at_only_where_they_can_be_told_from_users() -> None:
    """Both arms name all prompts, and have several samples of each."""
    often, once, unnamed = (
        Count(90, 90, 10, 90, 30),
        Count(90, 90, 10, 90, 90),
        Count(90, 90, 10, 0, 0),
    )
    assert answered_often({"a": often, "b": often}, "user")
    assert not answered_often({"a": often, "b": often}, "prompt")
    assert not answered_often({"a": often, "b": once}, "user")
    assert not answered_often({"a": unnamed, "b": often}, "user")
