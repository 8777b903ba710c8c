"""What is given as --key: each thing that is no public key is told by what it is, and what to do.

Keys and certificates are made by ssh-keygen itself.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.key_file import public_key
from tests.ledger.workbooks import keys

if TYPE_CHECKING:
    from pathlib import Path

ONE_KEY = "expected one SSH public key in a line"
PM = (keys() / "pm_kim.pub").read_text().strip()
QA = (keys() / "qa_lee.pub").read_text().strip()
BARE = " ".join(PM.split()[:2])
PRIVATE = (keys() / "pm_kim").read_bytes()


def keygen(*options: object) -> bytes:
    """Run ssh-keygen; return what it prints."""
    command = ["ssh-keygen", *map(str, options)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def certificate(folder: Path) -> bytes:
    """Return a certificate of a key, by another key."""
    (folder / "c.pub").write_text(PM)
    keygen("-q", "-s", keys() / "owner_park", "-I", "pm", "-n", "pm", folder / "c.pub")
    return (folder / "c-cert.pub").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        f"{PM}\r\n".encode(),
        f"# the pm's laptop\n\n{PM}\n".encode(),
        f"\ufeff{BARE}".encode(),
        f"{PM}\r\n".encode("utf-16"),
    ],
    ids=["CR LF", "a comment", "a mark", "UTF-16"],
)
def test_a_key_is_read_however_it_was_saved(tmp_path: Path, data: bytes) -> None:
    """Line ends, a comment above, and the encodings of two shells change no key."""
    (tmp_path / "k.pub").write_bytes(data)
    assert public_key(tmp_path / "k.pub") == public_key(tmp_path / "k") == BARE


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_each_kind_that_can_sign_is_taken(tmp_path: Path, kind: str) -> None:
    """What ssh-keygen makes is a whole key."""
    keygen("-q", "-t", kind, "-N", "", "-f", tmp_path / "k")
    assert (tmp_path / "k.pub").read_text().startswith(public_key(tmp_path / "k"))


REFUSED = {
    "private": (PRIVATE, "is a private key, which nobody but its owner may see; "),
    "two": (f"{PM}\n{QA}\n".encode(), "has 2 keys; "),
    "signers": (f'pm@ex.com namespaces="x" {PM}'.encode(), "has more than a key in its line; "),
    "cut": (PM[:50].encode(), "is a damaged key: its text is not that of a whole ssh-ed25519 key"),
    "other": (
        BARE.replace("ed25519", "rsa").encode(),
        "is a damaged key: its text is not that of a whole ssh-rsa key",
    ),
    "dss": (b"ssh-dss AAAAB3NzaC1kc3M= me", "is a key of type ssh-dss, which this ledger does"),
    "words": (b"# Title\n\nWords.\n", "is another text; "),
    "nothing": (b"\n", "is empty; "),
    "bytes": (os.urandom(64).replace(b"\n", b"x"), "is another text; "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_public_key_is_told(tmp_path: Path, case: str) -> None:
    """The message names the file, what it is, what is expected, and the next step."""
    data, says = REFUSED[case]
    (tmp_path / "k.pub").write_bytes(data)
    with pytest.raises(LedgerError) as refused:
        public_key(tmp_path / "k.pub")
    assert f"k.pub {says}" in str(refused.value)
    assert ONE_KEY in str(refused.value)
    assert refused.value.code == "no-key"


def test_other_forms_of_a_key_are_converted(tmp_path: Path) -> None:
    """A certificate is no key, and other programs' formats name the command that reads them."""
    (tmp_path / "a.pub").write_bytes(certificate(tmp_path))
    with pytest.raises(LedgerError, match=r"is a certificate \(ssh-ed25519-cert-v01@openssh.com\)"):
        public_key(tmp_path / "a.pub")
    keygen("-q", "-t", "rsa", "-N", "", "-f", tmp_path / "r")
    for form in ("RFC4716", "PKCS8", "PEM"):
        (tmp_path / "b.pub").write_bytes(keygen("-e", "-m", form, "-f", tmp_path / "r"))
        with pytest.raises(LedgerError, match=r"in another format; .*`ssh-keygen -i -f FILE`"):
            public_key(tmp_path / "b.pub")


def test_a_key_without_its_public_half(tmp_path: Path) -> None:
    """Only a private key has a half to be made; a text, a public key and nothing are told apart."""
    (tmp_path / "id").write_bytes(PRIVATE)
    (tmp_path / "README.md").write_text("# Title\n")
    (tmp_path / "key.txt").write_text(PM)
    (tmp_path / "d.pub").mkdir()
    os.mkfifo(tmp_path / "f")
    for name, says in (
        ("id", r"id\.pub is not there, and .*id is a private key; `ssh-keygen -y -f .*id > "),
        ("README.md", rf"README\.md is another text; {ONE_KEY}"),
        ("key.txt", r"is a public key without \.pub .*`cp .*key\.txt .*key\.txt\.pub`"),
        ("none", r"none is not there, and neither is .*none\.pub; expected the file"),
        ("none.pub", r"none\.pub does not exist; expected a file; --key takes"),
        ("d.pub", r"d\.pub is .*folder.*; --key takes"),
        ("f", r"f is a named pipe.*; --key takes"),
    ):
        with pytest.raises(LedgerError, match=says):
            public_key(tmp_path / name)
