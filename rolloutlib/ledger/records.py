"""Decision records and signoffs: what they say, field by field.

A record is an in-toto Statement v1, a signoff a small object (their bytes: documents.py).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from rolloutlib.ledger.documents import Part
from rolloutlib.ledger.record_parts import (
    CarriedPart,
    CheckState,
    Deviation,
    FlagKey,
    GateState,
    KnobPart,
    MeasuredArm,
    MovePart,
    OwedPart,
    Waiver,
    Whole,
    Window,
)

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:rolloutlib:decision:v1"
SIGNOFF: Final = "rolloutlib/signoff@1"
# Three digits are of people's days; a day of more goes on with four, of which each number has one
# spelling.
RECORD_ID: Final = re.compile(r"dec-([0-9]{8})-(?:(rollback|keys)-)?(?:[0-9]{3}|[1-9][0-9]{3,5})")
SIGNER: Final = re.compile(r"[a-z0-9][a-z0-9._+-]{0,62}@[a-z0-9][a-z0-9.-]{0,62}")

# Keys of objects are ASCII by type, so that every sort order is RFC 8785's (as is `FlagKey`).
RecordId = Annotated[str, msgspec.Meta(pattern=rf"\A{RECORD_ID.pattern}\Z")]
SignerName = Annotated[str, msgspec.Meta(pattern=rf"\A{SIGNER.pattern}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
KeyText = Annotated[str, msgspec.Meta(pattern=r"\A([a-z0-9@.-]{1,60} [A-Za-z0-9+/=]{1,4000})?\Z")]
Role = Literal["pm", "engine", "qa", "owner"]
Kind = Literal["promotion", "rollback", "keys"]
Decision = Literal["GO", "HOLD", "NO_GO", "ROLLBACK", "KEYS"]


class Head(Part, frozen=True):
    """A record by name and digest, as another document points at it."""

    id: RecordId
    sha256: Sha256


class Digests(Part, frozen=True):
    """The digest set of an in-toto subject."""

    sha256: Sha256


class Subject(Part, frozen=True):
    """A file that the decision rests on; `name` is its path inside the ledger's folder."""

    name: str
    digest: Digests


class Person(Part, frozen=True):
    """Who may sign, and as what."""

    name: str
    roles: tuple[Role, ...]


class Threshold(Part, frozen=True):
    """The roles that must sign a verdict: at once, and within 24 hours."""

    now: tuple[Role, ...]
    within24h: tuple[Role, ...] = ()

    @property
    def all(self) -> tuple[Role, ...]:
        """All roles that must sign."""
        return (*self.now, *self.within24h)


class Trust(Part, frozen=True):
    """Whose signatures count from this record on; only a keys record may change it.

    `allowed_signers` and `revoked_keys` are the sha256 of files under params/; people are by
    signer's name (an address), thresholds by verdict.
    """

    allowed_signers: Sha256
    revoked_keys: Sha256
    people: dict[SignerName, Person]
    thresholds: dict[Decision, Threshold]


class Move(Part, frozen=True):
    """The stage that is left and the one that a GO enters."""

    from_: Whole = msgspec.field(name="from")
    to: Whole


class FlagSet(Part, frozen=True):
    """Flag values for an audience at a stage, and the sha256 of their canonical JSON."""

    stage: Whole
    audience: str
    values: dict[FlagKey, bool | str]
    sha256: Sha256


class Prepared(Part, frozen=True):
    """Who drafted the record, when (UTC)."""

    by: SignerName
    at: str


