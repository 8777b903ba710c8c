"""Sub-commands about reviews: review, schema."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rolloutlib.errors import NoEvidenceError, RunsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["add"]

EXIT = {"GO": 0, "HOLD": 10, "NO_GO": 20, "INVALID": 30}
CODES = "Exit code: 0 GO, 10 HOLD, 20 NO_GO, 30 INVALID (data that are no evidence), 2 wrong usage, 1 failure."
REVIEW = """\
Review the exit of a stage: read the runs, judge every gate twice (the plan's literal rule, and what the data prove),
recommend GO, HOLD, NO_GO or INVALID, and write a report for the meeting."""
EXAMPLES = """\
examples:
  rollout review 2
      the runs and arms that params/stage-2.yaml names
  rollout review 2 --runs data/examples/bfcl --control gpt-4o-2024-05-13-FC --treatment gpt-4o-2024-08-06-FC
      two arms of a flat table that data/examples/bfcl/source.yaml explains
  rollout review 2 --runs runs/ --as-of 2026-11-20T09:00+09:00 --lang ko --out reports/w3
      run envelopes up to a moment, the report in Korean

The folder of --out then holds review.html (one file for the meeting), review.ipynb (to explore), review.json (for
programs), params.yaml (to run it again) and, where rows were refused, quarantine/."""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    _add_review(commands)
    _add_schema(commands)


def _add_review(commands: Any) -> None:
    review = commands.add_parser(
        "review", help="review a stage's exit", description=REVIEW, epilog=f"{EXAMPLES}\n\n{CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    review.add_argument(
        "stage",
        metavar="STAGE",
        type=int,
        choices=range(5),
        help="0 internal, 1 dogfood, 2 opt-in beta, 3 default-on, 4 full",
    )
    review.add_argument(
        "--runs",
        metavar="PATH",
        help="file or folder of runs (default: as params/stage-STAGE.yaml says)",
    )
    review.add_argument(
        "--control", metavar="ARM", help="name of the control arm (default: control)"
    )
    review.add_argument(
        "--treatment", metavar="ARM", help="name of the treatment arm (default: treatment)"
    )
    review.add_argument(
        "--source",
        metavar="FILE",
        help="source.yaml that explains flat tables (default: beside the runs)",
    )
    review.add_argument(
        "--profile",
        metavar="NAME",
        help="guardian profile, where the runs name none (default: default)",
    )
    review.add_argument(
        "--evidence",
        metavar="DIR",
        help="evidence of the Go/No-Go checks (default: evidence/ beside the runs)",
    )
    review.add_argument(
        "--as-of", metavar="TIME", help="leave out runs that started later (ISO 8601 with offset)"
    )
    review.add_argument(
        "--looks",
        metavar="FILE",
        help="file of earlier looks at a stage (default: reports/looks.jsonl)",
    )
    review.add_argument(
        "--adjust",
        action="store_const",
        const=True,
        help="adjust score and latency for the samples' covariate (CUPED)",
    )
    review.add_argument("--lang", choices=("en", "ko"), help="language of the report (default: en)")
    review.add_argument(
        "--out", metavar="DIR", help="where to write (default: reports/stage-STAGE-TIME)"
    )
    review.set_defaults(call=_review)


def _add_schema(commands: Any) -> None:
    schema = commands.add_parser(
        "schema", help="write params/plan.schema.json, which editors use to check plan.yaml"
    )
    schema.set_defaults(call=_schema)


def _review(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.model import workbook_root
    from rolloutlib.plan.params import review_params, stage_params
    from rolloutlib.show.folder import save_invalid
    from rolloutlib.show.notebooks import review_notebook

    root = workbook_root()
    names = (
        "runs",
        "control",
        "treatment",
        "source",
        "profile",
        "evidence",
        "as_of",
        "adjust",
        "looks",
        "lang",
        "out",
    )
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    base = (
        {} if "runs" in given else stage_params(root / "params" / f"stage-{arguments.stage}.yaml")
    )
    now = datetime.now(UTC)
    values = (
        {"out": f"reports/stage-{arguments.stage}-{now:%Y%m%dT%H%M%SZ}"}
        | base
        | given
        | {"stage": arguments.stage}
    )
    for name in ("runs", "source", "evidence", "looks", "out"):
        if given.get(name):  # an empty one stays empty, and is refused below
            values[name] = _from_here(given[name], root)
    params = review_params(values, where="rollout review")
    for name in ("runs", "source", "evidence"):
        if (path := params.path(name)) is not None and not path.exists():
            raise UsageError(f"--{name} {getattr(params, name)}: there is no such file or folder")
    try:
        return EXIT[review_notebook(params, progress=sys.stderr)]
    except (NoEvidenceError, RunsError) as error:
        save_invalid(params, params.path("out") or root, str(error))
        raise


def _from_here(path: str, root: Path) -> str:
    """Paths on the command line are relative to the caller's folder, those in params/ to the workbook's root."""
    absolute = (type(root).cwd() / path).resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)


def _schema(_: argparse.Namespace) -> int:
    import json

    from rolloutlib.plan.model import json_schema, workbook_root

    path = workbook_root() / "params" / "plan.schema.json"
    path.write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
    print(path)
    return 0
