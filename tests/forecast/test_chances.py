"""A stage's chances in advance.

What must hold whatever the draws, the ladder's promise, and how it is shown.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import altair as alt
import numpy as np
import pytest

from rolloutlib.commands import plan as plan_command
from rolloutlib.errors import RolloutError
from rolloutlib.forecast import chances as planning
from rolloutlib.forecast.chances import (
    CONTROL,
    TRUTHS,
    Chance,
    Forecast,
    GateForecast,
    forecast,
    truths_of,
)
from rolloutlib.plan.model import load_plan
from rolloutlib.show import outlook
from rolloutlib.show.figure import Figure

if TYPE_CHECKING:
    from rolloutlib.plan.workbook import StageId

pytestmark = pytest.mark.slow  # hundreds of simulated reviews

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")


def ask(
    stage: StageId = 2,
    users: int = 100,
    *,
    paired: bool = True,
    repetitions: int = 400,
    seed: int = 1,
) -> Forecast:
    """Forecast a stage with 20 samples a user and correlation .05."""
    return forecast(
        PLAN, stage, users=users, samples_per_user=20, correlation=0.05, paired=paired,
        rng=np.random.default_rng(seed), repetitions=repetitions,
    )  # fmt: skip


@pytest.fixture(scope="module")
def forecasted() -> Forecast:
    """Stage 2 at its cap."""
    return ask()


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "users"), [(0, 10), (1, 30), (2, 100), (3, 300)])
def test_the_ladder_keeps_its_promise(stage: StageId, users: int) -> None:
    """Paired, 20 samples a user.

    Clearly better gets its GO with .8 at least, one gate at its limit .05 at most.
    """
    answer = ask(stage, users, repetitions=1000)
    decisions = {decision.truth: decision for decision in answer.decisions}
    assert decisions["better"].go >= 0.8
    assert (
        decisions["limit"].go <= 0.05 + 3 * (0.05 * 0.95 / 1000) ** 0.5
    )  # the largest of eight gates
    assert decisions["worse"].go == 0
    literal = max(gate.chances["limit"].literal for gate in answer.gates)
    assert literal > 0.3, "the plan's literal rule lets many of them through"


def test_what_so_few_cannot_show_is_asked_for() -> None:
    """100 users cannot pass stage 3's errors, whatever they show: 299 are needed."""
    errors = next(gate for gate in ask(3, 100, repetitions=20).gates if gate.id == "error_rate")
    assert {chance.passed for chance in errors.chances.values()} == {0.0}
    assert errors.needed is not None
    assert (errors.needed.unit, errors.needed.total, errors.needed.further) == ("users", 299, 199)


def test_chances_add_up(forecasted: Forecast) -> None:
    """GO, HOLD and NO-GO are all there is, and a worse truth never passes a gate more often."""
    for decision in forecasted.decisions:
        assert decision.go + decision.hold + decision.no_go == pytest.approx(1)
    for gate in forecasted.gates:
        passed = [gate.chances[truth].passed for truth in ("better", "limit", "worse")]
        assert passed == sorted(passed, reverse=True), gate.id


def test_no_gate_lets_a_limit_through(forecasted: Forecast) -> None:
    """Every gate passes in about 5 % of reviews at most when the truth is at the limit."""
    for gate in forecasted.gates:
        assert gate.chances["limit"].passed < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5, gate.id


def test_provable_is_what_is_passed_with_the_power(forecasted: Forecast) -> None:
    """The provable limit and the chance at the stage's limit agree on 80 %."""
    for gate in forecasted.gates:
        easier = (
            gate.provable > gate.proof if gate.gate.harm == "lower" else gate.provable < gate.proof
        )
        assert easier == (gate.chances["design"].passed >= PLAN.evidence.power), gate.id
        assert (gate.needed is None) or not easier, gate.id


