"""`rollout compare`: two outputs of an eval tool in, one report out."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.commands.options import command, lang, number, option, say, say_lines
from rolloutlib.errors import NoEvidenceError, PlanError, RunsError, UsageError

if TYPE_CHECKING:
    import argparse

    from rolloutlib.judge.offline import Pair
    from rolloutlib.plan.offline import EvalPlan

EXIT: Final = {"GO": 0, "HOLD": 10, "NO_GO": 20, "INVALID": 30}
COMPARE = """\
Compare two outputs of an eval tool: is B (the treatment) as good as A (the control)? No workbook,
no plan and no stage is needed: what the columns mean is drafted (as rollout source would), both
files are measured once, and every gate of an eval plan that they have values for is judged by what
the data prove. The answer is GO, HOLD, NO_GO or INVALID; it decides no stage (rollout review
does)."""
EXAMPLES = """\
examples:
  rollout compare v1.json v2.json
      two outputs of promptfoo, Inspect, lm-eval …, or tables (CSV, JSON Lines, Parquet, workbooks)
  rollout compare runs/v1 runs/v2 --margin 0.02
      two folders; pass rate and score may lose 2 % of their range
  rollout compare results.json --control openai:gpt-4o --treatment openai:gpt-5
      one file with two arms: providers of promptfoo, models of a table
  rollout compare v1.csv v2.csv --source source.yaml
      what the columns mean is written there (rollout source v1.csv v2.csv drafts it)
  rollout compare v1.json v2.json --junit compare.xml --markdown comment.md
      for a CI: a test case a gate, and a comment for the pull request
  rollout compare v1.json v2.json --differs judge
      the judge may differ between the files: that is what is compared

The report is a folder: review.html (one file), review.json (for programs), quarantine/ (what was
refused) and seal.sha256, which lists them. Gates, limits and margins are those of params/eval.yaml,
at or above this folder, else those that rolloutlib ships.

Exit code: 0 GO, 10 HOLD (something is not proven), 20 NO_GO (a limit is proven broken), 30 INVALID
(data that are no evidence), 2 wrong usage, 1 failure."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "compare", _compare, "compare two outputs of an eval tool",
        option("a A", "file or folder of the control", type=Path),
        option("b B", "file or folder of the treatment; without it A holds both arms", type=Path,
               nargs="?"),
        option("--control ARM", "of one file: the arm to compare with (a model, a provider …)"),
        option("--treatment ARM", "of one file: the arm that is to be as good"),
        option("--source FILE", "source.yaml that says what the columns mean (default: the one "
               "beside both, else it is drafted)", type=Path),
        option("--plan FILE", "eval plan (default: params/eval.yaml, else what rolloutlib ships)",
               type=Path),
        option("--margin M", "by how much pass rate and score may be lower, as a share of their "
               "range (default: as the plan says)", type=number(0.001, 0.5)),
        option("--differs NAME", "a segment, category, difficulty or prompt (its text) in which "
               "the files may differ; may be given several times", action="append", default=[]),
        option("--junit FILE", "also write the gates as JUnit XML", type=Path),
        option("--markdown FILE", "also write a comment in Markdown; - prints it instead of the "
               "answer"),
        lang("the report"),
        option("--out DIR", "folder of the report, new or with an older one (default: a new "
               "compare-TIME)", type=Path),
        description=COMPARE, epilog=EXAMPLES,
    )  # fmt: skip


def _compare(arguments: argparse.Namespace) -> int:
    from rolloutlib.judge.offline import check_differs, nothing_compared
    from rolloutlib.plan.offline import load_eval_plan, nearest_eval_plan

    _check_call(arguments)
    plan = load_eval_plan(arguments.plan or nearest_eval_plan())
    plan = plan.with_margin(arguments.margin).allowing(tuple(arguments.differs))
    try:
        pair = _found(plan, arguments)
        refused = pair.failure
        if refused is None:
            check_differs(arguments.differs, pair)
    except (NoEvidenceError, RunsError) as error:
        named = (str(arguments.a), str(arguments.b or arguments.a))
        pair, refused = nothing_compared(plan, named, error.phrase), error
    _write(pair, arguments)
    if refused is not None:
        raise refused
    return EXIT[pair.review.recommendation]


def _check_call(arguments: argparse.Namespace) -> None:
    """Refuse what contradicts itself before anything is read."""
    for path in (arguments.plan, arguments.source):
        if path is not None and not path.is_file():
            raise UsageError("{path}: there is no such file", path=path)
    arms = [arguments.control, arguments.treatment]
    if arguments.b is not None and any(arms):
        raise UsageError("--control and --treatment are arms of one file; of two, A is the control")
    if arguments.b is None and not all(arms):
        raise UsageError(
            "{path} alone holds both arms, or B is missing; name B, or the arms: --control X "
            "--treatment Y", path=arguments.a,
        )  # fmt: skip


def _found(plan: EvalPlan, arguments: argparse.Namespace) -> Pair:
    from rolloutlib.drafts.two import meaning_of, source_beside
    from rolloutlib.judge.offline import compare_files
    from rolloutlib.judge.two_files import One, shown_names
    from rolloutlib.runs.places import two_places

    if arguments.b is None:
        beside = source_beside([arguments.a], arguments.a.parent)
        meaning = meaning_of([arguments.a], arguments.source or beside, None)
        pair = (arguments.control, arguments.treatment)
        return compare_files(plan, One(arguments.a, pair), meaning, names=pair)
    paths = (arguments.a, arguments.b)
    two = two_places(*paths)
    meaning = meaning_of(paths, arguments.source or source_beside(paths, two.folder), two)
    return compare_files(plan, two, meaning, names=shown_names(paths, two))


def _renew_index(page: Path, spoken: str) -> None:
    """Renew the workbook's index; a comparison may be of no workbook."""
    from rolloutlib.commands.history import renewing
    from rolloutlib.plan.workbook import workbook_root

    with suppress(PlanError), renewing(workbook_root(), spoken) as renewed:
        renewed(page)


def _write(pair: Pair, arguments: argparse.Namespace) -> None:
    """Write the report and what else was asked for, and print the answer."""
    from rolloutlib.show.compared import terminal_answer
    from rolloutlib.show.compared_ci import comment, junit
    from rolloutlib.show.compared_report import write_comparison

    review, spoken = pair.review, arguments.lang
    out = arguments.out or Path(f"compare-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    page = write_comparison(pair, out, spoken, fresh=arguments.out is None)
    _renew_index(page, spoken)
    if arguments.junit is not None:
        arguments.junit.write_bytes(junit(review, spoken))
    if arguments.markdown == "-":
        sys.stdout.write(comment(review, spoken))
        return
    if arguments.markdown is not None:
        Path(arguments.markdown).write_text(comment(review, spoken), encoding="utf-8")
    say_lines(f"{terminal_answer(review, spoken)}\n")
    say("Report: {path}", path=page)
