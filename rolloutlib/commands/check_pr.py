"""`rollout check-pr`: does a pull request's description say what the plan wants of it?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.commands.options import command, option, say, workbook
from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse

    from rolloutlib.ledger.pull_request import Lack
    from rolloutlib.phrase import Phrase

LACKING = 10
MOST: Final = 1_000_000  # bytes of a description
ABOUT = """\
Check that a pull request's description has every section of the plan (documents.pr_sections), each
with words of its own: comments, open boxes, "TBD" and "N/A" alone are none.

examples:
  rollout check-pr description.md
  gh pr view 7 --json body --jq .body | rollout check-pr -
in a workflow of GitHub, with the description handed on by the environment (it is not ours):
  env: {BODY: "${{ github.event.pull_request.body }}"}
  run: printf '%s' "$BODY" | rollout check-pr -"""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "check-pr", _check, "does a pull request's description say what the plan wants",
        option("file FILE", "the description in Markdown; - reads standard input"),
        description=ABOUT,
    )  # fmt: skip


def _check(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.pull_request import lacking

    _, plan = workbook()
    sections = plan.documents.pr_sections
    lacks = lacking(_text(arguments.file), sections)
    for lack in lacks:
        say("{section}: {why}", section=lack.section, why=_why(lack))
    if not lacks:
        say("all {n} sections say something: {sections}", n=len(sections), sections=sections)
    return LACKING if lacks else 0


def _text(file: str) -> str:
    from rolloutlib.files import bounded_text

    if file != "-":
        return bounded_text(file, MOST)
    data = sys.stdin.buffer.read(MOST + 1)
    if len(data) > MOST:
        raise UsageError(
            "standard input has more than {most:,} bytes; expected a description", most=MOST
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            "standard input is no UTF-8: byte {at} is {got}; save it as UTF-8",
            at=error.start, got=f"0x{data[error.start]:02x}",
        ) from None  # fmt: skip


def _why(lack: Lack) -> Phrase:
    if lack.why == "missing":
        return phrase(
            "there is no heading {section!r}; add `## {section}` with its words",
            section=lack.section,
        )  # fmt: skip
    if lack.why == "empty":
        return phrase(
            "nothing stands below the heading but comments; say what holds for this change"
        )
    return phrase(
        "{text!r} says nothing; say what holds for this change, and why", text=lack.text[:60]
    )
