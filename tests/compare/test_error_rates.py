"""How often a comparison of two files errs: worlds that share no code with the policy."""

from __future__ import annotations

import pytest

from benchmarks.compare_worlds import WORLDS, World, judged, table
from rolloutlib.plan.offline import SHIPPED, load_eval_plan
from tests.often import EXHAUSTIVE

REPEATS = 3000 if EXHAUSTIVE else 400
PLAN = load_eval_plan(SHIPPED)
# What docs/compare.md tells: files that do not say what they depend on, or whose judge errs.
PROMISED = {
    "documents of 10 prompts lose alike, and nobody says so": 0.20,
    "the judge turns 10 % of verdicts round, people see the margin": 0.14,
}
SELDOM = {"equal, 10 named documents of 10 prompts": 0.01}  # so few documents show next to nothing
FEW = tuple(
    world for world in WORLDS
    if world.prompts <= 200 and world.answers == 1 and world.wrong and world.title not in PROMISED
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS if EXHAUSTIVE else FEW, ids=lambda world: world.title)
def test_a_wrong_go_is_as_rare_as_promised(world: World) -> None:
    """At a margin 5 % at most, but for chance and for what the page tells; equals mostly go."""
    go, no_go = judged(world, PLAN, REPEATS, seed=1)
    promised = PROMISED.get(world.title, 0.05)
    chance = 3 * (promised * (1 - promised) / REPEATS) ** 0.5
    if world.wrong:
        assert go <= promised + chance
    else:
        assert no_go <= 0.05 + chance
        assert go > SELDOM.get(world.title, 0.15)


@pytest.mark.slow
def test_an_equal_candidate_mostly_goes_and_a_bad_one_never() -> None:
    """The shipped margins: 200 prompts are enough for equals, and twice a margin is proven."""
    named = {world.title: world for world in WORLDS}
    assert judged(named["equal"], PLAN, 400)[0] > 0.7
    go, no_go = judged(named["pass rate at twice the margin"], PLAN, 400)
    assert go < 0.01
    assert no_go > 0.55


@pytest.mark.skipif(not EXHAUSTIVE, reason="a minute of simulation")
def test_the_page_has_these_numbers() -> None:
    """docs/compare.md repeats what `python -m benchmarks.compare_worlds` prints."""
    page = SHIPPED.parents[2] / "docs" / "compare.md"
    assert table() in page.read_text("utf-8")
