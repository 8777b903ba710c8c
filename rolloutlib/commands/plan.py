"""`rollout plan`: what a stage can show before anything is measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutlib.forecast.chances import Forecast
    from rolloutlib.plan.model import Plan

__all__ = ["add"]

PLAN = """\
Say in advance what a stage can show: what every gate can prove with so many people, what it would need, and how often
the review would say GO, HOLD or NO-GO if the candidate were better, equal, at a limit or worse; beside it, how often
the plan's literal rule would have said GO in the same simulated worlds. The same command prints the same numbers."""
BASELINES = {
    "control-pass-rate": ("passed", "pass rate of the control arm (default: 0.90)"),
    "control-issue-rate": ("issue", "share of its samples with the top issue (default: 0.15)"),
    "control-vetoed": ("vetoed", "share of its samples that are vetoed (default: 0.05)"),
}
SEED = 20261122


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    plan = commands.add_parser(
        "plan", help="what a stage can prove, and its chances of GO, in advance", description=PLAN, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    plan.add_argument(
        "--stage",
        metavar="STAGE",
        type=int,
        choices=range(5),
        required=True,
        help="whose limits apply: 0–4",
    )
    plan.add_argument(
        "--users", metavar="N", type=_whole(10), help="people in all (default: the stage's cap)"
    )
    plan.add_argument(
        "--samples-per-user",
        metavar="N",
        type=_whole(1),
        default=20,
        help="in each arm (default: 20)",
    )
    plan.add_argument(
        "--correlation", metavar="R", type=_share(0.0, 0.5), default=0.05,
        help="of two samples of one user, 0 to 0.5 (default: 0.05)",
    )  # fmt: skip
    plan.add_argument(
        "--paired", action="store_true", help="every prompt is answered under both arms (a replay)"
    )
    for name, (metric, told) in BASELINES.items():
        plan.add_argument(f"--{name}", metavar="P", type=_share(0.01, 0.99), dest=metric, help=told)
    plan.add_argument(
        "--profile", metavar="NAME", default="default", help="guardian profile (default: default)"
    )
    plan.add_argument(
        "--repetitions",
        metavar="N",
        type=_whole(100),
        default=1000,
        help="simulated reviews (default: 1000)",
    )
    plan.add_argument(
        "--seed", metavar="S", type=_whole(0), default=SEED, help=f"(default: {SEED})"
    )
    plan.add_argument("--lang", choices=("en", "ko"), default="en", help="language (default: en)")
    plan.add_argument("--out", metavar="DIR", type=Path, help="also write the charts there, as SVG")
    plan.set_defaults(call=_plan)


def _whole(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return whole


def _share(low: float, high: float) -> Callable[[str], float]:
    def share(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return value

    return share


def _plan(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.model import load_plan, workbook_root
    from rolloutlib.show import outlook

    plan = load_plan(workbook_root() / "params" / "plan.yaml")
    found, lang = _forecast(arguments, plan), arguments.lang
    print(outlook.heading(found).text(lang))
    print(f"\n{outlook.decision_table(found, lang).text}\n\n{outlook.gate_table(found, lang).text}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, chart in (("decisions", outlook.decision_chart), ("gates", outlook.gate_chart)):
            path = arguments.out / f"plan-stage-{arguments.stage}-{name}.svg"
            path.write_text(chart(found, lang).svg(), encoding="utf-8")
            print(path)
    return 0


def _forecast(arguments: argparse.Namespace, plan: Plan) -> Forecast:
    import numpy as np

    from rolloutlib.forecast.chances import forecast

    users = arguments.users or plan.stages[arguments.stage].cap
    if users is None:
        raise UsageError(
            f"stage {arguments.stage} has no cap in the plan; say how many with --users"
        )
    given = {
        metric: value
        for metric, _ in BASELINES.values()
        if (value := getattr(arguments, metric)) is not None
    }
    return forecast(
        plan, arguments.stage, users=users, samples_per_user=arguments.samples_per_user,
        correlation=arguments.correlation, paired=arguments.paired, rng=np.random.default_rng(arguments.seed),
        control=given, profile=arguments.profile, repetitions=arguments.repetitions,
    )  # fmt: skip
