"""Exported records verify where supply-chain tools verify them, and their page says every field."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
import typing
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec
import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # pyright: ignore[reportPrivateImportUsage] -- its documented place

from rolloutlib.ledger.documents import Part
from rolloutlib.ledger.dsse import NAMESPACE, envelope, page_of, pre_authentication, public_pem
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.key_file import public_key
from rolloutlib.ledger.records import PREDICATE, Predicate, Record
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import ROOT, START, Quick, decided, keys, workbook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    """Return a workbook with one full decision."""
    root = workbook(tmp_path_factory.mktemp("envelopes") / "w")
    decided(root)
    return Workbook(root, Quick())


def exported(book: Workbook, key: Path) -> dict[str, Any]:
    """Return the envelope of the decision, signed with a key."""
    return json.loads(envelope(book, "dec-20261122-001", key=key, now=START.replace(hour=12)))


def known(public: Path) -> SSlibKey:
    """Return a public key as an in-toto client holds it, from what `rollout keys pem` prints."""
    pem = public_pem(public_key(public))
    keyid, raw = (re.search(rf"^{word} +(\w+)$", pem, re.MULTILINE) for word in ("keyid", "hex"))
    assert keyid
    assert raw
    return SSlibKey(keyid[1], "ed25519", "ed25519", {"public": raw[1]})


def ssh_verifies(signed: dict[str, Any], folder: Path) -> bool:
    """Ask ssh-keygen about the envelope's last signature."""
    (folder / "sig").write_bytes(base64.b64decode(signed["signatures"][-1]["sig"]))
    checked = ["ssh-keygen", "-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(folder / "sig")]
    encoded = pre_authentication(base64.b64decode(signed["payload"]))
    return not subprocess.run(checked, input=encoded, capture_output=True, check=False).returncode


def test_securesystemslib_verifies_an_envelope(book: Workbook, tmp_path: Path) -> None:
    """One valid signature of the exporter's key; the SSH one beside it verifies with ssh-keygen."""
    signed = exported(book, keys() / "eng_choi")
    assert len(signed["signatures"]) == 2
    assert ssh_verifies(signed, tmp_path)
    key = known(keys() / "eng_choi.pub")
    read = Envelope.from_dict(signed)
    assert read.verify([key], 1) == {key.keyid: key}
    assert read.payload == (book.folder / "dec-20261122-001.record").read_bytes()
    assert json.loads(read.payload)["_type"] == "https://in-toto.io/Statement/v1"


def test_the_docs_example_verifies(
    book: Workbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python of docs/ledger.md, with the exporter's key filled in, reads a decision."""
    page = (ROOT / "docs" / "ledger.md").read_text("utf-8")
    code = re.search(r"```python\n(import json\n.*?)```", page, re.DOTALL)
    assert code
    key = known(keys() / "eng_choi.pub")
    filled = re.sub(
        r"^keyid, public = .*$", f"keyid, public = {key.keyid!r}, {key.keyval['public']!r}",
        code[1], count=1, flags=re.MULTILINE,
    )  # fmt: skip
    (tmp_path / "dec.dsse.json").write_text(json.dumps(exported(book, keys() / "eng_choi")))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(filled, names)  # noqa: S102 -- the page's own example
    assert names["decision"]["verdict"] == "GO"
    wrong = filled.replace(key.keyid, known(keys() / "pm_kim.pub").keyid)
    with pytest.raises(VerificationError):
        exec(wrong, {})  # noqa: S102


def test_another_key_or_payload_does_not_verify(book: Workbook) -> None:
    """Somebody else's key, and one changed byte of the payload, verify nothing."""
    read = Envelope.from_dict(exported(book, keys() / "eng_choi"))
    with pytest.raises(VerificationError):
        read.verify([known(keys() / "pm_kim.pub")], 1)
    read.payload = read.payload.replace(b'"GO"', b'"HO"', 1)
    with pytest.raises(VerificationError):
        read.verify([known(keys() / "eng_choi.pub")], 1)


def test_the_keyid_is_the_one_that_clients_compute(book: Workbook) -> None:
    """A client that computes keyids itself (TUF, in-toto) finds the signature."""
    from securesystemslib.signer._utils import compute_default_keyid

    key = known(keys() / "eng_choi.pub")
    computed = compute_default_keyid("ed25519", "ed25519", key.keyval)
    assert exported(book, keys() / "eng_choi")["signatures"][0]["keyid"] == computed


def test_the_agents_key_signs_too(
    book: Workbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--key KEY.pub` asks the caller's agent; without one the refusal says so."""
    public = tmp_path / "eng_choi.pub"
    public.write_bytes((keys() / "eng_choi.pub").read_bytes())
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(LedgerError, match="no ssh agent runs"):
        exported(book, public)
    socket = str(tmp_path / "agent")
    with subprocess.Popen(
        ["ssh-agent", "-a", socket, "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        while subprocess.run(["ssh-add", "-l"], capture_output=True, check=False).returncode == 2:
            time.sleep(0.01)  # the agent does not listen yet
        with pytest.raises(LedgerError, match="did not sign"):
            exported(book, public)
        subprocess.run(["ssh-add", "-q", keys() / "eng_choi"], check=True)
        key = known(public)
        assert Envelope.from_dict(exported(book, public)).verify([key], 1)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_another_kind_of_key_signs_for_ssh_only(book: Workbook, tmp_path: Path, kind: str) -> None:
    """RSA and ECDSA keys make the SSH signature; there is no plain one, and `keys pem` says why."""
    key = tmp_path / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    signed = exported(book, key)
    assert len(signed["signatures"]) == 1
    assert ssh_verifies(signed, tmp_path)
    with pytest.raises(LedgerError, match="ssh-ed25519"):
        public_pem(public_key(key))


def test_a_passphrase_that_nobody_gives_is_said(book: Workbook, tmp_path: Path) -> None:
    """Without a terminal to ask on, the refusal names the way with an agent."""
    key = tmp_path / "secret"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "abcde", "-f", key], check=True)
    with pytest.raises(LedgerError, match=r"passphrase; `ssh-add .*`, then --key .*\.pub"):
        exported(book, key)


def test_openssl_reads_the_pem(book: Workbook, tmp_path: Path) -> None:
    """The PEM is the key: OpenSSL verifies the envelope's first signature with it."""
    signed = exported(book, keys() / "eng_choi")
    (tmp_path / "pem").write_text(public_pem(public_key(keys() / "eng_choi.pub")))
    (tmp_path / "pae").write_bytes(pre_authentication(base64.b64decode(signed["payload"])))
    (tmp_path / "sig").write_bytes(base64.b64decode(signed["signatures"][0]["sig"]))
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pem", "-rawin", "-in", "pae",
         "-sigfile", "sig"], cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- the predicate's page -------------------------------------------------------------------------


def parts(kind: Any) -> Iterator[type[Part]]:  # noqa: ANN401
    """Yield the structs that an annotation names, at any depth."""
    if isinstance(kind, type) and issubclass(kind, Part):
        yield kind
        for inner in get_type_hints(kind).values():
            yield from parts(inner)
    for inner in get_args(kind):
        yield from parts(inner)


def test_the_predicate_type_leads_to_its_page() -> None:
    """The page that the type of every record names has a table a part, a row a field, by order."""
    types = get_args(get_type_hints(Record)["predicate_type"])
    assert PREDICATE in types
    for name in types:
        page = (ROOT / page_of(name)).read_text("utf-8")
        assert f"`{name}`" in page
        for part in dict.fromkeys(parts(Predicate)):
            section = re.search(
                rf"^##+ `{part.__name__}`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL
            )
            assert section, part
            listed = re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)
            assert listed == [field.encode_name for field in msgspec.structs.fields(part)]
    assert typing.get_type_hints(Record)["predicate"] is Predicate
