"""Documents of the ledger as bytes that have exactly one form: RFC 8785 JSON and one newline.

What is read keeps its bytes: digests and signatures are checked on them, never on something
written again. Numbers that are not whole are decimal strings, because a float does not survive
every parser.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import rfc8785

from rolloutlib.ledger.findings import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 1_000_000
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of a document: unknown fields are errors."""


_T = TypeVar("_T", bound=Part)


def encode(document: object) -> bytes:
    """Return a document's one form: of parts, or of the plain data that they are made of.

    Bytes of the command line that are no text stand in it as their codes: JSON cannot hold them.
    """
    return rfc8785.dumps(_encodable(msgspec.to_builtins(document))) + b"\n"


def _encodable(part: Any) -> Any:  # noqa: ANN401 -- any plain data
    if isinstance(part, str):
        return part.encode("utf-8", "backslashreplace").decode()
    if isinstance(part, dict):
        return {name: _encodable(inner) for name, inner in cast("dict[str, Any]", part).items()}
    if isinstance(part, list):
        return [_encodable(inner) for inner in cast("list[Any]", part)]
    return part


def decode(data: bytes, kind: type[_T]) -> _T:
    """Read a document.

    Raises:
        LedgerError: in this order: size, line ends, text, JSON, repeated keys, fields, one form.
    """
    try:
        document = msgspec.json.decode(data, type=kind)
        # msgspec writes what rfc8785 writes, 60 times faster: these types hold no floats and only
        # keys in ASCII.
        same = msgspec.json.encode(document, order="sorted") + b"\n" == data
        if same and len(data) <= MAX_BYTES:
            return document
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    raise _diagnosis(data, kind)


def _diagnosis(data: bytes, kind: type[Part]) -> LedgerError:  # noqa: PLR0911 -- a fault, a return
    """Say what is wrong with bytes that are not a document in its one form."""
    if len(data) > MAX_BYTES:
        return LedgerError("size", bytes=len(data), most=MAX_BYTES)
    if b"\r" in data:
        return LedgerError("line-ends")
    twice: list[str] = []

    def pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in items)
        twice.extend(key for key, count in counts.items() if count > 1)
        return dict(items)

    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        return LedgerError("encoding", byte=error.start + 1)
    except (ValueError, RecursionError) as error:
        return LedgerError("json", error=error)
    if twice:
        return LedgerError("duplicate-key", key=twice[0])
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return LedgerError("fields", error=error)
    return LedgerError("not-canonical")


def digest_of(data: bytes) -> str:
    """Return the sha256 of bytes in hexadecimal."""
    return sha256(data).hexdigest()


def decimal(value: float | None) -> str | None:
    """Return the shortest decimal string that reads back as the same float.

    >>> decimal(0.1), decimal(1e-20), decimal(None)
    ('0.1', '1e-20', None)
    """
    if value is None:
        return None
    if not isfinite(value):
        raise LedgerError("number", value=value)
    return repr(float(value))


def instant(moment: datetime) -> str:
    """Return a moment as documents write it: UTC, whole seconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str, where: str) -> datetime:
    """Read a moment; raise LedgerError where it is not UTC with a Z."""
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:  # a 13th month
        pass
    raise LedgerError("fields.time", where=where, text=text)
