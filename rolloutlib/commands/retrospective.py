"""`rollout retrospective`: look back on the rollout, as a notebook and as one page."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.language import before_command, of_reports
from rolloutlib.commands.options import command, given, lang_unless_told, option, say

if TYPE_CHECKING:
    import argparse

NOTEBOOK, PAGE = "retrospective.ipynb", "retrospective.html"
ABOUT = """\
Run notebooks/retrospective.ipynb: decisions on a time line, chances of a GO against what came
(Brier score), alarms that nobody acted on, days at each stage, knobs, deviations, waivers,
incidents. The folder of --out then holds retrospective.html (one file) and retrospective.ipynb."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "retrospective", _retrospective, "look back on the rollout, from the ledger",
        option("--as-of TIME", "look back from then (ISO 8601 with offset; default: now)"),
        option("--watches DIR", "folder of the days' watches (default: as params/ says)"),
        lang_unless_told("the page"),
        option("--out DIR", "folder of the page (default: reports/retrospective-DATE)", type=Path),
        description=ABOUT,
    )  # fmt: skip


def _retrospective(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.durable import Files, overwrite
    from rolloutlib.plan.strict_yaml import load_yaml
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.bundle import in_words
    from rolloutlib.show.notebooks import render_html, run_notebook
    from rolloutlib.show.trusted import as_it_ran

    root = workbook_root()
    file = root / "params" / "retrospective.yaml"
    values: dict[str, Any] = dict(load_yaml(file) if file.is_file() else {})
    values |= before_command() | given(arguments, "as_of", "watches", "lang")
    values["lang"] = lang = values.get("lang") or of_reports()
    dated = root / "reports" / f"retrospective-{datetime.now(UTC):%Y-%m-%d}"
    place: Path = (arguments.out or dated).resolve()
    with TemporaryDirectory(prefix="rollout-") as folder, in_words(place):
        made = Path(folder) / NOTEBOOK
        executed = run_notebook(
            root / "notebooks" / NOTEBOOK, values, made, lang=lang, progress=sys.stderr
        )
        place.mkdir(parents=True, exist_ok=True)
        overwrite(Files(), place / NOTEBOOK, made.read_bytes())
        as_it_ran(place / NOTEBOOK)
        overwrite(Files(), place / PAGE, render_html(executed, lang).encode())
    page = place / PAGE
    say(str(page.relative_to(root) if page.is_relative_to(root) else page))
    return 0
