"""A key file as somebody names it on the command line: its public half, or what it is instead."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Final

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import PUBLIC_KEY
from rolloutlib.phrase import Clause, phrase

__all__ = ["public_key"]

_MOST_BYTES: Final = 1_000_000
# Kinds that ssh-keygen signs and verifies with; each text holds its kind and so many parts.
_PARTS: Final = {
    "ssh-ed25519": 2, "ssh-rsa": 3, "ecdsa-sha2-nistp256": 3, "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3, "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}  # fmt: skip
_PRIVATE: Final = re.compile(r"^-{4,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY ?-{4,5}$|^PuTTY-", re.MULTILINE)
_OTHER_FORMAT: Final = re.compile(r"^-{4,5} ?BEGIN [A-Z0-9 ]*PUBLIC KEY ?-{4,5}$", re.MULTILINE)
_KEY_WITHIN: Final = re.compile(r" (?:ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA")


def public_key(key: Path) -> str:
    """Return type and base64 of a key's public half, from KEY.pub or from a public key itself.

    Raises:
        LedgerError: there is none; the message says what is there instead, and what to do.
    """
    file = key if key.suffix == ".pub" else Path(f"{key}.pub")
    try:
        text = _text(file)
    except FileError as error:
        if error.missing and file != key:
            raise _no_half(key, file) from None
        raise LedgerError("no-key.unread", file=file, why=error.why) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    match = PUBLIC_KEY.fullmatch(" ".join(lines[0].split())) if len(lines) == 1 else None
    if match is None:
        raise _refusal(file, *_no_line(lines, text))
    if problem := _odd(match["key"]):
        raise _refusal(file, *problem)
    return match["key"]


def _text(file: Path) -> str:
    """Return a file's text, whichever of two encodings the shells of Windows wrote it in."""
    data = bounded_bytes(file, _MOST_BYTES)
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _refusal(file: Path, got: Clause, then: Clause) -> LedgerError:
    return LedgerError("no-key", file=file, got=got, then=then)


def _no_half(key: Path, file: Path) -> LedgerError:
    """Say what a file is that has no public half beside it."""
    try:
        text = _text(key)
    except FileError as error:
        if error.missing:
            return LedgerError("no-key.missing", key=key, file=file)
        return LedgerError("no-key.unread", file=key, why=error.why)
    if _PRIVATE.search(text):
        return LedgerError("no-key.half", key=key, file=file)
    if PUBLIC_KEY.fullmatch(text.strip()):
        return LedgerError("no-key.name", key=key, file=file)
    lines = [line for line in text.splitlines() if line.strip()]
    return _refusal(key, *_no_line(lines, text))


def _no_line(lines: list[str], text: str) -> tuple[Clause, Clause]:
    """Say what a text is that is not one line with a key, and what to do."""
    keys = [line for line in lines if PUBLIC_KEY.fullmatch(line.strip())]
    if _PRIVATE.search(text):
        return (phrase("is a private key, which nobody but its owner may see"),
                phrase("give its public half"))  # fmt: skip
    if len(keys) > 1:
        return phrase("has {n} keys", n=len(keys)), phrase("give one file for each")
    if _OTHER_FORMAT.search(text):
        return (phrase("is a public key in another format"),
                phrase("`ssh-keygen -i -f FILE` converts it, for a PEM with -m PKCS8"))  # fmt: skip
    if len(lines) == 1 and _KEY_WITHIN.search(lines[0]):
        return (phrase("has more than a key in its line"),
                phrase("leave out what stands before the type of the key"))  # fmt: skip
    got = phrase("is another text") if lines else phrase("is empty")
    return got, phrase(
        "`ssh-keygen -t ed25519 -f KEY` makes a pair, and KEY.pub is its public half"
    )


def _odd(key: str) -> tuple[Clause, Clause] | None:
    """Say what is wrong with a line that looks like a key; None for a key that can sign."""
    kind, _, encoded = key.partition(" ")
    if "-cert-" in kind:
        return phrase("is a certificate ({kind})", kind=kind), phrase("give the key that it is for")
    if kind not in _PARTS:
        return (phrase("is a key of type {kind}, which this ledger does not take", kind=kind),
                phrase("`ssh-keygen -t ed25519` makes one that it takes"))  # fmt: skip
    if not _holds(encoded, kind):
        return (phrase("is a damaged key: its text is not that of a whole {kind} key", kind=kind),
                phrase("copy it again, as one line"))  # fmt: skip
    return None


def _holds(encoded: str, kind: str) -> bool:
    """Whether a key's text is its kind and then as many parts as that has (RFC 4253, 6.6)."""
    try:
        rest = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    parts: list[bytes] = []
    while len(rest) >= 4:  # noqa: PLR2004 -- the size's own bytes
        size = int.from_bytes(rest[:4], "big")
        if size > len(rest) - 4:
            return False
        parts.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    whole = not rest and len(parts) == _PARTS[kind] and parts[0] == kind.encode()
    return whole and (kind != "ssh-ed25519" or len(parts[1]) == 32)  # noqa: PLR2004 -- RFC 8709
