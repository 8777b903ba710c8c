"""A record in a DSSE envelope, for tools that collect in-toto attestations."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Final

import rfc8785

from rolloutlib.ledger.agent import ED25519, agent_of, sign_plain
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.key_file import public_key
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.workbook import Workbook

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
NAMESPACE: Final = "rollout-dsse@v1"
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: ed25519, then its 32 bytes


def envelope(book: Workbook, name: str, *, key: Path, now: datetime) -> str:
    """Return a DSSE v1 envelope of a record that holds in full, signed by whoever exports it.

    The people's signoffs sign the signoff files, so they cannot be the envelope's signatures. The
    exporter's say: this record held when exported. Both are of the pre-authentication encoding:
    first, with an ed25519 key, a plain one, which in-toto clients verify; then an SSH signature
    (namespace rollout-dsse@v1), which ssh-keygen verifies and other clients pass over, because they
    know no key of its keyid.

    Raises:
        LedgerError: the record does not hold, or the key does not sign.
    """
    verified = verify_ledger(book, now=now)
    line = verified.line(name)
    if line is None or verified.strays or not line.ok:
        raise LedgerError("not-verified", id=name)
    payload = (book.folder / f"{name}.record").read_bytes()
    made = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": _signatures(pre_authentication(payload), key),
    }
    return json.dumps(made) + "\n"


def is_plain(key: Path) -> bool:
    """Tell whether a key can make the plain signature."""
    return public_key(key).startswith(f"{ED25519} ")


def pre_authentication(payload: bytes) -> bytes:
    """Return what a DSSE signature signs (DSSE v1, PAE).

    >>> pre_authentication(b"hello")
    b'DSSEv1 28 application/vnd.in-toto+json 5 hello'
    """
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def public_pem(public: str) -> str:
    """Return an ed25519 key for in-toto clients: its keyid and hex, then PEM (RFC 8410).

    Args:
        public: type and base64, as in allowed_signers.

    Raises:
        LedgerError: a key of another kind.
    """
    raw = _raw(public)
    pem = base64.b64encode(_SPKI + raw).decode()
    key_lines = f"keyid {_keyid(raw)}\nhex   {raw.hex()}\n"
    return f"{key_lines}-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n"


def page_of(predicate_type: str) -> str:
    """Return the page that describes a predicate type.

    >>> page_of("urn:rolloutlib:decision:v1")
    'docs/predicates/decision-v1.md'
    """
    _, _, name, version = predicate_type.split(":")
    return f"docs/predicates/{name}-{version}.md"


def _signatures(encoded: bytes, key: Path) -> list[dict[str, str]]:
    public = public_key(key)
    with agent_of(key) as agent:
        plain = sign_plain(encoded, key, agent) if is_plain(key) else None
        armoured = sign(encoded, key, NAMESPACE, agent=agent)
    print_of = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    fingerprint = f"SHA256:{base64.b64encode(print_of).decode().rstrip('=')}"
    signed = [(_keyid(_raw(public)), plain)] if plain else []
    return [
        {"keyid": name, "sig": base64.b64encode(made).decode()}
        for name, made in (*signed, (fingerprint, armoured))
    ]


def _raw(public: str) -> bytes:
    """Return the 32 bytes of an ed25519 key: the second string of its SSH form (RFC 8709)."""
    kind, _, encoded = public.partition(" ")
    if kind != ED25519:
        raise LedgerError("not-plain", key=phrase("this key"), kind=kind)
    return base64.b64decode(encoded)[-32:]


def _keyid(raw: bytes) -> str:
    """Return the keyid that securesystemslib and TUF give to an ed25519 key by default."""
    key = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
    return hashlib.sha256(rfc8785.dumps(key)).hexdigest()
