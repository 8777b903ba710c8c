"""`rollout plan`: what a stage can prove, and how often it would be decided rightly, in advance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import (
    command,
    given,
    lang,
    number,
    option,
    say,
    say_lines,
    whole,
    workbook,
)
from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from rolloutlib.forecast.chances import Forecast
    from rolloutlib.forecast.ladder import LadderForecast
    from rolloutlib.plan.model import Plan

PLAN = """\
Say in advance what a stage can show: what every gate can prove with so many people, what it would
need, and how often the review would say GO, HOLD or NO-GO if the candidate were better, equal, at a
limit or worse; beside it, how often the plan's literal rule would have said GO in the same
simulated worlds. The same command prints the same numbers."""
BASELINES = {
    "passed": option("--control-pass-rate P", "pass rate of the control arm (default: 0.90)"),
    "issue": option(
        "--control-issue-rate P", "share of its samples with the top issue (default: 0.15)"
    ),
    "vetoed": option("--control-vetoed P", "share of its samples that are vetoed (default: 0.05)"),
}
SEED = 20261122
SAMPLES, RUNS = 20, 3  # of a stage that plans none
FEWER = 5  # rollouts are that many times fewer than reviews: each has four stages


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    for metric, baseline in BASELINES.items():
        baseline.settings.update(dest=metric, type=number(0.01, 0.99))
    command(
        commands, "plan", _plan, "what a stage can prove, and its chances of GO, in advance",
        option("--stage STAGE", "whose limits apply", type=int, choices=range(5), required=True),
        option("--users N", "people in all (default: as planned, else the stage's cap)",
               type=whole(10, 10**6)),
        option("--samples-per-user N", "in each arm (default: as planned, else 20)",
               type=whole(1, 10**4)),
        option("--runs N", "of each arm (default: as planned, else 3)", type=whole(1, 100)),
        option("--run-sd SD", "standard deviation of a run's own pass rate, 0 to 0.1; other "
               "metrics vary with it", type=number(0.0, 0.1), default=0.005),
        option("--correlation R", "of two samples of one user, 0 to 0.5", type=number(0.0, 0.5),
               default=0.05),
        option("--paired", "both arms answer every prompt (a replay)", action="store_true"),
        *BASELINES.values(), option("--profile NAME", "guardian profile", default="default"),
        option("--repetitions N", "simulated reviews", type=whole(100, 10**6), default=1000),
        option("--seed S", type=whole(0), default=SEED), lang("the tables"),
        option("--out DIR", "also write the charts there, as SVG", type=Path), description=PLAN,
    )  # fmt: skip


def _plan(arguments: argparse.Namespace) -> int:
    from rolloutlib.show import ladders, outlook

    plan, spoken = workbook()[1], arguments.lang
    chances, ladder = _forecast(arguments, plan), _ladder(arguments, plan)
    tables = (outlook.decision_table(chances, spoken), outlook.gate_table(chances, spoken))
    say(outlook.heading(chances).text(spoken))
    say_lines("\n" + "\n\n".join(str(table.text) for table in tables) + "\n")
    say(ladders.ladder_heading(ladder).text(spoken))
    say_lines("\n" + str(ladders.ladder_table(ladder, spoken).text))
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, chart in (("decisions", outlook.decision_chart), ("gates", outlook.gate_chart)):
            path = arguments.out / f"plan-stage-{arguments.stage}-{name}.svg"
            path.write_text(chart(chances, spoken).svg(), encoding="utf-8")
            say(str(path))
    return 0


def _forecast(arguments: argparse.Namespace, plan: Plan) -> Forecast:
    import numpy as np

    from rolloutlib.forecast.chances import forecast

    planned = plan.stages[arguments.stage].planned
    users = arguments.users or (planned.users if planned else plan.stages[arguments.stage].cap)
    samples = arguments.samples_per_user or (planned.samples if planned else SAMPLES)
    if users is None:
        raise UsageError(
            "stage {stage} has no cap in the plan; say how many with --users",
            stage=arguments.stage,
        )  # fmt: skip
    return forecast(
        plan, arguments.stage, users=users, samples_per_user=samples,
        runs=arguments.runs or (planned.runs if planned else RUNS), run_sd=arguments.run_sd,
        correlation=arguments.correlation, paired=arguments.paired,
        rng=np.random.default_rng(arguments.seed), control=given(arguments, *BASELINES),
        profile=arguments.profile, repetitions=arguments.repetitions,
    )  # fmt: skip


def _ladder(arguments: argparse.Namespace, plan: Plan) -> LadderForecast:
    import numpy as np

    from rolloutlib.forecast.chances import CONTROL
    from rolloutlib.forecast.ladder import Rollouts, climb

    what = Rollouts(
        arguments.correlation, arguments.paired, arguments.run_sd, arguments.profile,
        max(arguments.repetitions // FEWER, 1),
    )  # fmt: skip
    control = CONTROL | given(arguments, *BASELINES)
    return climb(plan, what, control, np.random.default_rng(arguments.seed))
