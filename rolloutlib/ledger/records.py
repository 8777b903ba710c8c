"""Decision records and signoffs: the documents of the ledger, as bytes that have exactly one form.

A record is an in-toto Statement v1, a signoff a small object; both are RFC 8785 JSON and one newline. Numbers that are
not whole are decimal strings, because a float does not survive every parser. What is read keeps its bytes: digests and
signatures are checked on them, never on something written again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import msgspec
import rfc8785

from rolloutlib.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RECORD_ID",
    "SIGNER",
    "Change",
    "CheckState",
    "Digests",
    "FlagState",
    "GateState",
    "Head",
    "LedgerError",
    "Move",
    "Person",
    "Pins",
    "Predicate",
    "Prepared",
    "Record",
    "Rollback",
    "Signoff",
    "Subject",
    "Threshold",
    "Trust",
    "Waiver",
    "Window",
    "decimal",
    "digest_of",
    "document",
    "instant",
    "moment",
    "parse_record",
    "parse_signoff",
]

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:rolloutlib:decision:v1"
SIGNOFF: Final = "rolloutlib/signoff@1"
RECORD_ID: Final = re.compile(r"dec-([0-9]{8})-(?:(rollback|keys)-)?[0-9]{3}")
SIGNER: Final = re.compile(r"[a-z0-9][a-z0-9._+-]{0,62}@[a-z0-9][a-z0-9.-]{0,62}")
MAX_BYTES: Final = 1_000_000
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

# Keys of objects are ASCII by type, so that every sort order is RFC 8785's.
RecordId = Annotated[str, msgspec.Meta(pattern=rf"\A{RECORD_ID.pattern}\Z")]
SignerName = Annotated[str, msgspec.Meta(pattern=rf"\A{SIGNER.pattern}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
FlagKey = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9.]{1,100}\Z")]
Decimal = Annotated[
    str, msgspec.Meta(pattern=r"\A-?[0-9]{1,20}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?\Z")
]
KeyText = Annotated[str, msgspec.Meta(pattern=r"\A([a-z0-9@.-]{1,60} [A-Za-z0-9+/=]{1,4000})?\Z")]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Role = Literal["pm", "engine", "qa", "owner"]
Kind = Literal["promotion", "rollback", "keys"]
Verdict = Literal["GO", "HOLD", "NO_GO", "ROLLBACK", "KEYS"]


class LedgerError(RolloutError):
    """The ledger refuses: it is damaged, or what was asked for would damage it.

    Attributes:
        code: the class of damage, one word that tests and programs compare.
    """

    def __init__(self, code: str, sentence: str) -> None:
        """Name the class of damage and say it."""
        super().__init__(sentence)
        self.code = code


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of a document: unknown fields are errors."""


class Head(_Struct, frozen=True):
    """A record by name and digest, as another document points at it."""

    id: RecordId
    sha256: Sha256


class Digests(_Struct, frozen=True):
    """The digest set of an in-toto subject."""

    sha256: Sha256


class Subject(_Struct, frozen=True):
    """A file that the decision rests on; `name` is its path inside the ledger's folder."""

    name: str
    digest: Digests


class Person(_Struct, frozen=True):
    """Who may sign, and as what."""

    name: str
    roles: tuple[Role, ...]


class Threshold(_Struct, frozen=True):
    """The roles that must sign a verdict: at once, and within 24 hours."""

    now: tuple[Role, ...]
    within24h: tuple[Role, ...] = ()


class Trust(_Struct, frozen=True):
    """Whose signatures count from this record on: only a keys record may differ from the records before it.

    Attributes:
        allowed_signers, revoked_keys: sha256 of the two files under params/.
        people: by signer's name (an address).
        thresholds: by verdict.
    """

    allowed_signers: Sha256
    revoked_keys: Sha256
    people: dict[SignerName, Person]
    thresholds: dict[Verdict, Threshold]


class Move(_Struct, frozen=True):
    """The stage that is left and the one that a GO enters."""

    from_: Whole = msgspec.field(name="from")
    to: Whole


class Window(_Struct, frozen=True):
    """The runs that were looked at, and the hours without an incident that are attested."""

    runs: tuple[str, ...]
    incident_free_hours: Whole | None


class GateState(_Struct, frozen=True):
    """One gate with both verdicts; numbers are decimal strings.

    Attributes:
        unit: of limit and value; `evidence_unit` of proof_limit, point and bounds (a quantile gate judges a share).
        signed: the numbers are differences.
    """

    id: str
    title: str
    unit: str
    evidence_unit: str
    signed: bool
    limit: Decimal | None
    proof_limit: Decimal | None
    plan: str
    value: Decimal | None
    evidence: str
    point: Decimal | None
    lower: Decimal | None
    upper: Decimal | None
    n_control: Whole | None
    n_treatment: Whole | None
    clusters: Whole | None


class CheckState(_Struct, frozen=True):
    """One Go/No-Go check; `evidence` names subjects."""

    id: str
    title: str
    holds: bool | None
    why: str
    evidence: tuple[str, ...]


class FlagState(_Struct, frozen=True):
    """Flag values for an audience at a stage, and the sha256 of their canonical JSON."""

    stage: Whole
    audience: str
    values: dict[FlagKey, bool | str]
    sha256: Sha256


class Waiver(_Struct, frozen=True):
    """A gate or check that the meeting waived, and why."""

    gate: str
    reason: str


class Prepared(_Struct, frozen=True):
    """Who drafted the record, when (UTC)."""

    by: SignerName
    at: str


