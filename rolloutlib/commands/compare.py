"""`rollout compare`: two outputs of an eval tool in, one report out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rolloutlib.commands.options import command, lang, number, option, say, say_lines
from rolloutlib.errors import NoEvidenceError, RunsError, UsageError

if TYPE_CHECKING:
    import argparse

    from rolloutlib.judge.offline import Pair
    from rolloutlib.judge.pair_record import TakenFor
    from rolloutlib.plan.offline import EvalPlan
    from rolloutlib.reason import Reason
    from rolloutlib.runs.places import Two
    from rolloutlib.runs.sources import SourceSpec

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
  rollout compare v1.csv v2.csv --source source.yaml
      what the columns mean is written there (rollout source v1.csv v2.csv drafts it)
  rollout compare v1.json v2.json --junit compare.xml --markdown comment.md
      for a CI: a test case a gate, and a comment for the pull request
  rollout compare v1.json v2.json --differs judge
      the judge may differ between the files: that is what is compared

The report is a folder: review.html (one file), review.json (for programs), quarantine/ (what was
refused). Gates, limits and margins are those of params/eval.yaml, at or above this folder, else
those that rolloutlib ships.

Exit code: 0 GO, 10 HOLD (something is not proven), 20 NO_GO (a limit is proven broken), 30 INVALID
(data that are no evidence), 2 wrong usage, 1 failure."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "compare", _compare, "compare two outputs of an eval tool",
        option("control A", "file or folder of the control", type=Path),
        option("treatment B", "file or folder of the treatment", type=Path),
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


class _Read(NamedTuple):
    """What the columns mean, and what was drafted of it."""

    spec: SourceSpec | None
    doubts: tuple[Reason, ...] = ()
    guessed: bool = False
    tool: str = ""
    taken: tuple[TakenFor, ...] = ()
    left: tuple[TakenFor, ...] = ()


def _compare(arguments: argparse.Namespace) -> int:
    from rolloutlib.judge.offline import nothing_compared, shown_names
    from rolloutlib.plan.offline import load_eval_plan, nearest_eval_plan
    from rolloutlib.runs.places import two_places

    for given in (arguments.plan, arguments.source):
        if given is not None and not given.is_file():
            raise UsageError(f"{given}: there is no such file")
    plan = load_eval_plan(arguments.plan or nearest_eval_plan())
    plan = plan.with_margin(arguments.margin).allowing(tuple(arguments.differs))
    paths = (arguments.control, arguments.treatment)
    names, refused = (str(paths[0]), str(paths[1])), None
    try:
        two = two_places(*paths)
        names = shown_names(paths, two)
        found = _found(plan, two, names, arguments)
    except (NoEvidenceError, RunsError) as error:
        found, refused = nothing_compared(plan, names, str(error)), error
    _write(found, arguments)
    if refused is not None:
        raise refused
    return EXIT[found.review.recommendation]


def _found(plan: EvalPlan, two: Two, names: tuple[str, str], arguments: argparse.Namespace) -> Pair:
    from msgspec.structs import replace

    from rolloutlib.judge.offline import compare_files

    read = _read(arguments, two)
    found = compare_files(
        plan, two, read.spec, names=names, doubts=read.doubts, guessed=read.guessed
    )
    review = replace(found.review, tool=read.tool, taken=read.taken, left=read.left)
    return found._replace(review=review)


def _read(arguments: argparse.Namespace, two: Two) -> _Read:
    """Return what the columns mean: as source.yaml says, else as it would be drafted."""
    from rolloutlib.plan.strict_yaml import load_yaml

    beside = two.folder / "source.yaml"
    path = arguments.source or (beside if beside.is_file() else None)
    if path is not None:
        return _Read(_with_arms(load_yaml(path), two, str(path)))
    return _drafted(arguments)


def _drafted(arguments: argparse.Namespace) -> _Read:
    from rolloutlib.drafts.drafting import draft
    from rolloutlib.drafts.two import TABLE, as_compared, unread
    from rolloutlib.judge.pair_record import TakenFor

    drafted = draft([arguments.control, arguments.treatment])
    columns = drafted.spec.columns.mapped
    taken = tuple(
        TakenFor(field, str(column.column), drafted.draft.notes.get(f"columns.{field}"))
        for field, column in columns.items()
    )
    spec, guessed = as_compared(drafted), drafted.draft.tool == TABLE
    used = {column.column for column in spec.beside.values()}
    left = tuple(
        TakenFor("", column, why)
        for column, why in drafted.draft.left.items()
        if column not in used
    )
    return _Read(spec, unread(drafted), guessed, drafted.draft.tool, taken, left)


def _with_arms(mapping: object, two: Two, where: str) -> SourceSpec:
    """Return a source.yaml in which both paths are the arms, whatever it says of arms."""
    from pydantic import ValidationError

    from rolloutlib.errors import PlanError
    from rolloutlib.plan.strict_yaml import describe
    from rolloutlib.runs.sources import SourceSpec

    told = cast("dict[str, Any]", mapping) if isinstance(mapping, dict) else {}
    parts = {name: _without_arm(told[name]) for name in ("columns", "constants") if name in told}
    arms = dict(zip(("control", "treatment"), two.globs, strict=True))
    try:
        return SourceSpec.model_validate({**told, **parts, "arms": arms})
    except ValidationError as error:
        raise PlanError(describe(error, where, SourceSpec)) from None


def _without_arm(part: object) -> object:
    if not isinstance(part, dict):
        return part
    named = cast("dict[object, object]", part)
    return {name: one for name, one in named.items() if name != "arm"}


def _write(found: Pair, arguments: argparse.Namespace) -> None:
    """Write the report and what else was asked for, and print the answer."""
    from rolloutlib.show.compared import terminal_answer
    from rolloutlib.show.compared_ci import comment, junit
    from rolloutlib.show.compared_report import write_comparison
    from rolloutlib.words.sentences import say as worded

    review, spoken = found.review, arguments.lang
    out = arguments.out or Path(f"compare-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    page = write_comparison(found, out, spoken, fresh=arguments.out is None)
    if arguments.junit is not None:
        arguments.junit.write_bytes(junit(review, spoken))
    if arguments.markdown == "-":
        sys.stdout.write(comment(review, spoken))
        return
    if arguments.markdown is not None:
        Path(arguments.markdown).write_text(comment(review, spoken), encoding="utf-8")
    say_lines(f"{terminal_answer(review, spoken)}\n")
    say(worded("Report: {path}", path=str(page)).text(spoken))
