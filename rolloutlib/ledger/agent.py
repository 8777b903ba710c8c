"""Plain ed25519 signatures with SSH keys, as an ssh agent makes them.

`ssh-keygen -Y sign` signs a structure of its own around the data, which no in-toto client knows. An
agent signs the bytes that it is given (IETF draft-ietf-sshm-ssh-agent, sections 3.6 and 3.6.1). A
key in a file goes into an agent of its own for a moment: ssh-add reads every form of key file, and
asks for the passphrase where there is one.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from shutil import which
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.key_file import public_key
from rolloutlib.phrase import foreign, phrase

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ED25519: Final = "ssh-ed25519"
_SIGN, _SIGNED = 13, 14
_MOST_BYTES: Final = 256 * 1024 - 1024  # what OpenSSH's agent takes in one message, less its frame
_PATIENCE_S: Final = 10.0
_LIFETIME: Final = "60"  # seconds that the agent keeps the key, should nobody end it


@contextmanager
def agent_of(key: Path) -> Generator[str]:
    """Give the socket of an agent that holds a key: one of its own, or for KEY.pub the caller's.

    Raises:
        LedgerError: there is no agent, or ssh-add refuses the key.
    """
    if key.suffix == ".pub" or not key.is_file():
        yield os.environ.get("SSH_AUTH_SOCK", "")
        return
    with TemporaryDirectory(prefix="rollout-") as folder:
        path = f"{folder}/agent"
        # The agent ends with the command that it runs; `cat` ends when this process does, killed
        # or not, because its input then closes.
        command = [_program("ssh-agent"), "-t", _LIFETIME, "-a", path, "cat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):  # noqa: S603
            try:
                _add(key, path)
                yield path
            finally:
                _ssh_add(path, "-q", "-D")


def sign_plain(data: bytes, key: Path, agent: str) -> bytes:
    """Return the 64 bytes of an agent's ed25519 signature of these bytes and nothing else.

    Args:
        data: what is signed, less than 256 KiB.
        key: a key file or its public half.
        agent: the agent's socket.

    Raises:
        LedgerError: the key is of another kind, the agent does not hold it, or does not answer.
    """
    kind, _, encoded = public_key(key).partition(" ")
    if kind != ED25519:
        raise LedgerError("not-plain", key=key, kind=kind)
    blob = base64.b64decode(encoded)
    if len(blob) + len(data) > _MOST_BYTES:
        raise LedgerError("not-plain.size", bytes=len(data), most=_MOST_BYTES)
    message = bytes([_SIGN]) + _string(blob) + _string(data) + bytes(4)
    answer = _ask(agent, message, key)
    signed = _fields(answer[1:], 1)
    parts = _fields(signed[0], 2) if answer[:1] == bytes([_SIGNED]) and signed else []
    if len(parts) != 2 or parts[0] != ED25519.encode() or len(parts[1]) != 64:  # noqa: PLR2004 -- RFC 8709: kind, 64 bytes
        raise LedgerError("not-signed", key=key, why=phrase("the ssh agent does not hold the key"))
    return parts[1]


def _add(key: Path, path: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not _listens(path) and time.monotonic() < until:
        time.sleep(0.005)
    added = _ssh_add(path, "-q", str(key.absolute()))
    if added.returncode:
        complaints = added.stderr.decode(errors="replace").strip().splitlines()
        why = foreign(complaints[0]) if complaints else phrase("no reason given")
        if complaints and complaints[0].startswith("Enter passphrase"):  # which ssh-add asks for
            why = phrase("it has a passphrase; `ssh-add {key}`, then --key {key}.pub", key=key)
        raise LedgerError("not-signed.add", key=key, why=why)


def _listens(path: str) -> bool:
    """Tell whether an agent takes calls: its socket has a name before it does."""
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(path) == 0


def _ssh_add(agent: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "SSH_AUTH_SOCK": agent, "LC_ALL": "C"}  # what it says is read
    command = [_program("ssh-add"), *arguments]
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False)  # noqa: S603


def _program(name: str) -> str:
    if program := which(name):
        return program
    raise LedgerError("no-ssh-keygen", name=name)


# --- the agent's protocol: each string is its size in four bytes, then itself ---------------------


def _ask(agent: str, message: bytes, key: Path) -> bytes:
    """Send a message to an agent and return its answer, without the frame."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE_S)
            line.connect(agent)
            line.sendall(_string(message))
            size = int.from_bytes(_exactly(line, 4), "big")
            return _exactly(line, min(size, _MOST_BYTES))
    except OSError as error:
        why = phrase("no ssh agent answers ({why})", why=error)
        why = why if agent else phrase("no ssh agent runs")
        raise LedgerError("not-signed", key=key, why=why) from None


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := line.recv(size - len(data))):
            break
        data += part
    return data


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _fields(data: bytes, most: int) -> list[bytes]:
    fields: list[bytes] = []
    while len(data) >= 4 and len(fields) < most:  # noqa: PLR2004 -- the size's own bytes
        size = int.from_bytes(data[:4], "big")
        fields.append(data[4 : 4 + size])
        data = data[4 + size :]
    return fields
