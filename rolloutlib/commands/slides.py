"""`rollout slides`: a report's page as a PDF, for a meeting without a screen."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, complain, option
from rolloutlib.commands.options import say as put
from rolloutlib.errors import RolloutError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from rolloutlib.show.slides import Slides

__all__ = ["add", "printing_of_review"]

ABOUT = """\
Print a report's page to a PDF: A4, the decision alone on page 1 with lines to sign on, then the
rest, with everything opened, digests whole, and a foot that names verdict, days and record on every
page. Chromium prints it, or WeasyPrint where no Chromium is; nothing is fetched."""
EXAMPLES = """\
examples:
  rollout slides reports/w47
      writes reports/w47/review.pdf
  rollout slides reports/daily/2026-10-29 --out watch.pdf
      a day's watch, to a file of that name
  rollout slides compare-20261130T090000Z --by weasyprint
      a comparison of two files, without Chromium
  rollout review 2 --pdf
      reviews, and prints the page at once

The seal is checked first: a page that was changed, or is of another review, is not printed. The PDF
is no part of the seal. It lies in the report's folder, which the next report there takes it from.
Chromium is looked for on the path under its usual names; ROLLOUT_CHROMIUM names another one.

Exit code: 0 written; 1 nothing here prints, it failed, or the parts of the report are not of one
report; 2 wrong usage, or no such report; 130 interrupted."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "slides", _slides, "print a report's page to a PDF",
        option("report REPORT", "folder of a review, a watch or a comparison, or the page in it",
               type=Path),
        option("--out FILE", "where to (default: review.pdf or watch.pdf in the report's folder)",
               type=Path),
        option("--by ENGINE", "chromium or weasyprint (default: Chromium where it is here, else "
               "WeasyPrint)", choices=("chromium", "weasyprint"), default=""),
        description=ABOUT, epilog=EXAMPLES,
    )  # fmt: skip


def _slides(arguments: argparse.Namespace) -> int:
    from rolloutlib.show.slides import print_report

    _told(print_report(arguments.report, arguments.out, engine=arguments.by))
    return 0


@contextmanager
def printing_of_review(lang: str, *, enabled: bool) -> Generator[Callable[[Path], None]]:
    """Print a review's page once it is there, also of data that are no evidence.

    Yields what has to hear where the page is. What keeps it from being printed is said; the review
    stands, and so does its exit code.

    Args:
        lang: language of what is said.
        enabled: whether somebody asked for it.

    Raises:
        UsageError, RolloutError: nothing here prints: told before a review spends its look.
    """
    pages: list[Path] = []
    if enabled:
        from rolloutlib.show.printing import engines

        engines()
    try:
        yield pages.append
    finally:
        if enabled and pages:
            _print(pages[0].parent, lang)


def _print(report: Path, lang: str) -> None:
    from rolloutlib.show.slides import print_report
    from rolloutlib.words.sentences import say

    try:
        _told(print_report(report), lang)
    except RolloutError as error:
        stands = say("The review stands; its page was not printed: {why}", why=error.phrase)
        complain(stands.text(lang))


def _told(made: Slides, lang: str | None = None) -> None:
    """Say where the PDF is and what printed it, in a language (None: the one that is spoken)."""
    from rolloutlib.words.sentences import say

    where = say("PDF: {path} (printed by {engine})", path=str(made.path), engine=made.by)
    put(where.text(lang))
    for note in made.notes:
        complain(note.text(lang))
