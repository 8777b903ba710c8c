"""`rollout publish`: reports, decisions and the index into a folder that any static host serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.commands.options import command, lang, now, option, say

if TYPE_CHECKING:
    import argparse

__all__ = ["add"]

PUBLISH: Final = """\
Put pages into the folder OUT, which any static host serves (GitHub Pages, nginx, a shared drive):
index.html over all sealed reports, with each gate over time; the page of each report; each decision
of the ledger as a page; feed.xml, an RSS feed of the decisions. Links are relative, and nothing
loads from outside."""
EXAMPLES: Final = """\
examples:
  rollout publish site
      then serve it: python3 -m http.server --directory site
  rollout publish site --base-url https://example.github.io/rollout/ --lang ko
      the feed's links are whole addresses, the index is Korean

What stays here: records and keys, review.json, notebooks, params.yaml, refused rows, reports that
are not as sealed, and reports/examples. Pages go out without their sections of single answers and
refused rows, and people's addresses end before the @; --whole puts them out, too. A ledger that
does not hold is not published.

OUT is new, empty, or made by this command, which then replaces it as a whole; anything else in it
is refused."""
# A scheme, a host with or without a port, and a path; a feed is read by whoever gets it, so no
# user and password, and nothing that ends an attribute or a line.
_URL: Final = re.compile(r"https?://[^/?#@]+(/[^?#]*)?")
_NEVER: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f<>\"'\\^`{|}]")


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command(
        commands, "publish", _publish, "reports and decisions into a folder for a static host",
        option("out OUT", "folder to put them into", type=Path),
        option("--base-url URL", "address that OUT will have, for the links of the feed"),
        option("--reports DIR", "folder of reports (default: reports/ of the workbook)", type=Path),
        option("--whole", "also publish single answers, refused rows and people's addresses",
               action="store_true"),
        lang("the index and the feed"),
        description=PUBLISH, epilog=EXAMPLES,
    )  # fmt: skip


def _publish(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.show.publishing import publish

    root = workbook_root()
    done = publish(
        root, arguments.reports or root / "reports", arguments.out, now=now(),
        base=_base(arguments.base_url), lang=arguments.lang, whole=arguments.whole,
    )  # fmt: skip
    shown = done.folder.relative_to(root) if done.folder.is_relative_to(root) else done.folder
    for name in done.left_out:
        say("Left out, since it is INVALID or not as sealed: {name}", name=name)
    say(
        "Published: {folder} ({reports} reports, {decisions} decisions)",
        folder=shown, reports=done.reports, decisions=done.decisions,
    )  # fmt: skip
    return 0


def _base(address: str | None) -> str:
    """Return an address that ends with a slash; nothing where none is said."""
    from rolloutlib.errors import UsageError
    from rolloutlib.phrase import phrase

    if address is None:
        return ""
    if not _URL.fullmatch(address) or _NEVER.search(address) or not _has_host(address):
        raise UsageError(phrase(
            "--base-url is {got!r}; expected an address such as https://example.com/rollout/",
            got=address[:120],
        ))  # fmt: skip
    return address if address.endswith("/") else f"{address}/"


def _has_host(address: str) -> bool:
    """Whether an address names a host, and a port from 1 to 65535 if it names one."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
