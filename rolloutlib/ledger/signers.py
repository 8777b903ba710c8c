"""Who may sign as what: params/roles.yaml, params/allowed_signers and params/revoked_keys.

ssh-keygen accepts more in a line of allowed_signers than this ledger does: each of its permissive
corners is refused here by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from rolloutlib.errors import FileError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.records import SIGNER, Person, Role, Threshold, Trust
from rolloutlib.phrase import Phrase, both, phrase
from rolloutlib.plan.strict_yaml import load_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rolloutlib.ledger.records import Decision
    from rolloutlib.plan.model import Plan

NAMESPACE: Final = "rollout-signoff@v1"
SIGNERS_FILE: Final = "params/allowed_signers"
REVOKED_FILE: Final = "params/revoked_keys"
ROLES_FILE: Final = "params/roles.yaml"
_KEY = r"(?P<key>(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?"
_TIME = r"[0-9]{14}Z"
MOST_BYTES: Final = 1_000_000  # thousands of keys
_LINE: Final = re.compile(
    rf'(?P<who>{SIGNER.pattern}) namespaces="{NAMESPACE}"(?:,valid-after="(?P<after>{_TIME})")?'
    rf'(?:,valid-before="(?P<before>{_TIME})")? {_KEY}'
)
PUBLIC_KEY: Final = re.compile(_KEY)


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1, max_length=80)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]


class Roles(BaseModel):
    """params/roles.yaml: the ledger's name, who may sign as what, who signs a change of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_: Annotated[Literal["rolloutlib/roles@1"], Field(alias="schema")]
    ledger: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    keys: Annotated[tuple[Role, ...], Field(min_length=1)] = ("owner",)
    people: dict[Annotated[str, Field(pattern=rf"^{SIGNER.pattern}$")], _Person] = Field(
        default_factory=dict
    )

    @staticmethod
    def people_of(people: Mapping[str, Person]) -> dict[str, _Person]:
        """Return people of a record as this file holds them."""
        return {
            who: _Person(name=person.name, roles=person.roles) for who, person in people.items()
        }


@dataclass(frozen=True, slots=True)
class SignerKey:
    """One line of allowed_signers: a person's public key and when it is valid; where it stands."""

    who: str
    key: str
    after: datetime | None
    before: datetime | None
    where: str = field(default=SIGNERS_FILE, compare=False)

    def valid(self, at: datetime) -> bool:
        """Whether the key is valid at a moment; the ends are those of ssh-keygen."""
        begun = self.after is None or self.after <= at
        return begun and (self.before is None or at < self.before)


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
        LedgerError: a line that says more, or less, than ``name namespaces="…" key``; the message
            names the trap.
    """
    keys = tuple(_signer(where, line) for where, line in _lines(root / SIGNERS_FILE))
    revoked = frozenset(_revoked(where, line) for where, line in _lines(root / REVOKED_FILE))
    return Signers(keys, revoked, root / SIGNERS_FILE, root / REVOKED_FILE)


def key_ends(data: bytes) -> dict[tuple[str, str], int]:
    """Return at which byte of an allowed_signers the first line of each signer and key ends."""
    ends: dict[tuple[str, str], int] = {}
    end = -1
    for row in data.split(b"\n"):
        end += len(row) + 1
        if line := _LINE.fullmatch(row.decode(errors="replace")):
            ends.setdefault((line["who"], line["key"]), end)
    return ends


def trust(root: Path, plan: Plan, roles: Roles) -> Trust:
    """Return what decides whose signatures count, as the files under params/ say now."""
    allowed, revoked = (_file_digest(root / name) for name in (SIGNERS_FILE, REVOKED_FILE))
    people = {who: Person(person.name, person.roles) for who, person in roles.people.items()}
    thresholds: dict[Decision, Threshold] = {"KEYS": Threshold(roles.keys)}
    thresholds |= {
        verdict: Threshold(threshold.now, threshold.within_24h)
        for verdict, threshold in plan.signatures.items()
    }
    return Trust(allowed, revoked, people, thresholds)


def lint(roles: Roles, signers: Signers, thresholds: Iterable[Threshold]) -> tuple[Phrase, ...]:
    """Return what is wrong between roles.yaml and allowed_signers, one sentence each."""
    return tuple(_problems(roles, signers, thresholds))


def _problems(roles: Roles, signers: Signers, thresholds: Iterable[Threshold]) -> Iterator[Phrase]:
    for key in dict.fromkeys(line.key for line in signers.keys):
        sharing = sorted({line.who for line in signers.of(key)})
        if len(sharing) > 1:
            yield phrase("{file}: {names} have the same key; one key is one person",
                         file=SIGNERS_FILE, names=both(sharing))  # fmt: skip
    with_key = {line.who for line in signers.keys if line.key not in signers.revoked}
    for who in roles.people:
        if who not in with_key:
            yield phrase("{file} has no key of {who}, whom {roles} names", file=SIGNERS_FILE,
                         who=who, roles=ROLES_FILE)  # fmt: skip
    for who in sorted(with_key - set(roles.people)):
        yield phrase("{file} gives no role to {who}, who has a key", file=ROLES_FILE, who=who)
    held_roles = {role for person in roles.people.values() for role in person.roles}
    needed = {role for threshold in thresholds for role in threshold.all}
    for role in sorted(needed - held_roles):
        yield phrase(
            "{file}: nobody is {role}, whose signature is needed: `rollout keys add NAME@HOST "
            "--name NAME --role {role} --key FILE.pub`", file=ROLES_FILE, role=role,
        )  # fmt: skip


def alone(roles: Roles, by: str, approving: Iterable[Role]) -> Iterator[Phrase]:
    """Yield which of the roles that approve a record only its preparer has."""
    for role in approving:
        holders = {who for who, person in roles.people.items() if role in person.roles}
        if holders == {by}:
            yield phrase(
                "{file}: only {who} is {role}, and who prepares a record cannot approve it: "
                "prepare it with another --by, or admit another {role}: `rollout keys add "
                "NAME@HOST --name NAME --role {role} --key FILE.pub`",
                file=ROLES_FILE, who=by, role=role,
            )  # fmt: skip


def _file_digest(path: Path) -> str:
    return digest_of(path.read_bytes() if path.is_file() else b"")


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield a file's lines that say something, each with its place."""
    where = f"{path.parent.name}/{path.name}"
    for number, line in enumerate(_plain(path, where).split("\n"), 1):
        if line and not line.startswith("#"):
            yield f"{where}:{number}", line