def test_fewer_people_need_more(forecasted: Forecast) -> None:
    """Ten users at stage 3 are too few for the pass rate, and more are asked for.

    Pairs need fewer.
    """
    few = next(gate for gate in ask(3, 10).gates if gate.id == "pass_rate")
    apart = next(gate for gate in ask(3, 60, paired=False).gates if gate.id == "pass_rate")
    assert few.needed is not None
    assert apart.needed is not None
    assert 10 < few.needed.total < apart.needed.total
    assert few.needed.unit == apart.needed.unit == "users"
    assert few.provable < next(gate for gate in forecasted.gates if gate.id == "pass_rate").provable


def test_seeded() -> None:
    """The same seed, the same numbers."""
    assert ask(0, 10, repetitions=50) == ask(0, 10, repetitions=50)
    assert ask(0, 10, repetitions=50) != ask(0, 10, repetitions=50, seed=2)


def test_planned_looks_cost(forecasted: Forecast) -> None:
    """With five planned looks the last has less error left, so a gate proves less."""
    stages = PLAN.stages | {2: PLAN.stages[2].model_copy(update={"looks": 5})}
    often = forecast(
        PLAN.model_copy(update={"stages": stages}), 2, users=100, samples_per_user=20,
        correlation=0.05, paired=True,
        rng=np.random.default_rng(1), repetitions=400,
    )  # fmt: skip
    assert often.gates[0].id == forecasted.gates[0].id == "pass_rate"
    assert often.gates[0].provable < forecasted.gates[0].provable


def test_truths_mirror_at_the_limit() -> None:
    """Worse lies as far beyond each limit as better lies before it.

    All are proportions where they must be.
    """
    profile = PLAN.profile("default")
    for stage in (0, 1, 2, 3, 4):
        truths = truths_of(PLAN, stage, profile, CONTROL)
        assert set(truths) == set(TRUTHS)
        for metric, limit in truths["limit"].treatment.items():
            better, worse = (truths[truth].treatment[metric] for truth in ("better", "worse"))
            assert worse - limit == pytest.approx(limit - better)
            assert metric in {"score", "latency_ms"} or 0 < worse < 1


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_shown_in_words_and_charts(forecasted: Forecast, lang: str) -> None:
    """Tables have a row a truth or gate.

    Charts say in words what they show, on a page and on a phone.
    """
    assert len(outlook.decision_table(forecasted, lang).text.splitlines()) == 2 + len(
        forecasted.decisions
    )
    assert len(outlook.gate_table(forecasted, lang).text.splitlines()) == 2 + len(forecasted.gates)
    for chart in (outlook.decision_chart(forecasted, lang), outlook.gate_chart(forecasted, lang)):
        assert isinstance(chart, Figure)
        assert "%" in chart.alt
        assert len(chart.caption) > 40
        assert "<svg" in chart.svg()
        assert "<svg" in chart.svg(narrow=True)


def test_marks_tell_chances_and_how_many_reviews_they_are_of(forecasted: Forecast) -> None:
    """Tooltips count simulated reviews, zoom stands on the scale of shares; pictures have none."""
    gate = forecasted.gates[0]
    passed, n = gate.chances["better"].passed, forecasted.repetitions
    both = outlook.decision_chart(forecasted), outlook.gate_chart(forecasted)
    assert isinstance(both[0].altair() & both[1].altair(), alt.VConcatChart)
    for chart in both:
        shown = alt.Chart.from_dict(chart.wide).to_json()  # held against Vega-Lite's schema
        assert f"({passed * n:.0f} / {n})" in shown
        assert '"tooltip"' in shown
        (zoom,) = chart.wide["params"]
        scaled = next(part for part in chart.wide["layer"] if part.get("name") in zoom["views"])
        assert "field" in scaled["encoding"]["x"]
        assert "aria-label=" not in chart.svg()
        width = float(ET.fromstring(chart.svg(narrow=True)).attrib["width"])  # noqa: S314
        assert width <= 390 - 2 * 16


def test_too_small_a_stage_says_so() -> None:
    """With too few people the chart names the gates that may hold a good candidate."""
    assert "Too small for" in outlook.gate_chart(ask(3, 10, repetitions=50)).caption


