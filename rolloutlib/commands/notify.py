"""`rollout notify`: who is told of what, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutlib.commands.options import command, option, say

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

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
    from rolloutlib.plan.model import workbook_root
    from rolloutlib.tell.settings import FILE, load_settings

    root = workbook_root()
    settings = load_settings(root)
    ways = _ways(settings)
    if not ways:
        say(f"Nobody is told: {FILE} names no webhook, comments or mail.")
        return 0
    if arguments.test:
        return _test(root)
    say(f"Told of {', '.join(settings.about)}, in {settings.lang}:")
    for way in ways:
        say(f"  {way}")
    if settings.quiet:
        say(f"Not of {', '.join(settings.quiet)}.")
    return 0


def _ways(settings: Settings) -> list[str]:
    ways: list[str] = []
    if settings.comments is not None:
        ways.append(f"comments in {settings.comments}/")
    if settings.mail is not None:
        ways.append(f"mails in {settings.mail.folder}/, to {', '.join(settings.mail.to)}")
    if settings.webhook is not None:
        secret = settings.webhook.secret_from
        signed = f"signed by ${secret}" if secret else "not signed"
        ways.append(f"webhook {settings.webhook.host()}, {signed}")
    return ways


def _test(root: Path) -> int:
    from rolloutlib.commands.telling import test_event
    from rolloutlib.tell.telling import tell

    ways = tell(test_event(), root)
    for way in ways:
        say(f"{way.way}: {'told' if way.failure is None else f'NOT TOLD: {way.failure}'}")
    return int(any(way.failure is not None for way in ways))