def _plain(path: Path, where: str) -> str:
    """Return a file's text, empty where there is none; what is no small text file is refused."""
    try:
        data = bounded_bytes(path, MOST_BYTES)
    except FileError as error:
        if error.missing:
            return ""
        raise LedgerError("signers", where=where, trap=phrase("it {why}", why=error.why)) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        trap = phrase("byte {byte} is not UTF-8; restore the file from git, or retype the line",
                      byte=error.start + 1)  # fmt: skip
        raise LedgerError("signers", where=f"{where}:{line}", trap=trap) from None


def _signer(where: str, line: str) -> SignerKey:
    if not (match := _LINE.fullmatch(line)):
        raise LedgerError("signers", where=where, trap=_trap(line))
    after, before = (_stamp(where, match[name]) for name in ("after", "before"))
    return SignerKey(match["who"], match["key"], after, before, where)


def _revoked(where: str, line: str) -> str:
    if not (match := PUBLIC_KEY.fullmatch(line)):
        trap = phrase(
            "expected a public key, such as `ssh-ed25519 AAAA… name`, and a plain line end"
        )
        raise LedgerError("signers", where=where, trap=trap)
    return match["key"]


def _trap(line: str) -> Phrase:  # noqa: PLR0911 -- a trap, a return
    """Name the trap in a line that ssh-keygen would accept, or would silently skip."""
    who, _, rest = line.partition(" ")
    if line.endswith("\r") or line.startswith("\ufeff"):
        return phrase(
            "the line ends in CR LF; save the file as plain UTF-8 with line ends LF"
            if line.endswith("\r") else
            "the line begins with a byte order mark; save the file as plain UTF-8 with line ends LF"
        )  # fmt: skip
    if any(sign in who for sign in "*?!"):
        return phrase("{who!r} is a wildcard and lets anyone sign; name one person", who=who)
    if "cert-authority" in rest:
        return phrase("a certificate authority lets others admit signers; name one person's key")
    if "namespaces=" not in rest:
        return phrase('without namespaces="{name}" a signature of a git commit would count; add it',
                      name=NAMESPACE)  # fmt: skip
    if f'namespaces="{NAMESPACE}"' not in rest:
        return phrase('the namespaces are not exactly "{name}"; another purpose\'s signature would '
                      "count", name=NAMESPACE)  # fmt: skip
    if re.search(r'valid-(?:after|before)="[0-9]+"', rest):
        return phrase(
            "a time of validity without Z shifts with the time zone; write 20261231000000Z"
        )
    times = '[,valid-after="YYYYMMDDHHMMSSZ"][,valid-before="…"]'
    return phrase("expected {form}", form=f'`name@host namespaces="{NAMESPACE}"{times} type key`')


def _stamp(where: str, text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC) if text else None
    except ValueError:
        trap = phrase("{text} is no time; expected YYYYMMDDHHMMSSZ", text=text)
        raise LedgerError("signers", where=where, trap=trap) from None
