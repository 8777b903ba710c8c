"""`rollout plan-page`: the plan as a page that people read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, lang, option, say

if TYPE_CHECKING:
    import argparse

__all__ = ["add"]

PAGE = """\
Write the whole plan as a Markdown page: stages, who gets what, limits and proofs, monitoring,
checks, rollback, risks, schedule, roles and documents. The page shows params/plan.yaml and is never
read back."""
FILES = {"en": "docs/ROLLOUT_PLAN.md", "ko": "docs/ROLLOUT_PLAN.ko.md"}


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "plan-page", _page, "write the plan as a page that people read",
        lang("the page"),
        option("--out FILE", "where to (default: docs/ROLLOUT_PLAN.md, or .ko.md)", type=Path),
        description=PAGE,
    )  # fmt: skip


def _page(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.model import load_plan
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.plan_page import plan_page

    root = workbook_root()
    path = arguments.out or root / FILES[arguments.lang]
    text = plan_page(load_plan(root / "params" / "plan.yaml"), arguments.lang)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    say(str(path))
    return 0
