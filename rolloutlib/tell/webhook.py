"""A message posted as JSON, signed as Standard Webhooks 1.0 says, tried again while it may help.

`webhook-signature` is `v1,` and the base64 HMAC-SHA256 over `ID.TIMESTAMP.BODY`, with the moment
of posting in `webhook-timestamp` (seconds): who receives it refuses old ones, and knows by
`webhook-id` what comes again. No redirect is followed: no other host gets the message.
"""

from __future__ import annotations

import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from functools import cache
from hashlib import sha256
from http.client import HTTPException
from secrets import SystemRandom
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolloutlib.phrase import Phrase

__all__ = ["NotToldError", "post", "signature"]

ATTEMPT_SECONDS: Final = 5.0  # an answer may take so long; a message is short
PAUSE_SECONDS: Final = 0.5  # before the second attempt; doubled before each further one
AGAIN: Final = {408, 425, 429, 500, 502, 503, 504}
PREFIX: Final = "whsec_"  # of secrets that are base64


class NotToldError(RolloutError):
    """A message did not arrive; the sentence names no address, only what went wrong."""


def signature(secret: bytes, name: str, timestamp: int, body: bytes) -> str:
    """Return the header that proves who wrote a message, and when.

    Args:
        secret: shared with the receiver; base64 after `whsec_`, any other text as it is.
        name: the message's id.
        timestamp: of posting, in seconds since 1970.
        body: the bytes that are posted.

    Raises:
        NotToldError: what follows `whsec_` is no base64.
    """
    key = secret
    if secret.startswith(PREFIX.encode()):
        try:
            key = b64decode(secret.removeprefix(PREFIX.encode()), validate=True)
        except NoBase64:
            raise NotToldError(
                "the secret begins with {prefix} but is no base64", prefix=PREFIX
            ) from None
    signed = hmac.new(key, f"{name}.{timestamp}.".encode() + body, sha256)
    return f"v1,{b64encode(signed.digest()).decode()}"


def post(url: str, name: str, body: bytes, *, secret: bytes | None, seconds: float) -> None:
    """Post a message until it is taken.

    Args:
        url: an http or https address.
        name: the message's id.
        body: JSON.
        secret: signs it; None does not.
        seconds: when to give up. A single answer that drips in may take longer: whoever must not
            wait ends this from outside.

    Raises:
        NotToldError: it was not taken.
    """
    until, pause = time.monotonic() + seconds, PAUSE_SECONDS
    while True:
        left = until - time.monotonic()
        headers = _headers(secret, name, body)
        try:
            return _attempt(url, body, headers, min(ATTEMPT_SECONDS, max(left, 0.1)))
        except _AgainError as error:
            wait = max(pause * SystemRandom().uniform(0.8, 1.2), error.after)
            if time.monotonic() + wait >= until:
                raise NotToldError(
                    "{error} (tried for {seconds:.0f} s)", error=error, seconds=seconds
                ) from None
            time.sleep(wait)
            pause *= 2


class _AgainError(RolloutError):
    """What may be better in a moment; `after` is how long the receiver asks to wait."""

    def __init__(self, text: Phrase | str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


@cache
def _opener() -> OpenerDirector:
    """Return what speaks http and https, by the environment's proxies, and follows no redirect."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(), UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _headers(secret: bytes | None, name: str, body: bytes) -> dict[str, str]:
    now = int(time.time())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "rolloutlib",
        "webhook-id": name,
        "webhook-timestamp": str(now),
    }
    if secret is not None:
        headers["webhook-signature"] = signature(secret, name, now, body)
    return headers


def _attempt(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    request = Request(url, body, dict(headers), method="POST")  # noqa: S310 -- settings take http(s) only
    try:
        with _opener().open(request, timeout=seconds):
            return  # whatever else it says
    except HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _AgainError(_why(error)) from None


def _refusal(error: HTTPError) -> RolloutError:
    if error.code in AGAIN:
        pause = (error.headers.get("Retry-After") or "").strip()
        why = phrase("it answers {code}", code=error.code)
        return _AgainError(why, float(pause) if pause.isdigit() else 0.0)
    if 300 <= error.code < 400:  # noqa: PLR2004 -- redirects
        return NotToldError(
            "it answers {code} (moved); name the new address, since no other host is told",
            code=error.code,
        )  # fmt: skip
    return NotToldError("it answers {code}; expected 200–299", code=error.code)


def _why(error: Exception) -> Phrase:
    """Say what went wrong, never with words of the address or the answer."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return phrase("no answer in time")
    if isinstance(reason, OSError) and reason.strerror:
        return phrase("no connection ({why})", why=reason)
    return phrase("no connection ({why})", why=type(reason).__name__)
