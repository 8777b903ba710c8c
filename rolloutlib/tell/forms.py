"""An event in the form of each way: JSON for programs, Markdown for a pull request, a mail."""

from __future__ import annotations

from datetime import UTC
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.reason import Reason
from rolloutlib.text import markdown, plain
from rolloutlib.words.reasons import sentence
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.tell.event import Event
    from rolloutlib.tell.settings import Mail
    from rolloutlib.words.sentences import Sentence

__all__ = ["SCHEMA", "Message", "comment", "mail", "message"]

SCHEMA: Final = "rolloutlib/event@1"
_LINES: Final = 12  # further sentences that a message shows; the report has all


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """What a webhook posts, and what the other forms are made of.

    Attributes:
        id: of the message; the same whenever it is posted again.
        workbook: name of the workbook's folder.
        report: the page's path from the workbook's root; its name alone where it lies elsewhere.
        text: headline and lines as one text, which chat programs show.
    """

    id: str
    kind: str
    outcome: str
    exit_code: int
    stage: int | None
    at: str
    workbook: str
    headline: str
    lines: tuple[str, ...]
    report: str | None
    text: str


def message(event: Event, root: Path, lang: str, name: str) -> Message:
    """Word an event in a language, as the message of this name (id)."""
    with speaking(lang):
        headline = plain(str(event.headline))
        lines = [plain(_said(line)) for line in event.lines[:_LINES]]
        if more := len(event.lines) - _LINES:
            lines += [str(say("… and {n} more in the report.", n=more))] if more > 0 else []
        report = None if event.report is None else plain(_path(event.report, root))
        where = [str(say("Report: {path}", path=report))] if report else []
    return Message(
        id=name, kind=event.kind, outcome=event.outcome, exit_code=event.exit_code,
        stage=event.stage, at=event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        workbook=plain(root.name), headline=headline, lines=tuple(lines), report=report,
        text="\n".join([headline, *(f"• {line}" for line in lines), *where]),
    )  # fmt: skip


def comment(message: Message) -> str:
    """Write GitHub-flavoured Markdown; its first line says which comment it replaces."""
    about = message.kind if message.stage is None else f"{message.kind} stage-{message.stage}"
    head = [f"<!-- rolloutlib {about} -->", f"### {markdown(message.headline)}", ""]
    lines = [f"- {markdown(line)}" for line in message.lines]
    report = [markdown(message.report)] if message.report else []
    made = " · ".join([f"`{message.outcome}`", f"`{message.at}`", *report])
    return "\n".join([*head, *lines, *([""] if lines else []), made, ""])


def mail(message: Message, settings: Mail, event: Event) -> bytes:
    """Write a mail as RFC 5322 wants it, ready to be sent."""
    written = EmailMessage(policy=policy.SMTP)
    written["From"] = settings.sender
    written["To"] = ", ".join(settings.to)
    written["Subject"] = plain(f"[{message.outcome}] {message.headline}", 200)
    written["Date"] = format_datetime(event.at)
    written["Message-ID"] = f"<{message.id}@{settings.sender.rpartition('@')[2]}>"
    written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    written.set_content(f"{message.text}\n")
    return written.as_bytes()


def _said(line: Sentence | Reason) -> str:
    return sentence(line) if isinstance(line, Reason) else str(line)


def _path(report: Path, root: Path) -> str:
    return report.relative_to(root).as_posix() if report.is_relative_to(root) else report.name
