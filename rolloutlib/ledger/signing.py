"""SSH signatures: who may sign as what (roles.yaml, allowed_signers), sign, verify, and name the cause of a refusal.

`ssh-keygen` decides whether a signature is good; what stands around it is read here first, so that a refusal has a name
(ssh-keygen ends with 255 for all of them) and so that its permissive corners stay closed.
"""

from __future__ import annotations

import base64
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import which
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from rolloutlib.ledger.records import SIGNER, LedgerError, Person, Threshold, Trust, digest_of
from rolloutlib.plan.strict_yaml import load_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.ledger.records import Verdict
    from rolloutlib.plan.model import Plan

__all__ = [
    "NAMESPACE",
    "Roles",
    "SignerKey",
    "Signers",
    "agent_key",
    "lint",
    "load_roles",
    "load_signers",
    "public_key",
    "sign",
    "signed_by",
    "trust",
    "verify",
]

NAMESPACE: Final = "rollout-signoff@v1"
SIGNERS_FILE: Final = "params/allowed_signers"
REVOKED_FILE: Final = "params/revoked_keys"
ROLES_FILE: Final = "params/roles.yaml"
_KEY = r"(?P<key>(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?"
_TIME = r"[0-9]{14}Z"
_LINE: Final = re.compile(
    rf'(?P<who>{SIGNER.pattern}) namespaces="{NAMESPACE}"(?:,valid-after="(?P<after>{_TIME})")?'
    rf'(?:,valid-before="(?P<before>{_TIME})")? {_KEY}'
)
_BARE: Final = re.compile(_KEY)
_ARMOUR: Final = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/=]{1,70}\n)+)-----END SSH SIGNATURE-----\n"
)


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1, max_length=80)]
    roles: Annotated[tuple[Literal["pm", "engine", "qa", "owner"], ...], Field(min_length=1)]


class Roles(BaseModel):
    """params/roles.yaml: the ledger's name, who may sign as what, and who signs a change of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_: Annotated[Literal["rolloutlib/roles@1"], Field(alias="schema")]
    ledger: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    keys: Annotated[tuple[Literal["pm", "engine", "qa", "owner"], ...], Field(min_length=1)] = (
        "owner",
    )
    people: dict[Annotated[str, Field(pattern=rf"^{SIGNER.pattern}$")], _Person] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class SignerKey:
    """One line of allowed_signers: a person's public key and when it is valid."""

    who: str
    key: str
    after: datetime | None
    before: datetime | None


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that may sign, those that may no longer, and the files that ssh-keygen reads."""

    keys: tuple[SignerKey, ...]
    revoked: frozenset[str]
    allowed_file: Path
    revoked_file: Path

    def of(self, key: str) -> tuple[SignerKey, ...]:
        """Return the lines that have this key."""
        return tuple(line for line in self.keys if line.key == key)


def load_roles(root: Path) -> Roles:
    """Read params/roles.yaml; every error is a PlanError that names the key."""
    return load_model(root / ROLES_FILE, Roles)


def load_signers(root: Path) -> Signers:
    """Read params/allowed_signers and params/revoked_keys.

    Raises:
        LedgerError: a line that says more, or less, than ``name namespaces="…" key``; the message names the trap.
    """
    keys = tuple(_signer(n, line) for n, line in _lines(root / SIGNERS_FILE))
    revoked = frozenset(_bare(n, line) for n, line in _lines(root / REVOKED_FILE))
    return Signers(keys, revoked, root / SIGNERS_FILE, root / REVOKED_FILE)


def trust(root: Path, plan: Plan, roles: Roles) -> Trust:
    """Return what decides whose signatures count, as the files under params/ say now."""
    allowed, revoked = (_file_digest(root / name) for name in (SIGNERS_FILE, REVOKED_FILE))
    people = {who: Person(person.name, person.roles) for who, person in roles.people.items()}
    thresholds: dict[Verdict, Threshold] = {"KEYS": Threshold(roles.keys)}
    thresholds |= {
        verdict: Threshold(due.now, due.within_24h) for verdict, due in plan.signatures.items()
    }
    return Trust(allowed, revoked, people, thresholds)


def lint(roles: Roles, signers: Signers, thresholds: Iterable[Threshold]) -> tuple[str, ...]:
    """Return what is wrong between roles.yaml and allowed_signers, one sentence each."""
    shared = [
        sorted({line.who for line in signers.of(key)})
        for key in dict.fromkeys(line.key for line in signers.keys)
    ]
    found = [
        f"{SIGNERS_FILE}: {' and '.join(names)} have the same key; one key is one person"
        for names in shared
        if len(names) > 1
    ]
    named = {line.who for line in signers.keys if line.key not in signers.revoked}
    found += [
        f"{SIGNERS_FILE} has no key of {who}, whom {ROLES_FILE} names"
        for who in roles.people
        if who not in named
    ]
    found += [
        f"{ROLES_FILE} gives no role to {who}, who has a key"
        for who in sorted(named - set(roles.people))
    ]
    held = {role for person in roles.people.values() for role in person.roles}
    needed = {role for due in thresholds for role in (*due.now, *due.within24h)}
    return (
        *found,
        *(
            f"{ROLES_FILE}: nobody is {role}, whose signature is needed"
            for role in sorted(needed - held)
        ),
    )


def sign(data: bytes, key: Path, namespace: str = NAMESPACE) -> bytes:
    """Sign bytes with a private key, or with the agent where `key` is a public one; return the armoured signature.

    From standard input to standard output: with files, an old signature beside them would silently survive.
    """
    made = _ssh_keygen(["-Y", "sign", "-q", "-n", namespace, "-f", str(key)], data)
    if made.returncode or not made.stdout:
        raise LedgerError(
            "not-signed", f"ssh-keygen did not sign with {key}: {_first_line(made.stderr)}"
        )
    return made.stdout


def public_key(key: Path) -> str:
    """Return type and base64 of a key's public half, from KEY.pub (or the file itself where it is a public key)."""
    file = key if key.suffix == ".pub" else Path(f"{key}.pub")
    if not file.is_file() or not (found := _BARE.fullmatch(file.read_text("utf-8").rstrip("\n"))):
        raise LedgerError(
            "no-key", f"{file} holds no SSH public key; `ssh-keygen -y -f {key} > {file}` makes one"
        )
    return found["key"]


