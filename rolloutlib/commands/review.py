"""Sub-commands about reviews: review, schema."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.language import before_command, of_reports
from rolloutlib.commands.options import (
    command,
    from_here,
    given,
    lang_unless_told,
    option,
    say,
    whole,
)
from rolloutlib.errors import RolloutError, UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from rolloutlib.plan.params import ReviewParams

EXIT = {"GO": 0, "HOLD": 10, "NO_GO": 20, "INVALID": 30}
REVIEW = """\
Review the exit of a stage: read the runs, judge every gate twice (the plan's literal rule, and what
the data prove), recommend GO, HOLD, NO_GO or INVALID, and write a report for the meeting."""
EXAMPLES = """\
examples:
  rollout review 2
      the runs and arms that params/stage-2.yaml names
  rollout review 2 --runs data/examples/bfcl --control gpt-4o-2024-05-13-FC \\
      --treatment gpt-4o-2024-08-06-FC
      two arms of a flat table that data/examples/bfcl/source.yaml explains
  rollout review 3 --runs runs/stage-3 --carry runs/stage-2 --carry runs/stage-1
      the evidence of stages 2 and 1 counts too, as far as they are of the same candidate
  rollout review 2 --against reports/stage-2-2026-11-13
      the page's "Against the last review" compares with the report that is named
  rollout review 2 --runs runs/ --as-of 2026-11-20T09:00+09:00 --lang ko --out reports/w3
      run envelopes up to a moment, the report in Korean

The folder of --out then holds review.html (one file for the meeting), review.ipynb (to explore),
review.json (for programs), params.yaml (to run it again), quarantine/ (what was refused) and
seal.sha256, which lists them all: rollout decide takes no report whose parts disagree. A report is
there in whole or not at all. It replaces an older report in that folder and nothing else there; a
review that ends with 1 or 2 leaves the older one. INVALID has a page of its own.

Exit code: 0 GO, 10 HOLD, 20 NO_GO, 30 INVALID (data that are no evidence), 2 wrong usage,
1 failure."""
STAGES = "0 internal, 1 dogfood, 2 opt-in beta, 3 default-on, 4 full"
PATHS = ("runs", "source", "evidence", "looks", "out")
NAMED = (
    "control", "treatment", "profile", "as_of", "days", "adjust", "engine", "lang", "carry",
)  # fmt: skip


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    command(
        commands, "review", _review, "review a stage's exit",
        option("stage STAGE", STAGES, type=int, choices=range(5)),
        option("--runs PATH", "file or folder of runs (default: as params/stage-STAGE.yaml says)"),
        option("--carry PATH", "runs of an earlier stage whose evidence counts here too; given "
               "several times downwards from the stage before (default: as params/ says; '' none)",
               action="append"),
        option("--control ARM", "name of the control arm (default: control)"),
        option("--treatment ARM", "name of the treatment arm (default: treatment)"),
        option("--source FILE", "source.yaml that explains flat tables (default: beside the runs)"),
        option("--profile NAME", "guardian profile, where the runs name none (default: default)"),
        option("--evidence DIR", "evidence of the checks (default: evidence/ beside the runs)"),
        option("--as-of TIME", "leave out runs that started later (ISO 8601 with offset)"),
        option("--days N", "only the last N days, where the runs are a store (rollout ingest)",
               type=whole(1)),
        option("--looks FILE", "file that counts looks (default: the plan's evidence.looks_file); "
               "'' counts nothing: an exploration, on which nothing can be decided"),
        option("--adjust", "adjust score and latency for the samples' covariate (CUPED)",
               action="store_const", const=True),
        option("--engine ENGINE", "where the scan runs: duckdb, or local[N], spark://HOST:PORT or "
               "sc://HOST:PORT, which read Parquet themselves (default: duckdb)"),
        option("--against REPORT", "earlier report that the page compares this review with: its "
               "folder or review.json, or last (the newest of this stage and these arms in reports/"
               " or beside --out), or none (default: last); it changes no verdict"),
        lang_unless_told("the report"),
        option("--out DIR", "folder of the report, new or with an older one (default: a new "
               "reports/stage-STAGE-TIME)"),
        option("--pdf", "also print the page to review.pdf in that folder (rollout slides)",
               action="store_true"),
        description=REVIEW, epilog=EXAMPLES,
    )  # fmt: skip
    schema = "write params/*.schema.json, by which editors check plan.yaml and eval.yaml"
    command(commands, "schema", _schema, schema)


def _review(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.workbook import workbook_root

    root = workbook_root()
    out = f"reports/stage-{arguments.stage}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    params = _params(arguments, root, out)
    _check_paths(params, root)
    fresh = params.out == out  # two reviews in one second are two reports
    return EXIT[_reviewed(params, root, fresh=fresh, pdf=arguments.pdf)]


def _params(arguments: argparse.Namespace, root: Path, out: str) -> ReviewParams:
    """Return the stage's parameters with what the command line names; paths from the root."""
    from rolloutlib.plan.params import review_params, stage_params

    options = given(arguments, *PATHS, *NAMED)
    file = root / "params" / f"stage-{arguments.stage}.yaml"
    base = _language_of(file) if "runs" in options else stage_params(file)
    values = {"out": out, "lang": of_reports()} | base | before_command() | options
    values["stage"] = arguments.stage
    for name in PATHS:
        if options.get(name):  # an empty one stays empty
            values[name] = from_here(options[name], root)
    if arguments.against is not None:
        values["against"] = _against(arguments.against, root)
    if "carry" in options:
        values["carry"] = [from_here(path, root) for path in options["carry"] if path]
    return review_params(values, where="rollout review")


