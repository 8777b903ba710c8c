"""Tell an event by every way that params/notify.yaml names: bounded, and never in anybody's way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.errors import RolloutError
from rolloutlib.flags.limits import within
from rolloutlib.ledger.durable import Files, NotWrittenError, create, overwrite
from rolloutlib.phrase import phrase
from rolloutlib.tell import forms
from rolloutlib.tell.settings import load_settings
from rolloutlib.tell.webhook import post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rolloutlib.phrase import Clause, Phrase
    from rolloutlib.tell.event import Event
    from rolloutlib.tell.settings import Mail, Settings, Webhook

__all__ = ["SECONDS", "Told", "tell"]

SECONDS: Final = 20.0  # for all ways together


@dataclass(frozen=True, slots=True)
class Told:
    """One way by which an event was told.

    Attributes:
        way: `webhook HOST`, `comment PATH` or `mail PATH`: nothing secret.
        failure: why it was not; None where it was.
    """

    way: Clause
    failure: Clause | None = None


def tell(event: Event, root: Path, *, seconds: float = SECONDS) -> list[Told]:
    """Tell an event; what cannot be told is returned, and nothing is raised.

    Args:
        event: what happened; kinds and outcomes that the settings leave out are told to nobody.
        root: the workbook.
        seconds: for all ways together; then they are left to themselves.
    """
    until = time.monotonic() + seconds
    try:
        settings = within(seconds, lambda: load_settings(root))
    except Exception as error:  # noqa: BLE001 -- nobody's way, whatever it is
        return [Told("params/notify.yaml", _why(error))]
    if event.kind != "test" and (
        event.kind not in settings.about or event.outcome in settings.quiet
    ):
        return []
    deliveries = list[Told]()
    for name, way in _ways(event, root, settings):
        left = max(until - time.monotonic(), 0.2)
        try:
            within(left, lambda way=way, left=left: way(left))
            deliveries.append(Told(name))
        except Exception as error:  # noqa: BLE001 -- as above
            deliveries.append(Told(name, _why(error)))
    return deliveries


def _ways(
    event: Event, root: Path, settings: Settings
) -> Iterator[tuple[Phrase, Callable[[float], object]]]:
    """Yield what is told by name and as a step, the quick ones first."""
    message = forms.message(event, root, settings.lang, f"msg_{token_hex(12)}")
    if settings.comments is not None:
        stage = "" if event.stage is None else f"-stage-{event.stage}"
        name = f"{settings.comments}/{event.kind}{stage}.md"
        yield phrase("comment {file}", file=name), lambda _: _comment(root / name, message)
    if settings.mail is not None:
        mail = settings.mail
        way = phrase("mail {folder}/", folder=mail.folder)
        yield way, lambda _: _mail(root / mail.folder, message, mail, event)
    if settings.webhook is not None:
        webhook = settings.webhook
        way = phrase("webhook {host}", host=webhook.host())
        yield way, lambda left: _post(webhook, message, left)


def _comment(path: Path, message: forms.Message) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    overwrite(Files(), path, forms.comment(message).encode())


def _mail(folder: Path, message: forms.Message, settings: Mail, event: Event) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{event.at:%Y%m%dT%H%M%S}-{event.kind}-{message.id.removeprefix('msg_')}.eml"
    create(Files(), folder / name, forms.mail(message, settings, event))


def _post(webhook: Webhook, message: forms.Message, seconds: float) -> None:
    body = msgspec.json.encode(message)
    post(webhook.address(), message.id, body, secret=webhook.secret(), seconds=seconds * 0.9)


def _why(error: Exception) -> Clause:
    if isinstance(error, NotWrittenError):
        return phrase("cannot be written ({why})", why=error.why)
    if isinstance(error, OSError) and error.strerror:
        return phrase("cannot be written ({why})", why=error)
    if isinstance(error, RolloutError):
        return error.phrase
    return str(error) or type(error).__name__