def agent_key(signers: Signers, folder: Path) -> Path:
    """Write the public key of allowed_signers that the ssh agent holds into a folder and return its path."""
    program = which("ssh-add")
    told = (
        subprocess.run([program, "-L"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        if program
        else ""
    )
    held = {found["key"] for line in told.splitlines() if (found := _BARE.fullmatch(line))} & {
        line.key for line in signers.keys
    }
    if len(held) != 1:
        raise LedgerError(
            "no-key",
            f"the ssh agent holds {len(held)} keys of {SIGNERS_FILE}; expected one (ssh-add KEY, or --key FILE.pub)",
        )
    file = folder / "agent.pub"
    file.write_text(f"{held.pop()}\n", encoding="utf-8")
    return file


def signed_by(signature: bytes) -> str:
    """Return the public key that a signature names, of a signature in its one form.

    Raises:
        LedgerError: no signature, two of them, another namespace, or bytes that say the same differently.
    """
    if signature.count(b"BEGIN SSH SIGNATURE") > 1:
        raise LedgerError(
            "two-signatures",
            "the file holds two signatures, of which ssh-keygen reads only the first",
        )
    armour = _ARMOUR.fullmatch(signature)
    blob = _base64(armour[1]) if armour else None
    if armour is None or blob is None or _armoured(blob) != signature:
        raise LedgerError(
            "armour", "the signature's text is damaged: it is not what ssh-keygen wrote"
        )
    public, namespace, reserved, hashed, _ = _fields(blob)
    if namespace != NAMESPACE.encode():
        raise LedgerError(
            "namespace",
            f"it was signed for {namespace.decode(errors='replace')!r}, not for {NAMESPACE!r}",
        )
    if reserved or hashed not in {b"sha256", b"sha512"}:
        raise LedgerError("armour", "the signature's fields are damaged")
    kind = public[4 : 4 + int.from_bytes(public[:4], "big")]
    return f"{kind.decode(errors='replace')} {base64.b64encode(public).decode()}"


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

    Order: the signature's form and namespace, whose key it names, the key's validity at `at`, its revocation (unless
    the signature was `witnessed` by a record before the key was revoked), and at last what ssh-keygen says of it all.

    Raises:
        LedgerError: with the cause.
    """
    key = signed_by(signature)
    lines = signers.of(key)
    if not lines:
        raise LedgerError(
            "unknown-key", f"it was made with a key that {SIGNERS_FILE} does not have"
        )
    if not (own := [line for line in lines if line.who == who]):
        raise LedgerError(
            "other-persons-key", f"it was made with the key of {lines[0].who}, not of {who}"
        )
    if not any(_valid(line, at) for line in own):
        raise LedgerError("expired", f"the key of {who} was not valid on {at:%Y-%m-%d %H:%M} UTC")
    if key in signers.revoked and not witnessed:
        raise LedgerError(
            "revoked",
            f"the key of {who} is revoked, and no earlier record witnesses this signature",
        )
    _ask_ssh(data, signature, who, at, signers, revocation=bool(signers.revoked) and not witnessed)
    return key


def _ask_ssh(
    data: bytes, signature: bytes, who: str, at: datetime, signers: Signers, *, revocation: bool
) -> None:
    with NamedTemporaryFile(prefix="rollout-") as file:
        file.write(signature)
        file.flush()
        options = [
            "-Y",
            "verify",
            "-f",
            str(signers.allowed_file),
            "-I",
            who,
            "-n",
            NAMESPACE,
            "-s",
            file.name,
        ]
        options += [f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%SZ}"]
        options += ["-r", str(signers.revoked_file)] if revocation else []
        said = _ssh_keygen(options, data)
    if said.returncode or not said.stdout.startswith(
        f'Good "{NAMESPACE}" signature for {who} with '.encode()
    ):
        raise LedgerError(
            "bad-signature", "the signature does not fit the signoff: one of the two was changed"
        )


def _ssh_keygen(options: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([_program(), *options], input=data, capture_output=True, check=False)  # noqa: S603


@cache
def _program() -> str:
    if program := which("ssh-keygen"):
        return program
    raise LedgerError(
        "no-ssh-keygen",
        "ssh-keygen is not on the path; install it (Debian: apt-get install openssh-client)",
    )


def _file_digest(path: Path) -> str:
    return digest_of(path.read_bytes() if path.is_file() else b"")


def _valid(line: SignerKey, at: datetime) -> bool:
    return (line.after is None or line.after <= at) and (line.before is None or at < line.before)


def _lines(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").split("\n")
    return [
        (f"{path.parent.name}/{path.name}:{n}", line)
        for n, line in enumerate(lines, 1)
        if line and not line.startswith("#")
    ]


def _signer(where: str, line: str) -> SignerKey:
    if not (found := _LINE.fullmatch(line)):
        raise LedgerError("signers", f"{where}: {_trap(line)}")
    return SignerKey(
        found["who"], found["key"], _stamp(where, found["after"]), _stamp(where, found["before"])
    )


def _bare(where: str, line: str) -> str:
    if not (found := _BARE.fullmatch(line)):
        raise LedgerError(
            "signers", f"{where}: expected a public key, such as `ssh-ed25519 AAAA… name`"
        )
    return found["key"]


def _trap(line: str) -> str:
    """Name the trap in a line that ssh-keygen would accept, or would silently skip."""
    who, _, rest = line.partition(" ")
    if any(sign in who for sign in "*?!"):
        return f"{who!r} is a wildcard and lets anyone sign; name one person"
    if "cert-authority" in rest:
        return "a certificate authority lets others admit signers; name one person's key"
    if "namespaces=" not in rest:
        return f'without namespaces="{NAMESPACE}" a signature of a git commit would count; add it'
    if f'namespaces="{NAMESPACE}"' not in rest:
        return f'the namespaces are not exactly "{NAMESPACE}"; another purpose\'s signature would count'
    if re.search(r'valid-(?:after|before)="[0-9]+"', rest):
        return "a time of validity without Z shifts with the time zone; write 20261231000000Z"
    return f'expected `name@host namespaces="{NAMESPACE}"[,valid-after="YYYYMMDDHHMMSSZ"][,valid-before="…"] type key`'


def _stamp(where: str, text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC) if text else None
    except ValueError:
        raise LedgerError(
            "signers", f"{where}: {text} is no time; expected YYYYMMDDHHMMSSZ"
        ) from None


def _base64(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text.replace(b"\n", b""), validate=True)
    except ValueError:
        return None


def _armoured(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    return b"\n".join(
        [b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""]
    )


def _fields(blob: bytes) -> list[bytes]:
    """Return public key, namespace, reserved, hash and signature of an SSHSIG blob (OpenSSH, PROTOCOL.sshsig)."""
    fields: list[bytes] = []
    rest = blob[10:]
    while rest and len(fields) < 5:  # noqa: PLR2004
        size = int.from_bytes(rest[:4], "big")
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    if (
        blob[:10] != b"SSHSIG\0\0\0\x01"
        or rest
        or len(fields) != 5  # noqa: PLR2004
        or b"".join(_sized(f) for f in fields) != blob[10:]
    ):
        raise LedgerError("armour", "the signature's fields are damaged")
    return fields


def _sized(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big") + field


def _first_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or ["no reason given"])[0]
