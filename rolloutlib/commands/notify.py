"""`rollout notify`: who is told of what, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, option, say
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from rolloutlib.phrase import Phrase
    from rolloutlib.tell.settings import Settings

NOTIFY = """\
Who is told of reviews, watches, decisions and rollbacks, as params/notify.yaml says: a webhook
(JSON, signed), a folder of comments for pull requests, a folder of mails. Off as shipped. What
cannot be told is said on standard error; it changes no exit code and holds up no rollback."""
EXAMPLES = """\
examples:
  rollout notify
      shows the ways and what is told; posts nothing, shows no secret
  rollout notify --test
      tells everybody a test message

Exit code: 0 shown, or told by every way; 1 not told by some way; 2 wrong usage, or a mistake in
params/notify.yaml."""


def add(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    test = "tell a test message by every way, and say what came of it"
    command(
        commands, "notify", _notify, "who is told of what; try it",
        option("--test", test, action="store_true"), description=NOTIFY, epilog=EXAMPLES,
    )  # fmt: skip


def _notify(arguments: argparse.Namespace) -> int:
    from rolloutlib.plan.workbook import workbook_root
    from rolloutlib.tell.settings import FILE, load_settings

    root = workbook_root()
    settings = load_settings(root)
    ways = _ways(settings)
    if not ways:
        say("Nobody is told: {file} names no webhook, comments or mail.", file=FILE)
        return 0
    if arguments.test:
        return _test(root)
    say("Told of {kinds}, in {lang}:", kinds=settings.about, lang=settings.lang)
    for way in ways:
        say("  {way}", way=way)
    if settings.quiet:
        say("Not of {kinds}.", kinds=settings.quiet)
    return 0


def _ways(settings: Settings) -> list[Phrase]:
    ways: list[Phrase] = []
    if settings.comments is not None:
        ways.append(phrase("comments in {folder}/", folder=settings.comments))
    if (mail := settings.mail) is not None:
        ways.append(phrase("mails in {folder}/, to {people}", folder=mail.folder, people=mail.to))
    if settings.webhook is not None:
        secret, host = settings.webhook.secret_from, settings.webhook.host()
        signed = phrase("signed by ${secret}", secret=secret) if secret else phrase("not signed")
        ways.append(phrase("webhook {host}, {signed}", host=host, signed=signed))
    return ways


def _test(root: Path) -> int:
    from rolloutlib.commands.telling import test_event
    from rolloutlib.tell.telling import tell

    ways = tell(test_event(), root)
    for way in ways:
        if way.failure is None:
            say("{way}: told", way=way.way)
        else:
            say("{way}: NOT TOLD: {why}", way=way.way, why=way.failure)
    return int(any(way.failure is not None for way in ways))
