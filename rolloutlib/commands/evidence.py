"""`rollout evidence init`: the evidence folder beside the runs, drafted, and what is open in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.commands.options import command, from_here, given, group, lang, option, say_lines
from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from rolloutlib.drafts.evidence import Drafted
    from rolloutlib.judge.record import CheckResult, Reviewed
    from rolloutlib.plan.model import Plan
    from rolloutlib.plan.params import ReviewParams

INIT = """\
Draft what the Go/No-Go checks of the plan read, beside the runs: junit/TEST-SUITE.xml for every
suite, incidents.jsonl, changes.yaml and release-notes.md. What the plan, the runs and git tell
stands in them; what only people know is a TODO(role), and the check stays open until that role has
put in what is true. No file that is there is written over. docs/evidence.md has the forms."""
EXAMPLES = """\
examples:
  rollout evidence init data/w47 --control old --treatment new
      for the stage in force
  rollout evidence init data/w47 --control old --treatment new --check
      writes nothing: what each check would say to these files, and who owes what is open

The runs are measured for the numbers of the release notes; that counts no look.

Exit code: 0 drafted, or, with --check, all checks hold; 10 with --check: some are open; 20 with
--check: some fail; 30 the runs are no evidence; 2 wrong usage; 1 failure; 130 interrupted."""
_OPEN, _FAILS = 10, 20
_SIGNS: Final = {True: "✓", False: "✕", None: "?"}


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    summary = "draft the evidence of the Go/No-Go checks"
    actions = group(commands, "evidence", summary, of="actions", each="ACTION")
    command(
        actions, "init", _init, "draft what the checks read, beside the runs",
        option("runs RUNS", "file or folder of runs (default: as params/stage-STAGE.yaml says)",
               nargs="?"),
        option("--stage STAGE", "the stage whose exit is reviewed (default: the one in force)",
               type=int, choices=range(5)),
        option("--control ARM", "name of the control arm (default: control)"),
        option("--treatment ARM", "name of the treatment arm (default: treatment)"),
        option("--source FILE", "source.yaml that explains flat tables (default: beside the runs)"),
        option("--evidence DIR", "where (default: evidence/ beside the runs)"),
        option("--check", "draft nothing; say what the checks say to what is there",
               action="store_true"),
        lang("the drafts"), description=INIT, epilog=EXAMPLES,
    )  # fmt: skip


def _init(arguments: argparse.Namespace) -> int:
    from rolloutlib.drafts.evidence import draft_evidence
    from rolloutlib.judge.review import review_stage
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.words.sentences import speaking

    root = workbook_root()
    params = _params(arguments, root)
    plan, folder = load_plan(root / params.plan), params.evidence_folder(root)
    with speaking(arguments.lang):
        review = review_stage(params)
        if arguments.check:
            say_lines("\n".join(_checked(plan, review)))
            return _code(review.checks)
        drafted = draft_evidence(plan, review, folder, root)
        say_lines("\n".join(_told(drafted, folder)))
    return 0


def _params(arguments: argparse.Namespace, root: Path) -> ReviewParams:
    """Return how a review would read these runs; it counts no look.

    Raises:
        UsageError: the runs, or a file that explains them, are not there.
    """
    from rolloutlib.plan.params import review_params, stage_params

    stage = _in_force(root) if arguments.stage is None else arguments.stage
    options = given(arguments, "runs", "control", "treatment", "source", "evidence")
    base = {} if "runs" in options else stage_params(root / "params" / f"stage-{stage}.yaml")
    for name in ("runs", "source", "evidence"):
        if name in options:
            options[name] = from_here(options[name], root)
    params = review_params(
        base | options | {"stage": stage, "looks": "", "carry": []}, where="rollout evidence"
    )
    for name in ("runs", "source"):
        if (path := params.path(name)) is not None and not path.exists():
            got = getattr(params, name)
            raise UsageError(phrase("{path}: there is no such file or folder", path=got))
    return params


def _in_force(root: Path) -> int:
    from rolloutlib.flags.document import FLAGS, read_flags

    return read_flags(root / FLAGS).state.stage


def _told(drafted: Iterable[Drafted], folder: Path) -> Iterator[str]:
    """Yield a line a file that was written, and how many were there."""
    from rolloutlib.words.sentences import say

    fresh = [each for each in drafted if each.fresh]
    existing = [each for each in drafted if not each.fresh]
    if fresh:
        yield str(say("Drafted in {folder}; each file, who owes it, and what has to be put in:",
                      folder=shown(folder)))  # fmt: skip
    yield from _grouped(fresh)
    if existing:
        names = tuple(each.name for each in existing)
        yield str(say("There already, and left as they are: {files}", files=names))
    if fresh:
        yield str(say("When they are true, the same command with --check says what is still open."))


def _grouped(fresh: Iterable[Drafted]) -> Iterator[str]:
    """Yield a line a check: its files, who owes them, what has to be put in.

    The suites of a plan are many, and alike.
    """
    from itertools import groupby

    from rolloutlib.words.roles import role_word

    for (role, contents), files in groupby(fresh, key=lambda each: (each.role, str(each.due))):
        first, *others = (each.name for each in files)
        name = f"{first.partition('-')[0]}-*.xml × {len(others) + 1}" if others else first
        yield f"  {name:25} {role_word(role)}: {contents}"


def _checked(plan: Plan, review: Reviewed) -> Iterator[str]:
    """Yield a line a check: what it says, and who owes it while it is open."""
    from rolloutlib.judge.owed import owes
    from rolloutlib.words.reasons import sentence
    from rolloutlib.words.roles import role_word
    from rolloutlib.words.sentences import say, translate

    for check in review.checks:
        role = role_word(owes(plan, plan.checks[check.id].kind))
        owed = "" if check.holds else f" ({role})"
        line = f"{translate(check.title)}{owed}: {sentence(check.why)}"
        note = f" {say('(simulated)')}" if check.holds and check.simulated else ""
        yield f"{_SIGNS[check.holds]} {line}{note}"


def _code(checks: Iterable[CheckResult]) -> int:
    verdicts = [check.holds for check in checks]
    if False in verdicts:
        return _FAILS
    return _OPEN if None in verdicts else 0


def shown(folder: Path) -> str:
    """Return a folder as it is seen from here, if it lies here."""
    cwd = Path.cwd()
    return str(folder.relative_to(cwd)) if folder.is_relative_to(cwd) else str(folder)
