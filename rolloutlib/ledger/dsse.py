"""A record in a DSSE envelope, for tools that collect in-toto attestations."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import public_key
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.verification import verify_ledger

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rolloutlib.ledger.workbook import Workbook

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
NAMESPACE: Final = "rollout-dsse@v1"


def envelope(book: Workbook, name: str, *, key: Path, now: datetime) -> str:
    """Return a DSSE v1 envelope of a record that holds in full, signed by whoever exports it.

    The people's signoffs sign the signoff files, so they cannot be the envelope's signatures. The
    exporter's is an SSH signature (namespace rollout-dsse@v1) of the pre-authentication encoding
    and says: this record held when exported.

    Raises:
        LedgerError: the record does not hold.
    """
    verified = verify_ledger(book, now=now)
    line = verified.line(name)
    if line is None or verified.strays or not line.ok:
        raise LedgerError("not-verified", id=name)
    payload = (book.folder / f"{name}.record").read_bytes()
    signature = sign(pre_authentication(payload), key, NAMESPACE)
    fingerprint = hashlib.sha256(base64.b64decode(public_key(key).split()[1])).digest()
    entry = {
        "keyid": f"SHA256:{base64.b64encode(fingerprint).decode().rstrip('=')}",
        "sig": base64.b64encode(signature).decode(),
    }
    made = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [entry],
    }
    return json.dumps(made) + "\n"


def pre_authentication(payload: bytes) -> bytes:
    """Return what a DSSE signature signs (DSSE v1, PAE).

    >>> pre_authentication(b"hello")
    b'DSSEv1 28 application/vnd.in-toto+json 5 hello'
    """
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
