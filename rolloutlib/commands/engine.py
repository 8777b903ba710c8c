"""`rollout bench` and `rollout risks`: measure an engine, and see which signals of the risk register fire."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    from rolloutlib.engine.bench import BenchResult

__all__ = ["add"]

LATER = "later: two changes at a time"

BENCH = """\
Ask the engine every prompt under both flag sets, in random order, and write run envelopes for `rollout review`. A call
that fails becomes an error or timeout sample. Interrupted, the same command goes on where it stopped."""
FLAGS = "a stage (with its audience), another audience, exceptions: 1 | 2:opted_in | 2:everyone,searchLite=true"


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    bench = commands.add_parser(
        "bench", help="paired mini benchmark of an engine", description=BENCH, allow_abbrev=False
    )
    bench.add_argument(
        "--prompts",
        metavar="FILE",
        type=Path,
        required=True,
        help="JSON Lines of promptId and text, or plain text",
    )
    bench.add_argument(
        "--engine",
        metavar="CMD",
        required=True,
        help="the engine's command, such as 'python engine.py'",
    )
    bench.add_argument("--control", metavar="FLAGS", required=True, help=FLAGS)
    bench.add_argument("--treatment", metavar="FLAGS", required=True, help="likewise")
    bench.add_argument(
        "--n", metavar="N", type=_positive, default=30, help="how many prompts (default: 30)"
    )
    bench.add_argument(
        "--seed",
        metavar="S",
        type=int,
        default=1,
        help="draws the prompts, and goes to the engine (default: 1)",
    )
    bench.add_argument(
        "--profile", metavar="NAME", default="default", help="guardian profile (default: default)"
    )
    bench.add_argument(
        "--timeout", metavar="S", type=float, default=30.0, help="seconds for a call (default: 30)"
    )
    bench.add_argument(
        "--workers", metavar="N", type=_positive, default=2, help="engines at once (default: 2)"
    )
    bench.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="folder for the envelopes"
    )
    bench.set_defaults(call=_bench)
    told = "Show which signals of the plan's risk register fire on a review, and the change that answers each."
    risks = commands.add_parser(
        "risks", help="the risk register on a review", description=told, allow_abbrev=False
    )
    risks.add_argument(
        "review", metavar="REVIEW_DIR", type=Path, help="folder that `rollout review --out` wrote"
    )
    risks.add_argument(
        "--seen",
        metavar="RISK",
        nargs="+",
        default=[],
        help="risks whose signal people have reported",
    )
    risks.add_argument("--lang", choices=("en", "ko"), default="en")
    risks.set_defaults(call=_risks)


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)


def _bench(arguments: argparse.Namespace) -> int:
    import numpy as np
    from tqdm import tqdm

    from rolloutlib.engine.bench import Bench, flags_from, read_prompts, run_bench
    from rolloutlib.plan.model import load_plan, workbook_root

    plan = load_plan(workbook_root() / "params" / "plan.yaml")
    if not (command := tuple(shlex.split(arguments.engine))):
        raise UsageError(
            "--engine is empty; expected the engine's command, such as 'python engine.py'"
        )
    rng = np.random.default_rng(arguments.seed)
    prompts = read_prompts(arguments.prompts, arguments.n, rng)
    control, treatment = flags_from(arguments.control, plan), flags_from(arguments.treatment, plan)
    profile = (arguments.profile, plan.profile(arguments.profile))
    bench = Bench(
        prompts,
        command,
        {"control": control, "treatment": treatment},
        profile,
        arguments.seed,
        arguments.timeout,
    )
    with tqdm(total=2 * len(prompts), unit="call", file=sys.stderr, disable=None) as bar:
        result = run_bench(
            bench, arguments.out, now=datetime.now(UTC), rng=rng, workers=arguments.workers,
            progress=lambda done, _all: _advance(bar, done),
        )  # fmt: skip
    return _tell(result)


def _advance(bar: Any, done: int) -> None:
    bar.update(done - bar.n)


def _tell(result: BenchResult) -> int:
    resumed = f", {result.resumed} of them before" if result.resumed else ""
    _say(
        f"{result.path}: {result.calls} calls{resumed}, {len(result.failures)} failed, {result.fallbacks} templates"
    )
    for why, count in Counter(result.failures).most_common():
        _say(f"  {count} × {why}")
    _say(f"next: rollout review 0 --runs {result.path.parent}")
    return 0


def _risks(arguments: argparse.Namespace) -> int:
    from rolloutlib.judge.record import decode
    from rolloutlib.judge.risks import judge_risks
    from rolloutlib.plan.model import load_plan, workbook_root
    from rolloutlib.words.reasons import sentence

    path = arguments.review / "review.json"
    if not path.is_file():
        raise UsageError(
            f"{arguments.review} holds no review.json; "
            "expected a folder that `rollout review --out` wrote"
        )
    review = decode(path.read_bytes(), where=str(path))
    plan = load_plan(workbook_root() / "params" / "plan.yaml")
    for risk in judge_risks(plan, review, reported=arguments.seen):
        seen = sentence(risk.seen, arguments.lang)
        _say(f"{risk.state:<6} {risk.id} ({risk.feature}): {seen}")
        if risk.state == "fires":
            change = sentence(risk.change, arguments.lang) if risk.change else LATER
            _say(f"       {risk.mitigation} → {change}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
