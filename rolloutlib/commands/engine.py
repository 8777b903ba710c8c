"""`rollout bench` and `rollout risks`: measure an engine, see which signals of risk fire."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, lang, option, say, whole, workbook
from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from rolloutlib.engine.bench import BenchResult

LATER = "later: two changes at a time"
BENCH = """\
Ask the engine every prompt under both flag sets, in random order, and write run envelopes for
`rollout review`. A call that fails becomes an error or timeout sample. Interrupted, the same
command goes on where it stopped."""
EXAMPLE = "1 | 2:opted_in | 2:everyone,searchLite=true"
FLAGS = f"a stage (with its audience), another audience, exceptions: {EXAMPLE}"
RISKS = """\
Show which signals of the plan's risk register fire on a review, and the change that answers
each."""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    prompts, cmd = "JSON Lines of promptId and text, or plain text", "such as 'python engine.py'"
    command(
        commands, "bench", _bench, "paired mini benchmark of an engine",
        option("--prompts FILE", prompts, type=Path, required=True),
        option("--engine CMD", f"the engine's command, {cmd}", required=True),
        option("--control FLAGS", FLAGS, required=True),
        option("--treatment FLAGS", "likewise", required=True),
        option("--n N", "how many prompts", type=whole(1), default=30),
        option("--seed S", "draws the prompts, and goes to the engine", type=int, default=1),
        option("--profile NAME", "guardian profile", default="default"),
        option("--timeout S", "seconds for a call", type=float, default=30.0),
        option("--workers N", "engines at once", type=whole(1), default=2),
        option("--out DIR", "folder for the envelopes", type=Path, required=True),
        description=BENCH,
    )  # fmt: skip
    seen = "risks whose signal people have reported"
    command(
        commands, "risks", _risks, "the risk register on a review",
        option("review REVIEW_DIR", "folder that `rollout review --out` wrote", type=Path),
        option("--seen RISK", seen, nargs="+", default=[]), lang("the signals"),
        description=RISKS,
    )  # fmt: skip


def _bench(arguments: argparse.Namespace) -> int:
    import numpy as np
    from tqdm import tqdm

    from rolloutlib.engine.asked import flags_from, read_prompts
    from rolloutlib.engine.bench import Bench, run_bench

    _, plan = workbook()
    if not (engine := tuple(shlex.split(arguments.engine))):
        expected = "expected the engine's command, such as 'python engine.py'"
        raise UsageError(f"--engine is empty; {expected}")
    rng = np.random.default_rng(arguments.seed)
    bench = Bench(
        prompts=read_prompts(arguments.prompts, arguments.n, rng),
        command=engine,
        flags={
            "control": flags_from(arguments.control, plan),
            "treatment": flags_from(arguments.treatment, plan),
        },
        profile=(arguments.profile, plan.profile(arguments.profile)),
        seed=arguments.seed,
        timeout_s=arguments.timeout,
    )
    with tqdm(total=2 * len(bench.prompts), unit="call", file=sys.stderr, disable=None) as bar:

        def progress(done: int, _all: int) -> None:
            bar.update(done - bar.n)

        result = run_bench(
            bench, arguments.out, now=datetime.now(UTC), rng=rng, workers=arguments.workers,
            progress=progress,
        )  # fmt: skip
    return _tell(result)


def _tell(result: BenchResult) -> int:
    resumed = f", {result.resumed} of them before" if result.resumed else ""
    ended = f"{len(result.failures)} failed, {result.fallbacks} templates"
    say(f"{result.path}: {result.calls} calls{resumed}, {ended}")
    for why, count in Counter(result.failures).most_common():
        say(f"  {count} × {why}")
    say(f"next: rollout review 0 --runs {result.path.parent}")
    return 0


def _risks(arguments: argparse.Namespace) -> int:
    from rolloutlib.judge.record import decode
    from rolloutlib.judge.risks import judge_risks
    from rolloutlib.words.reasons import sentence

    path = arguments.review / "review.json"
    if not path.is_file():
        expected = "expected a folder that `rollout review --out` wrote"
        raise UsageError(f"{arguments.review} holds no review.json; {expected}")
    review = decode(path.read_bytes(), where=str(path))
    for risk in judge_risks(workbook()[1], review, reported=arguments.seen):
        seen = sentence(risk.seen, arguments.lang)
        say(f"{risk.state:<6} {risk.id} ({risk.feature}): {seen}")
        if risk.state == "fires":
            change = sentence(risk.change, arguments.lang) if risk.change else LATER
            say(f"       {risk.mitigation} → {change}")
    return 0