class Pins(_Struct, frozen=True):
    """What an analysis replay needs to be the same: sha256 of data, parameters, code, environment and results.

    Attributes:
        data: typed digest over sorted columns and rows; `inputs` are the files' own digests.
        cells: digest of the notebook's code cells.
        commit: git commit of the code; None outside a git checkout. `dirty`: it had changes that no commit holds.
        requirements: digest of requirements.lock.
        results: digest of review.json as canonical JSON.
    """

    data: str
    inputs: tuple[Subject, ...]
    params: str
    plan: str
    cells: str
    commit: str | None
    dirty: bool | None
    requirements: str
    python: str
    platform: str
    results: str


class Change(_Struct, frozen=True):
    """What a keys record did; `key` is the public key (type and base64), empty for `accept`."""

    action: Literal["add", "revoke", "accept"]
    principal: str
    key: KeyText


class Rollback(_Struct, frozen=True):
    """What a rollback record says, under the headings of the team's template."""

    rolls_back: Head
    trigger: str
    cause: str
    actions: tuple[str, ...]
    restored_from: str
    impact: str


class Predicate(_Struct, frozen=True, kw_only=True):
    """A decision: what was decided, on which numbers, after which records, under whose keys.

    Attributes:
        seq: 1 for the first record, else one more than the greatest of `prev`.
        prev: the heads that this record follows; two where it joins two branches.
        witnesses: sha256 of the signatures (by signer, by record) that were there when this record was drafted.
        builds_on: the green record of that moment.
    """

    id: RecordId
    ledger: str
    seq: Whole
    prev: tuple[Head, ...]
    kind: Kind
    verdict: Verdict
    prepared: Prepared
    lang: Literal["en", "ko"]
    trust: Trust
    witnesses: dict[RecordId, dict[SignerName, Sha256]]
    builds_on: Head | None = None
    note: str = ""
    stage: Move | None = None
    cohort: str | None = None
    recommendation: str | None = None
    reasons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    window: Window | None = None
    gates: tuple[GateState, ...] = ()
    checks: tuple[CheckState, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    flags_before: FlagState | None = None
    flags_after: FlagState | None = None
    pins: Pins | None = None
    change: Change | None = None
    rollback: Rollback | None = None


class Record(_Struct, frozen=True):
    """A decision record: an in-toto Statement v1."""

    subject: tuple[Subject, ...]
    predicate: Predicate
    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default=STATEMENT
    )
    predicate_type: Literal["urn:rolloutlib:decision:v1"] = PREDICATE


class Signoff(_Struct, frozen=True, kw_only=True):
    """What one person signs: a decision about one record, which may dissent from it.

    Attributes:
        record: the record by name and digest.
        seen_head: the ledger's heads at that moment.
        signed_at: UTC.
    """

    decision: Verdict
    meaning: Literal["review", "approval", "responsibility"]
    name: str
    record: Head
    role: Role
    seen_head: tuple[Head, ...]
    signed_at: str
    signer: SignerName
    schema: Literal["rolloutlib/signoff@1"] = SIGNOFF


_T = TypeVar("_T", bound=msgspec.Struct)


def document(value: object) -> bytes:
    """Return a document's one form: RFC 8785 JSON and a newline."""
    return rfc8785.dumps(msgspec.to_builtins(value)) + b"\n"


def parse_record(data: bytes) -> Record:
    """Read a record.

    Raises:
        LedgerError: in this order: size, text, line ends, JSON, repeated keys, canonical form, fields.
    """
    return _parse(data, Record)


def parse_signoff(data: bytes) -> Signoff:
    """Read a signoff; the checks and their order are those of `parse_record`."""
    return _parse(data, Signoff)


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
        raise LedgerError(
            "number", f"a record cannot hold {value}; expected a finite number or none at all"
        )
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
    raise LedgerError(
        "fields", f"{where} is {text!r}; expected a time such as 2026-11-22T09:30:00Z"
    )


def _parse(data: bytes, kind: type[_T]) -> _T:
    try:
        found = msgspec.json.decode(data, type=kind)
        # msgspec writes what rfc8785 writes, 60 times faster, because these types hold no floats and only ASCII keys.
        if msgspec.json.encode(found, order="sorted") + b"\n" == data and len(data) <= MAX_BYTES:
            return found
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    code, sentence = _diagnosis(data, kind)
    raise LedgerError(code, sentence)


def _diagnosis(data: bytes, kind: type[msgspec.Struct]) -> tuple[str, str]:  # noqa: PLR0911
    """Say what is wrong with bytes that are not a document in its one form."""
    if len(data) > MAX_BYTES:
        return "size", f"it has {len(data):,} bytes; at most {MAX_BYTES:,} are read"
    if b"\r" in data:
        return (
            "line-ends",
            "its line ends were converted (CR LF); restore the bytes from git, with `-text` in .gitattributes",
        )
    twice: list[str] = []

    def pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for key, n in Counter(key for key, _ in items).items() if n > 1)
        return dict(items)

    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        return "encoding", f"byte {error.start + 1} is not UTF-8; restore the bytes from git"
    except (ValueError, RecursionError) as error:
        return "json", f"it is not JSON ({error}); restore the bytes from git"
    if twice:
        return (
            "duplicate-key",
            f"the key {twice[0]!r} is there twice, so two readers may see two decisions",
        )
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return "fields", f"{error}"
    return (
        "not-canonical",
        "it was reformatted: it says the same in other bytes than the ones that count; restore it from git",
    )
