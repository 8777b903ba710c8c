"""The whole ladder: what the plan plans, who climbs it, and that both simulators agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import rollouts
from benchmarks.ladder import MARKS, table
from benchmarks.statistics_page import with_tables
from rolloutlib.forecast.chances import CONTROL
from rolloutlib.forecast.ladder import LadderForecast, Rollouts, climb, steps_of
from rolloutlib.show import ladders
from tests.tables import PLAN

pytestmark = pytest.mark.slow  # hundreds of simulated rollouts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def simulated() -> LadderForecast:
    """Hundred rollouts of every kind."""
    what = Rollouts(run_sd=0.005, repetitions=100)
    return climb(PLAN, what, CONTROL, np.random.default_rng(1))


def test_steps_are_the_plans() -> None:
    """Stages as planned; evidence is carried where both change the same flags."""
    steps = steps_of(PLAN)
    assert [step.stage for step in steps if step.carries] == [1, 3, 4]
    assert steps[0].users <= 10
    assert rollouts.planned(PLAN, looks=3).steps[3] == rollouts.Step(300, 24, 12, 3, joins=True)
    bare = PLAN.stages | {0: PLAN.stages[0].model_copy(update={"planned": None})}
    assert steps_of(PLAN.model_copy(update={"stages": bare}))[0].users == 10


def test_who_climbs(simulated: LadderForecast) -> None:
    """Clearly better most, one at the limit hardly any, and never more at a later stage."""
    by = {(climb.truth, climb.gate is None): climb.stages for climb in simulated.climbs}
    assert by["better", True][-1] > 0.8
    assert by["good", True][-1] > 0.5
    assert by["limit", False][-1] <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    for stages in by.values():
        assert list(stages) == sorted(stages, reverse=True)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_shown(simulated: LadderForecast, lang: str) -> None:
    """A row a kind, and one sentence of what was simulated."""
    assert len(ladders.ladder_table(simulated, lang).text.splitlines()) == 2 + len(simulated.climbs)
    assert "100" in ladders.ladder_heading(simulated).text(lang)


def test_both_simulators_agree(simulated: LadderForecast) -> None:
    """Worlds that share no code with the forecast's let as many climb, within Monte Carlo error."""
    ladder = rollouts.planned(PLAN, run_sd=0.005)
    climbed = rollouts.portion(ladder, PLAN, 0, 50)
    better = float(np.mean(climbed["better"] == 4))
    forecast = next(climb for climb in simulated.climbs if climb.truth == "better").stages[-1]
    assert better == pytest.approx(forecast, abs=0.15)
    limits = [who for who in climbed if who.startswith("limit:")]
    assert len(limits) == len(PLAN.gates)
    assert max(float(np.mean(climbed[who] == 4)) for who in limits) <= 0.16


def test_the_page_has_its_tables() -> None:
    """docs/statistics.md holds the tables of `make ladder`; writing them again keeps the rest."""
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    inside = text.split(MARKS[0])[1].split(MARKS[1])[0]
    assert inside.count("clearly better") >= 3
    tables = [table("runs differ by 0 pp", {"better": np.array([4, 4, 3])})]
    again = with_tables(text, tables, MARKS)
    assert "| clearly better | 100.0 | 100.0 | 100.0 | 66.7 |" in again
    assert again.split(MARKS[1])[1] == text.split(MARKS[1])[1]