def test_crosses_show_how_far_they_may_be_luck(forecasted: Forecast) -> None:
    """A gate is beyond 5 % only where all of its interval is; the caption counts the reviews."""
    chart = outlook.gate_chart(forecasted)
    ends = [part["encoding"]["x2"] for part in chart.wide["layer"] if "x2" in part["encoding"]]
    assert {"field": "to"} in ends
    assert f"{forecasted.repetitions:,} simulated reviews" in chart.caption
    gates = [replace_chance(gate, 0.20) for gate in forecasted.gates]
    assert (
        "None is beyond 5 % by more than that."
        in outlook.gate_chart(
            replace(forecasted, repetitions=20, gates=(*gates[:1], *forecasted.gates[1:]))
        ).caption
    )
    certain = replace(forecasted, repetitions=1000, gates=(*gates[:1], *forecasted.gates[1:]))
    assert "Beyond 5 % even so: Pass rate" in outlook.gate_chart(certain).caption


def replace_chance(gate: GateForecast, passed: float) -> GateForecast:
    """Return a gate that passes that often at its limit."""
    return replace(gate, chances={**gate.chances, "limit": Chance(passed, 0.0, 0.0)})


def command(*arguments: str) -> int:
    """Run `rollout plan` within a parser of its own."""
    parser = argparse.ArgumentParser(prog="rollout")
    plan_command.add(parser.add_subparsers())
    options = parser.parse_args(["plan", *arguments])
    return options.call(options)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rollout plan` prints both tables and writes its charts; the same command prints the same."""
    few = (
        "--stage",
        "1",
        "--users",
        "12",
        "--paired",
        "--repetitions",
        "100",
        "--out",
        str(tmp_path),
    )
    printed: list[str] = []
    for _ in range(2):
        assert command(*few) == 0
        printed.append(capsys.readouterr().out)
    assert "clearly better in everything" in printed[0]
    assert "Pass rate" in printed[0]
    assert printed[0] == printed[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "plan-stage-1-decisions.svg",
        "plan-stage-1-gates.svg",
    ]


def test_baselines_move_the_control_arm(capsys: pytest.CaptureFixture[str]) -> None:
    """A control arm that passes less often varies more, so less can be proven."""
    for rate in ("0.97", "0.6"):
        assert command("--stage", "1", "--repetitions", "100", "--control-pass-rate", rate) == 0
    tables = capsys.readouterr().out.split("Stage 1:")[1:]
    high, low = (
        next(line for line in table.splitlines() if line.startswith("Pass rate"))
        for table in tables
    )
    assert float(re.findall(r"−([\d.]+) pp", high)[1]) < float(re.findall(r"−([\d.]+) pp", low)[1])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--stage", "1", "--users", "3"), "'3' is no whole number from 10 to 1,000,000"),
        (("--stage", "1", "--correlation", "0.9"), "'0.9' is no number from 0 to 0.5"),
        (("--stage", "1", "--control-pass-rate", "high"), "'high' is no number from 0.01 to 0.99"),
        (("--stage", "7"), "invalid choice: 7"),
    ],
)
def test_command_refuses(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong argument is one sentence and exit code 2."""
    with pytest.raises(SystemExit) as refused:
        command(*arguments)
    assert refused.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"), [(("--stage", "1", "--profile", "lax"), "profile is 'lax'")]
)
def test_command_names_what_the_plan_lacks(arguments: tuple[str, ...], expected: str) -> None:
    """What only the plan can tell is refused with what to do."""
    with pytest.raises(RolloutError, match=expected):
        command(*arguments)


def test_a_stage_that_plans_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cap and without planned people the command asks how many."""
    open_end = PLAN.stages[3].model_copy(update={"planned": None})
    plan = PLAN.model_copy(update={"stages": PLAN.stages | {3: open_end}})
    monkeypatch.setattr(plan_command, "workbook", lambda: (ROOT, plan))
    with pytest.raises(RolloutError, match="say how many with --users"):
        command("--stage", "3")


def test_defaults_are_the_plans_metrics() -> None:
    """A clearly better candidate is described for every metric that a gate looks at."""
    assert set(planning.BETTER) == set(
        truths_of(PLAN, 2, PLAN.profile("default"), CONTROL)["better"].treatment
    )
