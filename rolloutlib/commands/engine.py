"""`rollout bench` and `rollout risks`: measure an engine, see which signals of risk fire."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, lang, number, option, say, whole, workbook
from rolloutlib.commands.worded import worded
from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse

    from rolloutlib.engine.bench import BenchResult

MOST_KINDS = 10  # of failures: an engine can fail in another way each time
BENCH = """\
Ask the engine every prompt under both flag sets, in random order, and write run envelopes for
`rollout review`. A call that fails becomes an error or timeout sample. Interrupted, the same
command goes on where it stopped. When a call ends, all that the engine started is ended, too."""
EXAMPLE = "1 | 2:opted_in | 2:everyone,searchLite=true"
FLAGS = phrase("a stage (with its audience), another audience, exceptions: {example}",
               example=EXAMPLE)  # fmt: skip
RISKS = """\
Show which signals of the plan's risk register fire on a review, and the change that answers
each."""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    prompts = "JSON Lines of promptId and text, or plain text"
    command(
        commands, "bench", _bench, "paired mini benchmark of an engine",
        option("--prompts FILE", prompts, type=Path, required=True),
        option("--engine CMD", "the engine's command, such as 'python engine.py'", required=True),
        option("--control FLAGS", FLAGS, required=True),
        option("--treatment FLAGS", "likewise", required=True),
        option("--n N", "how many prompts", type=whole(1), default=30),
        option("--seed S", "draws the prompts, and goes to the engine", type=whole(0), default=1),
        option("--profile NAME", "guardian profile", default="default"),
        option("--timeout S", "seconds for a call", type=number(0.01, 86_400), default=30.0),
        option("--most-bytes N", "what an engine may print as its answer", type=whole(1, 10**9),
               default=4_000_000),
        option("--workers N", "engines at once", type=whole(1, 256), default=2),
        option("--out DIR", "folder for the envelopes", type=Path, required=True),
        description=BENCH,
    )  # fmt: skip
    signals = "risks whose signal people have reported"
    command(
        commands, "risks", _risks, "the risk register on a review",
        option("review REVIEW_DIR", "folder that `rollout review --out` wrote", type=Path),
        option("--seen RISK", signals, nargs="+", default=[]), lang("the signals"),
        description=RISKS,
    )  # fmt: skip


def _bench(arguments: argparse.Namespace) -> int:
    import numpy as np
    from tqdm import tqdm

    from rolloutlib.engine.bench import Bench, run_bench
    from rolloutlib.engine.prompts import engine_command, flags_from, read_prompts, stage_of

    _, plan = workbook()
    engine = engine_command(arguments.engine)
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
        most_bytes=arguments.most_bytes,
        stage=stage_of(arguments.treatment),
    )
    with tqdm(
        total=2 * len(bench.prompts), unit=worded("call"), file=sys.stderr, disable=None
    ) as bar:

        def progress(done: int, _all: int) -> None:
            bar.update(done - bar.n)

        result = run_bench(
            bench, arguments.out, now=datetime.now(UTC), rng=rng, workers=arguments.workers,
            progress=progress,
        )  # fmt: skip
    return _tell(result)


def _tell(result: BenchResult) -> int:
    resumed = phrase(", {n} of them before", n=result.resumed) if result.resumed else ""
    say(
        "{path}: {calls} calls{resumed}, {failed} failed, {fallbacks} templates", path=result.path,
        calls=result.calls, resumed=resumed, failed=len(result.failures),
        fallbacks=result.fallbacks,
    )  # fmt: skip
    kinds = Counter(result.failures).most_common()
    for why, count in kinds[:MOST_KINDS]:
        say("  {count} × {why}", count=count, why=why)
    if more := kinds[MOST_KINDS:]:
        say("  {count} × something else", count=sum(count for _, count in more))
    say("next: {command}", command=f"rollout review 0 --runs {result.path.parent}")
    return 0


def _risks(arguments: argparse.Namespace) -> int:
    from rolloutlib.files import bounded_bytes
    from rolloutlib.judge.record import decode
    from rolloutlib.judge.risks import judge_risks, readings_of
    from rolloutlib.show.registered import register_lines
    from rolloutlib.words.sentences import speaking

    path = arguments.review / "review.json"
    if not path.is_file():
        raise UsageError(
            "{folder} holds no review.json; expected a folder that `rollout review --out` wrote",
            folder=arguments.review,
        )  # fmt: skip
    review = decode(bounded_bytes(path), where=str(path))
    risks = judge_risks(workbook()[1], readings_of(review.risks), reported=arguments.seen)
    with speaking(arguments.lang):
        for line in register_lines(risks):
            say(line)
    return 0