def _check_paths(params: ReviewParams, root: Path) -> None:
    """Refuse what is not there before anything is read."""
    for path in params.carry:
        if not (root / path).exists():
            raise UsageError("--carry {path}: there is no such file or folder", path=path)
    for name in ("runs", "source", "evidence"):
        if (path := params.path(name)) is not None and not path.exists():
            raise UsageError("--{option} {path}: there is no such file or folder",
                             option=name, path=getattr(params, name))  # fmt: skip


def _reviewed(params: ReviewParams, root: Path, *, fresh: bool, pdf: bool) -> str:
    """Review; print, tell and renew what follows a report, whatever it says."""
    from rolloutlib.commands.history import renewing
    from rolloutlib.commands.slides import printing_of_review
    from rolloutlib.commands.telling import telling_of_review
    from rolloutlib.show.sealing import review_notebook

    to_print = printing_of_review(params.lang, enabled=pdf)
    to_renew, to_tell = renewing(root, params.lang), telling_of_review(params.stage, root)
    with to_print as print_page, to_tell as tell_people, to_renew as renew_index:

        def published(page: Path) -> None:
            for hears in (print_page, tell_people, renew_index):
                hears(page)

        return review_notebook(params, fresh=fresh, progress=sys.stderr, published=published)


def _language_of(file: Path) -> dict[str, str]:
    """Return the language that a stage's parameters name; the rest is not asked for."""
    from rolloutlib.plan.params import stage_params

    try:
        values = stage_params(file)
    except RolloutError:  # what is not needed stops nothing
        return {}
    return {name: value for name, value in values.items() if name == "lang"}


def _against(against: str, root: Path) -> str:
    """Return what --against names, as parameters hold it; refuse early what is no report."""
    from rolloutlib.plan.params import LAST, NONE

    if against in {LAST, NONE}:
        return against
    if not against:
        raise UsageError("--against is empty; expected the folder of a report, last or none")
    from rolloutlib.show.last_review import record_at  # it needs what judges

    path = from_here(against, root)
    record_at(root / path)
    return path if path not in {LAST, NONE} else f"./{path}"


def _schema(_: argparse.Namespace) -> int:
    import json

    from rolloutlib.plan.model import json_schema
    from rolloutlib.plan.offline import eval_schema
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.runs.sources import source_schema

    folder = workbook_root() / "params"
    schemas = {"plan": json_schema(), "eval": eval_schema(), "source": source_schema()}
    for name, schema in schemas.items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
        say(str(path))
    return 0
