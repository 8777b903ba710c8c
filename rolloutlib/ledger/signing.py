"""SSH signatures: sign, verify, and name the cause of a refusal.

`ssh-keygen` decides whether a signature is good; what stands around it is read here first, so that
a refusal has a name (ssh-keygen ends with 255 for all of them) and so that its permissive corners
stay closed.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from shutil import which
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.signers import NAMESPACE, PUBLIC_KEY
from rolloutlib.phrase import foreign, phrase

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.signers import Signers

_MAGIC: Final = b"SSHSIG\0\0\0\x01"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_ARMOUR: Final = re.compile(_BEGIN + rb"((?:[A-Za-z0-9+/=]{1,70}\n)+)" + _END)
_FIELDS: Final = 5  # public key, namespace, reserved, hash, signature (OpenSSH, PROTOCOL.sshsig)


def sign(data: bytes, key: Path, namespace: str = NAMESPACE, agent: str | None = None) -> bytes:
    """Sign bytes with a private key, or with the agent where `key` is a public one.

    From standard input to standard output: with files, an old signature beside them would silently
    survive. `agent` is the socket of another agent than the environment names. Returns the armoured
    signature.
    """
    made = _ssh_keygen(["-Y", "sign", "-q", "-n", namespace, "-f", str(key)], data, agent)
    if made.returncode or not made.stdout:
        complaints = made.stderr.decode(errors="replace").strip().splitlines()
        raise LedgerError(
            "not-signed",
            key=key,
            why=foreign(complaints[0]) if complaints else phrase("no reason given"),
        )
    return made.stdout


def agent_key(signers: Signers, folder: Path) -> Path:
    """Write the public key of allowed_signers that the ssh agent holds into a folder."""
    program = which("ssh-add")
    listed = ""
    if program:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)  # noqa: S603
        listed = answer.stdout
    matches = map(PUBLIC_KEY.fullmatch, listed.splitlines())
    usable = {match["key"] for match in matches if match} & {line.key for line in signers.keys}
    if len(usable) != 1:
        raise LedgerError("no-key.agent", held=len(usable))
    file = folder / "agent.pub"
    file.write_text(f"{usable.pop()}\n", encoding="utf-8")
    return file


def verify(
    data: bytes,
    signature: bytes,
    who: str,
    at: datetime,
    signers: Signers,
    *,
    witnessed: bool = False,
) -> str:
    """Check a signature and return the key that made it.

    Order: (1) the signature's form and namespace, (2) whose key it names, (3) the key's validity at
    `at`, (4) its revocation, unless the signature was `witnessed` by a record before the key was
    revoked, (5) what ssh-keygen says of it all.

    Raises:
        LedgerError: with the cause.
    """
    key = signed_by(signature)  # (1)
    lines = signers.of(key)
    if not lines:  # (2)
        raise LedgerError("unknown-key")
    own = [line for line in lines if line.who == who]
    if not own:
        raise LedgerError("other-persons-key", owner=lines[0].who, who=who)
    if not any(line.valid(at) for line in own):  # (3)
        raise LedgerError("expired", who=who, at=f"{at:%Y-%m-%d %H:%M}")
    if key in signers.revoked and not witnessed:  # (4)
        raise LedgerError("revoked", who=who)
    revocation = bool(signers.revoked) and not witnessed
    _ask_ssh(data, signature, who, at, signers, revocation=revocation)  # (5)
    return key


def _ask_ssh(
    data: bytes, signature: bytes, who: str, at: datetime, signers: Signers, *, revocation: bool
) -> None:
    with NamedTemporaryFile(prefix="rollout-") as file:
        file.write(signature)
        file.flush()
        options = ["-Y", "verify", "-f", str(signers.allowed_file), "-I", who, "-n", NAMESPACE]
        options += ["-s", file.name, f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%SZ}"]
        options += ["-r", str(signers.revoked_file)] if revocation else []
        answer = _ssh_keygen(options, data)
    # What ssh-keygen prints, another program's text.
    good = f'Good "{NAMESPACE}" signature for {who} with '.encode()
    if answer.returncode or not answer.stdout.startswith(good):
        raise LedgerError("bad-signature")


def _ssh_keygen(
    options: list[str], data: bytes, agent: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C"}  # what it says is compared
    environment |= {"SSH_AUTH_SOCK": agent} if agent else {}
    command = [_program(), *options]
    return subprocess.run(command, input=data, capture_output=True, check=False, env=environment)  # noqa: S603


@cache
def _program() -> str:
    if program := which("ssh-keygen"):
        return program
    raise LedgerError("no-ssh-keygen", name="ssh-keygen")


# --- the signature's own text ---------------------------------------------------------------------


def signed_by(signature: bytes) -> str:
    """Return the public key that a signature names, of a signature in its one form.

    Raises:
        LedgerError: no signature, two of them, another namespace, or bytes that say the same
            differently.
    """
    if signature.count(b"BEGIN SSH SIGNATURE") > 1:
        raise LedgerError("two-signatures")
    armour = _ARMOUR.fullmatch(signature)
    blob = _base64(armour[1]) if armour else None
    if blob is None or _armoured(blob) != signature:
        raise LedgerError("armour")
    public, namespace, reserved, hashed, _ = _fields(blob)
    if namespace != NAMESPACE.encode():
        got = namespace.decode(errors="replace")
        raise LedgerError("namespace", got=got, expected=NAMESPACE)
    if reserved or hashed not in {b"sha256", b"sha512"}:
        raise LedgerError("armour.fields")
    kind = public[4 : 4 + int.from_bytes(public[:4], "big")]
    return f"{kind.decode(errors='replace')} {base64.b64encode(public).decode()}"


def _base64(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text.replace(b"\n", b""), validate=True)
    except ValueError:
        return None


def _armoured(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = [text[i : i + 70] + b"\n" for i in range(0, len(text), 70)]
    return b"".join([_BEGIN, *lines, _END])


def _fields(blob: bytes) -> list[bytes]:
    """Return the five fields of a signature's blob: each is its size in four bytes, then itself."""
    fields: list[bytes] = []
    rest = blob[len(_MAGIC) :]
    while rest and len(fields) < _FIELDS:
        size = int.from_bytes(rest[:4], "big")
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    again = b"".join([_MAGIC, *(len(field).to_bytes(4, "big") + field for field in fields)])
    if rest or len(fields) != _FIELDS or again != blob:
        raise LedgerError("armour.fields")
    return fields
