"""`rollout history`: every report of a folder on one page; renewed by what changes it."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, complain, lang, option, say, say_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator
    from pathlib import Path

ABOUT = """\
Write REPORTS/index.html, one page over every sealed review, watch and comparison below the folder,
and print its table: what each recommended, on which data, at which look, which decision of the
ledger stands on it, and every gate over time. Reports that are not as they were sealed are listed
as such, without a verdict. Reviews, watches, comparisons, decisions and signatures renew the page
of reports/ by themselves."""
EXAMPLES = """\
examples:
  rollout history
      reports/index.html of this workbook
  rollout history reports/daily --lang ko
      the days that were watched alone, in Korean

The page needs no other file and loads nothing. This command reads every report again; the renewal
after a review reads what changed, by REPORTS/.rollout-history.json, which you may remove."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "history", _history, "every review and watch on one page, gates over time",
        option("reports REPORTS", "folder of reports (default: reports/ of the workbook)",
               nargs="?"),
        lang("page and table"),
        description=ABOUT, epilog=EXAMPLES,
    )  # fmt: skip


def _history(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from rolloutlib.errors import UsageError
    from rolloutlib.show.history import history_lines, write_index
    from rolloutlib.show.past_store import is_elsewhere

    root = _workbook()
    place = Path(arguments.reports) if arguments.reports else _reports(root)
    if place.is_dir() and is_elsewhere(place.resolve(), root):
        raise UsageError(
            "{place} is no folder of reports; name one, such as reports", place=place.resolve()
        )
    index, gathered = write_index(place, arguments.lang, root=root, anew=True)
    shown = index.relative_to(root) if root and index.is_relative_to(root) else index
    say_lines("\n".join(history_lines(gathered)))
    say_lines("")
    say("Index: {path}", path=shown)
    return 0


def _workbook() -> Path | None:
    """Return the workbook in which the caller stands; reports may also be of none."""
    from rolloutlib.errors import PlanError
    from rolloutlib.plan.workbook import workbook_root

    try:
        return workbook_root()
    except PlanError:
        return None


def _reports(root: Path | None) -> Path:
    from rolloutlib.errors import UsageError
    from rolloutlib.phrase import phrase

    if root is None:
        why = phrase("This is no workbook; name the folder of reports: rollout history DIR")
        raise UsageError(why)
    return root / "reports"


@contextmanager
def renewing(root: Path, lang: str) -> Generator[Callable[[Path], object]]:
    """Renew reports/index.html after what is done here, however it ended; it stops nothing.

    Gives the function that hears of each page; a page elsewhere than below reports/ renews nothing.

    Args:
        root: of the workbook.
        lang: language of the first index; one that is there keeps its own.
    """
    from rolloutlib.errors import RolloutError

    pages: list[Path] = []
    try:
        yield pages.append
    except RolloutError:  # refused data have a report, too
        _renew(root, pages, lang)
        raise
    _renew(root, pages, lang)


def renew_if_there(root: Path) -> None:
    """Renew reports/index.html after something else than a report changed what it tells.

    Args:
        root: of the workbook.
    """
    if _language_of(root / "reports" / "index.html"):
        _renew(root, [root / "reports"], "")


def _renew(root: Path, pages: list[Path], lang: str) -> None:
    place = (root / "reports").resolve()
    if not any(page.resolve().is_relative_to(place) for page in pages):
        return
    from rolloutlib.show.history import INDEX, write_index

    try:
        write_index(place, _language_of(place / INDEX) or lang, root=root)
    except Exception as error:  # noqa: BLE001 -- the report stands, whatever becomes of the index
        complain("{index} is not up to date: {error}", index="reports/index.html", error=error)


def _language_of(index: Path) -> str:
    """Return the language of the index that is there; empty where there is none, or not ours."""
    from rolloutlib.errors import FileError
    from rolloutlib.files import bounded_bytes

    with suppress(FileError):
        if named := re.search(rb'<html lang="(en|ko)"', bounded_bytes(index, links=False)):
            return named[1].decode()
    return ""