class Pins(Part, frozen=True):
    """What an analysis replay needs to be the same, by sha256.

    Attributes:
        data: typed digest over sorted columns and rows; `inputs` are the files' own digests.
        cells, requirements: digests of the notebook's code cells and of requirements.lock.
        commit, dirty: git commit of the code (None outside a checkout); changes that it lacks.
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


class Change(Part, frozen=True):
    """What a keys record did; `key` is the public key (type and base64), empty for `accept`."""

    action: Literal["add", "revoke", "accept"]
    principal: str
    key: KeyText


class FlagsThen(Part, frozen=True):
    """Flags in a few words: stage, generation, who asked for them, and what was off for all."""

    stage: Whole
    generation: Whole
    decision: str
    off: tuple[str, ...]


class Joined(Part, frozen=True):
    """When and why a rollback that was recorded beside the ledger came in; sha256 of that file."""

    at: str
    why: str
    sha256: Sha256


class WayBack(Part, frozen=True):
    """What a rollback record says, under the headings of the team's template.

    Attributes:
        rolls_back: the GO that had put the flags in force; None where no GO of the ledger had.
        kind: which of the two; records from before there were two have none.
        before, after: the flags; `before` is None where nobody could read them.
    """

    rolls_back: Head | None
    trigger: str
    cause: str
    actions: tuple[str, ...]
    restored_from: str
    impact: str
    kind: Literal["undoes", "nothing-promoted"] | msgspec.UnsetType = msgspec.UNSET
    before: FlagsThen | msgspec.UnsetType | None = msgspec.UNSET
    after: FlagsThen | msgspec.UnsetType = msgspec.UNSET
    joined: Joined | msgspec.UnsetType = msgspec.UNSET


class Predicate(Part, frozen=True, kw_only=True):
    """A decision: what was decided, on which numbers, after which records, under whose keys.

    Attributes:
        seq: 1 for the first record, else one more than the greatest of `prev`.
        prev: the heads that this record follows; two where it joins two branches.
        witnesses: sha256 of the signatures (by signer, by record) that were there when this record
            was drafted.
        builds_on: the green record of that moment.
        measured: what each arm ran with; records from before it was asked have none.
        carried: the earlier stages whose samples the gates' evidence sums with the measured ones;
            records without any lack the field.
        knobs: what was turned since the promotion record before; records without any lack it.
        deviations: what the signers of a GO accept with it; records without any lack the field.
        card: the form in which its card is drawn; those of the first form lack the field and the
            next three, and keep their cards.
        features: titles of the features whose flags move, by flag.
        cap: of how many users the entered stage is for at most; None: it has no cap.
        source: what the source calls the data; empty where it does not say.
        owed: what the review found open, and by whom it is owed; records without any lack it.
        moves: the flags that a GO moves, and for whom; other verdicts, and records from before
            it was told, lack it.
    """

    id: RecordId
    ledger: str
    seq: Whole
    prev: tuple[Head, ...]
    kind: Kind
    verdict: Decision
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
    measured: tuple[MeasuredArm, ...] | msgspec.UnsetType = msgspec.UNSET
    carried: tuple[CarriedPart, ...] | msgspec.UnsetType = msgspec.UNSET
    gates: tuple[GateState, ...] = ()
    checks: tuple[CheckState, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    deviations: tuple[Deviation, ...] | msgspec.UnsetType = msgspec.UNSET
    flags_before: FlagSet | None = None
    flags_after: FlagSet | None = None
    knobs: tuple[KnobPart, ...] | msgspec.UnsetType = msgspec.UNSET
    pins: Pins | None = None
    change: Change | None = None
    rollback: WayBack | None = None
    card: Literal[2, 3] | msgspec.UnsetType = msgspec.UNSET
    features: dict[FlagKey, str] | msgspec.UnsetType = msgspec.UNSET
    cap: Whole | msgspec.UnsetType | None = msgspec.UNSET
    source: str | msgspec.UnsetType = msgspec.UNSET
    owed: tuple[OwedPart, ...] | msgspec.UnsetType = msgspec.UNSET
    moves: tuple[MovePart, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def accepted(self) -> tuple[Deviation, ...]:
        """The deviations; none where the record lacks the field."""
        return self.deviations if isinstance(self.deviations, tuple) else ()


class Record(Part, frozen=True):
    """A decision record: an in-toto Statement v1."""

    subject: tuple[Subject, ...]
    predicate: Predicate
    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default=STATEMENT
    )
    predicate_type: Literal["urn:rolloutlib:decision:v1"] = PREDICATE


class Signoff(Part, frozen=True, kw_only=True):
    """What one person signs: a decision about one record, which may dissent from it.

    Attributes:
        record: the record by name and digest.
        seen_head: the ledger's heads at that moment.
        signed_at: UTC.
    """

    decision: Decision
    meaning: Literal["review", "approval", "responsibility"]
    name: str
    record: Head
    role: Role
    seen_head: tuple[Head, ...]
    signed_at: str
    signer: SignerName
    schema: Literal["rolloutlib/signoff@1"] = SIGNOFF
